import { GetScheduleCommand, SchedulerClient } from "@aws-sdk/client-scheduler";
import * as Execution from "@weft/core/execution/execution.service";
import { ScheduleEntity } from "@weft/core/trigger/schedule.entity";
import type { Schedule } from "@weft/core/trigger/schedule.schema";
import * as Schedules from "@weft/core/trigger/schedule.service";
import type { ScheduleDeps } from "@weft/core/trigger/schedule.sync";
import * as Workflow from "@weft/core/workflow/workflow.service";
import type { Id } from "@weft/kernel/ids";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { GROUP, HOUR, MINUTE, type ScheduleWorld, startScheduleWorld } from "../support/schedule-world.ts";

let world: ScheduleWorld;
let quick: Id<"workflow">;
let asking: Id<"workflow">;
let client: SchedulerClient;

beforeAll(async () => {
  world = await startScheduleWorld();
  [quick, asking] = [await world.workflow("quick"), await world.workflow("asking")];
  client = new SchedulerClient({ endpoint: world.aws.url, region: "us-east-1", maxAttempts: 1 });
});
afterAll(async () => {
  client.destroy();
  await world.close();
});
beforeEach(async () => {
  world.copies = 1;
  // Each test begins at the full hour.
  await world.pass(HOUR - (world.clock.now() % HOUR), HOUR);
});

const hourly = (over: object = {}) =>
  world.schedule({ when: { type: "cron", expression: "@hourly" }, workflowId: quick, ...over });
const every = (minutes: number, over: object = {}) =>
  world.schedule({ when: { type: "cron", expression: `*/${minutes} * * * *` }, workflowId: quick, ...over });
const statuses = async ({ id }: Schedule) => (await world.firings(id)).map(({ status }) => status);
const runs = async ({ id }: Schedule) => (await world.runs(id)).map(({ status }) => status);
const known = async ({ id }: { id: string }) => {
  try {
    return await client.send(new GetScheduleCommand({ Name: id, GroupName: GROUP }));
  } catch {
    return undefined;
  }
};
const iso = (ms: number) => new Date(ms).toISOString();
const drop = (schedule: Schedule) => Schedules.remove(world.ctx, world.scheduleDeps, { scheduleId: schedule.id });
const broken: ScheduleDeps["timer"] = {
  put: () => Promise.reject(new Error("no scheduler today")),
  remove: () => Promise.reject(new Error("no scheduler today")),
};

/** Answers a run that asks. */
async function answer(executionId: string): Promise<void> {
  const [event] = await Execution.events(world.ctx, executionId);
  const given = { eventId: event?.id as string, data: "yes" };
  await Execution.resume(world.ctx, world.scheduleDeps.execution, executionId, given);
  await world.machine.drain(world.scheduleDeps.execution);
}

/** Everything is down: nothing is delivered and nobody sweeps. */
async function outage(ms: number): Promise<void> {
  const { copies } = world;
  world.copies = 0;
  await world.pass(ms, HOUR);
  world.copies = copies;
}

