import type { ExecutionDeps } from "@weft/core/execution/deps";
import * as Execution from "@weft/core/execution/execution.service";
import { runLane } from "@weft/core/execution/lane";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { call, canvas, edges, end, node, ref, start, text } from "../support/canvas.ts";
import { type EngineWorld, startEngineWorld } from "../support/engine-world.ts";

let world: EngineWorld;
let isBroken = true;

beforeAll(async () => {
  world = await startEngineWorld();
  world.outside.answer("repaired", ({ body }) =>
    isBroken ? { status: 400, text: "broken" } : { status: 200, text: `repaired(${body})` },
  );
});
afterAll(() => world.close());

const MODES = ["sync", "stream", "async"] as const;

function ask(id: string, refs: string[], step = id) {
  return call(world.outside.url, id, refs, { step });
}

const stepsOf = (executionId: string) =>
  world.outside.calls.filter(({ key }) => key.startsWith(`${executionId}:`)).map(({ key }) => key.split(":")[1]);

describe.each(MODES)("retry of a run that failed in %s mode", (mode) => {
  it("keeps what succeeded and runs the rest", async () => {
    isBroken = true;
    const nodes = [
      start(text("n")),
      ask("a", ["start.n"]),
      ask("b", ["a.body"]),
      ask("c", ["b.body"], "repaired"),
      ask("d", ["c.body"]),
      end({ out: "d.body" }),
    ];
    const target = world.target(canvas(nodes, "start>a>b>c>d>end"));
    const failed = await world.run(target, { mode, input: { n: "1" } });
    await world.drain();
    expect(await world.get(failed.id)).toMatchObject({ status: "failed", error: { nodeId: "c" } });
    isBroken = false;
    await Execution.retry(world.ctx, world.deps, failed.id);
    await world.drain();
    expect(await world.get(failed.id)).toMatchObject({ status: "succeeded", output: { out: "d(repaired(b(a(1))))" } });
    expect(stepsOf(failed.id)).toEqual(["a", "b", "c", "c", "d"]);
    await expect(Execution.retry(world.ctx, world.deps, failed.id)).rejects.toMatchObject({ code: "conflict" });
  });

  it("keeps the turns of a loop that succeeded", async () => {
    isBroken = true;
    const body = {
      nodes: [ask("one", ["turns.item"]), ask("two", ["one.body"], "repaired")],
      edges: edges("turns>one>two>turns"),
    };
    const nodes = [
      start(text("n")),
      ask("first", ["start.n"]),
      node("list", "text", { method: "split", delimiters: ["|"] }, [{ name: "t", value: "p|q" }]),
      node(
        "turns",
        "loop",
        { items: ["item"], collect: [{ name: "all", ref: "two.body" }] },
        [ref("item", "list.output")],
        { body },
      ),
      end({ all: "turns.all" }),
    ];
    const failed = await world.run(world.target(canvas(nodes, "start>first>list>turns>end")), {
      mode,
      input: { n: "1" },
    });
    await world.drain();
    expect((await world.get(failed.id)).status).toBe("failed");
    isBroken = false;
    await Execution.retry(world.ctx, world.deps, failed.id);
    await world.drain();
    const all = ["p", "q"].map((item) => `repaired(one(${item}))`);
    expect(await world.get(failed.id)).toMatchObject({ status: "succeeded", output: { all } });
    expect(stepsOf(failed.id)).toEqual([
      "first",
      "turns.0/one",
      "turns.0/two",
      "turns.0/two",
      "turns.1/one",
      "turns.1/two",
    ]);
  });
});

describe("retry of a cancelled run", () => {
  it("goes on where it was stopped, in async mode", async () => {
    const nodes = [start(text("n")), ask("x", ["start.n"]), ask("y", ["x.body"]), end({ out: "y.body" })];
    const { id } = await world.run(world.target(canvas(nodes, "start>x>y>end")), { input: { n: "1" } });
    await world.machine.step(world.deps, world.machine.ready()[0]!);
    await Execution.cancel(world.ctx, world.deps, id);
    await Execution.retry(world.ctx, world.deps, id);
    await world.drain();
    expect(await world.get(id)).toMatchObject({ status: "succeeded", output: { out: "y(x(1))" } });
    expect(stepsOf(id)).toEqual(["x", "y"]);
  });

  it("keeps what a sync run had done", async () => {
    const nodes = [
      start(text("n")),
      ask("sx", ["start.n"]),
      ask("sy", ["sx.body"]),
      ask("sz", ["sy.body"]),
      end({ out: "sz.body" }),
    ];
    const executionId = "exe_01retrysync000000000000000";
    const held = world.outside.hold("sy");
    const running = world.run(world.target(canvas(nodes, "start>sx>sy>sz>end")), {
      mode: "sync",
      input: { n: "1" },
      executionId,
    });
    await held.arrived;
    await Execution.cancel(world.ctx, world.deps, executionId);
    held.open();
    expect((await running).status).toBe("cancelled");
    expect((await world.trace(executionId)).find(({ path }) => path === "sx")).toMatchObject({ status: "succeeded" });
    await Execution.retry(world.ctx, world.deps, executionId);
    await world.drain();
    expect(await world.get(executionId)).toMatchObject({ status: "succeeded", output: { out: "sz(sy(sx(1)))" } });
    expect(stepsOf(executionId).filter((step) => step === "sx")).toHaveLength(1);
  });
});

