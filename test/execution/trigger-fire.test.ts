import type { RunTarget } from "@weft/core/execution/execution.service";
import * as Execution from "@weft/core/execution/execution.service";
import type { FiredTrigger } from "@weft/core/trigger/trigger.entity";
import { cancelFirings, findFiring, listFirings } from "@weft/core/trigger/trigger.firing";
import { TriggerPolicy } from "@weft/core/trigger/trigger.schema";
import { type Fired, fire, type TriggerEvent } from "@weft/core/trigger/trigger.service";
import { sweepFirings } from "@weft/core/trigger/trigger.sweep";
import { RunPolicy } from "@weft/core/workflow/run-policy.schema";
import { idAt, isId, newId } from "@weft/kernel/ids";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { call, canvas, end, start, text } from "../support/canvas.ts";
import { type EngineWorld, startEngineWorld } from "../support/engine-world.ts";

let world: EngineWorld;
let triggers = 0;

beforeAll(async () => {
  world = await startEngineWorld();
});
afterAll(() => world.close());

const SECOND = 1000;

function workflow(settings: RunTarget["settings"] = {}) {
  const nodes = [
    start(text("n"), text("who")),
    call(world.outside.url, "fired", ["start.n"]),
    end({ out: "fired.body" }),
  ];
  return world.target(canvas(nodes, "start>fired>end"), settings);
}

function trigger(policy: object = {}, over: Partial<FiredTrigger> & { input?: string } = {}) {
  triggers += 1;
  return {
    type: "webhook" as const,
    triggerId: `trg_${triggers}`,
    workflowId: workflow().workflowId,
    policy: TriggerPolicy.parse(policy),
    ...over,
  };
}

const happen = (fired: ReturnType<typeof trigger>, n: string, event: Partial<TriggerEvent> = {}) =>
  fire(world.ctx, world.deps, fired, { data: { body: { n } }, input: { n }, ...event });

/** The trigger's runs with what each was given, oldest first. */
async function runsOf({ triggerId }: { triggerId: string }) {
  const { items } = await Execution.list(world.ctx, { limit: 100, kind: "run" });
  const own = items.filter((row) => row.trigger.id === triggerId).reverse();
  return Promise.all(own.map(async ({ id, status }) => [((await world.get(id)).input as { n: string }).n, status]));
}

async function pass(seconds: number): Promise<void> {
  world.clock.advance(seconds * SECOND);
  await world.drain();
}

const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => "ok",
    ({ code }: { code: string }) => code,
  );
const statuses = (fired: Fired[]) => fired.map(({ status }) => status);

describe("an event", () => {
  it("starts a run on what its trigger's mapping gives, or on what came where there is none", async () => {
    const mapped = trigger({}, { input: '{ "n": body.n & "!" }' });
    const plain = trigger();
    expect(statuses([await happen(mapped, "1"), await happen(plain, "2")])).toEqual(["started", "started"]);
    await world.drain();
    expect(await runsOf(mapped)).toEqual([["1!", "succeeded"]]);
    expect(await runsOf(plain)).toEqual([["2", "succeeded"]]);
  });

  it.each([
    ["a mapping that gives no object", { input: "body.n" }, "unprocessable"],
    ["a mapping that fails", { input: "$error('no')" }, "unprocessable"],
    ["a workflow that is gone", { workflowId: newId("workflow") }, "not_found"],
  ])("starts nothing by %s", async (_what, over, code) => {
    const fired = trigger({}, over);
    expect(await codeOf(happen(fired, "1"))).toBe(code);
    expect(await runsOf(fired)).toEqual([]);
  });

  it("with an identity starts one run, however often and however much at once it comes", async () => {
    const fired = trigger();
    const executionId = idAt("execution", world.clock.now(), "the one");
    const first = await Promise.all(Array.from({ length: 8 }, () => happen(fired, "1", { executionId })));
    await world.drain();
    const later = await happen(fired, "1", { executionId });
    expect(statuses([...first, later])).toEqual(Array(9).fill("started"));
    expect(later).toMatchObject({ execution: { id: executionId, status: "succeeded" } });
    expect(await runsOf(fired)).toEqual([["1", "succeeded"]]);
  });
});

