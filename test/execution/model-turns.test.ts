import type { ExecutionDeps } from "@weft/core/execution/deps";
import * as Execution from "@weft/core/execution/execution.service";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { call, canvas, end, node, ref, start, text } from "../support/canvas.ts";
import { type EngineWorld, startEngineWorld } from "../support/engine-world.ts";
import { ScriptedModels } from "../support/models.ts";
import { storePoints } from "../support/store-points.ts";

let world: EngineWorld;
let points: ReturnType<typeof storePoints>;
let models: ScriptedModels;

beforeAll(async () => {
  world = await startEngineWorld();
  points = storePoints();
});
beforeEach(() => {
  models = new ScriptedModels(({ messages }) => {
    const turn = messages.filter(({ role }) => role === "assistant").length;
    const ask = (id: string, n: string) => ({ id, name: "look", input: { n } });
    const usage = { inputTokens: 10, cost: 0.5 };
    if (turn === 0) return { toolCalls: [ask("1", "a"), ask("2", "b")], usage };
    if (turn === 1) return { toolCalls: [ask("3", "c")], usage };
    const told = messages.flatMap((message) => (message.role === "tool" ? [JSON.parse(message.content).out] : []));
    return { text: told.join("+"), usage };
  });
});
afterAll(async () => {
  points.remove();
  await world.close();
});

const withModels = (over: Partial<ExecutionDeps> = {}): ExecutionDeps =>
  world.with({ nodeDeps: (row) => ({ ...world.deps.nodeDeps(row), models }), ...over });

/** A model that may call a workflow, which asks the outside server. */
function agent(step: string, more: Parameters<typeof node>[4] = {}) {
  const inner = canvas(
    [start(text("n")), call(world.outside.url, step, ["start.n"]), end({ out: `${step}.body` })],
    `start>${step}>end`,
  );
  const config = {
    model: { id: "m" },
    prompt: "{{q}}",
    workflows: [{ workflowId: world.target(inner).workflowId, name: "look" }],
  };
  const asks = node("ask", "llm", config, [ref("q", "start.q")], more);
  return world.target(canvas([start(text("q")), asks, end({ out: "ask.output" })], "start>ask>end"));
}

const begin = async (target: Execution.RunTarget) => {
  const { id } = await Execution.run(world.ctx, withModels(), target, {
    input: { q: "?" },
    mode: "async",
    trigger: { type: "manual" },
  });
  return id;
};

/** What the outside world was asked so far, by key. */
const asked = (id: string, step: string) => [
  ...models.calls.map(({ idempotencyKey }) => idempotencyKey).filter((key) => key.startsWith(id)),
  ...world.outside.of(step).flatMap(({ key }) => (key?.startsWith(id) ? [key] : [])),
];

/** Runs lanes until they rest; the step at which `at` store requests were made dies there. Gives what was kept then. */
async function runDying(id: string, step: string, at: number, when: "before" | "after") {
  const deps = withModels();
  let before: { kept: Set<string>; asked: string[] } | undefined;
  for (let steps = 0; steps < 50; steps += 1) {
    const [lane] = world.machine.ready();
    if (!lane) return before;
    const isDead = before === undefined && (await points.dies(() => world.machine.step(deps, lane), at, when));
    if (before === undefined && !isDead) continue;
    if (isDead) {
      const stored = await world.trace(id);
      const kept = stored.filter(({ status }) => status === "succeeded").map(({ path }) => `${id}:${path}`);
      before = { kept: new Set(kept), asked: asked(id, step) };
    } else await world.machine.step(deps, lane);
  }
  throw new Error("it goes on and on");
}