describe("a failure whose execution was not closed by its worker", () => {
  it("fails the execution when the step is repeated, without a call", async () => {
    isBroken = true;
    const nodes = [start(text("n")), ask("c", ["start.n"], "repaired"), end({ out: "c.body" })];
    const { id } = await world.run(world.target(canvas(nodes, "start>c>end")), { input: { n: "1" } });
    const [lane] = world.machine.ready();
    await expect(runLane(dyingAtClose(), lane!.input)).rejects.toThrow("died");
    expect((await world.get(id)).status).toBe("running");
    await runLane(world.deps, lane!.input);
    expect(await world.get(id)).toMatchObject({ status: "failed", error: { code: "http_error", nodeId: "c" } });
    expect(stepsOf(id)).toEqual(["c"]);
  });

  /** Its worker dies after it stored what the node did, before it closes the execution: the clock is asked between. */
  function dyingAtClose(): ExecutionDeps {
    const { clock } = world;
    let isStored = false;
    return world.with({
      clock: {
        now: () => {
          if (isStored && new Error().stack?.includes("failExecution")) throw new Error("died");
          isStored ||= world.outside.of("repaired").length > 0;
          return clock.now();
        },
      },
    });
  }
});

describe("a run whose start was lost", () => {
  it("is started by the sweeper, once, and a slow first start does no harm", async () => {
    const nodes = [start(text("n")), ask("late", ["start.n"]), end({ out: "late.body" })];
    const target = world.target(canvas(nodes, "start>late>end"));
    const lost = world.with({
      machine: {
        start: async () => {
          throw new Error("died");
        },
        stop: async () => undefined,
        isRunning: async () => false,
        wake: async () => undefined,
      },
    });
    const executionId = "exe_01lost00000000000000000000";
    const request = { input: { n: "1" }, mode: "async" as const, trigger: { type: "manual" as const }, executionId };
    await expect(Execution.run(world.ctx, lost, target, request)).rejects.toThrow("died");
    expect((await world.get(executionId)).status).toBe("queued");
    world.clock.advance(61_000);
    await world.sweep();
    // What was to start it wakes up at last: it is of an earlier epoch and does nothing.
    const spaceId = world.ctx.spaceId as string;
    const late = { spaceId, executionId, segmentId: "start", step: 0, epoch: 1, hops: 0 };
    expect(await runLane(world.deps, late)).toMatchObject({ next: "done" });
    expect(stepsOf(executionId)).toEqual([]);
    await world.drain();
    expect(await world.get(executionId)).toMatchObject({ status: "succeeded", output: { out: "late(1)" } });
    expect(stepsOf(executionId)).toEqual(["late"]);
  });

  it("is started by the sweeper where a sync run was handed over and its process died", async () => {
    const pause = node("pause", "wait", { mode: "duration", ms: 1000 });
    const nodes = [start(text("n")), ask("ha", ["start.n"]), pause, ask("hz", ["ha.body"]), end({ out: "hz.body" })];
    const executionId = "exe_01handed000000000000000000";
    const dying = world.with({
      machine: {
        start: async () => {
          throw new Error("died");
        },
        stop: async () => undefined,
        isRunning: async () => false,
        wake: async () => undefined,
      },
    });
    const target = world.target(canvas(nodes, "start>ha>pause>hz>end"));
    const request = { input: { n: "1" }, mode: "sync" as const, trigger: { type: "manual" as const }, executionId };
    await expect(Execution.run(world.ctx, dying, target, request)).rejects.toThrow("died");
    expect((await world.get(executionId)).status).toBe("handing_over");
    world.clock.advance(61_000);
    await world.sweep();
    await world.drain();
    expect(await world.get(executionId)).toMatchObject({ status: "succeeded", output: { out: "hz(ha(1))" } });
    expect(stepsOf(executionId)).toEqual(["ha", "hz"]);
  });
});
