import { modelProviders } from "@weft/adapters/models/providers";
import { modelsFor } from "@weft/core/model/model.call";
import type { ModelDeps } from "@weft/core/model/model.deps";
import { embed, rerank } from "@weft/core/model/model.vectors";
import { generate } from "@weft/engine/model";
import { ManualClock, systemClock } from "@weft/kernel/clock";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { asking, gather, type ModelWorld, startModelWorld } from "../support/model-world.ts";

let world: ModelWorld;
let deps: ModelDeps;
let pauses: number[] = [];
const never = new AbortController().signal;

beforeAll(async () => {
  world = await startModelWorld();
  const { modelDeps } = await import("../../functions/model-deps.ts");
  const pause = async (ms: number) => void pauses.push(ms);
  deps = { ...modelDeps, pause, random: () => 1 };
});
afterAll(() => world.close());

const models = () => modelsFor(world.ctx, deps);
const requestsOf = async (modelId: string) =>
  (await world.call("GET", `/model-requests?modelId=${modelId}`)).json.items;

describe("a call", () => {
  it("streams its reply and ends with it, metered and priced", async () => {
    const rules = [
      {
        when: { text: "weather" },
        reply: {
          text: "It rains in {{input}}",
          reasoning: "Look outside.",
          pieceChars: 5,
          usage: { inputTokens: 1_000, outputTokens: 500 },
        },
      },
    ];
    const { id } = await world.make(rules, { prices: { input: 2, output: 10 }, capability: { reasoning: true } });
    const scene = { type: "workflow" as const, entityId: "wfl_1", nodeId: "llm", executionId: "exe_1" };
    const { events, reply } = await gather(models().stream(asking(id, "Weather", { scene }), never));
    expect(events.map(({ type }) => type)).toEqual(["reasoning", "text", "text", "text", "text", "done"]);
    expect(reply).toMatchObject({
      text: "It rains in Weather",
      reasoning: "Look outside.",
      finishReason: "stop",
      usage: { inputTokens: 1_000, outputTokens: 500, totalTokens: 1_500, cost: 0.007 },
      modelId: id,
    });
    expect(await requestsOf(id)).toMatchObject([
      {
        id: reply.requestId,
        ...{ scene: "workflow", entityId: "wfl_1", nodeId: "llm", executionId: "exe_1" },
        ...{ status: "succeeded", attempts: 1, inputTokens: 1_000, outputTokens: 500, cost: 0.007, currency: "USD" },
        userId: world.ann.userId,
        finishReason: "stop",
      },
    ]);
  });

  it("offers tools and takes their results", async () => {
    const rules = [
      { when: { resultOf: "find" }, reply: { text: "Found {{result}}" } },
      { when: { tool: "find" }, reply: { toolCalls: [{ name: "find", input: { q: "x" } }] } },
    ];
    const { id } = await world.make(rules, { capability: { tools: true } });
    const tools = [{ name: "find", description: "", parameters: { type: "object" } }];
    const first = await generate(models(), asking(id, "go", { tools }), never);
    expect(first).toMatchObject({ finishReason: "tool_calls", toolCalls: [{ name: "find", input: { q: "x" } }] });
    const [made] = first.toolCalls;
    const messages = [
      { role: "user" as const, content: "go" },
      { role: "assistant" as const, content: "", toolCalls: first.toolCalls },
      { role: "tool" as const, toolCallId: made?.id ?? "", name: "find", content: "three" },
    ];
    expect((await generate(models(), asking(id, "", { messages, tools }), never)).text).toBe("Found three");
  });

  it("tells a model without such a mode to reply in JSON", async () => {
    const rules = [
      { when: { system: '"price"', json: false }, reply: { text: '{"price":1}' } },
      { when: { json: true }, reply: { text: '{"native":true}' } },
    ];
    const format = { type: "json" as const, schema: { type: "object", properties: { price: { type: "number" } } } };
    const told = await world.make(rules);
    expect((await generate(models(), asking(told.id, "x", { format }), never)).text).toBe('{"price":1}');
    const native = await world.make(rules.slice(1), { capability: { json: "schema" } });
    expect((await generate(models(), asking(native.id, "x", { format }), never)).text).toBe('{"native":true}');
  });

  it("is refused for what the model cannot do, and drops what it does not take", async () => {
    const { id } = await world.make([], { parameters: [{ name: "temperature", min: 0, max: 1 }] });
    const tools = [{ name: "find", description: "", parameters: {} }];
    await expect(generate(models(), asking(id, "x", { tools }), never)).rejects.toMatchObject({
      code: "invalid_input",
    });
    const image = [{ role: "user" as const, content: [{ type: "image" as const, url: "https://x.example/a.png" }] }];
    await expect(generate(models(), asking(id, "x", { messages: image }), never)).rejects.toThrow(/no images/);
    await expect(generate(models(), asking(id, "x", { params: { temperature: 1.5 } }), never)).rejects.toThrow(
      "params.temperature: must be at most 1",
    );
    expect((await generate(models(), asking(id, "echo", { params: { topK: 5 } }), never)).text).toBe("echo");
    expect(await requestsOf(id)).toHaveLength(1);
  });

  it("finds no model of another space, none that is disabled and none of another type", async () => {
    const gone = await world.make([], { status: "disabled" });
    const vectors = await world.make([], { type: "embedding" });
    const codes = await Promise.all(
      [gone.id, vectors.id, "mdl_01jd0000000000000000000000", "rubbish"].map((id) =>
        generate(models(), asking(id, "x"), never).catch((error) => [error.code, error.details.reason]),
      ),
    );
    expect(codes).toEqual([
      ["model_not_found", "disabled"],
      ["model_not_found", "type"],
      ["model_not_found", "unknown"],
      ["model_not_found", "unknown"],
    ]);
  });
});

