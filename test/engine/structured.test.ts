import type { ModelCall, Models } from "@weft/engine/model";
import { findJson, generateJson } from "@weft/engine/structured";
import { parseJson } from "@weft/engine/values/json";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const never = new AbortController().signal;
const call: ModelCall = {
  ...{ modelId: "m", scene: { type: "prompt" }, idempotencyKey: "k" },
  messages: [{ role: "user", content: "go" }],
};

/** Says one reply after the other, and keeps what it was asked. */
function saying(...replies: string[]): Models & { calls: ModelCall[] } {
  const calls: ModelCall[] = [];
  return {
    calls,
    async *stream(asked) {
      calls.push(asked);
      const text = replies[calls.length - 1] ?? "";
      const usage = { inputTokens: 1, outputTokens: 2 };
      const rest = { reasoning: "", toolCalls: [], finishReason: "stop" as const, modelId: "m", requestId: "r" };
      yield { type: "done", reply: { text, usage, ...rest } };
    },
  };
}

const prose = fc.string({ unit: fc.constantFrom(..."abc XYZ .,:;!?\n0123456789äß中") });
const container = fc.oneof(
  fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1 }),
  fc.array(fc.jsonValue(), { minLength: 1 }),
);

describe("JSON in a reply", () => {
  it("comes back whatever prose stands around it", () => {
    fc.assert(
      fc.property(prose, container, prose, fc.boolean(), (before, value, after, isPretty) => {
        const text = JSON.stringify(value, null, isPretty ? 2 : 0);
        expect(findJson(`${before}${text}${after}`)?.value).toEqual(parseJson(text));
      }),
    );
  });

  it("comes back out of a fence, and as a plain value", () => {
    fc.assert(
      fc.property(fc.jsonValue(), prose, (value, before) => {
        const text = JSON.stringify(value);
        expect(findJson(` ${text}\n`)).toEqual({ value: parseJson(text), foundBy: "direct" });
        if (text.includes("`")) return;
        expect(findJson(`${before}:\n\`\`\`json\n${text}\n\`\`\`\nDone.`)?.value).toEqual(parseJson(text));
      }),
    );
  });

  it("is mended where its faults are the usual ones", () => {
    const cases: [string, unknown][] = [
      ["{'a': 'it\\'s', b: True, c: None,}", { a: "it's", b: true, c: null }],
      ['{"a": [1, 2, 3,], // three\n "b": "x" /* y */}', { a: [1, 2, 3], b: "x" }],
      ['Sure: {"a": "two\nlines"}', { a: "two\nlines" }],
      ['{"a": {"b": [1, 2', { a: { b: [1, 2] } }],
      ['{"a": "cut of', { a: "cut of" }],
      ['Set {x} first. {"a": 1}', { a: 1 }],
    ];
    for (const [text, value] of cases) expect([text, findJson(text)?.value]).toEqual([text, value]);
    for (const text of ["", "no JSON here", "a { b", "}{"]) expect([text, findJson(text)]).toEqual([text, undefined]);
  });

  it("ends on whatever text", () => {
    const letters = fc.string({ unit: fc.constantFrom(..."{}[]\"'\\,:/*`a1 \n"), maxLength: 300 });
    fc.assert(fc.property(letters, (text) => void findJson(text)));
    expect(findJson("[".repeat(100_000))).toBeUndefined();
  });
});

describe("a structured reply", () => {
  it("is asked for once more, with what was wrong, and keeps the raw text", async () => {
    const models = saying("I would rather not.", '```json\n{"n":2}\n```');
    const reply = await generateJson(models, call, never);
    expect(reply).toMatchObject({ value: { n: 2 }, foundBy: "again", usage: { inputTokens: 2, outputTokens: 4 } });
    expect(reply.raw).toContain("```json");
    expect(models.calls.map(({ idempotencyKey, format }) => [idempotencyKey, format])).toEqual([
      ["k", { type: "json" }],
      ["k:again", { type: "json" }],
    ]);
    expect(models.calls[1]?.messages.at(-1)?.content).toContain("it is no JSON");
  });

  it("fails after that, with the raw text", async () => {
    const models = saying('{"n":1}', '{"n":1}', '{"n":2}');
    const check = (value: unknown) => ((value as { n: number }).n === 2 ? undefined : "n is not 2");
    await expect(generateJson(models, call, never, check)).rejects.toMatchObject({
      ...{ code: "invalid_reply", details: { raw: '{"n":1}' }, usage: { inputTokens: 2 } },
    });
    expect(models.calls).toHaveLength(2);
  });
});
