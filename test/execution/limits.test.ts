import * as Execution from "@weft/core/execution/execution.service";
import { gateOf } from "@weft/core/execution/lease";
import { RunLeaseEntity, RunWaitingEntity } from "@weft/core/execution/limit.entity";
import { RunPolicy } from "@weft/core/workflow/run-policy.schema";
import { newId } from "@weft/kernel/ids";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { call, canvas, end, start, text } from "../support/canvas.ts";
import { type EngineWorld, startEngineWorld } from "../support/engine-world.ts";

let world: EngineWorld;

beforeAll(async () => {
  world = await startEngineWorld();
});
afterAll(() => world.close());

const MINUTE = 60_000;
const DAY = 86_400_000;

function limited(policy: object, settings: object = {}) {
  const nodes = [
    start(text("n"), text("who")),
    call(world.outside.url, "limited", ["start.n"]),
    end({ out: "limited.body" }),
  ];
  return world.target(canvas(nodes, "start>limited>end"), { ...RunPolicy.parse(policy), ...settings });
}

type Request = Partial<Execution.RunRequest>;
const begin = (target: Execution.RunTarget, n: string, request: Request = {}) =>
  world.run(target, { ...request, input: { n, ...request.input } });
const statusOf = async (id: string) => (await world.get(id)).status;
const codeOf = async (work: Promise<unknown>) =>
  work.then(
    () => "ok",
    ({ code }: { code: string }) => code,
  );

/** Rows of the gate that all runs of a workflow share, or those with one value of its key. */
async function rows(target: Execution.RunTarget, ...value: unknown[]) {
  const gate = gateOf(world.ctx.spaceId as string, target.workflowId, ...value);
  const [leases, waiting] = await Promise.all([
    RunLeaseEntity.query.primary(gate).go({ consistent: true }),
    RunWaitingEntity.query.primary(gate).go({ consistent: true }),
  ]);
  return { leases: leases.data.length, waiting: waiting.data.length };
}

/** Bodies that this target's runs sent, in their order. */
const order = (...ids: string[]) =>
  world.outside
    .of("limited")
    .filter(({ key }) => ids.some((id) => key.startsWith(id)))
    .map(({ body }) => body);