describe("a model that calls tools, in lanes", () => {
  it("keeps each turn and each call, and is paid for once", async () => {
    const target = agent("plain");
    const id = await begin(target);
    await world.machine.drain(withModels());
    expect(await world.get(id)).toMatchObject({
      status: "succeeded",
      output: { out: "plain(a)+plain(b)+plain(c)" },
      usage: { inputTokens: 30, cost: 1.5 },
    });
    const inside = (await world.trace(id)).filter(({ path }) => path.startsWith("ask/"));
    expect(inside.filter(({ type }) => type === "model_turn" || type === "tool_call").map(({ path }) => path)).toEqual(
      expect.arrayContaining(["ask/turn_0", "ask/call_0", "ask/call_1", "ask/turn_1", "ask/call_2"]),
    );
    const { items } = await Execution.trace(world.ctx, withModels(), id, {
      limit: 100,
      depth: "all",
      under: "ask/call_2",
    });
    expect(items.map(({ path }) => path)).toContain("ask/call_2/plain");
  });

  it.each(["before", "after"] as const)(
    "repeats nothing that ended, where a process dies %s a request",
    async (when) => {
      let deaths = 0;
      for (let at = 1; at < 60; at += 1) {
        const step = `dies${at}${when}`;
        const id = await begin(agent(step));
        const dead = await runDying(id, step, at, when);
        const view = await world.get(id);
        expect(view, `at ${at}`).toMatchObject({ status: "succeeded", usage: { inputTokens: 30, cost: 1.5 } });
        expect(view.output).toEqual({ out: ["a", "b", "c"].map((n) => `${step}(${n})`).join("+") });
        const keys = asked(id, step);
        expect(new Set(keys).size).toBe(6);
        if (!dead) break;
        deaths += 1;
        const later = keys.slice();
        for (const key of dead.asked) later.splice(later.indexOf(key), 1);
        expect(later.filter((key) => dead.kept.has(key))).toEqual([]);
      }
      expect(deaths).toBeGreaterThan(10);
    },
  );

  it("makes way between two turns, and goes on behind what it did", async () => {
    const id = await begin(agent("hasty"));
    let steps = 0;
    for (let [lane] = world.machine.ready(); lane && steps < 50; [lane] = world.machine.ready()) {
      const before = asked(id, "hasty").length;
      const deps = withModels({ timeLeftMs: () => (asked(id, "hasty").length > before ? 1 : 900_000) });
      await world.machine.step(deps, lane);
      steps += 1;
    }
    expect(steps).toBeGreaterThan(3);
    expect(await world.get(id)).toMatchObject({ status: "succeeded", output: { out: "hasty(a)+hasty(b)+hasty(c)" } });
    expect(asked(id, "hasty")).toHaveLength(6);
  });

  it("goes on behind what it did after a long pause before its next try", async () => {
    let isDown = true;
    models = new ScriptedModels(({ messages }) => {
      const last = messages.at(-1);
      if (last?.role !== "tool") return { toolCalls: [{ id: "1", name: "look", input: { n: "a" } }] };
      return isDown ? { error: "down" } : { text: last.content };
    });
    const id = await begin(
      agent("paused", { onError: { strategy: "throw", retries: 1, delayMs: 60_000, jitter: false } }),
    );
    await world.machine.drain(withModels());
    expect(models.calls).toHaveLength(2);
    isDown = false;
    world.clock.advance(61_000);
    await world.machine.drain(withModels());
    expect(await world.get(id)).toMatchObject({ status: "succeeded", output: { out: '{"out":"paused(a)"}' } });
    expect(models.calls).toHaveLength(3);
    expect(world.outside.of("paused")).toHaveLength(1);
  });

  it("counts what it did where it fails in the end", async () => {
    models = new ScriptedModels([
      { toolCalls: [{ id: "1", name: "look", input: { n: "a" } }], usage: { inputTokens: 10 } },
      { error: "down", usage: { inputTokens: 1 } },
      { error: "down", usage: { inputTokens: 1 } },
    ]);
    const id = await begin(agent("fails", { onError: { strategy: "throw", retries: 1, delayMs: 0 } }));
    await world.machine.drain(withModels());
    expect(await world.get(id)).toMatchObject({ status: "failed", usage: { inputTokens: 12 } });
    models = new ScriptedModels([
      { toolCalls: [{ id: "1", name: "look", input: { n: "a" } }], usage: { inputTokens: 10 } },
      { error: "down", usage: { inputTokens: 1 } },
    ]);
    const absorbed = await begin(agent("absorbed", { onError: { strategy: "default", fallback: { output: "-" } } }));
    await world.machine.drain(withModels());
    expect(await world.get(absorbed)).toMatchObject({
      status: "succeeded",
      output: { out: "-" },
      usage: { inputTokens: 11 },
    });
  });
});

describe("a model whose tool asks a person", () => {
  it.each(["sync", "async"] as const)("waits for the answer and tells the model, begun in %s mode", async (mode) => {
    const inner = canvas(
      [start(), node("sure", "question", { question: "Sure?" }), end({ out: "sure.USER_RESPONSE" })],
      "start>sure>end",
    );
    models = new ScriptedModels(({ messages }) => {
      const last = messages.at(-1);
      return last?.role === "tool" ? last.content : { toolCalls: [{ id: "1", name: "check", input: {} }] };
    });
    const workflows = [{ workflowId: world.target(inner).workflowId, name: "check" }];
    const ask = node("ask", "llm", { model: { id: "m" }, prompt: "?", workflows });
    const target = world.target(canvas([start(), ask, end({ out: "ask.output" })], "start>ask>end"));
    const { id } = await Execution.run(world.ctx, withModels(), target, {
      input: {},
      mode,
      trigger: { type: "manual" },
    });
    await world.machine.drain(withModels());
    expect((await world.get(id)).status).toBe("waiting");
    const [event] = await Execution.events(world.ctx, id);
    expect(event).toMatchObject({ type: "question", path: "ask/call_0/sure" });
    await Execution.resume(world.ctx, withModels(), id, { eventId: event!.id, data: "yes" });
    await world.machine.drain(withModels());
    expect(await world.get(id)).toMatchObject({ status: "succeeded", output: { out: '{"out":"yes"}' } });
    expect(models.calls).toHaveLength(2);
  });
});
