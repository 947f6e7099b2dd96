import * as Execution from "@weft/core/execution/execution.service";
import type { Machine } from "@weft/core/execution/machine";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { call, canvas, edges, end, node, ref, start, text } from "../support/canvas.ts";
import { type EngineWorld, startEngineWorld } from "../support/engine-world.ts";

let world: EngineWorld;

beforeAll(async () => {
  world = await startEngineWorld();
  world.outside.answer("broken", () => ({ status: 400, text: "broken" }));
});
afterAll(() => world.close());

const MODES = ["sync", "stream", "async"] as const;
type Target = ReturnType<EngineWorld["target"]>;

function ask(id: string, refs: string[]) {
  return call(world.outside.url, id, refs);
}

const sub = (id: string, workflow: Target, from: string, more: object = {}) =>
  node(id, "sub_workflow", { workflowId: workflow.workflowId }, [ref("n", from)], { outputs: [text("out")], ...more });

function inner(step: string) {
  return world.target(
    canvas([start(text("n")), ask(step, ["start.n"]), end({ out: `${step}.body` })], `start>${step}>end`),
  );
}

function outer(workflow: Target, more: object = {}) {
  return world.target(
    canvas([start(text("n")), sub("sub", workflow, "start.n", more), end({ out: "sub.out" })], "start>sub>end"),
  );
}

async function runIn(mode: (typeof MODES)[number], target: Target) {
  const { id } = await world.run(target, { mode, input: { n: "1" } });
  await world.drain();
  return world.get(id);
}

const childrenOf = async (executionId: string) =>
  (await Execution.events(world.ctx, executionId)).flatMap((event) => event.childExecutionId ?? []);

describe("a called workflow", () => {
  it("is an execution of its own in async mode, under its caller", async () => {
    const view = await runIn("async", outer(inner("own")));
    expect(view).toMatchObject({ status: "succeeded", output: { out: "own(1)" } });
    const [childId = ""] = await childrenOf(view.id);
    expect(await world.get(childId)).toMatchObject({
      status: "succeeded",
      parentExecutionId: view.id,
      trigger: { type: "workflow", id: view.id },
      deadlineAt: view.deadlineAt,
    });
    expect(world.outside.of("own").map(({ key }) => key)).toEqual([`${childId}:own`]);
  });

  it.each(["sync", "stream"] as const)("is a frame of the same run in %s mode", async (mode) => {
    const view = await runIn(mode, outer(inner(`frame-${mode}`)));
    expect(view).toMatchObject({ status: "succeeded", output: { out: `frame-${mode}(1)` } });
    expect(await childrenOf(view.id)).toEqual([]);
    expect(world.outside.of(`frame-${mode}`).map(({ key }) => key)).toEqual([`${view.id}:sub/frame-${mode}`]);
    expect((await world.trace(view.id)).map(({ path }) => path)).toContain(`sub/frame-${mode}`);
  });

  it("is a frame inside a loop, also in async mode", async () => {
    const body = { nodes: [sub("sub", inner("turn"), "turns.item")], edges: edges("turns>sub>turns") };
    const nodes = [
      start(text("n")),
      node("list", "text", { method: "split", delimiters: ["|"] }, [{ name: "t", value: "p|q" }]),
      node(
        "turns",
        "loop",
        { items: ["item"], collect: [{ name: "all", ref: "sub.out" }] },
        [ref("item", "list.output")],
        { body },
      ),
      end({ all: "turns.all" }),
    ];
    const view = await runIn("async", world.target(canvas(nodes, "start>list>turns>end")));
    expect(view).toMatchObject({ status: "succeeded", output: { all: ["turn(p)", "turn(q)"] } });
    expect(await childrenOf(view.id)).toEqual([]);
    expect(world.outside.of("turn").map(({ key }) => key)).toEqual([
      `${view.id}:turns.0/sub/turn`,
      `${view.id}:turns.1/sub/turn`,
    ]);
  });

  it.each(MODES)("that fails, fails the calling node, in %s mode", async (mode) => {
    const view = await runIn(mode, outer(inner("broken")));
    expect(view).toMatchObject({ status: "failed", error: { code: "http_error" } });
    const spared = await runIn(
      mode,
      outer(inner("broken"), { onError: { strategy: "default", fallback: { out: "spare" } } }),
    );
    expect(spared).toMatchObject({ status: "succeeded", output: { out: "spare" } });
  });

  it.each(MODES)("gives its app variables back to the caller, in %s mode", async (mode) => {
    const set = node("set", "variable_assign", { assignments: [{ variable: "app.seen", input: "to" }] }, [
      ref("to", "start.n"),
    ]);
    const called = world.target(canvas([start(text("n")), set, end({ out: "start.n" })], "start>set>end"));
    const view = await runIn(mode, outer(called));
    expect(view).toMatchObject({ status: "succeeded", variables: { seen: "1" } });
  });

  it.each(MODES)("may not call itself without end, in %s mode", async (mode) => {
    const seed = world.target(canvas([start(text("n")), end({ out: "start.n" })], "start>end"));
    const plan = outer(seed).plan;
    // The workflow's own plan becomes the one that calls it.
    Object.assign(seed.plan, structuredClone(plan));
    const view = await runIn(mode, seed);
    expect(view.status).toBe("failed");
    expect(view.error?.code).toBe("depth_exceeded");
  });
});

