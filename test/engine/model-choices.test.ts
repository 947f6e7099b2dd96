import type { CanvasField, CanvasInput } from "@weft/engine/canvas";
import { splitText } from "@weft/engine/llm/split";
import { totalUsage } from "@weft/engine/record";
import { runPlan } from "@weft/engine/run/plan";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ScriptedModels, type ScriptedReply } from "../support/models.ts";
import { around, failureOf } from "./single.ts";
import { planOf, runCanvas, testRun } from "./support.ts";

const model = { id: "m" };
const text = (name: string, value: unknown): CanvasInput => ({ name, value });

/** What a node of one turn gives for what its model says. */
async function said(
  type: string,
  config: object,
  ports: string[],
  reply: ScriptedReply | string,
  { inputs = [], outputs = [] }: { inputs?: CanvasInput[]; outputs?: CanvasField[] } = {},
) {
  const models = new ScriptedModels(() => reply);
  const data = { config: { model, ...config }, inputs, outputs };
  const { run } = await runCanvas(around({ type, data }, [], ports), {}, { deps: { models } });
  const record = run.records.find(({ path }) => path === "n");
  return { output: record?.output, port: record?.port, warning: record?.error?.code, asked: models.calls[0], run };
}

describe("an intent", () => {
  const intents = [{ name: "Weather" }, { name: "Sport", description: "Games" }];
  const ports = ["branch_0", "branch_1", "default"];
  const query = [text("query", "Who won? {{query}}")];
  const find = (reply: string, config: object = {}) =>
    said("intent_detector", { intents, ...config }, ports, reply, { inputs: query });

  it.each([
    ['{"classificationId": 2, "reason": "a game"}', 2, "branch_1", "a game"],
    ['```json\n{"classificationId": "1", "reason": "sky"}\n```', 1, "branch_0", "sky"],
    ['{"classificationId": 0, "reason": "none"}', 0, "default", "none"],
    ['{"classificationId": "sport"}', 2, "branch_1", ""],
    ["2", 2, "branch_1", ""],
    ["Intent 1, I think", 1, "branch_0", ""],
  ])("is read from %s", async (reply, classificationId, port, reason) => {
    expect(await find(reply)).toMatchObject({ output: { classificationId, reason }, port, warning: undefined });
  });

  it.each(["I cannot say", '{"classificationId": 3}', "{}", "-"])("is none of them for %s", async (reply) => {
    expect(await find(reply)).toMatchObject({
      output: { classificationId: 0 },
      port: "default",
      warning: "unclear_reply",
    });
  });

  it("is a bare number where it is to be quick", async () => {
    const { output, port, asked } = await find("2", { mode: "top_speed", systemPrompt: "Be kind to {{query}}" });
    expect(output).toEqual({ classificationId: 2 });
    expect(port).toBe("branch_1");
    expect(asked?.format).toBeUndefined();
    const [system, user] = (asked?.messages ?? []) as readonly { content: string }[];
    expect(system?.content).toContain("1. Weather\n2. Sport: Games");
    expect(system?.content).toContain("Be kind to Who won? {{query}}");
    expect(user?.content).toBe("Who won? {{query}}");
  });

  it("leaves by the error's port where the model fails", async () => {
    const models = new ScriptedModels(() => ({ error: "down" }));
    const data = { config: { model, intents }, inputs: query, onError: { strategy: "branch" as const } };
    const canvas = around({ type: "intent_detector", data }, [], [...ports, "branch_error"]);
    const { run } = await runCanvas(canvas, {}, { deps: { models } });
    expect(run.records.find(({ path }) => path === "n")).toMatchObject({ port: "branch_error" });
  });
});

describe("a class", () => {
  const classes = [{ name: "Billing" }, { name: "Support" }];
  const ports = ["class_0", "class_1", "default"];
  const find = (reply: string, config: object = {}) =>
    said("question_classifier", { text: "{{t}}", classes, ...config }, ports, reply, {
      inputs: [text("t", "My bill")],
    });

  it("is the best one, or all that hold", async () => {
    const reply = '{"classes": [2, "billing", 2, 9]}';
    expect(await find(reply)).toMatchObject({
      output: { className: "Support", classNumber: 2, classNames: ["Support"] },
      port: "class_1",
    });
    expect(await find(reply, { several: true })).toMatchObject({
      output: { classNames: ["Support", "Billing"] },
      port: "class_1",
    });
  });

  it.each([
    ['{"classes": []}', undefined],
    ["0", undefined],
    ["who knows", "unclear_reply"],
  ])("is none for %s", async (reply, warning) => {
    expect(await find(reply)).toMatchObject({
      output: { className: "", classNumber: 0, classNames: [] },
      port: "default",
      warning,
    });
  });
});

