import { GetScheduleCommand } from "@aws-sdk/client-scheduler";
import * as Execution from "@weft/core/execution/execution.service";
import type { Schedule } from "@weft/core/trigger/schedule.schema";
import * as Schedules from "@weft/core/trigger/schedule.service";
import type { Id } from "@weft/kernel/ids";
import { afterAll, beforeAll, beforeEach } from "vitest";
import { GROUP, HOUR, type ScheduleWorld, startScheduleWorld } from "./schedule-world.ts";

/** The world of the test file, and in it a workflow that is over at once and one that asks. */
export let world: ScheduleWorld;
export let quick: Id<"workflow">;
export let asking: Id<"workflow">;

/** Starts the world before the tests of a file; each of them begins at the full hour. */
export function useScheduleWorld(): void {
  beforeAll(async () => {
    world = await startScheduleWorld();
    [quick, asking] = [await world.workflow("quick"), await world.workflow("asking")];
  });
  afterAll(() => world.close());
  beforeEach(async () => {
    world.copies = 1;
    await world.pass(HOUR - (world.clock.now() % HOUR), HOUR);
  });
}

export const hourly = (over: object = {}) =>
  world.schedule({ when: { type: "cron", expression: "@hourly" }, workflowId: quick, ...over });
export const every = (minutes: number, over: object = {}) =>
  world.schedule({ when: { type: "cron", expression: `*/${minutes} * * * *` }, workflowId: quick, ...over });
export const statuses = async ({ id }: Schedule) => (await world.firings(id)).map(({ status }) => status);
export const runs = async ({ id }: Schedule) => (await world.runs(id)).map(({ status }) => status);
export const known = async ({ id }: { id: string }) => {
  try {
    return await world.client.send(new GetScheduleCommand({ Name: id, GroupName: GROUP }));
  } catch {
    return undefined;
  }
};
export const iso = (ms: number) => new Date(ms).toISOString();
export const drop = (schedule: Schedule) =>
  Schedules.remove(world.ctx, world.scheduleDeps, { scheduleId: schedule.id });
/** Answers a run that asks. */
export async function answer(executionId: string): Promise<void> {
  const [event] = await Execution.events(world.ctx, executionId);
  const given = { eventId: event?.id as string, data: "yes" };
  await Execution.resume(world.ctx, world.scheduleDeps.execution, executionId, given);
  await world.machine.drain(world.scheduleDeps.execution);
}

/** Everything is down: nothing is delivered and nobody sweeps. */
export async function outage(ms: number): Promise<void> {
  const { copies } = world;
  world.copies = 0;
  await world.pass(ms, HOUR);
  world.copies = copies;
}

export const idOf = ({ id, spaceId }: Schedule) => ({ scheduleId: id as string, spaceId: spaceId as string });
