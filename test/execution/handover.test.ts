import * as Execution from "@weft/core/execution/execution.service";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fixture, hasFixtures } from "../engine/support.ts";
import { call, canvas, edges, end, node, ref, start, text } from "../support/canvas.ts";
import { type EngineWorld, startEngineWorld } from "../support/engine-world.ts";

let world: EngineWorld;

beforeAll(async () => {
  world = await startEngineWorld();
});
afterAll(() => world.close());

const HOUR = 3_600_000;

function ask(id: string, refs: string[]) {
  return call(world.outside.url, id, refs);
}

function withPause(id: string, pause: ReturnType<typeof node>, from: string) {
  const nodes = [
    start(text("n")),
    ask(`${id}-a`, ["start.n"]),
    pause,
    ask(`${id}-z`, [`${id}-a.body`, from]),
    end({ out: `${id}-z.body` }),
  ];
  return world.target(canvas(nodes, `start>${id}-a>${pause.id}>${id}-z>end`));
}

async function answer(executionId: string, data: unknown, at = 0): Promise<void> {
  const { waitingFor } = await world.get(executionId);
  const event = waitingFor[at];
  if (!event) throw new Error("nothing is asked");
  await Execution.resume(world.ctx, world.deps, executionId, { eventId: event.id, data });
  await world.drain();
}

const callsOf = (id: string, executionId: string) =>
  world.outside.of(id).filter(({ key }) => key.startsWith(`${executionId}:`)).length;

describe.each(["sync", "stream", "async"] as const)("a run in %s mode", (mode) => {
  it("that meets a wait goes on when its time has come", async () => {
    const id = `wait-${mode}`;
    const target = withPause(id, node("pause", "wait", { mode: "duration", ms: HOUR }), "start.n");
    const begun = await world.run(target, { mode, input: { n: "1" } });
    await world.drain();
    expect(callsOf(`${id}-z`, begun.id)).toBe(0);
    world.clock.advance(HOUR);
    await world.drain();
    const view = await world.get(begun.id);
    expect(view).toMatchObject({ status: "succeeded", mode: "async", output: { out: `${id}-z(${id}-a(1),1)` } });
    expect(callsOf(`${id}-a`, begun.id)).toBe(1);
  });

  it("that asks a question goes on with the answer, and keeps what was done", async () => {
    const id = `ask-${mode}`;
    const target = withPause(
      id,
      node("who", "question", { question: "Who, {{n}}?" }, [ref("n", "start.n")]),
      "who.USER_RESPONSE",
    );
    const begun = await world.run(target, { mode, input: { n: "1" } });
    await world.drain();
    const waiting = await world.get(begun.id);
    expect(waiting).toMatchObject({ status: "waiting", mode: "async" });
    expect(waiting.waitingFor).toMatchObject([{ type: "question", nodeId: "who", data: { question: "Who, 1?" } }]);
    await answer(begun.id, "me");
    expect(await world.get(begun.id)).toMatchObject({ status: "succeeded", output: { out: `${id}-z(${id}-a(1),me)` } });
    expect(callsOf(`${id}-a`, begun.id)).toBe(1);
    const paths = (await world.trace(begun.id)).map(({ path, status }) => [path, status]);
    expect(paths).toEqual([
      ["start", "succeeded"],
      [`${id}-a`, "succeeded"],
      ["who", "succeeded"],
      [`${id}-z`, "succeeded"],
      ["end", "succeeded"],
    ]);
  });

  it("that asks for a form goes on with its fields", async () => {
    const id = `form-${mode}`;
    const form = node("form", "input", {}, [], { outputs: [{ name: "age", type: "integer" }] });
    const begun = await world.run(withPause(id, form, "form.age"), { mode, input: { n: "1" } });
    await world.drain();
    await answer(begun.id, { age: "41" });
    expect(await world.get(begun.id)).toMatchObject({ status: "succeeded", output: { out: `${id}-z(${id}-a(1),41)` } });
  });
});