describe("a schedule", () => {
  it("starts one run at each of its times, with what it knows as the input", async () => {
    const schedule = await hourly({
      input: '{ "at": scheduledAt, "local": localTime, "next": nextAt }',
      timezone: "Asia/Kolkata",
    });
    const [first] = (await Schedules.previewSaved(world.ctx, { scheduleId: schedule.id, count: 1 })).items;
    expect(schedule.nextExecution).toEqual(first);
    await world.pass(2 * HOUR);
    const firings = await world.firings(schedule.id);
    expect(firings.map(({ status, source }) => [status, source])).toEqual([
      ["started", "schedule"],
      ["started", "schedule"],
    ]);
    expect(await runs(schedule)).toEqual(["succeeded", "succeeded"]);
    const [{ at, executionId }] = firings as unknown as [{ at: string; executionId: string }];
    const local = iso(Date.parse(at) + 5.5 * HOUR).slice(0, 16);
    expect((await world.get(executionId)).input).toEqual({ at, local, next: iso(Date.parse(at) + HOUR) });
    expect(first).toEqual({ at, localTime: local, startsAt: at });
    const now = await world.read(schedule.id);
    expect(now).toMatchObject({ lastNominalAt: firings[1]?.at, lastError: null, revision: 1, status: "active" });
    expect(now.lastExecution).toEqual({ id: firings[1]?.executionId, at: firings[1]?.at });
    await drop(schedule);
  });

  it("starts nothing by repeats of a delivery, at once or later", async () => {
    world.copies = 3;
    const schedule = await hourly();
    const begun = world.clock.now();
    await world.pass(3 * HOUR);
    // The local scheduler also delivers the moment at which it was told the schedule.
    const own = world.deliveries.filter(
      ({ scheduleId, scheduledTime }) => scheduleId === schedule.id && Date.parse(scheduledTime) > begun,
    );
    expect(own.map(({ delivered }) => delivered?.status)).toEqual(
      Array(3).fill(["fired", "repeated", "repeated"]).flat(),
    );
    expect(await runs(schedule)).toEqual(Array(3).fill("succeeded"));
    await drop(schedule);
  });

  it("lets many copies that come at once start one run", async () => {
    const schedule = await hourly({ overlap: "queue", workflowId: asking });
    await outage(HOUR);
    const [delivery] = [{ ...idOf(schedule), scheduledTime: iso(world.clock.now()), generation: 1 }];
    const { deliver } = await import("@weft/core/trigger/schedule.deliver");
    await Promise.all(Array.from({ length: 8 }, () => deliver(world.scheduleDeps.execution, delivery)));
    await world.machine.drain(world.scheduleDeps.execution);
    expect(await runs(schedule)).toEqual(["waiting"]);
    expect(await statuses(schedule)).toEqual(["started"]);
    await drop(schedule);
  });

  it("runs the version that is the latest when it fires, once, and its own where it names one", async () => {
    const workflowId = await world.workflow("quick");
    const [latest, pinned] = [await hourly({ workflowId }), await hourly({ workflowId, version: "v1.0.0" })];
    await world.pass(HOUR);
    const next = await world.publish(workflowId);
    await world.pass(HOUR);
    expect((await world.runs(latest.id)).map(({ version }) => version)).toEqual(["v1.0.0", next]);
    expect((await world.runs(pinned.id)).map(({ version }) => version)).toEqual(["v1.0.0", "v1.0.0"]);
    await Promise.all([drop(latest), drop(pinned)]);
  });

  it("says why nothing was started when its workflow is gone, and goes on when it is back", async () => {
    const workflowId = await world.workflow("quick");
    const schedule = await hourly({ workflowId });
    await Workflow.remove(world.ctx, { workflowId });
    await world.pass(HOUR);
    expect(await world.firings(schedule.id)).toMatchObject([
      { status: "failed", error: { code: "not_found" }, executionId: null },
    ]);
    expect((await world.read(schedule.id)).lastError).toMatchObject({ code: "not_found" });
    await Workflow.restore(world.ctx, { workflowId });
    await world.pass(HOUR);
    expect(await statuses(schedule)).toEqual(["failed", "started"]);
    expect((await world.read(schedule.id)).lastError).toBeNull();
    await drop(schedule);
  });

  it("at a rate keeps its pace from its beginning, also over a pause and a change of its name", async () => {
    const begun = world.clock.now();
    const schedule = await world.schedule({ when: { type: "rate", every: 7, unit: "minute" }, workflowId: quick });
    await world.pass(15 * MINUTE, MINUTE);
    await Schedules.pause(world.ctx, world.scheduleDeps, { scheduleId: schedule.id });
    await world.pass(10 * MINUTE, MINUTE);
    await Schedules.resume(world.ctx, world.scheduleDeps, { scheduleId: schedule.id });
    await Schedules.update(world.ctx, world.scheduleDeps, { scheduleId: schedule.id, name: "other" });
    await world.pass(15 * MINUTE, MINUTE);
    const times = (await world.firings(schedule.id)).map(({ at }) => (Date.parse(at) - begun) / MINUTE);
    expect(times).toEqual([7, 14, 28, 35]);
    await drop(schedule);
  });

  it("fires once, within its bounds, and is over then", async () => {
    const at = iso(world.clock.now() + 90 * MINUTE).slice(0, 16);
    const once = await world.schedule({ when: { type: "once", at }, workflowId: quick });
    const start = iso(world.clock.now() + HOUR);
    const bounded = await hourly({ start, end: iso(world.clock.now() + 3 * HOUR) });
    await world.pass(5 * HOUR, 30 * MINUTE);
    expect((await world.firings(once.id)).map((firing) => firing.at.slice(0, 16))).toEqual([at]);
    expect((await world.firings(bounded.id)).map((firing) => firing.at)).toEqual(
      [0, 1, 2].map((hours) => iso(Date.parse(start) + hours * HOUR)),
    );
    for (const schedule of [once, bounded]) {
      expect(await world.read(schedule.id)).toMatchObject({ status: "ended", nextExecution: null });
      expect(await known(schedule)).toBeUndefined();
    }
  });

  it("starts its runs at its own moment of the window, which the preview shows", async () => {
    const made = await Promise.all(Array.from({ length: 4 }, () => hourly({ windowMinutes: 30 })));
    const shown = made.map(({ nextExecution }) => nextExecution?.startsAt as string);
    expect(new Set(shown).size).toBe(4);
    await world.pass(HOUR);
    const early = await Promise.all(made.map(statuses));
    const isAtOnce = shown.map((startsAt) => Date.parse(startsAt) <= world.clock.now());
    expect(early).toEqual(isAtOnce.map((now) => [now ? "started" : "deferred"]));
    expect((await Promise.all(made.map(({ id }) => world.firings(id)))).map(([one]) => one?.startsAt)).toEqual(shown);
    await world.pass(31 * MINUTE);
    expect(await Promise.all(made.map(statuses))).toEqual(Array(4).fill(["started"]));
    expect(await Promise.all(made.map(runs))).toEqual(Array(4).fill(["succeeded"]));
    await Promise.all(made.map(drop));
  });
});

