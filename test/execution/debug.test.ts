import * as Debug from "@weft/core/execution/debug.service";
import type { Execution as ExecutionView } from "@weft/core/execution/execution.schema";
import * as Execution from "@weft/core/execution/execution.service";
import type { StoredPin } from "@weft/core/workflow/workflow.pins.schema";
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
type Mode = (typeof MODES)[number];

const ask = (id: string, refs: string[], more: object = {}) => call(world.outside.url, id, refs, more);
const stepsOf = (executionId: string) =>
  world.outside.calls
    .filter(({ key }) => key.startsWith(`${executionId}:`))
    .map(({ key }) => key.slice(executionId.length + 1))
    .sort();

const pin = (output: object, port?: string): StoredPin => ({
  output: { json: JSON.stringify(output) },
  ...(port ? { port } : {}),
});

type Alone = { mode: Mode; input?: Record<string, unknown>; pins?: Record<string, StoredPin> };

async function alone(target: Execution.RunTarget, nodeId: string, { mode, input = {}, pins }: Alone) {
  const request = { nodeId, mode, input, ...(pins ? { pins } : {}) };
  const { id } = await Debug.runNode(world.ctx, world.deps, target, request);
  await world.drain();
  return { view: await world.get(id), nodes: await world.trace(id) };
}

async function runIn(mode: Mode, target: Execution.RunTarget, more: Partial<Execution.RunRequest> = {}) {
  const { id } = await world.run(target, { mode, input: { n: "1" }, ...more });
  await world.drain();
  return world.get(id);
}

/** a, then a loop over three items that asks one and two, then z. */
function looped(type = "loop") {
  const body = {
    nodes: [
      ask("one", ["turns.item", "a.body"]),
      node("two", "text", { method: "concat", template: "<{{x}}>" }, [ref("x", "one.body")]),
    ],
    edges: edges("turns>one>two>turns"),
  };
  const nodes = [
    start(text("n"), { name: "list", type: { type: "list", items: "string" } }),
    ask("a", ["start.n"]),
    node(
      "turns",
      type,
      { items: ["item"], collect: [{ name: "all", ref: "two.output" }] },
      [ref("item", "start.list")],
      {
        body,
      },
    ),
    ask("z", ["turns.all"]),
    end({ out: "z.body" }),
  ];
  return world.target(canvas(nodes, "start>a>turns>z>end"));
}