describe("retries and fallbacks", () => {
  it("tries again what may pass, as long as nothing was given on", async () => {
    pauses = [];
    const busy = await world.make([{ reply: { error: { status: 503 } } }], { attempts: 3 });
    const failure = await generate(models(), asking(busy.id, "x"), never).catch((error) => error);
    expect(failure).toMatchObject({ code: "model_failed", details: { reason: "unavailable", status: 503 } });
    expect(pauses).toEqual([500, 1_000]);
    expect(await requestsOf(busy.id)).toMatchObject([{ status: "failed", attempts: 3 }]);
    pauses = [];
    const asked = await world.make([{ reply: { error: { status: 429, retryAfterMs: 7_000 } } }], { attempts: 2 });
    await expect(generate(models(), asking(asked.id, "x"), never)).rejects.toMatchObject({
      code: "rate_limited",
      retryAfterMs: 7_000,
    });
    expect(pauses).toEqual([7_000]);
    pauses = [];
    const long = await world.make([{ reply: { error: { status: 429, retryAfterMs: 600_000 } } }], { attempts: 5 });
    await expect(generate(models(), asking(long.id, "x"), never)).rejects.toMatchObject({ code: "rate_limited" });
    const refused = await world.make([{ reply: { error: { status: 400 } } }], { attempts: 5 });
    await expect(generate(models(), asking(refused.id, "x"), never)).rejects.toMatchObject({ retryable: false });
    expect(pauses).toEqual([]);
  });

  it("goes on with the next model, and each has its row", async () => {
    const first = await world.make([{ reply: { error: { status: 500 } } }]);
    const second = await world.make([{ reply: { text: "second" } }]);
    const call = asking(first.id, "x", { fallbackModelIds: ["mdl_01jd0000000000000000000000", second.id] });
    const reply = await generate(models(), call, never);
    expect(reply).toMatchObject({ text: "second", modelId: second.id });
    const [failed] = await requestsOf(first.id);
    expect(await requestsOf(second.id)).toMatchObject([{ status: "succeeded", fallbackOf: failed.id }]);
  });

  it("begins nothing anew once a piece of the reply was given on", async () => {
    const rules = [{ reply: { text: "half a reply", pieceChars: 4, error: { status: 0, afterPieces: 2 } } }];
    const cut = await world.make(rules, { attempts: 3 });
    const second = await world.make([{ reply: { text: "second" } }]);
    const got: string[] = [];
    const run = async () => {
      const call = asking(cut.id, "x", { fallbackModelIds: [second.id] });
      for await (const event of models().stream(call, never)) if (event.type === "text") got.push(event.text);
    };
    await expect(run()).rejects.toMatchObject({ code: "model_failed", details: { reason: "cut_off" } });
    expect(got).toEqual(["half", " a r"]);
    expect(await requestsOf(second.id)).toEqual([]);
    expect(await requestsOf(cut.id)).toMatchObject([{ status: "failed", attempts: 1 }]);
  });

  it("takes the models and parameters of a named default, and the call's own before them", async () => {
    const broken = await world.make([{ reply: { error: { status: 404 } } }]);
    const good = await world.make([], { parameters: [{ name: "temperature", max: 0.5 }] });
    const named = await world.call("POST", "/model-entities", {
      name: "Careful",
      modelId: broken.id,
      fallbackModelIds: [good.id],
      params: { temperature: 0.9 },
    });
    const { id } = named.json;
    await expect(generate(models(), asking(id, "x"), never)).rejects.toMatchObject({ code: "invalid_input" });
    const reply = await generate(models(), asking(id, "x", { params: { temperature: 0.1 } }), never);
    expect(reply).toMatchObject({ text: "x", modelId: good.id });
  });
});