const idOf = ({ id, spaceId }: Schedule) => ({ scheduleId: id as string, spaceId: spaceId as string });

describe("a schedule that does not ask for it any more", () => {
  it("starts nothing while it is paused, and nothing of before when it is resumed", async () => {
    const schedule = await hourly({ windowMinutes: 60, catchUp: { policy: "all" } });
    const delayed = Date.parse(schedule.nextExecution?.startsAt as string) - world.clock.now() - HOUR;
    await world.pass(HOUR);
    await Schedules.pause(world.ctx, world.scheduleDeps, { scheduleId: schedule.id });
    expect((await known(schedule))?.State).toBe("DISABLED");
    await world.pass(3 * HOUR, 10 * MINUTE);
    await world.sweepSchedules();
    expect(await statuses(schedule)).toEqual([delayed > 0 ? "cancelled" : "started"]);
    await world.publish(quick);
    await Schedules.update(world.ctx, world.scheduleDeps, {
      scheduleId: schedule.id,
      when: { type: "cron", expression: "*/30 * * * *" },
    });
    await world.pass(HOUR, 10 * MINUTE);
    expect(await statuses(schedule)).toHaveLength(1);
    const resumed = await Schedules.resume(world.ctx, world.scheduleDeps, { scheduleId: schedule.id });
    expect([resumed.status, resumed.pausedAt, (await known(schedule))?.State]).toEqual(["active", null, "ENABLED"]);
    await world.pass(HOUR, 10 * MINUTE);
    await world.sweepSchedules();
    expect(await statuses(schedule)).toHaveLength(3);
    await drop(schedule);
  });

  it("starts nothing by deliveries of another definition, of no time of it, or of a paused, deleted or unknown one", async () => {
    const schedule = await hourly();
    const { deliver } = await import("@weft/core/trigger/schedule.deliver");
    const at = world.clock.now() + HOUR;
    const delivery = { ...idOf(schedule), scheduledTime: iso(at), generation: 1 };
    const reasonOf = async (over: object) => {
      const delivered = await deliver(world.scheduleDeps.execution, { ...delivery, ...over });
      return "reason" in delivered ? delivered.reason : delivered.status;
    };
    await Schedules.update(world.ctx, world.scheduleDeps, { scheduleId: schedule.id, timezone: "Europe/London" });
    world.clock.advance(HOUR);
    expect(await reasonOf({})).toBe("the schedule was changed");
    expect(await reasonOf({ generation: 2, scheduledTime: iso(at + 5 * MINUTE) })).toBe(
      "this is no time of the schedule",
    );
    expect(await reasonOf({ generation: 2, spaceId: "spc_01jd0000000000000000000000" })).toBe("the schedule is gone");
    await Schedules.pause(world.ctx, world.scheduleDeps, { scheduleId: schedule.id });
    expect(await reasonOf({ generation: 3 })).toBe("the schedule is paused");
    await drop(schedule);
    expect(await reasonOf({ generation: 4 })).toBe("the schedule is gone");
    expect(await known(schedule)).toBeUndefined();
    await world.sweepSchedules();
    expect(await runs(schedule)).toEqual([]);
  });

  it("comes back as it was when it is restored", async () => {
    const [active, paused] = [await hourly(), await hourly({ isPaused: true })];
    for (const schedule of [active, paused]) await drop(schedule);
    await expect(world.read(active.id)).rejects.toMatchObject({ code: "not_found" });
    await outage(2 * HOUR);
    const restored = [];
    for (const { id: scheduleId } of [active, paused])
      restored.push(await Schedules.restore(world.ctx, world.scheduleDeps, { scheduleId }));
    expect(restored.map(({ status }) => status)).toEqual(["active", "paused"]);
    await world.pass(HOUR);
    expect([await statuses(active), await statuses(paused)]).toEqual([["started"], []]);
    await Promise.all([drop(active), drop(paused)]);
  });
});

