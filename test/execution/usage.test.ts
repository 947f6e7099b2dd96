import { retryFrom } from "@weft/core/execution/debug.service";
import * as Execution from "@weft/core/execution/execution.service";
import { defineNode, NodeError } from "@weft/engine/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as z from "zod";
import { call, canvas, edges, end, node, ref, start, text } from "../support/canvas.ts";
import { type EngineWorld, startEngineWorld } from "../support/engine-world.ts";

/**
 * Stands for a node that is metered: each call costs 10 tokens in, and its input's length out. `bad` fails after it was
 * metered, `shy` fails twice first.
 */
const meter = defineNode({
  type: "meter",
  title: "Meter",
  description: "For tests",
  category: "integration",
  config: z.any(),
  effectful: true,
  run({ inputs, attempt }) {
    const said = String(inputs.v0);
    const usage = { inputTokens: 10, outputTokens: said.length, totalTokens: 10 + said.length, cost: 0.25 };
    if (said.includes("bad")) throw new NodeError("refused", "no", { retryable: false, usage });
    if (said.includes("shy") && attempt < 3) throw new NodeError("busy", "later", { usage });
    return { output: { body: said }, usage };
  },
});

let world: EngineWorld;

beforeAll(async () => {
  world = await startEngineWorld([meter]);
});
afterAll(() => world.close());

const MODES = ["sync", "async"] as const;
const metered = (id: string, from: string, onError: object = {}) => {
  const made = call("http://127.0.0.1:9", id, [from], { onError: { strategy: "throw", ...onError } });
  return { ...made, data: { ...made.data, label: "type:meter" } };
};
const usage = (calls: number, out: number) => ({
  inputTokens: 10 * calls,
  outputTokens: out,
  totalTokens: 10 * calls + out,
  cost: 0.25 * calls,
});

async function runIn(mode: (typeof MODES)[number], target: Execution.RunTarget, input: Record<string, unknown>) {
  const { id } = await world.run(target, { mode, input });
  await world.drain();
  return { ...(await world.get(id)), nodes: await world.trace(id) };
}

const list = { name: "list", type: { type: "list" as const, items: "string" as const } };

function turns(type: string, onItemError = "fail", onError?: object) {
  const body = { nodes: [metered("one", "turns.item")], edges: edges("turns>one>turns") };
  const more = type === "batch" ? { concurrency: 2 } : {};
  const config = { items: ["item"], collect: [{ name: "all", ref: "one.body" }], onItemError, ...more };
  const inner = node("turns", type, config, [ref("item", "start.list")], { body, ...(onError ? { onError } : {}) });
  return world.target(canvas([start(list), inner, metered("last", "turns.all"), end({})], "start>turns>last>end"));
}