describe("ends", () => {
  it("is cancelled by its signal, and by whoever leaves it", async () => {
    const slow = await world.make([{ reply: { text: "a b c d", pieceChars: 1, delayMs: 30_000 } }]);
    const stop = new AbortController();
    const running = generate(models(), asking(slow.id, "x"), stop.signal);
    setTimeout(() => stop.abort(), 50);
    await expect(running).rejects.toMatchObject({ code: "cancelled" });
    expect(await requestsOf(slow.id)).toMatchObject([{ status: "cancelled" }]);
    const quick = await world.make([{ reply: { text: "a b c d", pieceChars: 1 } }]);
    for await (const _ of models().stream(asking(quick.id, "x"), never)) break;
    expect(await requestsOf(quick.id)).toMatchObject([{ status: "cancelled" }]);
  });

  it("ends a try by its time", async () => {
    const slow = await world.make([{ reply: { text: "late", delayMs: 30_000 } }]);
    const failure = generate(models(), asking(slow.id, "x", { timeoutMs: 50 }), never);
    await expect(failure).rejects.toMatchObject({ code: "timeout" });
    expect(await requestsOf(slow.id)).toMatchObject([{ status: "timed_out", errorCode: "timeout" }]);
  });
});

describe("quota", () => {
  it("lets as many requests of those at once through as it holds", async () => {
    const { id } = await world.make([], { quota: { requestsPerMinute: 5 } });
    const ends = await Promise.allSettled(Array.from({ length: 12 }, () => generate(models(), asking(id, "x"), never)));
    expect(ends.filter(({ status }) => status === "fulfilled")).toHaveLength(5);
    const refused = ends.flatMap((end) => (end.status === "rejected" ? [end.reason] : []));
    expect(refused.every(({ code, retryAfterMs }) => code === "rate_limited" && retryAfterMs > 0)).toBe(true);
  });

  it("sets tokens aside, counts what was used, and is whole again a minute later", async () => {
    const clock = new ManualClock(Math.floor(systemClock.now() / 60_000) * 60_000);
    const rules = [{ reply: { text: "ok", usage: { inputTokens: 100, outputTokens: 100 } } }];
    const { id } = await world.make(rules, { quota: { tokensPerMinute: 2_500 } });
    const at = modelsFor({ ...world.ctx, clock }, deps);
    const ask = () => generate(at, asking(id, "x", { params: { maxTokens: 1_000 } }), never);
    // Each sets a little more than 1,000 aside: two at once fit, a third does not.
    const ends = await Promise.allSettled([ask(), ask(), ask(), ask()]);
    expect(ends.filter(({ status }) => status === "fulfilled").length).toBeGreaterThanOrEqual(2);
    const used = 200 * ends.filter(({ status }) => status === "fulfilled").length;
    // What they used is less than was set aside: there is room for more, until 2,500 are really used.
    let more = 0;
    while (
      await ask().then(
        () => true,
        () => false,
      )
    )
      more += 1;
    expect(used + 200 * more).toBeGreaterThan(2_500 - 1_200);
    expect(used + 200 * more).toBeLessThanOrEqual(2_500);
    clock.advance(60_000);
    await expect(ask()).resolves.toMatchObject({ text: "ok" });
  });
});