describe("a time at which the run before is open", () => {
  it("is passed over under skip", async () => {
    const schedule = await every(10, { overlap: "skip", workflowId: asking });
    await world.pass(20 * MINUTE);
    const [first, second] = await world.firings(schedule.id);
    expect([first?.status, second]).toMatchObject([
      "started",
      { status: "skipped", executionId: null, error: { code: "overlap" } },
    ]);
    await answer(first?.executionId as string);
    await world.pass(10 * MINUTE);
    expect(await statuses(schedule)).toEqual(["started", "skipped", "started"]);
    await drop(schedule);
  });

  it("waits in line under queue, each for the one before it", async () => {
    const schedule = await every(10, { overlap: "queue", workflowId: asking });
    await world.pass(30 * MINUTE);
    expect(await statuses(schedule)).toEqual(["started", "deferred", "deferred"]);
    for (let done = 1; done <= 2; done += 1) {
      const [open] = (await world.runs(schedule.id)).slice(-1);
      await answer(open?.id as string);
      // Ever rarer looks at the run before: five minutes are the longest pause.
      await world.pass(6 * MINUTE, MINUTE);
      expect((await runs(schedule)).filter((status) => status === "waiting")).toHaveLength(1);
    }
    expect((await runs(schedule)).slice(0, 2)).toEqual(["succeeded", "succeeded"]);
    await drop(schedule);
  });

  it("ends that run under cancel_previous", async () => {
    const schedule = await every(10, { overlap: "cancel_previous", workflowId: asking });
    await world.pass(30 * MINUTE);
    expect(await runs(schedule)).toEqual(["cancelled", "cancelled", "waiting"]);
    await drop(schedule);
  });

  it("starts beside it under allow", async () => {
    const schedule = await every(10, { workflowId: asking });
    await world.pass(20 * MINUTE);
    expect(await runs(schedule)).toEqual(["waiting", "waiting"]);
    await drop(schedule);
  });
});

describe("an outage of six hours", () => {
  const policies = [
    ["skip", {}, ["missed"], 6],
    ["one", {}, ["missed", "started"], 5],
    ["all", { max: 100 }, Array(6).fill("started"), 0],
    ["all", { max: 3 }, ["missed", "started", "started", "started"], 3],
    ["all", { max: 100, windowSeconds: 7200 }, ["missed", "started", "started"], 4],
  ] as const;

  it.each(policies)("gives under %s %j exactly %j", async (policy, over, expected, missed) => {
    const schedule = await hourly({
      when: { type: "cron", expression: "30 * * * *" },
      catchUp: { policy, ...over },
    });
    await outage(6 * HOUR);
    for (let again = 0; again < 3; again += 1) await world.sweepSchedules();
    expect(await statuses(schedule)).toEqual(expected);
    const firings = await world.firings(schedule.id);
    expect(firings.filter(({ status }) => status === "missed").reduce((sum, { count }) => sum + count, 0)).toBe(missed);
    await world.pass(HOUR);
    expect(await statuses(schedule)).toEqual([...expected, "started"]);
    await drop(schedule);
  });

  it.each(policies)(
    "gives the same under %s %j where the scheduler delivers it all late, three times",
    async (policy, over, expected) => {
      world.copies = 3;
      const schedule = await hourly({
        when: { type: "cron", expression: "30 * * * *" },
        catchUp: { policy, ...over },
      });
      world.clock.advance(6 * HOUR);
      await world.aws.scheduler.tick();
      await world.machine.drain(world.scheduleDeps.execution);
      await world.sweepSchedules();
      expect(await statuses(schedule)).toEqual(expected);
      const started = expected.filter((status) => status === "started");
      expect(await runs(schedule)).toEqual(started.map(() => "succeeded"));
      await drop(schedule);
    },
  );

  it("keeps to the overlap policy", async () => {
    const when = { type: "cron", expression: "30 * * * *" };
    const schedule = await hourly({ when, catchUp: { policy: "all" }, overlap: "queue", workflowId: asking });
    await outage(2 * HOUR);
    await world.sweepSchedules();
    expect(await statuses(schedule)).toEqual(["started", "deferred"]);
    await drop(schedule);
  });

  it("of the scheduler alone is made up for in time, whatever the policy", async () => {
    const schedule = await every(10);
    await client.send(
      new (await import("@aws-sdk/client-scheduler")).DeleteScheduleCommand({ Name: schedule.id, GroupName: GROUP }),
    );
    for (let minute = 0; minute < 13; minute += 1) {
      await world.pass(MINUTE);
      await world.sweepSchedules();
    }
    expect(await statuses(schedule)).toEqual(["started"]);
    expect((await known(schedule))?.State).toBe("ENABLED");
    await drop(schedule);
  });
});