describe("a sync run", () => {
  it("that uses up its time is handed over and ends, each effect once", async () => {
    const items = Array.from({ length: 8 }, (_v, index) => `i${index}`);
    const body = { nodes: [ask("late", ["turns.item"])], edges: edges("late>turns") };
    const nodes = [
      start(text("n")),
      node("list", "text", { method: "split", delimiters: ["|"] }, [{ name: "t", value: items.join("|") }]),
      node(
        "turns",
        "loop",
        { items: ["item"], collect: [{ name: "all", ref: "late.body" }] },
        [ref("item", "list.output")],
        { body },
      ),
      ask("last", ["start.n"]),
      end({ all: "turns.all" }),
    ];
    const target = world.target(canvas(nodes, "start>list>turns>last>end"));
    const begun = world.clock.now();
    // Each call takes a minute of the fake clock, so that the fifth does not fit any more.
    world.outside.answer("late", ({ body: sent }) => {
      if (world.clock.now() - begun < 10 * 60_000) world.clock.advance(60_000);
      return { status: 200, text: `late(${sent})` };
    });
    const view = await world.run(target, { mode: "sync", input: { n: "1" }, timeoutSeconds: 86_400 });
    expect(view.status).not.toBe("succeeded");
    expect(world.outside.of("late").length).toBeLessThan(items.length);
    await world.drain();
    const ended = await world.get(view.id);
    expect(ended).toMatchObject({
      status: "succeeded",
      mode: "async",
      output: { all: items.map((item) => `late(${item})`) },
    });
    const keys = world.outside.of("late").map(({ key }) => key);
    expect(keys).toEqual(items.map((_item, index) => `${view.id}:turns.${index}/late`));
  });
});