describe.each(MODES)("one node alone, in %s mode", (mode) => {
  it("runs with its inputs and nothing else does", async () => {
    const { view, nodes } = await alone(looped(), "a", { mode, input: { v0: 12 } });
    expect(view).toMatchObject({
      status: "succeeded",
      output: { body: "a(12)", statusCode: 200 },
      trigger: { type: "debug", id: "a" },
      nodeId: "a",
      isDebug: true,
      progress: { total: 1, completed: 1, percent: 100 },
    });
    expect(nodes).toMatchObject([
      { path: "a", input: { v0: "12" }, output: { body: "a(12)" }, attempts: 1, error: null },
    ]);
    expect(stepsOf(view.id)).toEqual(["a"]);
  });

  it("may stand in a loop, and reads what is pinned of others", async () => {
    const { view } = await alone(looped(), "one", { mode, input: { v0: "p" }, pins: { a: pin({ body: "kept" }) } });
    expect(view).toMatchObject({ status: "succeeded", output: { body: "one(p,kept)" } });
    expect(stepsOf(view.id)).toEqual(["one"]);
  });

  it.each(["loop", "batch"])("may be a %s with its body", async (type) => {
    const input = { item: '["p","q"]' };
    const { view, nodes } = await alone(looped(type), "turns", { mode, input, pins: { a: pin({ body: "k" }) } });
    // By its name, for all that is in the body and refers to nodes outside.
    const given = await alone(looped(type), "turns", { mode, input: { ...input, v1: "g" } });
    expect(given.view).toMatchObject({ status: "succeeded", output: { all: ["<one(p,g)>", "<one(q,g)>"] } });
    expect(view).toMatchObject({ status: "succeeded", output: { all: ["<one(p,k)>", "<one(q,k)>"] } });
    expect(stepsOf(view.id)).toEqual(["turns.0/one", "turns.1/one"]);
    expect(nodes.find(({ path }) => path === "turns")).toMatchObject({ turns: { done: 2, total: 2 } });
  });

  it("may be the start, the end, or a node that ends turns", async () => {
    const target = looped();
    expect((await alone(target, "start", { mode, input: { n: 1, list: '["x"]' } })).view.output).toEqual({
      n: "1",
      list: ["x"],
    });
    expect((await alone(target, "end", { mode, input: { out: "there" } })).view.output).toEqual({ out: "there" });
    const body = { nodes: [node("stop", "break", {})], edges: edges("turns>stop") };
    const turns = node("turns", "loop", { mode: "infinite" }, [], { body });
    const breaking = world.target(canvas([start(), turns, end({})], "start>turns>end"));
    expect((await alone(breaking, "stop", { mode })).view).toMatchObject({ status: "succeeded", output: {} });
  });

  it("fails with its error and its attempts, or takes its error branch", async () => {
    const failing = (onError: object) => {
      const { nodes, links } = {
        nodes: [start(text("n")), ask("broken", ["start.n"], { onError })],
        links: "start>broken>end",
      };
      return world.target(
        canvas([...nodes, ask("else", ["start.n"]), end({})], `${links} broken:branch_error>else>end`),
      );
    };
    const retries = { strategy: "branch", retries: 2, delayMs: 0 };
    const branched = await alone(failing(retries), "broken", { mode, input: { v0: "x" } });
    expect(branched.view).toMatchObject({ status: "succeeded", output: { isSuccess: false } });
    expect(branched.nodes).toMatchObject([{ port: "branch_error", error: { code: "http_error" } }]);
    const thrown = world.target(canvas([start(text("n")), ask("broken", ["start.n"]), end({})], "start>broken>end"));
    const failed = await alone(thrown, "broken", { mode, input: { v0: "x" } });
    expect(failed.view).toMatchObject({ status: "failed", error: { code: "http_error", nodeId: "broken" } });
    expect(failed.nodes).toMatchObject([
      { status: "failed", input: { v0: "x" }, attempts: 1, error: { code: "http_error" } },
    ]);
  });

  it("waits for an answer and goes on with it", async () => {
    const who = node("who", "question", { question: "Who, {{n}}?" }, [ref("n", "start.n")]);
    const target = world.target(canvas([start(text("n")), who, end({ out: "who.USER_RESPONSE" })], "start>who>end"));
    const { view } = await alone(target, "who", { mode, input: { n: "me" } });
    expect(view).toMatchObject({
      status: "waiting",
      waitingFor: [{ type: "question", data: { question: "Who, me?" } }],
    });
    const answer = { eventId: view.waitingFor[0]!.id, data: "you" };
    await Execution.resume(world.ctx, world.deps, view.id, answer);
    await world.drain();
    expect(await world.get(view.id)).toMatchObject({ status: "succeeded", output: { USER_RESPONSE: "you" } });
  });

  it("may call a workflow", async () => {
    const called = world.target(
      canvas([start(text("n")), ask("in", ["start.n"]), end({ out: "in.body" })], "start>in>end"),
    );
    const sub = node("sub", "sub_workflow", { workflowId: called.workflowId }, [ref("n", "start.n")], {
      outputs: [text("out")],
    });
    const target = world.target(canvas([start(text("n")), sub, end({ out: "sub.out" })], "start>sub>end"));
    const { view } = await alone(target, "sub", { mode, input: { n: "7" } });
    expect(view).toMatchObject({ status: "succeeded", output: { out: "in(7)" } });
  });
});