describe.each(MODES)("what nodes are metered for, in %s mode", (mode) => {
  it("is summed over branches", async () => {
    const nodes = [start(text("n")), metered("a", "start.n"), metered("b", "start.n"), end({})];
    const view = await runIn(mode, world.target(canvas(nodes, "start>a>end start>b>end")), { n: "abc" });
    expect(view.usage).toEqual(usage(2, 6));
    expect(view.nodes.find(({ path }) => path === "a")?.usage).toEqual(usage(1, 3));
  });

  it("counts tries that failed and nodes that failed", async () => {
    const shy = [start(text("n")), metered("a", "start.n", { retries: 3, delayMs: 0 }), end({})];
    const retried = await runIn(mode, world.target(canvas(shy, "start>a>end")), { n: "shy" });
    expect(retried).toMatchObject({ status: "succeeded", usage: usage(3, 9) });
    const bad = [start(text("n")), metered("ok", "start.n"), metered("a", "ok.body"), end({})];
    const failed = await runIn(mode, world.target(canvas(bad, "start>ok>a>end")), { n: "bad" });
    expect(failed).toMatchObject({ status: "failed", usage: usage(1, 3) });
    const spared = [start(text("n")), metered("a", "start.n", { strategy: "default" }), end({})];
    const view = await runIn(mode, world.target(canvas(spared, "start>a>end")), { n: "bad" });
    expect(view).toMatchObject({ status: "succeeded", usage: usage(1, 3) });
  });

  it("counts tries before a pause that holds no process, also where the run ends in it", async () => {
    const onError = { retries: 3, delayMs: 600_000, maxDelayMs: 600_000, jitter: false, timeoutMs: 7_200_000 };
    const nodes = [start(text("n")), metered("a", "start.n", onError), end({})];
    const target = world.target(canvas(nodes, "start>a>end"), { timeoutSeconds: 86_400 });
    const paused = () => runIn(mode, target, { n: "shy" });
    const { id } = await paused();
    for (let tries = 0; tries < 2; tries += 1) {
      expect((await world.get(id)).status).toBe("running");
      world.clock.advance(600_000);
      await world.drain();
    }
    expect(await world.get(id)).toMatchObject({ status: "succeeded", usage: usage(3, 9) });
    const [, a] = await world.trace(id);
    expect(a).toMatchObject({ attempts: 3, usage: usage(3, 9) });
    const ended = await paused();
    await Execution.cancel(world.ctx, world.deps, ended.id);
    expect(await world.get(ended.id)).toMatchObject({ status: "cancelled", usage: usage(1, 3) });
  });

  it.each(["loop", "batch"])("is summed over the turns of a %s, each once", async (type) => {
    const view = await runIn(mode, turns(type), { list: ["p", "qq", "rrr"] });
    const all = "p,qq,rrr".length;
    expect(view.usage).toEqual(usage(4, 6 + all));
    expect(view.nodes.find(({ path }) => path === "turns")).toMatchObject({
      usage: usage(3, 6),
      turns: { done: 3, total: 3 },
    });
  });

  it.each(["loop", "batch"])("counts turns of a %s that failed", async (type) => {
    const tolerant = await runIn(mode, turns(type, "remove"), { list: ["p", "bad", "rrr"] });
    expect(tolerant.nodes.find(({ path }) => path === "turns")?.usage).toEqual(usage(3, 7));
    const failed = await runIn(mode, turns(type), { list: ["p", "bad"] });
    expect(failed).toMatchObject({ status: "failed", usage: usage(2, 4) });
    const spared = await runIn(mode, turns(type, "fail", { strategy: "default" }), { list: ["p", "bad"] });
    expect(spared.nodes.find(({ path }) => path === "turns")).toMatchObject({
      status: "succeeded",
      usage: usage(2, 4),
    });
  });

  it("comes up through called workflows, also those that fail", async () => {
    const called = world.target(
      canvas([start(text("n")), metered("in", "start.n"), end({ out: "in.body" })], "start>in>end"),
    );
    const outer = (onError: object = {}) => {
      const sub = node("sub", "sub_workflow", { workflowId: called.workflowId }, [ref("n", "start.n")], {
        outputs: [text("out")],
        ...onError,
      });
      return world.target(canvas([start(text("n")), sub, metered("own", "start.n"), end({})], "start>sub>own>end"));
    };
    const view = await runIn(mode, outer(), { n: "abcd" });
    expect(view).toMatchObject({ status: "succeeded", usage: usage(2, 8) });
    const sub = view.nodes.find(({ path }) => path === "sub");
    expect(sub?.usage).toEqual(usage(1, 4));
    if (mode === "async") expect((await world.get(sub?.childExecutionId ?? "")).usage).toEqual(usage(1, 4));
    const failed = await runIn(mode, outer(), { n: "bad" });
    expect(failed).toMatchObject({ status: "failed", usage: usage(1, 3) });
  });
});

describe("what a cancelled sync run was metered for", () => {
  it("is counted", async () => {
    const nodes = [start(text("n")), metered("a", "start.n"), call(world.outside.url, "held", ["a.body"]), end({})];
    const held = world.outside.hold("held");
    const executionId = "exe_01usagesync000000000000000";
    const target = world.target(canvas(nodes, "start>a>held>end"));
    const running = world.run(target, { mode: "sync", input: { n: "abc" }, executionId });
    await held.arrived;
    await Execution.cancel(world.ctx, world.deps, executionId);
    held.open();
    expect(await running).toMatchObject({ status: "cancelled", usage: usage(1, 3) });
  });
});