describe("a workflow that allows one run at a time", () => {
  it("has the others wait, starts them in the order of their arrival, and leaves nothing behind", async () => {
    const target = limited({ concurrency: { max: 1 } });
    const runs = [];
    for (const n of ["1", "2", "3"]) {
      runs.push(await begin(target, n));
      world.clock.advance(5);
    }
    const ids = runs.map(({ id }) => id);
    expect(runs.map(({ status, queuedUntil }) => [status, queuedUntil !== null])).toEqual([
      ["queued", false],
      ["queued", true],
      ["queued", true],
    ]);
    expect(world.machine.ready()).toHaveLength(1);
    expect(await rows(target)).toEqual({ leases: 1, waiting: 2 });
    await world.drain();
    expect(await Promise.all(ids.map(statusOf))).toEqual(["succeeded", "succeeded", "succeeded"]);
    expect(order(...ids)).toEqual(["1", "2", "3"]);
    expect(await rows(target)).toEqual({ leases: 0, waiting: 0 });
  });

  it("lets those of a higher priority pass", async () => {
    const target = limited({ concurrency: { max: 1 }, priority: "low" });
    const ids: string[] = [];
    const priorities = [undefined, undefined, "normal", 50, "high", 50] as const;
    for (const [at, priority] of priorities.entries()) {
      ids.push((await begin(target, String(at), priority === undefined ? {} : { priority })).id);
      world.clock.advance(5);
    }
    expect((await world.get(ids[1] as string)).priority).toBe(-10);
    await world.drain();
    expect(order(...ids)).toEqual(["0", "3", "5", "4", "2", "1"]);
  });

  it.each(["sync", "stream"] as const)("hands a waiting %s run over, and runs the first one there", async (mode) => {
    const target = limited({ concurrency: { max: 1 } });
    const held = world.outside.hold("limited");
    const first = begin(target, "a", { mode });
    await held.arrived;
    const second = await begin(target, "b", { mode });
    expect(second).toMatchObject({ status: "queued", mode: "async", output: null });
    held.open();
    expect(await first).toMatchObject({ status: "succeeded", mode });
    await world.drain();
    expect(await world.get(second.id)).toMatchObject({ status: "succeeded", output: { out: "limited(b)" } });
    expect(await rows(target)).toEqual({ leases: 0, waiting: 0 });
  });

  it("gives a run its whole time from when it is let in", async () => {
    const target = limited({ concurrency: { max: 1, queueTtlSeconds: 3_600 } }, { timeoutSeconds: 600 });
    await begin(target, "1");
    const { id } = await begin(target, "2");
    world.clock.advance(5 * MINUTE);
    await world.drain();
    const { deadlineAt, startedAt } = await world.get(id);
    expect(Date.parse(deadlineAt) - Date.parse(startedAt as string)).toBe(600_000);
  });

  it("ends a run that waited for too long", async () => {
    const target = limited({ concurrency: { max: 1, queueTtlSeconds: 120 } });
    await begin(target, "1");
    const { id } = await begin(target, "2");
    world.clock.advance(2 * MINUTE);
    await world.sweep();
    expect(await world.get(id)).toMatchObject({
      status: "timed_out",
      error: { code: "queue_expired" },
      startedAt: null,
    });
    await world.drain();
    expect(order(id)).toEqual([]);
    expect(await rows(target)).toEqual({ leases: 0, waiting: 0 });
  });

  it("passes over a waiting run that was cancelled", async () => {
    const target = limited({ concurrency: { max: 1 } });
    const ids = [];
    for (const n of ["1", "2", "3"]) ids.push((await begin(target, n)).id);
    await Execution.cancel(world.ctx, world.deps, ids[1] as string);
    expect(await rows(target)).toEqual({ leases: 1, waiting: 1 });
    await world.drain();
    expect(await Promise.all(ids.map(statusOf))).toEqual(["succeeded", "cancelled", "succeeded"]);
  });

  it("gives its place on when the run is cancelled, fails or times out", async () => {
    const target = limited({ concurrency: { max: 1 } }, { timeoutSeconds: 60 });
    const ids = [];
    for (const n of ["1", "2", "3"]) ids.push((await begin(target, n)).id);
    await Execution.cancel(world.ctx, world.deps, ids[0] as string);
    world.clock.advance(MINUTE);
    await world.sweep();
    await world.drain();
    expect(await Promise.all(ids.map(statusOf))).toEqual(["cancelled", "timed_out", "succeeded"]);
    expect(await rows(target)).toEqual({ leases: 0, waiting: 0 });
  });

  it("has a retried run wait for its place as well", async () => {
    const target = limited({ concurrency: { max: 1 } });
    const first = await begin(target, "1");
    await Execution.cancel(world.ctx, world.deps, first.id);
    const second = await begin(target, "2");
    const retried = await Execution.retry(world.ctx, world.deps, first.id);
    expect(retried).toMatchObject({ status: "queued" });
    expect(retried.queuedUntil).not.toBeNull();
    await world.drain();
    expect(order(first.id, second.id)).toEqual(["2", "1"]);
    expect([await statusOf(first.id), await statusOf(second.id)]).toEqual(["succeeded", "succeeded"]);
    const free = await begin(target, "3");
    await Execution.cancel(world.ctx, world.deps, free.id);
    expect(await Execution.retry(world.ctx, world.deps, free.id)).toMatchObject({ queuedUntil: null });
    expect(await rows(target)).toEqual({ leases: 1, waiting: 0 });
    await world.drain();
    expect(await rows(target)).toEqual({ leases: 0, waiting: 0 });
  });

  it("starts who waits when the limit was raised or taken away", async () => {
    const target = limited({ concurrency: { max: 1 } });
    const ids = [];
    for (let n = 1; n <= 5; n += 1) ids.push((await begin(target, String(n))).id);
    const { settings } = target;
    Object.assign(settings, RunPolicy.parse({ concurrency: { max: 3 } }));
    world.clock.advance(MINUTE);
    await world.sweep();
    expect(await rows(target)).toEqual({ leases: 3, waiting: 2 });
    delete settings.concurrency;
    await world.drain();
    expect(await Promise.all(ids.map(statusOf))).toEqual(Array(5).fill("succeeded"));
    expect(await rows(target)).toEqual({ leases: 0, waiting: 0 });
  });

  it("counts leases beyond a lowered limit", async () => {
    const target = limited({ concurrency: { max: 3 } });
    for (let n = 1; n <= 3; n += 1) await begin(target, String(n));
    Object.assign(target.settings, RunPolicy.parse({ concurrency: { max: 2 } }));
    await begin(target, "4");
    expect(await rows(target)).toEqual({ leases: 3, waiting: 1 });
    await world.drain();
    expect(await rows(target)).toEqual({ leases: 0, waiting: 0 });
  });

  it("takes back a lease whose execution is long past its deadline", async () => {
    const target = limited({ concurrency: { max: 1, onLimit: "reject" } });
    const gate = gateOf(world.ctx.spaceId as string, target.workflowId);
    const lease = { executionId: newId("execution"), epoch: 1, leaseUntil: world.clock.now() + MINUTE };
    await RunLeaseEntity.put({ ...gate, slot: "0000", ...lease }).go();
    expect(await codeOf(begin(target, "1"))).toBe("rate_limited");
    world.clock.advance(MINUTE);
    expect(await codeOf(begin(target, "1"))).toBe("ok");
    await world.drain();
  });

  it("refuses what finds the line full", async () => {
    const target = limited({ concurrency: { max: 1, maxQueued: 2 } });
    for (const n of ["1", "2", "3"]) await begin(target, n);
    const executionId = newId("execution");
    expect(await codeOf(begin(target, "4", { executionId }))).toBe("rate_limited");
    expect(await codeOf(world.get(executionId))).toBe("not_found");
    await world.drain();
  });
});

