import * as Execution from "@weft/core/execution/execution.service";
import { getExecution } from "@weft/core/execution/store";
import { derivedId } from "@weft/kernel/ids";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { call, canvas, end, node, start, text } from "../support/canvas.ts";
import { type EngineWorld, startEngineWorld } from "../support/engine-world.ts";
import { storePoints } from "../support/store-points.ts";

const LONG = 300_000;

let world: EngineWorld;
let points: ReturnType<typeof storePoints>;
let isBroken = true;

beforeAll(async () => {
  world = await startEngineWorld();
  points = storePoints();
  world.outside.answer("broken", ({ body }) =>
    isBroken ? { status: 400, text: "broken" } : { status: 200, text: `mended(${body})` },
  );
});
afterAll(async () => {
  points.remove();
  await world.close();
});

/** A workflow that notes the error that it is told of. */
function handler(settings: object = {}, step = "told") {
  const trigger = { id: "start", type: "error_trigger", data: {} };
  const told = call(world.outside.url, "told", ["start.execution.error.message"], { step });
  return world.target(canvas([trigger, told, end({ message: "told.body" })], "start>told>end"), settings);
}

function failing(errorWorkflowId: string, settings: object = {}) {
  const broken = call(world.outside.url, "ask", ["start.n"], { step: "broken" });
  broken.data.label = "Ask them";
  const plain = { errorWorkflowId, ...settings };
  const target = world.target(canvas([start(text("n")), broken, end({ out: "ask.body" })], "start>ask>end"), plain);
  target.name = "Fails";
  return target;
}

const callsAbout = async (executionId: string) => {
  const { items } = await Execution.list(world.ctx, { limit: 100, kind: "run" });
  return items.filter(({ trigger }) => trigger.type === "error" && trigger.id === executionId);
};

describe.each(["sync", "stream", "async"] as const)("a run that fails in %s mode", (mode) => {
  it("starts its error workflow once, with what is known of it", async () => {
    isBroken = true;
    const { workflowId } = handler();
    const target = failing(workflowId);
    const { id } = await world.run(target, { mode, input: { n: "7" } });
    await world.drain();
    expect((await world.get(id)).status).toBe("failed");
    const [called, ...more] = await callsAbout(id);
    expect(more).toEqual([]);
    expect(called).toMatchObject({ workflowId, mode: "async", status: "succeeded" });
    const view = await world.get(called?.id as string);
    expect(view.output).toEqual({ message: "told(HTTP 400: broken)" });
    expect(view.input).toMatchObject({
      execution: {
        id,
        url: `/api/spaces/${world.ctx.spaceId}/executions/${id}`,
        status: "failed",
        mode,
        trigger: { type: "manual" },
        attempt: 1,
        error: { code: "http_error", message: "HTTP 400: broken", nodeId: "ask", nodeTitle: "Ask them", path: "ask" },
        lastNodeExecuted: "Ask them",
        input: { n: "7" },
      },
      workflow: { id: target.workflowId, name: "Fails", version: "v1.0.0" },
    });
  });
});