describe("answers", () => {
  const two = (id: string) =>
    world.target(
      canvas(
        [
          start(text("n")),
          node("q1", "question", { question: "one?" }),
          node("q2", "question", { question: "two?" }),
          ask(`${id}-z`, ["q1.USER_RESPONSE", "q2.USER_RESPONSE"]),
          end({ out: `${id}-z.body` }),
        ],
        `start>q1>${id}-z>end start>q2>${id}-z`,
      ),
    );

  it.each([
    ["first", 0],
    ["second", 1],
  ])("to two questions side by side may come in any order: the %s first", async (name, at) => {
    const id = `two-${name}`;
    const view = await world.runAsync(two(id), { n: "1" });
    expect(view.waitingFor.map(({ nodeId }) => nodeId).sort()).toEqual(["q1", "q2"]);
    const answers = new Map(view.waitingFor.map((event) => [event.id, event.nodeId === "q1" ? "x" : "y"]));
    const ordered = at === 0 ? [...answers] : [...answers].reverse();
    for (const [eventId, data] of ordered) {
      await Execution.resume(world.ctx, world.deps, view.id, { eventId, data });
      await world.drain();
    }
    expect(await world.get(view.id)).toMatchObject({ status: "succeeded", output: { out: `${id}-z(x,y)` } });
    expect(callsOf(`${id}-z`, view.id)).toBe(1);
  });

  it("that come before the lane registered its token are not lost", async () => {
    world.machine.holdsTokens = true;
    const view = await world.runAsync(two("early"), { n: "1" });
    for (const event of view.waitingFor) {
      await Execution.resume(world.ctx, world.deps, view.id, { eventId: event.id, data: event.nodeId });
    }
    world.machine.holdsTokens = false;
    for (const lane of world.machine.lanes.values()) {
      if (lane.state === "signal" && lane.input.executionId === view.id) await world.machine.register(world.deps, lane);
    }
    await world.drain();
    expect(await world.get(view.id)).toMatchObject({ status: "succeeded", output: { out: "early-z(q1,q2)" } });
  });

  it("given twice: one counts, the other is a conflict", async () => {
    const view = await world.runAsync(two("twice"), { n: "1" });
    const [event, other] = view.waitingFor;
    const given = await Promise.allSettled(
      ["left", "right"].map((data) => Execution.resume(world.ctx, world.deps, view.id, { eventId: event!.id, data })),
    );
    expect(given.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    const refused = given.find((result) => result.status === "rejected") as PromiseRejectedResult;
    expect(refused.reason).toMatchObject({ code: "conflict" });
    await expect(
      Execution.resume(world.ctx, world.deps, view.id, { eventId: event!.id, data: "third" }),
    ).rejects.toMatchObject({ code: "conflict" });
    await Execution.resume(world.ctx, world.deps, view.id, { eventId: other!.id, data: "o" });
    await world.drain();
    const winner = given[0]?.status === "fulfilled" ? "left" : "right";
    const { output } = await world.get(view.id);
    expect(JSON.stringify(output)).toContain(winner);
  });

  it.each(["repeated", "swept"])("whose process died before it woke the lane are not lost: %s", async (how) => {
    const view = await world.runAsync(two(`unwoken-${how}`), { n: "1" });
    const dying = world.with({
      machine: {
        start: (name, input) => world.machine.start(name, input),
        stop: (name) => world.machine.stop(name),
        isRunning: (name) => world.machine.isRunning(name),
        wake: () => Promise.reject(new Error("died")),
      },
    });
    for (const event of view.waitingFor) {
      const given = { eventId: event.id, data: event.nodeId };
      await expect(Execution.resume(world.ctx, dying, view.id, given)).rejects.toThrow("died");
      if (how === "repeated") {
        await expect(Execution.resume(world.ctx, world.deps, view.id, given)).rejects.toMatchObject({
          code: "conflict",
        });
      }
    }
    if (how === "swept") {
      world.clock.advance(16 * 60_000);
      await world.sweep();
    }
    await world.drain();
    expect(await world.get(view.id)).toMatchObject({ status: "succeeded", output: { out: `unwoken-${how}-z(q1,q2)` } });
  });

  it("to what was never asked are not_found, to what is over a conflict", async () => {
    const view = await world.runAsync(two("odd"), { n: "1" });
    const unknown = { eventId: "evt_00000000000000000000000000", data: 1 };
    await expect(Execution.resume(world.ctx, world.deps, view.id, unknown)).rejects.toMatchObject({
      code: "not_found",
    });
    await Execution.cancel(world.ctx, world.deps, view.id);
    const late = Execution.resume(world.ctx, world.deps, view.id, { eventId: view.waitingFor[0]!.id, data: 1 });
    await expect(late).rejects.toMatchObject({ code: "conflict" });
  });

  it("that do not come in time take the timeout's way", async () => {
    const who = node("who", "question", { question: "?", timeoutMs: HOUR }, [], { onError: { strategy: "branch" } });
    const nodes = [
      start(text("n")),
      who,
      ask("in-time", ["who.USER_RESPONSE"]),
      ask("too-late", ["who.errorBody.errorCode"]),
      end({ a: "in-time.body", b: "too-late.body" }),
    ];
    const target = world.target(canvas(nodes, "start>who>in-time>end who:branch_error>too-late>end"));
    const view = await world.runAsync(target, { n: "1" });
    world.clock.advance(HOUR - 1);
    await world.drain();
    expect((await world.get(view.id)).status).toBe("waiting");
    world.clock.advance(1001);
    await world.drain();
    expect(await world.get(view.id)).toMatchObject({ status: "succeeded", output: { a: "", b: "too-late(timeout)" } });
    expect((await world.get(view.id)).waitingFor).toEqual([]);
  });

  it.each(["batch", "loop"])("to questions inside a %s go to the turn that asked", async (type) => {
    const body = {
      nodes: [
        node("who", "question", { question: "{{i}}?" }, [ref("i", "all.item")]),
        ask(`${type}-in`, ["all.item", "who.USER_RESPONSE"]),
      ],
      edges: edges(`all>who>${type}-in>all`),
    };
    const nodes = [
      start(text("n")),
      node("list", "text", { method: "split", delimiters: ["|"] }, [{ name: "t", value: "p|q|r" }]),
      node(
        "all",
        type,
        { items: ["item"], collect: [{ name: "out", ref: `${type}-in.body` }] },
        [ref("item", "list.output")],
        { body },
      ),
      end({ out: "all.out" }),
    ];
    const view = await world.runAsync(world.target(canvas(nodes, "start>list>all>end")), { n: "1" });
    for (let round = 0; round < 3; round += 1) {
      const { waitingFor } = await world.get(view.id);
      const last = waitingFor.at(-1);
      if (!last) throw new Error("nothing is asked");
      const { question } = last.data as { question: string };
      await Execution.resume(world.ctx, world.deps, view.id, { eventId: last.id, data: `re ${question}` });
      await world.drain();
    }
    const out = ["p", "q", "r"].map((item) => `${type}-in(${item},re ${item}?)`);
    expect(await world.get(view.id)).toMatchObject({ status: "succeeded", output: { out } });
    expect(callsOf(`${type}-in`, view.id)).toBe(3);
  });
});

describe.runIf(hasFixtures())("Coze's canvases that ask", () => {
  it("batch_with_inner_interrupt asks in every turn and ends", async () => {
    const target = world.target(fixture("coze-canvases/batch/batch_with_inner_interrupt.json"));
    const view = await world.runAsync(target, { input_array: ["a", "b"], batch_concurrency: 2 });
    for (let round = 0; round < 20; round += 1) {
      const { status, waitingFor } = await world.get(view.id);
      if (status !== "waiting" || waitingFor.length === 0) break;
      const event = waitingFor[0]!;
      const data = event.type === "input" ? { input: `in ${round}` } : `answer ${round}`;
      await Execution.resume(world.ctx, world.deps, view.id, { eventId: event.id, data });
      await world.drain();
    }
    expect(await world.get(view.id)).toMatchObject({ status: "succeeded" });
  });

  it("input_receiver takes the form and ends", async () => {
    const target = world.target(fixture("coze-canvases/input_receiver.json"));
    const view = await world.runAsync(target, { input: "user input" });
    expect(view.waitingFor).toMatchObject([{ type: "input" }]);
    await answer(view.id, { input: "user input", obj: { field1: ["1", "2"] } });
    expect(await world.get(view.id)).toMatchObject({ status: "succeeded" });
  });
});