describe("dedupe", () => {
  it("gives the run that the first event of a key started, until its time is over", async () => {
    const fired = trigger({ dedupe: { key: "n", ttlSeconds: 60 } });
    const ids = [];
    for (const n of ["1", "1", "2"]) ids.push((await happen(fired, n)) as { execution: { id: string } });
    expect(ids[1]?.execution.id).toBe(ids[0]?.execution.id);
    await pass(61);
    await happen(fired, "1");
    await world.drain();
    expect((await runsOf(fired)).map(([n]) => n)).toEqual(["1", "2", "1"]);
  });
});

describe("debounce", () => {
  it("makes one run of many events, with the last one's input, when nothing came for the period", async () => {
    const fired = trigger({ debounce: { periodSeconds: 10 } });
    const seen = [];
    for (const n of ["1", "2", "3"]) {
      seen.push(await happen(fired, n));
      await pass(9);
    }
    expect(statuses(seen)).toEqual(["deferred", "deferred", "deferred"]);
    expect(await runsOf(fired)).toEqual([]);
    await pass(2);
    expect(await runsOf(fired)).toEqual([["3", "succeeded"]]);
    await happen(fired, "4");
    await pass(11);
    expect(await runsOf(fired)).toEqual([
      ["3", "succeeded"],
      ["4", "succeeded"],
    ]);
    const { items } = await listFirings(world.ctx, fired.triggerId, { limit: 10 });
    expect(items.map(({ status, events }) => [status, events])).toEqual([
      ["started", 1],
      ["started", 3],
    ]);
    const [last] = items;
    expect((await world.get(last?.executionId as string)).input).toEqual({ n: "4" });
  });

  it("starts at the latest after the given time, and keeps keys apart", async () => {
    const fired = trigger({ debounce: { periodSeconds: 10, maxSeconds: 20, key: "who" } });
    for (const n of ["1", "2", "3"]) {
      await happen(fired, n, { input: { n, who: "a" } });
      await happen(fired, `${n}b`, { input: { n: `${n}b`, who: "b" } });
      await pass(8);
    }
    expect((await runsOf(fired)).map(([n]) => n).sort()).toEqual(["3", "3b"]);
  });

  it("counts each of many events at once, and makes one run", async () => {
    const fired = trigger({ debounce: { periodSeconds: 10 } });
    await Promise.all(Array.from({ length: 6 }, (_, n) => happen(fired, String(n))));
    const { items } = await listFirings(world.ctx, fired.triggerId, { limit: 10 });
    expect(items.map(({ events }) => events)).toEqual([6]);
    await pass(11);
    expect(await runsOf(fired)).toHaveLength(1);
  });
});

describe("throttle", () => {
  it("spreads starts evenly after a burst, and loses none", async () => {
    const fired = trigger({ throttle: { limit: 2, periodSeconds: 20, burst: 2 } });
    const seen = [];
    for (const n of ["1", "2", "3", "4"]) seen.push(await happen(fired, n));
    expect(statuses(seen)).toEqual(["started", "started", "deferred", "deferred"]);
    await world.drain();
    const counts = [(await runsOf(fired)).length];
    for (let second = 0; second < 2; second += 1) {
      await pass(9);
      counts.push((await runsOf(fired)).length);
      await pass(1);
      counts.push((await runsOf(fired)).length);
    }
    expect(counts).toEqual([2, 2, 3, 3, 4]);
    expect((await runsOf(fired)).map(([n]) => n)).toEqual(["1", "2", "3", "4"]);
  });

  it("gives a repeat the start that the first one took", async () => {
    const fired = trigger({ throttle: { limit: 1, periodSeconds: 10 } });
    await happen(fired, "1");
    const executionId = newId("execution", world.clock.now());
    const first = await happen(fired, "2", { executionId });
    const again = await happen(fired, "2", { executionId });
    expect(again).toEqual(first);
    expect(await happen(fired, "3")).toMatchObject({ status: "deferred" });
    await pass(21);
    expect((await runsOf(fired)).map(([n]) => n)).toEqual(["1", "2", "3"]);
  });
});