describe("one node alone", () => {
  it("is listed apart from runs", async () => {
    const target = looped();
    const { view } = await alone(target, "a", { mode: "sync" });
    const run = await runIn("sync", target, { input: { n: "1", list: ["x"] } });
    const ids = async (kind: "run" | "node" | "all") =>
      (await Execution.list(world.ctx, { limit: 10, kind, workflowId: target.workflowId })).items.map(({ id }) => id);
    expect(await ids("run")).toEqual([run.id]);
    expect(await ids("node")).toEqual([view.id]);
    expect(await ids("all")).toEqual([run.id, view.id]);
  });

  it("refuses a node, an input and a value that are none", async () => {
    const target = looped();
    await expect(alone(target, "nobody", { mode: "sync" })).rejects.toMatchObject({ code: "not_found" });
    await expect(alone(target, "a", { mode: "sync", input: { other: 1 } })).rejects.toMatchObject({
      code: "invalid_input",
      details: { issues: [{ path: "input.other" }] },
    });
    await expect(alone(target, "turns", { mode: "sync", input: { item: "no list" } })).rejects.toMatchObject({
      code: "invalid_input",
      details: { issues: [{ path: "input.item" }] },
    });
  });
});

describe.each(MODES)("a run up to a node, in %s mode", (mode) => {
  const nodes = () => [
    start(text("n")),
    ask("a", ["start.n"]),
    ask("b", ["a.body"]),
    ask("c", ["b.body"]),
    ask("aside", ["start.n"]),
    end({ out: "c.body" }),
  ];
  const whole = () => world.target(canvas(nodes(), "start>a>b>c>end start>aside>end"));

  it("ends with the node's output and runs nothing that the node does not need", async () => {
    const view = await runIn(mode, whole(), { part: { untilNodeId: "b" } });
    expect(view).toMatchObject({
      status: "succeeded",
      output: { body: "b(a(1))" },
      untilNodeId: "b",
      isDebug: true,
      progress: { total: 3, completed: 3 },
    });
    expect(stepsOf(view.id)).toEqual(["a", "b"]);
    expect((await world.trace(view.id)).map(({ path }) => path)).toEqual(["start", "a", "b"]);
  });

  it("may be retried from a node and replayed as it was", async () => {
    const past = await runIn(mode, whole(), { part: { untilNodeId: "b" } });
    const trigger = { type: "manual" as const };
    const retried = await Debug.retryFrom(world.ctx, world.deps, past.id, { fromNode: "b", trigger });
    const target = { ...whole(), workflowId: past.workflowId };
    const replayed = await Debug.replay(world.ctx, world.deps, past.id, { target, trigger, mode: "async" });
    await world.drain();
    expect(stepsOf(retried.id)).toEqual(["b"]);
    expect(stepsOf(replayed.id)).toEqual(["a", "b"]);
    for (const { id } of [retried, replayed]) {
      expect(await world.get(id)).toMatchObject({ output: { body: "b(a(1))" }, untilNodeId: "b", isDebug: true });
    }
  });

  it("ends empty where no way leads to the node", async () => {
    const pick = node(
      "pick",
      "selector",
      {
        branches: [{ logic: "and", conditions: [{ left: "n", operator: "equal", right: "other" }] }],
      },
      [ref("n", "start.n"), { name: "other", value: "2" }],
    );
    const target = world.target(
      canvas(
        [start(text("n")), pick, ask("yes", ["start.n"]), ask("no", ["start.n"]), end({})],
        "start>pick:true>yes>end pick:false>no>end",
      ),
    );
    const view = await runIn(mode, target, { part: { untilNodeId: "yes" } });
    expect(view).toMatchObject({ status: "succeeded", output: {} });
    expect(stepsOf(view.id)).toEqual([]);
  });
});

describe("the node that a run ends with", () => {
  it("has to be one of the root", () => {
    const target = looped();
    expect(() => Debug.checkUntil(target, "z")).not.toThrow();
    for (const id of ["one", "nobody"]) expect(() => Debug.checkUntil(target, id)).toThrow(/^until:/);
  });
});