describe("vectors and rankings", () => {
  it("come in order and are metered", async () => {
    const { id } = await world.make([], { type: "embedding", prices: { input: 1 } });
    const texts = ["red apples", "apples red", "blue cars"];
    const { vectors, usage } = await embed(
      world.ctx,
      deps,
      { modelId: id, texts, scene: { type: "knowledge" } },
      never,
    );
    expect(vectors).toHaveLength(3);
    expect(vectors[0]).toEqual(vectors[1]);
    expect(usage.inputTokens).toBeGreaterThan(0);
    expect(await requestsOf(id)).toMatchObject([{ operation: "embed", scene: "knowledge", status: "succeeded" }]);
    const order = await world.make([], { type: "rerank" });
    const asked = { modelId: order.id, query: "red apples", texts: ["cars", "red apples", "red"], topN: 2 };
    const ranked = await rerank(world.ctx, deps, { ...asked, scene: { type: "knowledge" } }, never);
    expect(ranked.ranking.map(({ index }) => index)).toEqual([1, 2]);
    const none = embed(world.ctx, deps, { modelId: id, texts: [], scene: { type: "knowledge" } }, never);
    await expect(none).rejects.toMatchObject({ code: "invalid_input" });
  });
});

describe("the ledger", () => {
  it("sums to what its rows say, by every group", async () => {
    const rules = [
      { when: { text: "fail" }, reply: { error: { status: 500 } } },
      { reply: { text: "ok", usage: { inputTokens: 10, outputTokens: 3 } } },
    ];
    const { id } = await world.make(rules, { prices: { input: 1, output: 2 } });
    const ask = (text: string, type: "chat" | "agent") =>
      generate(models(), asking(id, text, { scene: { type } }), never).catch(() => undefined);
    await Promise.all([ask("a", "chat"), ask("b", "chat"), ask("c", "agent"), ask("fail", "agent")]);
    const rows = await requestsOf(id);
    expect(rows).toHaveLength(4);
    for (const by of ["day", "model", "scene", "user"]) {
      const { json } = await world.call("GET", `/model-requests/summary?by=${by}&modelId=${id}`);
      expect(json.total).toMatchObject({
        ...{ requests: 4, failed: 1, inputTokens: 30, outputTokens: 9, cost: { USD: 0.000048 } },
      });
      const sum = json.groups.reduce((all: number, group: { requests: number }) => all + group.requests, 0);
      expect([by, sum, json.groups.length]).toEqual([by, 4, by === "scene" ? 2 : 1]);
    }
    const one = await world.call("GET", `/model-requests/${rows[0].id}`);
    expect(one.json).toEqual(rows[0]);
    expect((await world.call("GET", `/model-requests?modelId=${id}&status=failed`)).json.items).toHaveLength(1);
    expect((await world.call("GET", "/model-requests?from=2026-01-02&to=2026-01-01")).status).toBe(400);
    expect((await world.call("GET", "/model-requests/mrq_01jd0000000000000000000000")).status).toBe(404);
  });
});

describe("secrets", () => {
  it("of a provider that says them back come to nobody, whole or in pieces", async () => {
    const secret = "sk-canary-of-a-provider";
    const providers = {
      ...modelProviders({ web: {} as never, clock: systemClock }),
      async *stream() {
        yield { type: "text" as const, text: `your key is ${secret.slice(0, 9)}` };
        yield { type: "text" as const, text: `${secret.slice(9)}, isn't it? sk-can` };
        yield { type: "tool_call" as const, call: { id: "1", name: "send", input: { key: secret } } };
        yield { type: "done" as const, finishReason: "stop" as const, tokens: {} };
      },
    };
    const made = await world.call("POST", "/models", {
      ...{ name: "echo", provider: "anthropic", model: "m", connection: { apiKey: secret }, attempts: 1 },
    });
    const { events, reply } = await gather(
      modelsFor(world.ctx, { ...deps, providers }).stream(asking(made.json.id, "x"), never),
    );
    expect(JSON.stringify(events)).not.toContain("sk-canary");
    expect(reply.text).toMatch(/^your key is .*, isn't it\? sk-can$/);
    const failing = {
      ...providers,
      // biome-ignore lint/correctness/useYield: it fails before it says anything
      async *stream(): AsyncGenerator<never> {
        throw new Error(`401 for ${secret}`);
      },
    };
    const failure = await generate(
      modelsFor(world.ctx, { ...deps, providers: failing }),
      asking(made.json.id, "x"),
      never,
    ).catch((error) => error);
    expect(failure.message).not.toContain(secret);
    expect(JSON.stringify(await requestsOf(made.json.id))).not.toContain(secret);
  });
});
