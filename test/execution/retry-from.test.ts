import * as Debug from "@weft/core/execution/debug.service";
import * as Execution from "@weft/core/execution/execution.service";
import { RunPolicy } from "@weft/core/workflow/run-policy.schema";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
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
beforeEach(() => {
  isBroken = true;
});

const MODES = ["sync", "async"] as const;
type Mode = (typeof MODES)[number];
type Target = ReturnType<EngineWorld["target"]>;

const ask = (id: string, refs: string[], step = id) => call(world.outside.url, id, refs, { step });

async function runIn(mode: Mode, target: Target, input: Record<string, unknown> = { n: "1" }) {
  const { id } = await world.run(target, { mode, input });
  await world.drain();
  return world.get(id);
}

async function retryFrom(executionId: string, fromNode: string) {
  const trigger = { type: "manual" as const };
  const { id } = await Debug.retryFrom(world.ctx, world.deps, executionId, { fromNode, trigger });
  await world.drain();
  return world.get(id);
}

/** What was asked of the outside, in the order of paths. */
const stepsOf = (executionId: string) =>
  world.outside.calls
    .filter(({ key }) => key.startsWith(`${executionId}:`))
    .map(({ key }) => key.slice(executionId.length + 1))
    .sort();

/** a and b side by side, which join at c; d follows, e stands aside. */
function joined(dStep = "d") {
  const nodes = [
    start(text("n")),
    ask("a", ["start.n"]),
    ask("b", ["start.n"]),
    ask("c", ["a.body", "b.body"]),
    ask("d", ["c.body"], dStep),
    ask("e", ["a.body"]),
    end({ out: "d.body", aside: "e.body" }),
  ];
  return world.target(canvas(nodes, "start>a>c>d>end start>b>c a>e>end"));
}

const turns = (type: string, bodyNodes = [ask("one", ["turns.item"]), ask("two", ["one.body"], "repaired")]) => {
  const body = { nodes: bodyNodes, edges: edges("turns>one>two>turns") };
  const config = { items: ["item"], collect: [{ name: "all", ref: "two.body" }] };
  const nodes = [
    start(text("n")),
    ask("first", ["start.n"]),
    node("list", "text", { method: "split", delimiters: ["|"] }, [{ name: "t", value: "p|q|r" }]),
    node("turns", type, config, [ref("item", "list.output")], { body }),
    ask("last", ["turns.all"]),
    end({ all: "turns.all", last: "last.body" }),
  ];
  return world.target(canvas(nodes, "start>first>list>turns>last>end"));
};