describe("what a run took over", () => {
  it("is not counted again", async () => {
    const past = await runIn("async", turns("loop"), { list: ["p", "qq", "rrr"] });
    const trigger = { type: "manual" as const };
    const { id } = await retryFrom(world.ctx, world.deps, past.id, { fromNode: "turns.2/one", trigger });
    await world.drain();
    const all = "p,qq,rrr".length;
    expect((await world.get(id)).usage).toEqual(usage(2, 3 + all));
  });
});

describe("turns", () => {
  const items = (count: number) => Array.from({ length: count }, (_none, index) => `i${index}`);

  it.each(["loop", "batch"])("of a %s are shown while it runs, as progress of the whole", async (type) => {
    const target = turns(type);
    // Each turn takes a second of the fake clock, so that the place is kept; time is up after the fourth.
    let left = 4;
    const deps = world.with({
      timeLeftMs: () => (left > 0 ? 900_000 : 0),
      onEvent: (event) => {
        if (event.type !== "node_finished" || event.record.nodeId !== "one") return;
        world.clock.advance(1_000);
        left -= 1;
      },
    });
    const { id } = await Execution.run(world.ctx, deps, target, {
      input: { list: items(10) },
      mode: "async",
      trigger: { type: "manual" },
    });
    for (let lane = world.machine.ready().find((one) => one.input.executionId === id); lane && left > 0; ) {
      await world.machine.step(deps, lane);
      lane = world.machine.ready().find((one) => one.input.executionId === id);
    }
    const view = await world.get(id);
    const [current] = view.progress.current;
    expect(current).toMatchObject({ path: "turns", status: "running", turns: { total: 10 } });
    const done = current?.turns?.done ?? 0;
    expect(done).toBeGreaterThan(0);
    expect(done).toBeLessThan(10);
    expect(view.progress).toMatchObject({ completed: 1, total: 4, percent: Math.floor(25 + (25 * done) / 10) });
    await world.drain();
    expect(await world.get(id)).toMatchObject({
      status: "succeeded",
      progress: { percent: 100 },
      usage: usage(11, 20 + String(items(10)).length),
    });
  });

  it.each(MODES)("are read page by page in their order, in %s mode", async (mode) => {
    const view = await runIn(mode, turns("batch"), { list: items(23) });
    const seen: string[] = [];
    for (let cursor: string | undefined; ; ) {
      const query = { limit: 5, depth: "all" as const, under: "turns", ...(cursor ? { cursor } : {}) };
      const page = await Execution.trace(world.ctx, world.deps, view.id, query);
      expect(page.items.length).toBeLessThanOrEqual(5);
      seen.push(...page.items.map(({ path, input }) => `${path} ${(input as { v0: string }).v0}`));
      if (page.nextCursor === null) break;
      cursor = page.nextCursor;
    }
    expect(seen).toEqual(items(23).map((item, index) => `turns.${index}/one ${item}`));
    const under = async (path: string, depth: "root" | "all" = "all") =>
      (await Execution.trace(world.ctx, world.deps, view.id, { limit: 50, depth, under: path })).items.map(
        (one) => one.path,
      );
    expect(await under("turns.7")).toEqual(["turns.7/one"]);
    expect(await under("last")).toEqual([]);
    await expect(under("turns/../x")).rejects.toMatchObject({ code: "invalid_input" });
    const root = await Execution.trace(world.ctx, world.deps, view.id, { limit: 50, depth: "root" });
    expect(root.items.map(({ path }) => path)).toEqual(["start", "turns", "last", "end"]);
  });

  it.each(MODES)("of a loop that fails show where, in %s mode", async (mode) => {
    const view = await runIn(mode, turns("loop"), { list: ["p", "bad", "q"] });
    expect(view.nodes.find(({ path }) => path === "turns")).toMatchObject({
      status: "failed",
      error: { code: "refused" },
    });
  });
});