describe("cancel of a caller", () => {
  const nested = (step: string) => outer(outer(inner(step)));

  async function untilCalled(step: string) {
    const { id } = await world.run(nested(step), { input: { n: "1" } });
    for (;;) {
      const lane = world.machine.ready()[0];
      if (!lane) throw new Error("no lane is left");
      const [child = ""] = await childrenOf(id);
      const [grandchild = ""] = child ? await childrenOf(child) : [];
      if (grandchild) return { id, child, grandchild };
      await world.machine.step(world.deps, lane);
    }
  }

  it("cancels what it called, and what that called; nothing starts any more", async () => {
    const { id, child, grandchild } = await untilCalled("deep");
    await Execution.cancel(world.ctx, world.deps, id);
    await world.drain();
    for (const each of [id, child, grandchild]) expect((await world.get(each)).status).toBe("cancelled");
    expect(world.outside.of("deep")).toEqual([]);
  });

  it("reaches them also where the process died between", async () => {
    const { id, child, grandchild } = await untilCalled("deep-crash");
    const dying: Machine = {
      ...machineOf(),
      stop: async () => {
        throw new Error("died");
      },
    };
    await expect(Execution.cancel(world.ctx, world.with({ machine: dying }), id)).rejects.toThrow("died");
    expect((await world.get(id)).status).toBe("cancelled");
    world.clock.advance(61_000);
    await world.sweep();
    for (const each of [child, grandchild]) expect((await world.get(each)).status).toBe("cancelled");
    await world.drain();
    expect(world.outside.of("deep-crash")).toEqual([]);
  });

  it("ends a call whose execution was only being made", async () => {
    const { id } = await world.run(outer(inner("late-call")), { input: { n: "1" } });
    const [lane] = world.machine.ready();
    let isCancelled = false;
    // The plan of the call is asked for between the stored call and its execution: that is where the cancel comes.
    const racing = world.with({
      plan: async (reference) => {
        const plan = await world.deps.plan(reference);
        if (!isCancelled && (await childrenOf(id)).length > 0) {
          isCancelled = true;
          await Execution.cancel(world.ctx, world.deps, id);
        }
        return plan;
      },
    });
    await world.machine.step(racing, lane!);
    await world.drain();
    expect(isCancelled).toBe(true);
    const [child = ""] = await childrenOf(id);
    expect((await world.get(child)).status).toBe("cancelled");
    expect(world.outside.of("late-call")).toEqual([]);
  });

  function machineOf(): Machine {
    const { machine } = world;
    return {
      start: (name, input) => machine.start(name, input),
      stop: (name) => machine.stop(name),
      isRunning: (name) => machine.isRunning(name),
      wake: (token) => machine.wake(token),
    };
  }
});