describe("a schedule out of step with the scheduler", () => {
  const keyOf = (schedule: Schedule) => ({ spaceId: schedule.spaceId as string, scheduleId: schedule.id as string });

  it("is handed over by the sweep when that failed, at its creation, a change and its end", async () => {
    const down: ScheduleDeps = { ...world.scheduleDeps, timer: broken };
    const working = world.scheduleDeps;
    Object.assign(world, { scheduleDeps: down });
    const schedule = await hourly();
    expect(schedule.lastError).toMatchObject({ code: "upstream" });
    expect(await known(schedule)).toBeUndefined();
    Object.assign(world, { scheduleDeps: working });
    const settle = async () => {
      await world.pass(2 * MINUTE);
      await world.sweepSchedules();
    };
    await settle();
    expect((await known(schedule))?.ScheduleExpression).toBe("cron(0 * * * ? *)");
    expect((await world.read(schedule.id)).lastError).toBeNull();
    const when = { type: "cron" as const, expression: "30 * * * *" };
    await Schedules.update(world.ctx, down, { scheduleId: schedule.id, when });
    expect((await known(schedule))?.ScheduleExpression).toBe("cron(0 * * * ? *)");
    await settle();
    expect((await known(schedule))?.ScheduleExpression).toBe("cron(30 * * * ? *)");
    await Schedules.remove(world.ctx, down, { scheduleId: schedule.id });
    expect(await known(schedule)).toBeDefined();
    await settle();
    expect(await known(schedule)).toBeUndefined();
    const { data } = await ScheduleEntity.get(keyOf(schedule)).go();
    expect(data?.sweepAt).toBe("-");
  });

  it("tells what EventBridge has against it", async () => {
    const { AppError } = await import("@weft/kernel/errors");
    const timer = { ...broken, put: () => Promise.reject(new AppError("upstream", "refused: too odd")) };
    const schedule = await Schedules.create(
      world.ctx,
      { ...world.scheduleDeps, timer },
      {
        ...{ name: "odd", description: "", when: { type: "rate", every: 1, unit: "day" }, timezone: "UTC" },
        ...{ overlap: "allow", catchUp: { policy: "skip", max: 1, windowSeconds: 60 }, workflowId: quick, policy: {} },
        isPaused: false,
      },
    );
    expect(schedule.lastError).toMatchObject({ code: "upstream", message: "refused: too odd" });
    await drop(schedule);
  });

  it("ends with the later of two changes that cross each other", async () => {
    const schedule = await hourly();
    const { timer } = world.scheduleDeps;
    let held: () => void = () => undefined;
    const gate = new Promise<void>((open) => {
      held = open;
    });
    let isFirst = true;
    const slow: ScheduleDeps["timer"] = {
      ...timer,
      put: async (...given) => {
        if (isFirst) {
          isFirst = false;
          await gate;
        }
        await timer.put(...given);
      },
    };
    const change = (deps: ScheduleDeps, expression: string) =>
      Schedules.update(world.ctx, deps, { scheduleId: schedule.id, when: { type: "cron", expression } });
    const first = change({ ...world.scheduleDeps, timer: slow }, "10 * * * *");
    // The row of the first is there before the second begins.
    for (let tries = 0; isFirst && tries < 1000; tries += 1) await new Promise((resolve) => setTimeout(resolve, 1));
    await change(world.scheduleDeps, "20 * * * *");
    held();
    await first;
    expect((await known(schedule))?.ScheduleExpression).toBe("cron(20 * * * ? *)");
    const { data } = await ScheduleEntity.get(keyOf(schedule)).go();
    expect([data?.generation, data?.syncedGeneration]).toEqual([3, 3]);
    await drop(schedule);
  });

  it("gets back what it lost when a delivery shows an earlier definition", async () => {
    const schedule = await hourly();
    const key = keyOf(schedule);
    // As a crash between two hand-overs would leave it: the row believes what is not so.
    await ScheduleEntity.patch(key).set({ generation: 2, syncedGeneration: 2 }).go();
    await world.pass(HOUR);
    expect(await runs(schedule)).toEqual([]);
    await world.pass(2 * MINUTE);
    await world.sweepSchedules();
    expect(await runs(schedule)).toEqual(["succeeded"]);
    await world.pass(58 * MINUTE);
    expect(await runs(schedule)).toEqual(["succeeded", "succeeded"]);
    await drop(schedule);
  });
});