describe.each(MODES)("pinned outputs, in %s mode", (mode) => {
  it("stand for nodes that are not run, at the root and in turns", async () => {
    const pins = { a: pin({ body: "pinned" }), one: pin({ body: "same" }) };
    const view = await runIn(mode, looped(), { input: { n: "1", list: ["p", "q"] }, pins });
    expect(view).toMatchObject({ status: "succeeded", output: { out: 'z(["<same>","<same>"])' }, isDebug: true });
    expect(stepsOf(view.id)).toEqual(["z"]);
    const marks = new Map((await world.trace(view.id)).map((one) => [one.path, [one.pinned, one.attempts]]));
    expect([marks.get("a"), marks.get("z")]).toEqual([
      [true, 0],
      [false, 1],
    ]);
    if (mode === "async") expect(marks.get("turns.0/one")).toEqual([true, 0]);
  });

  it("say which port a node leaves by", async () => {
    const pick = node(
      "pick",
      "selector",
      {
        branches: [{ logic: "and", conditions: [{ left: "n", operator: "equal", right: "other" }] }],
      },
      [ref("n", "start.n"), { name: "other", value: "1" }],
    );
    const target = world.target(
      canvas(
        [start(text("n")), pick, ask("yes", ["start.n"]), ask("no", ["start.n"]), end({})],
        "start>pick:true>yes>end pick:false>no>end",
      ),
    );
    expect(stepsOf((await runIn(mode, target)).id)).toEqual(["yes"]);
    const view = await runIn(mode, target, { pins: { pick: pin({}, "false") } });
    expect(stepsOf(view.id)).toEqual(["no"]);
  });

  it("are unknown to the workflows that are called", async () => {
    const called = world.target(
      canvas([start(text("n")), ask("same", ["start.n"]), end({ out: "same.body" })], "start>same>end"),
    );
    const sub = node("sub", "sub_workflow", { workflowId: called.workflowId }, [ref("n", "same.body")], {
      outputs: [text("out")],
    });
    const target = world.target(
      canvas([start(text("n")), ask("same", ["start.n"]), sub, end({ out: "sub.out" })], "start>same>sub>end"),
    );
    const view = await runIn(mode, target, { pins: { same: pin({ body: "pinned" }) } });
    expect(view).toMatchObject({ status: "succeeded", output: { out: "same(pinned)" } });
  });

  it("stay with the run when it waits and when it is retried", async () => {
    const who = node("who", "question", { question: "?" });
    const nodes = [
      start(text("n")),
      ask("p", ["start.n"]),
      who,
      ask("q", ["p.body", "who.USER_RESPONSE"]),
      end({ out: "q.body" }),
    ];
    const view = await runIn(mode, world.target(canvas(nodes, "start>p>who>q>end")), {
      pins: { p: pin({ body: "P" }) },
    });
    await Execution.resume(world.ctx, world.deps, view.id, { eventId: view.waitingFor[0]!.id, data: "me" });
    await world.drain();
    expect(await world.get(view.id)).toMatchObject({ output: { out: "q(P,me)" } });
    const again = await Debug.retryFrom(world.ctx, world.deps, view.id, {
      fromNode: "start",
      trigger: { type: "manual" },
    });
    await world.drain();
    expect(await world.get(again.id)).toMatchObject({ status: "waiting", isDebug: true });
    expect(stepsOf(again.id)).toEqual([]);
  });
});

describe("replay of a past run", () => {
  const target = () =>
    world.target(canvas([start(text("n")), ask("r", ["start.n"]), end({ out: "r.body" })], "start>r>end"));
  const again = async (past: ExecutionView, which: Execution.RunTarget, more: object = {}) => {
    const given = { target: which, trigger: { type: "manual" as const }, mode: "sync" as const, ...more };
    return Debug.replay(world.ctx, world.deps, past.id, given);
  };

  it("takes its input and variables, or others, and says what it replays", async () => {
    const which = target();
    const past = await runIn("sync", which, { input: { n: "5" }, variables: { v: 1 } });
    const same = await again(past, which);
    expect(same).toMatchObject({ input: { n: "5" }, variables: { v: 1 }, output: { out: "r(5)" }, isDebug: false });
    expect(same.replayOf).toEqual({ executionId: past.id, fromNode: null });
    expect(await again(past, which, { input: { n: "6" }, variables: {} })).toMatchObject({ output: { out: "r(6)" } });
    expect(await world.get(past.id)).toEqual(past);
  });

  it("of a node alone is a run of the node alone", async () => {
    const which = target();
    const { view } = await alone(which, "r", { mode: "sync", input: { v0: "x" } });
    expect(await again(view, which)).toMatchObject({
      output: { body: "r(x)" },
      nodeId: "r",
      trigger: { type: "debug" },
    });
    expect(await again(view, which, { input: { v0: "y" } })).toMatchObject({ output: { body: "r(y)" } });
  });
});