describe("fields that are read from a text", () => {
  const outputs: CanvasField[] = [
    { name: "city", type: "string", required: true },
    { name: "days", type: "integer" },
  ];
  const read = (reply: string) =>
    said("parameter_extractor", { text: "{{t}}" }, ["default"], reply, { inputs: [text("t", "To Rome")], outputs });

  it("are those that it holds, and the required ones that it lacks", async () => {
    expect(await read('{"city": "Rome", "days": "3"}')).toMatchObject({
      output: { city: "Rome", days: 3, isComplete: true, missing: [] },
    });
    expect(await read('{"days": 3}')).toMatchObject({
      output: { city: null, days: 3, isComplete: false, missing: ["city"] },
    });
    const { output, warning, asked } = await read("Nothing there");
    expect(output).toMatchObject({ city: null, isComplete: false });
    expect(warning).toBe("not_json");
    expect(asked?.format).toMatchObject({ schema: { properties: { city: {}, days: {} }, required: ["city"] } });
  });

  it("have to be declared", async () => {
    const canvas = around({ type: "parameter_extractor", data: { config: { model } } });
    expect(() => planOf(canvas)).toThrow("declare outputs");
  });
});

describe("a summary", () => {
  const long = Array.from({ length: 40 }, (_one, at) => `Sentence number ${at} of the text.`).join(" ");
  const summarise = async (config: object, whole = long) => {
    const models = new ScriptedModels(({ messages }, index) => ({
      text: `s${index}:${String(messages.at(-1)?.content).length}`,
      usage: { inputTokens: 1 },
    }));
    const data = { config: { model, ...config }, inputs: [text("text", whole)] };
    const { run } = await runCanvas(around({ type: "summarise", data }), {}, { deps: { models } });
    const output = run.records.find(({ path }) => path === "n")?.output as { output: string };
    return { output: output.output, calls: models.calls, run };
  };

  it("is of the parts, then of their summaries", async () => {
    const { calls, run, output } = await summarise({ chunkSize: 400 });
    const contents = calls.map(({ messages }) => String(messages.at(-1)?.content));
    const parts = contents.slice(0, -1);
    expect(parts.length).toBeGreaterThan(2);
    for (const part of parts) expect(part.length).toBeLessThanOrEqual(400);
    expect(parts.join(" ")).toBe(long);
    expect(contents.at(-1)).toMatch(/^s0:\d+\n\ns1:\d+\n\n/);
    expect(output).toMatch(new RegExp(`^s${calls.length - 1}:`));
    expect(totalUsage(run.records)).toEqual({ inputTokens: calls.length });
  });

  it("goes part after part, or over the whole in one go", async () => {
    const refined = await summarise({ chunkSize: 400, method: "refine", instruction: "In verse" });
    expect(String(refined.calls[1]?.messages.at(-1)?.content)).toMatch(/^Summary so far:\ns0:\d+\n\nWhat follows:\n/);
    expect(refined.calls.every(({ messages }) => String(messages[0]?.content).endsWith("In verse"))).toBe(true);
    expect((await summarise({ chunkSize: 400, method: "whole" })).calls).toHaveLength(1);
    expect((await summarise({})).calls).toHaveLength(1);
    expect((await summarise({}, " \n")).calls).toHaveLength(0);
  });

  it("is refused for a text of too many parts", async () => {
    const data = { config: { model, chunkSize: 200 }, inputs: [text("text", "x".repeat(200_000))] };
    const models = new ScriptedModels(() => "s");
    const { error } = await failureOf(around({ type: "summarise", data }), {}, { deps: { models } });
    expect(error.code).toBe("too_large");
    expect(models.calls).toEqual([]);
  });

  it("comes from parts that hold the whole text, whatever it is", () => {
    const pieces = fc.array(fc.constantFrom("word", " ", "\n", "\n\n", "。", ". ", "𝒳", "长", "-".repeat(30)), {
      maxLength: 120,
    });
    fc.assert(
      fc.property(pieces, fc.integer({ min: 20, max: 80 }), fc.integer({ min: 0, max: 10 }), (all, size, overlap) => {
        const whole = all.join("");
        const parts = splitText(whole, size, overlap);
        const bare = (value: string): string => value.replace(/\s+/g, "");
        for (const part of parts) {
          expect(part.length).toBeLessThanOrEqual(size);
          expect(part.isWellFormed()).toBe(true);
        }
        if (overlap === 0) expect(bare(parts.join(""))).toBe(bare(whole));
        else for (const part of parts) expect(whole).toContain(part);
      }),
    );
  });
});