describe.each(MODES)("retry from a node of a run in %s mode", (mode) => {
  it("of a succeeded run makes a new run that does the node and what follows, and nothing else", async () => {
    const past = await runIn(mode, joined());
    expect(past.status).toBe("succeeded");
    const asked = world.outside.calls.length;
    const view = await retryFrom(past.id, "c");
    expect(view).toMatchObject({
      status: "succeeded",
      output: { out: "d(c(a(1),b(1)))", aside: "e(a(1))" },
      replayOf: { executionId: past.id, fromNode: "c" },
    });
    expect(view.id).not.toBe(past.id);
    expect(stepsOf(view.id)).toEqual(["c", "d"]);
    expect(world.outside.calls.length).toBe(asked + 2);
    expect(await world.get(past.id)).toEqual(past);
    const marks = (await world.trace(view.id)).map(({ path, reused, status }) => [path, reused, status]);
    expect(marks).toEqual(
      expect.arrayContaining([
        ["a", true, "succeeded"],
        ["c", false, "succeeded"],
      ]),
    );
  });

  it.each([
    ["a", ["a", "c", "d", "e"]],
    ["e", ["e"]],
    ["start", ["a", "b", "c", "d", "e"]],
    ["end", []],
  ])("does what follows from %s alone", async (from, steps) => {
    const view = await retryFrom((await runIn(mode, joined())).id, from);
    expect(view).toMatchObject({ status: "succeeded", output: { out: "d(c(a(1),b(1)))", aside: "e(a(1))" } });
    expect(stepsOf(view.id)).toEqual(steps);
  });

  it("of a failed run keeps what does not follow from the node, failed branches are done", async () => {
    const past = await runIn(mode, joined("repaired"));
    expect(past).toMatchObject({ status: "failed", error: { nodeId: "d" } });
    isBroken = false;
    const done = new Set(
      (await world.trace(past.id)).filter((one) => one.status === "succeeded").map((one) => one.path),
    );
    const view = await retryFrom(past.id, "b");
    expect(view).toMatchObject({ status: "succeeded", output: { out: "repaired(c(a(1),b(1)))", aside: "e(a(1))" } });
    // Whether e was done before d failed is up to the order of the lanes.
    expect(stepsOf(view.id)).toEqual(done.has("e") ? ["b", "c", "d"] : ["b", "c", "d", "e"]);
  });

  it.each(["loop", "batch"])("of a failed run keeps the turns of a %s that had completed", async (type) => {
    const past = await runIn(mode, turns(type));
    expect(past.status).toBe("failed");
    const before = new Set(
      (await world.trace(past.id)).filter((one) => one.status === "succeeded").map((one) => one.path),
    );
    isBroken = false;
    await Execution.retry(world.ctx, world.deps, past.id);
    await world.drain();
    const all = ["p", "q", "r"].map((item) => `repaired(one(${item}))`);
    expect(await world.get(past.id)).toMatchObject({ status: "succeeded", output: { all } });
    for (const path of before) {
      expect([path, stepsOf(past.id).filter((step) => step === path).length]).toEqual([
        path,
        path.match(/one|first/) ? 1 : 0,
      ]);
    }
  });

  it("inside a loop keeps earlier turns and what the node does not follow from", async () => {
    isBroken = false;
    const past = await runIn(mode, turns("loop"));
    const view = await retryFrom(past.id, "turns.1/two");
    expect(view).toMatchObject({ status: "succeeded", output: past.output as object });
    expect(stepsOf(view.id)).toEqual(["last", "turns.1/two", "turns.2/one", "turns.2/two"]);
  });

  it("inside a batch keeps the other turns", async () => {
    isBroken = false;
    const past = await runIn(mode, turns("batch"));
    const view = await retryFrom(past.id, "turns.1/one");
    expect(view).toMatchObject({ status: "succeeded", output: past.output as object });
    expect(stepsOf(view.id)).toEqual(["last", "turns.1/one", "turns.1/two"]);
  });

  it("is done by the sweeper where its process died, and keeps what was kept", async () => {
    const past = await runIn(mode, joined());
    const start = () => Promise.reject(new Error("died"));
    const machine = { start, stop: async () => undefined, isRunning: async () => false, wake: async () => undefined };
    const given = { fromNode: "c", trigger: { type: "manual" as const } };
    await expect(Debug.retryFrom(world.ctx, world.with({ machine }), past.id, given)).rejects.toThrow("died");
    const { items } = await Execution.list(world.ctx, { limit: 1, kind: "all" });
    const [made] = items;
    expect(made).toMatchObject({ status: "queued", replayOf: { executionId: past.id, fromNode: "c" } });
    world.clock.advance(61_000);
    await world.sweep();
    await world.drain();
    expect(await world.get(made!.id)).toMatchObject({ status: "succeeded", output: past.output as object });
    expect(stepsOf(made!.id)).toEqual(["c", "d"]);
  });

  it("may be done again from what it made", async () => {
    const first = await retryFrom((await runIn(mode, joined())).id, "c");
    const second = await retryFrom(first.id, "d");
    expect(second).toMatchObject({ output: { out: "d(c(a(1),b(1)))" }, replayOf: { executionId: first.id } });
    expect(stepsOf(second.id)).toEqual(["d"]);
  });

  it.each(["nobody", "turns", "a/b", "a.1", "", "a.1/b"])("refuses %j, which is no node of the run", async (path) => {
    const past = await runIn(mode, joined());
    const trigger = { type: "manual" as const };
    const made = Debug.retryFrom(world.ctx, world.deps, past.id, { fromNode: path, trigger });
    await expect(made).rejects.toMatchObject({ code: "invalid_input", details: { issues: [{ path: "fromNode" }] } });
  });
});

const sub = (id: string, workflow: Target, from: string) =>
  node(id, "sub_workflow", { workflowId: workflow.workflowId }, [ref("n", from)], { outputs: [text("out")] });

const around = (inner: Target, aside = "aside") =>
  world.target(
    canvas(
      [
        start(text("n")),
        sub("sub", inner, "start.n"),
        ask(aside, ["start.n"]),
        end({ out: "sub.out", aside: `${aside}.body` }),
      ],
      `start>sub>end start>${aside}>end`,
    ),
  );

/** x, then y, which is broken at first. */
const twoSteps = () =>
  world.target(
    canvas(
      [start(text("n")), ask("x", ["start.n"]), ask("y", ["x.body"], "repaired"), end({ out: "y.body" })],
      "start>x>y>end",
    ),
  );