describe("a rate limit", () => {
  it("refuses what is beyond it", async () => {
    const fired = trigger({ rateLimit: { limit: 2, windowSeconds: 60 } });
    const codes = [];
    for (const n of ["1", "2", "3"]) codes.push(await codeOf(happen(fired, n)));
    expect(codes).toEqual(["ok", "ok", "rate_limited"]);
  });
});

describe("concurrency", () => {
  it("rejects, and takes the next one as soon as a run is over", async () => {
    const fired = trigger({ concurrency: { max: 1 } });
    expect(statuses([await happen(fired, "1")])).toEqual(["started"]);
    expect(await codeOf(happen(fired, "2"))).toBe("rate_limited");
    await world.drain();
    await happen(fired, "3");
    await world.drain();
    expect(await runsOf(fired)).toEqual([
      ["1", "succeeded"],
      ["3", "succeeded"],
    ]);
  });

  it("never lets more in than it says, of many at once", async () => {
    const fired = trigger({ concurrency: { max: 3, onLimit: "skip" } });
    const seen = await Promise.all(Array.from({ length: 10 }, (_, n) => happen(fired, String(n))));
    expect(seen.filter(({ status }) => status === "started")).toHaveLength(3);
    expect(await runsOf(fired)).toHaveLength(3);
  });

  it("has the runs before make way", async () => {
    const fired = trigger({ concurrency: { max: 1, onLimit: "cancel_previous" } });
    await happen(fired, "1");
    world.clock.advance(5);
    await happen(fired, "2");
    await world.drain();
    expect(await runsOf(fired)).toEqual([
      ["1", "cancelled"],
      ["2", "succeeded"],
    ]);
  });

  it("takes no place for a run that its workflow did not let in", async () => {
    const { workflowId } = workflow(RunPolicy.parse({ concurrency: { max: 1, onLimit: "reject" } }));
    const other = trigger({}, { workflowId });
    const fired = trigger({ concurrency: { max: 1 } }, { workflowId });
    await happen(other, "1");
    expect(await codeOf(happen(fired, "2"))).toBe("rate_limited");
    await world.drain();
    expect(statuses([await happen(fired, "3")])).toEqual(["started"]);
  });
});

describe("a run that waits for the one before", () => {
  it("starts when that one is over", async () => {
    const fired = trigger();
    const first = (await happen(fired, "1")) as { execution: { id: string } };
    const second = await happen(fired, "2", { after: first.execution.id });
    expect(second).toMatchObject({ status: "deferred" });
    expect(await runsOf(fired)).toHaveLength(1);
    for (let turn = 0; turn < 3; turn += 1) await pass(2);
    expect(await runsOf(fired)).toEqual([
      ["1", "succeeded"],
      ["2", "succeeded"],
    ]);
    expect(statuses([await happen(fired, "3", { after: first.execution.id })])).toEqual(["started"]);
  });
});

describe("a start that was put off", () => {
  async function deferred(over: Partial<FiredTrigger> = {}) {
    const fired = trigger({ debounce: { periodSeconds: 10 } }, over);
    const { firing } = (await happen(fired, "1")) as Extract<Fired, { status: "deferred" }>;
    return { fired, key: { spaceId: world.ctx.spaceId as string, firingId: firing.id as string } };
  }

  it("is dropped with its trigger", async () => {
    const { fired, key } = await deferred();
    await cancelFirings(world.ctx, fired.triggerId);
    await pass(11);
    expect(await runsOf(fired)).toEqual([]);
    expect((await findFiring(key))?.status).toBe("cancelled");
  });

  it("says why it did not come", async () => {
    const { key } = await deferred({ workflowId: newId("workflow") });
    await pass(11);
    expect(await findFiring(key)).toMatchObject({ status: "failed", error: { code: "not_found" } });
  });

  it("comes though its lane was never started or was lost, once", async () => {
    const { fired, key } = await deferred();
    world.machine.lanes.delete(`${key.firingId}-1`);
    world.clock.advance(3_600_000);
    await sweepFirings(world.deps);
    await sweepFirings(world.deps);
    await world.drain();
    expect(await runsOf(fired)).toEqual([["1", "succeeded"]]);
    expect((await findFiring(key))?.lanes).toBe(2);
    expect(isId("firing", key.firingId)).toBe(true);
  });
});