describe("a process that dies while it fires", () => {
  it("leaves the run to the next one, which starts it once", async () => {
    const schedule = await hourly({ overlap: "skip" });
    const { execution } = world.scheduleDeps;
    const { deliver } = await import("@weft/core/trigger/schedule.deliver");
    const dying = { ...execution, target: () => Promise.reject(new Error("the process dies")) };
    await outage(HOUR);
    const delivery = { ...idOf(schedule), scheduledTime: iso(world.clock.now()), generation: 1 };
    await expect(deliver(dying as never, delivery)).rejects.toThrow("dies");
    expect([await statuses(schedule), await runs(schedule)]).toEqual([["starting"], []]);
    await world.pass(2 * MINUTE);
    await world.sweepSchedules();
    await deliver(execution, delivery);
    expect([await statuses(schedule), await runs(schedule)]).toEqual([["started"], ["succeeded"]]);
    await drop(schedule);
  });

  it("is followed by a repeat of the delivery, too", async () => {
    const schedule = await hourly();
    const { execution } = world.scheduleDeps;
    const { deliver } = await import("@weft/core/trigger/schedule.deliver");
    const dying = { ...execution, target: () => Promise.reject(new Error("the process dies")) };
    await outage(HOUR);
    const delivery = { ...idOf(schedule), scheduledTime: iso(world.clock.now()), generation: 1 };
    await expect(deliver(dying as never, delivery)).rejects.toThrow("dies");
    expect(await deliver(execution, delivery)).toEqual({ status: "repeated" });
    expect(await statuses(schedule)).toEqual(["started"]);
    await drop(schedule);
  });
});

describe("a firing by hand", () => {
  it("starts a run beside the schedule's times, also while it is paused", async () => {
    const schedule = await hourly({ isPaused: true });
    const firing = await Schedules.runNow(world.ctx, world.scheduleDeps, { scheduleId: schedule.id });
    expect(firing).toMatchObject({ source: "manual", status: "started" });
    await world.machine.drain(world.scheduleDeps.execution);
    expect(await runs(schedule)).toEqual(["succeeded"]);
    expect(await world.read(schedule.id)).toMatchObject({
      lastNominalAt: null,
      lastExecution: { id: firing.executionId },
    });
    await drop(schedule);
  });

  it("counts as the run before", async () => {
    const schedule = await hourly({ overlap: "skip", workflowId: asking });
    await Schedules.runNow(world.ctx, world.scheduleDeps, { scheduleId: schedule.id });
    await world.pass(HOUR);
    expect(await statuses(schedule)).toEqual(["started", "skipped"]);
    await drop(schedule);
  });

  it("throws what keeps it from starting, and notes it", async () => {
    const workflowId = await world.workflow("quick");
    const schedule = await hourly({ workflowId });
    await Workflow.remove(world.ctx, { workflowId });
    const fired = Schedules.runNow(world.ctx, world.scheduleDeps, { scheduleId: schedule.id });
    await expect(fired).rejects.toMatchObject({ code: "not_found" });
    expect(await statuses(schedule)).toEqual(["failed"]);
    await drop(schedule);
  });
});
