import { DeleteScheduleCommand } from "@aws-sdk/client-scheduler";
import { deliver } from "@weft/core/trigger/schedule.deliver";
import { ScheduleEntity } from "@weft/core/trigger/schedule.entity";
import type { Schedule } from "@weft/core/trigger/schedule.schema";
import * as Schedules from "@weft/core/trigger/schedule.service";
import type { ScheduleDeps } from "@weft/core/trigger/schedule.sync";
import { AppError } from "@weft/kernel/errors";
import { describe, expect, it } from "vitest";
import {
  answer,
  asking,
  drop,
  every,
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
import { GROUP, HOUR, MINUTE } from "../support/schedule-world.ts";

useScheduleWorld();

const broken: ScheduleDeps["timer"] = {
  put: () => Promise.reject(new Error("no scheduler today")),
  remove: () => Promise.reject(new Error("no scheduler today")),
};

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
    await world.client.send(new DeleteScheduleCommand({ Name: schedule.id, GroupName: GROUP }));
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
    const dying = { ...execution, target: () => Promise.reject(new Error("the process dies")) };
    await outage(HOUR);
    const delivery = { ...idOf(schedule), scheduledTime: iso(world.clock.now()), generation: 1 };
    await expect(deliver(dying as never, delivery)).rejects.toThrow("dies");
    expect(await deliver(execution, delivery)).toEqual({ status: "repeated" });
    expect(await statuses(schedule)).toEqual(["started"]);
    await drop(schedule);
  });
});