describe("what a limit does with a run that is one too many", () => {
  it("rejects it before anything is written", async () => {
    const target = limited({ concurrency: { max: 2, onLimit: "reject" } });
    for (const n of ["1", "2"]) await begin(target, n);
    const executionId = newId("execution");
    await expect(begin(target, "3", { executionId })).rejects.toMatchObject({ code: "rate_limited", status: 429 });
    expect(await codeOf(world.get(executionId))).toBe("not_found");
    await world.drain();
    expect(await codeOf(begin(target, "4"))).toBe("ok");
    await world.drain();
  });

  it("notes it as skipped", async () => {
    const target = limited({ concurrency: { max: 1, onLimit: "skip" } });
    const first = await begin(target, "1");
    const skipped = await begin(target, "2", { mode: "sync" });
    expect(skipped).toMatchObject({ status: "cancelled", error: { code: "skipped" }, startedAt: null });
    expect(await world.get(skipped.id)).toMatchObject({ status: "cancelled", input: { n: "2" } });
    await world.drain();
    expect(order(first.id, skipped.id)).toEqual(["1"]);
    expect((await world.trace(skipped.id)).map(({ status }) => status)).not.toContain("running");
  });

  it("cancels the oldest, of which nothing more starts", async () => {
    const target = limited({ concurrency: { max: 2, onLimit: "cancel_previous" } });
    const ids = [];
    for (const n of ["1", "2", "3"]) ids.push((await begin(target, n)).id);
    expect(await rows(target)).toEqual({ leases: 2, waiting: 0 });
    await world.drain();
    expect(await Promise.all(ids.map(statusOf))).toEqual(["cancelled", "succeeded", "succeeded"]);
    expect(order(...ids).toSorted()).toEqual(["2", "3"]);
    expect(await rows(target)).toEqual({ leases: 0, waiting: 0 });
  });

  it("lets a run start again that exists already, without counting it", async () => {
    const target = limited({ concurrency: { max: 1, onLimit: "cancel_previous" } });
    const executionId = newId("execution");
    await begin(target, "1", { executionId });
    expect(await begin(target, "1", { executionId })).toMatchObject({ id: executionId, status: "queued" });
    await world.drain();
    expect(await statusOf(executionId)).toBe("succeeded");
  });
});

