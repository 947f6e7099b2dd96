import { deliver } from "@weft/core/trigger/schedule.deliver";
import * as Schedules from "@weft/core/trigger/schedule.service";
import * as Workflow from "@weft/core/workflow/workflow.service";
import { describe, expect, it } from "vitest";
import {
  asking,
  drop,
  hourly,
  idOf,
  iso,
  known,
  outage,
  quick,
  runs,
  statuses,
  useScheduleWorld,
  world,
} from "../support/schedule-steps.ts";
import { HOUR, MINUTE } from "../support/schedule-world.ts";

useScheduleWorld();

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