describe("a question whose answers a model reads", () => {
  const outputs: CanvasField[] = [
    { name: "name", type: "string", required: true },
    { name: "age", type: "integer", required: true },
  ];
  const asks = (config: object) =>
    around({ type: "question", data: { config: { question: "Who?", model, ...config }, outputs } }, ["USER_RESPONSE"]);

  async function talk(config: object, replies: ScriptedReply[], answers: string[]) {
    const models = new ScriptedModels(replies);
    const run = testRun({ deps: { models } });
    const plan = planOf(asks(config));
    const questions: unknown[] = [];
    for (const [at, answer] of answers.entries()) {
      expect((await runPlan(plan, {}, run.io)).status).toBe("blocked");
      const { suspend } = run.journal.records.get("n") ?? {};
      if (suspend?.kind === "signal") questions.push((suspend.event.data as { question: string }).question);
      run.journal.answers.set(`n#${at + 1}`, { data: answer });
    }
    return { questions, models, run, go: () => runPlan(plan, {}, run.io) };
  }

  it("asks for what is missing in the model's words, or in its own, and is paid for every reading", async () => {
    const replies = [
      { text: '{"fields": {"name": "Ada"}, "question": "How old?"}', usage: { inputTokens: 1 } },
      { text: "Hm.", usage: { inputTokens: 2 } },
      { text: '{"age": "36"}', usage: { inputTokens: 4 } },
    ];
    const { questions, go, run, models } = await talk({ extract: true, systemPrompt: "Kindly" }, replies, [
      "Ada",
      "?",
      "36",
    ]);
    expect(questions).toEqual(["Who?", "How old?", "Please give age: …"]);
    expect((await go()).status).toBe("done");
    expect(run.journal.get("n")?.output).toEqual({ USER_RESPONSE: "36", name: "Ada", age: 36 });
    expect(totalUsage([...run.journal.records.values()])).toEqual({ inputTokens: 7 });
    expect(models.calls.at(-1)?.messages.map(({ role }) => role)).toEqual([
      "system",
      ...["assistant", "user", "assistant", "user", "assistant", "user"],
    ]);
  });

  it("reads an answer once, however often its step is run", async () => {
    const replies = [{ text: '{"fields": {"name": "Ada", "age": 1}}' }];
    const { go, run, models } = await talk({ extract: true }, replies, ["Ada, 1"]);
    const { put } = run.journal;
    run.journal.put = (record) => {
      if (record.path === "n") throw new Error("the process died");
      return put.call(run.journal, record);
    };
    await expect(go()).rejects.toThrow("could not be kept");
    run.journal.put = put;
    expect((await go()).status).toBe("done");
    expect(models.calls).toHaveLength(1);
  });

  it("gives up after so many answers", async () => {
    const replies = [{ text: "{}" }, { text: "{}" }];
    const { go } = await talk({ extract: true, rounds: 2 }, replies, ["?", "?"]);
    await expect(go()).rejects.toThrow("no answer gave name, age");
  });

  it.each([
    ["B", "B", "Rome"],
    ["b", "other", "the other one"],
    ["Rome", "B", "Rome"],
    ["**B**", "B", "Rome"],
    ["0", "other", "the other one"],
    ["Z", "other", "the other one"],
    ["I would say B", "other", "the other one"],
  ])("takes %s for an option", async (reply, optionId, optionContent) => {
    const models = new ScriptedModels([reply]);
    const run = testRun({ deps: { models } });
    const config = { question: "Where?", model, answerType: "option", options: ["Oslo", "Rome"] };
    const ports = ["branch_0", "branch_1", "default"];
    const plan = planOf(around({ type: "question", data: { config } }, [], ports));
    await runPlan(plan, {}, run.io);
    run.journal.answers.set("n#1", { data: "the other one" });
    await runPlan(plan, {}, run.io);
    expect(run.journal.get("n")?.output).toEqual({ optionId, optionContent });
    expect(run.journal.get("n")?.port).toBe(optionId === "B" ? "branch_1" : "default");
  });
});