describe("the error workflow", () => {
  it("is started again when a retry fails again, and not when it succeeds", async () => {
    isBroken = true;
    const { id } = await world.runAsync(failing(handler().workflowId), { n: "1" });
    await Execution.retry(world.ctx, world.deps, id);
    await world.drain();
    const attempts = async () => {
      const views = await Promise.all((await callsAbout(id)).map((called) => world.get(called.id)));
      return views.map(({ input }) => (input as { execution: { attempt: number } }).execution.attempt).toSorted();
    };
    expect(await attempts()).toEqual([1, 2]);
    isBroken = false;
    await Execution.retry(world.ctx, world.deps, id);
    await world.drain();
    expect((await world.get(id)).status).toBe("succeeded");
    expect(await attempts()).toEqual([1, 2]);
  });

  it("is told of a run that timed out, in its node or in the line, and not of one that was cancelled", async () => {
    const { workflowId } = handler();
    const pause = node("pause", "wait", { mode: "duration", ms: 3_600_000 });
    const target = world.target(canvas([start(), pause, end({})], "start>pause>end"), {
      errorWorkflowId: workflowId,
      timeoutSeconds: 60,
      concurrency: { max: 1, onLimit: "queue", queueTtlSeconds: 30, maxQueued: 9 },
    });
    const { id } = await world.run(target);
    const late = await world.run(target);
    const other = await world.run(target);
    await Execution.cancel(world.ctx, world.deps, other.id);
    await world.drain();
    world.clock.advance(61_000);
    await world.sweep();
    await world.drain();
    const codes = [];
    for (const { id: one } of [{ id }, late]) {
      const [called] = await callsAbout(one);
      const { input } = await world.get(called?.id as string);
      codes.push((input as { execution: { error: { code: string } } }).execution.error.code);
    }
    expect(codes).toEqual(["timeout", "queue_expired"]);
    expect(await callsAbout(other.id)).toEqual([]);
  });

  it("is started for a failure whose process died, also where a retry comes before the sweeper", async () => {
    isBroken = true;
    const { id } = await world.run(failing(handler().workflowId), { input: { n: "1" } });
    const dying = world.with({
      target: async () => {
        throw new Error("died");
      },
    });
    await expect(world.machine.drain(dying)).rejects.toThrow("died");
    expect(await callsAbout(id)).toEqual([]);
    isBroken = false;
    await Execution.retry(world.ctx, world.deps, id);
    await world.drain();
    expect([(await world.get(id)).status, (await callsAbout(id)).length]).toEqual(["succeeded", 1]);
  });

  it("that fails itself starts nothing", async () => {
    isBroken = true;
    const second = handler();
    const first = handler({ errorWorkflowId: second.workflowId }, "broken");
    const { id } = await world.runAsync(failing(first.workflowId), { n: "1" });
    const [called] = await callsAbout(id);
    expect(called).toMatchObject({ workflowId: first.workflowId, status: "failed" });
    expect(await callsAbout(called?.id as string)).toEqual([]);
  });

  it("is not started for a workflow that another one calls and waits for", async () => {
    isBroken = true;
    const called = failing(handler().workflowId);
    const sub = node("sub", "sub_workflow", { workflowId: called.workflowId }, [{ name: "n", value: "1" }]);
    const caller = world.target(canvas([start(), sub, end({ out: "sub.out" })], "start>sub>end"));
    await world.runAsync(caller);
    const { items } = await Execution.list(world.ctx, { limit: 100, kind: "run", workflowId: called.workflowId });
    expect(items.map(({ status }) => status)).toEqual(["failed"]);
    expect(await callsAbout(items[0]?.id as string)).toEqual([]);
  });

  it("that is not there is left, and the run ends as it would", async () => {
    isBroken = true;
    const logged: string[] = [];
    const deps = world.with({ log: (message) => void logged.push(message) });
    const { id } = await world.run(failing("wfl_01gone00000000000000000000"), { input: { n: "1" } });
    await world.machine.drain(deps);
    expect((await world.get(id)).status).toBe("failed");
    expect(logged).toEqual(["an error workflow was not started"]);
    logged.length = 0;
    world.clock.advance(120_000);
    await world.sweep();
    expect(await callsAbout(id)).toEqual([]);
  });

  it("that cannot be looked up now is started by the sweeper, and the answer does not fail for it", async () => {
    isBroken = true;
    const target = failing(handler().workflowId);
    const { id } = await Execution.run(
      world.ctx,
      world.with({
        target: async () => {
          throw new Error("the table is away");
        },
      }),
      target,
      { mode: "sync", input: { n: "1" }, trigger: { type: "api" } },
    );
    expect((await world.get(id)).status).toBe("failed");
    expect(await callsAbout(id)).toEqual([]);
    world.clock.advance(61_000);
    await world.sweep();
    await world.drain();
    expect(await callsAbout(id)).toHaveLength(1);
  });

  it.each(["before", "after"] as const)(
    "is started once wherever the process dies that ends the run (%s a request)",
    { timeout: LONG },
    async (when) => {
      isBroken = true;
      const errors = handler();
      const target = failing(errors.workflowId);
      for (let at = 1, isDead = true; isDead; at += 1) {
        const { id } = await world.run(target, { input: { n: "1" } });
        const [lane] = world.machine.ready();
        if (!lane) throw new Error("it has no lane");
        isDead = await points.dies(() => world.machine.step(world.deps, lane), at, when);
        await world.drain();
        for (let round = 0; round < 3; round += 1) {
          world.clock.advance(61_000);
          await world.sweep();
        }
        await world.drain();
        const row = await getExecution({ spaceId: world.ctx.spaceId as string, executionId: id });
        expect(row.status, `request ${at}`).toBe("failed");
        const called = await callsAbout(id);
        expect(called.map(({ id: one, status }) => [one, status])).toEqual([
          [derivedId(id, `error:${row.epoch}`), "succeeded"],
        ]);
      }
    },
  );
});