describe("a key", () => {
  it("gives each of its values a limit of its own", async () => {
    const target = limited({ concurrency: { max: 1, key: "$lowercase(who)" } });
    const runs = [];
    for (const who of ["Ann", "ann", "bob", ""]) runs.push(await begin(target, who, { input: { who } }));
    expect(runs.map(({ queuedUntil }) => queuedUntil !== null)).toEqual([false, true, false, false]);
    expect(await rows(target, "ann")).toEqual({ leases: 1, waiting: 1 });
    await world.drain();
    expect(await rows(target, "ann")).toEqual({ leases: 0, waiting: 0 });
  });

  it("is one for all input that has none", async () => {
    const target = limited({ concurrency: { max: 1, key: "missing.id", onLimit: "reject" } });
    await begin(target, "1");
    expect(await codeOf(begin(target, "2"))).toBe("rate_limited");
    await world.drain();
  });

  it("that cannot be computed keeps the run from starting", async () => {
    const target = limited({ concurrency: { max: 1, key: "$number(who)" } });
    const executionId = newId("execution");
    expect(await codeOf(begin(target, "1", { executionId, input: { who: "x" } }))).toBe("unprocessable");
    const endless = limited({ concurrency: { max: 1, key: "($f := function(){ $f() }; $f())" } });
    expect(await codeOf(begin(endless, "1", { executionId }))).toBe("unprocessable");
    expect(await codeOf(world.get(executionId))).toBe("not_found");
  });
});

describe("a repeat", () => {
  const dedupe = { key: "n", ttlSeconds: 60 };

  it("gives the execution that the first one started, until its time is over", async () => {
    const target = limited({ dedupe });
    const first = await begin(target, "1");
    await world.drain();
    expect(await begin(target, "1", { mode: "sync" })).toMatchObject({ id: first.id, status: "succeeded" });
    expect((await begin(target, "2")).id).not.toBe(first.id);
    // Rows expire at whole seconds.
    world.clock.advance(MINUTE + 1_000);
    expect((await begin(target, "1")).id).not.toBe(first.id);
    await world.drain();
  });

  it("is one with a key of the caller's own, which stands above the computed one", async () => {
    const target = limited({ dedupe });
    const key = { key: "order-7", ttlSeconds: 60 };
    const first = await begin(target, "1", { dedupe: key });
    expect((await begin(target, "2", { dedupe: key })).id).toBe(first.id);
    expect((await begin(target, "1")).id).not.toBe(first.id);
    const other = limited({});
    expect((await begin(other, "1", { dedupe: key })).id).not.toBe(first.id);
    await world.drain();
  });

  it.each(["queue", "reject", "skip", "cancel_previous"])(
    "of many at once gives one execution (%s)",
    async (onLimit) => {
      const target = limited({ dedupe, concurrency: { max: 1, onLimit } });
      const runs = await Promise.all(Array.from({ length: 12 }, () => begin(target, "1")));
      expect(new Set(runs.map(({ id }) => id)).size).toBe(1);
      await world.drain();
      expect(order(runs[0]?.id as string)).toEqual(["1"]);
      expect(await rows(target)).toEqual({ leases: 0, waiting: 0 });
    },
  );

  it("takes nothing of the rate", async () => {
    const target = limited({ dedupe, rateLimit: { limit: 1, windowSeconds: 60 } });
    const { id } = await begin(target, "1");
    expect((await begin(target, "1")).id).toBe(id);
    expect(await codeOf(begin(target, "2"))).toBe("rate_limited");
    await world.drain();
  });

  it("is none where the input has no key, and none of a draft", async () => {
    const target = limited({ dedupe: { key: "who", ttlSeconds: 60 } });
    expect((await begin(target, "1")).id).not.toBe((await begin(target, "1")).id);
    const draft = { ...target, version: null, commitId: newId("commit") };
    const request = { input: { who: "ann" } };
    expect((await begin(draft, "1", request)).id).not.toBe((await begin(draft, "1", request)).id);
    await world.drain();
  });
});

describe("a rate", () => {
  it("turns away what is too much, and says when to come again", async () => {
    const target = limited({ rateLimit: { limit: 2, windowSeconds: 60 } });
    await begin(target, "1");
    await begin(target, "2");
    await expect(begin(target, "3")).rejects.toMatchObject({ details: { retryAfterSeconds: expect.any(Number) } });
    world.clock.advance(2 * MINUTE);
    expect(await codeOf(begin(target, "3"))).toBe("ok");
    await world.drain();
  });
});

describe("at the end", () => {
  it("no execution was left open", async () => {
    world.clock.advance(2 * DAY);
    await world.sweep();
    await world.drain();
    const { items } = await Execution.list(world.ctx, { limit: 100, kind: "run" });
    expect(items.filter(({ endedAt }) => endedAt === null)).toEqual([]);
  });
});