describe("a limit of the workflow", () => {
  const limited = (concurrency: object) => {
    const nodes = [start(text("n")), ask("a", ["start.n"]), ask("b", ["a.body"]), end({ out: "b.body" })];
    return world.target(canvas(nodes, "start>a>b>end"), RunPolicy.parse({ concurrency: { max: 1, ...concurrency } }));
  };
  const begin = (executionId: string, fromNode = "b") =>
    Debug.retryFrom(world.ctx, world.deps, executionId, { fromNode, trigger: { type: "manual" } });

  it.each(MODES)("has a retry from a node of a %s run wait in the line, and others wait for it", async (mode) => {
    const target = limited({ onLimit: "queue" });
    const past = await runIn(mode, target);
    const other = await world.run(target, { input: { n: "2" } });
    const fork = await begin(past.id);
    expect([fork.status, fork.queuedUntil !== null]).toEqual(["queued", true]);
    await world.drain();
    expect((await world.get(other.id)).status).toBe("succeeded");
    expect(await world.get(fork.id)).toMatchObject({ status: "succeeded", output: { out: "b(a(1))" } });
    expect(stepsOf(fork.id)).toEqual(["b"]);
    const again = await begin(past.id);
    expect([again.status, again.queuedUntil]).toEqual(["queued", null]);
    expect((await world.run(target, { input: { n: "3" } })).queuedUntil).not.toBeNull();
    await world.drain();
    expect((await world.get(again.id)).status).toBe("succeeded");
  });

  it("turns a retry from a node away, of which nothing is left", async () => {
    const target = limited({ onLimit: "reject" });
    const past = await runIn("async", target);
    const other = await world.run(target, { input: { n: "2" } });
    const all = async () => (await Execution.list(world.ctx, { limit: 100, kind: "all" })).items.length;
    const before = await all();
    await expect(begin(past.id)).rejects.toMatchObject({ code: "rate_limited" });
    expect(await all()).toBe(before);
    await world.drain();
    expect((await world.get(other.id)).status).toBe("succeeded");
    expect((await world.get((await begin(past.id)).id)).status).toBe("queued");
    await world.drain();
  });
});

describe("retry of a run whose called workflow failed", () => {
  it("goes on in the same execution of the called workflow, at any depth", async () => {
    const outer = around(around(twoSteps(), "mid"));
    const past = await runIn("async", outer);
    expect(past).toMatchObject({ status: "failed", error: { code: "http_error" } });
    const childOf = async (id: string) =>
      (await Execution.children(world.ctx, id, { limit: 10 })).items.map((one) => one.id);
    const [child = ""] = await childOf(past.id);
    const [grandchild = ""] = await childOf(child);
    expect(stepsOf(grandchild)).toEqual(["x", "y"]);
    isBroken = false;
    await Execution.retry(world.ctx, world.deps, past.id);
    await world.drain();
    expect(await world.get(past.id)).toMatchObject({
      status: "succeeded",
      output: { out: "repaired(x(1))", aside: "aside(1)" },
    });
    expect(await childOf(past.id)).toEqual([child]);
    expect(await childOf(child)).toEqual([grandchild]);
    expect(await world.get(grandchild)).toMatchObject({ status: "succeeded", parentExecutionId: child });
    expect([stepsOf(grandchild), stepsOf(child), stepsOf(past.id)]).toEqual([["x", "y", "y"], ["mid"], ["aside"]]);
  });

  it("as a new run takes over what the called workflow had done", async () => {
    const past = await runIn("async", around(twoSteps()));
    isBroken = false;
    const view = await retryFrom(past.id, "aside");
    expect(view).toMatchObject({ status: "succeeded", output: { out: "repaired(x(1))", aside: "aside(1)" } });
    const [child] = (await Execution.children(world.ctx, view.id, { limit: 10 })).items;
    expect(stepsOf(child?.id ?? "")).toEqual(["y"]);
    expect(stepsOf(view.id)).toEqual(["aside"]);
  });

  it("as a new run from the call does all of it anew", async () => {
    const past = await runIn("async", around(twoSteps()));
    isBroken = false;
    const view = await retryFrom(past.id, "sub");
    expect(view.status).toBe("succeeded");
    const [child] = (await Execution.children(world.ctx, view.id, { limit: 10 })).items;
    expect(stepsOf(child?.id ?? "")).toEqual(["x", "y"]);
  });

  it("of a cancelled run goes on where the called workflow was stopped", async () => {
    isBroken = false;
    const { id } = await world.run(around(twoSteps()), { input: { n: "1" } });
    const childOf = async () => (await Execution.children(world.ctx, id, { limit: 10 })).items[0];
    while (stepsOf((await childOf())?.id ?? "").length === 0) {
      await world.machine.step(world.deps, world.machine.ready()[0]!);
    }
    await Execution.cancel(world.ctx, world.deps, id);
    const child = await childOf();
    expect(child?.status).toBe("cancelled");
    await Execution.retry(world.ctx, world.deps, id);
    await world.drain();
    expect(await world.get(id)).toMatchObject({
      status: "succeeded",
      output: { out: "repaired(x(1))", aside: "aside(1)" },
    });
    expect(stepsOf(child?.id ?? "")).toEqual(["x", "y"]);
  });
});