describe("whoever is told of ends", () => {
  it("hears of each of them, with how", async () => {
    isBroken = true;
    const heard: [string, string][] = [];
    const deps = world.with({ ended: async (row, status) => void heard.push([row.executionId, status]) });
    const target = failing(handler().workflowId, { errorWorkflowId: undefined });
    const request = { mode: "sync" as const, input: { n: "1" }, trigger: { type: "api" as const } };
    const failed = await Execution.run(world.ctx, deps, target, request);
    isBroken = false;
    const succeeded = await Execution.run(world.ctx, deps, target, request);
    expect(heard).toEqual([
      [failed.id, "failed"],
      [succeeded.id, "succeeded"],
    ]);
  });

  it("hears again of a draft's success whose process died before", async () => {
    isBroken = false;
    const target = { ...failing(handler().workflowId), version: null, commitId: "cmt_01draft0000000000000000000" };
    const heard: string[] = [];
    const dying = world.with({
      ended: async () => {
        throw new Error("died");
      },
    });
    const request = { mode: "sync" as const, input: { n: "1" }, trigger: { type: "api" as const } };
    await expect(Execution.run(world.ctx, dying, target, request)).rejects.toThrow("died");
    world.clock.advance(61_000);
    const { ended } = world.deps;
    world.deps.ended = async (row, status) => void heard.push(`${row.commitId} ${status}`);
    await world.sweep();
    if (ended) world.deps.ended = ended;
    else delete world.deps.ended;
    expect(heard).toEqual(["cmt_01draft0000000000000000000 succeeded"]);
  });
});

describe("a long pause between tries", () => {
  it.each(["sync", "async"] as const)("outlives the process of a %s run", async (mode) => {
    isBroken = true;
    const onError = {
      retryOn: [{ codes: ["400"], retries: 2 }],
      delayMs: 600_000,
      jitter: false,
      timeoutMs: 7_200_000,
    };
    const flaky = call(world.outside.url, "flaky", ["start.n"], { step: "broken", onError });
    const target = world.target(canvas([start(text("n")), flaky, end({ out: "flaky.body" })], "start>flaky>end"), {
      timeoutSeconds: 86_400,
    });
    const { id } = await world.run(target, { mode, input: { n: "1" } });
    const tries = () => world.outside.of("broken").filter(({ key }) => key.startsWith(id)).length;
    await world.drain();
    expect([tries(), (await world.get(id)).status]).toEqual([1, "running"]);
    expect((await world.trace(id)).find(({ nodeId }) => nodeId === "flaky")).toMatchObject({ status: "waiting" });
    world.clock.advance(600_000);
    await world.drain();
    expect(tries()).toBe(2);
    isBroken = false;
    world.clock.advance(1_200_000);
    await world.drain();
    expect(await world.get(id)).toMatchObject({ status: "succeeded", output: { out: "mended(1)" } });
    expect((await world.trace(id)).find(({ nodeId }) => nodeId === "flaky")).toMatchObject({ attempts: 3 });
  });
});
