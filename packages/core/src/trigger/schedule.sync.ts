import { createHash } from "node:crypto";
import { read, tryWrite } from "@weft/db/write";
import { isoTime } from "@weft/kernel/clock";
import { AppError, messageOf } from "@weft/kernel/errors";
import type { EntityItem } from "electrodb";
import type { ExecutionDeps } from "../execution/deps.ts";
import { SCHEDULE_SHARDS, ScheduleEntity } from "./schedule.entity.ts";
import { expressionOf, MINUTE_MS, type Times, timesOf } from "./schedule.times.ts";
import { NEVER } from "./trigger.entity.ts";

export type ScheduleRow = EntityItem<typeof ScheduleEntity>;

/** A schedule as the scheduler is told it. */
export interface TimerDefinition {
  /** In EventBridge's words. */
  expression: string;
  timezone: string;
  /** No time before it counts, and a rate counts from it. */
  startAt?: Date;
  endAt?: Date;
  isEnabled: boolean;
  spaceId: string;
  /** Comes back with each delivery. */
  generation: number;
}

/** What calls us at the times of schedules, each at least once: EventBridge Scheduler. */
export interface ScheduleTimer {
  /** Makes the schedule or replaces it as a whole. */
  put(scheduleId: string, definition: TimerDefinition): Promise<void>;
  /** Does nothing where there is none. */
  remove(scheduleId: string): Promise<void>;
}

/** What schedules need of the world; functions wire it. */
export interface ScheduleDeps {
  execution: ExecutionDeps;
  timer: ScheduleTimer;
}

/** A delivery that has not come by so long after its time is made up for. EventBridge's precision is a minute. */
export const DELIVERY_MS = 2 * MINUTE_MS;
/** What is under way is looked at again after this long: its process may have died. */
export const SETTLE_MS = 2 * MINUTE_MS;
/** What could not be handed to the scheduler is tried again after this long. */
const RETRY_MS = MINUTE_MS;
/** The code of `lastError` where the scheduler did not take the schedule. */
const REFUSED = "upstream";
/** Changes of a schedule that one hand-over follows. */
const ATTEMPTS = 5;

export function shardOf(scheduleId: string): string {
  const first = createHash("sha256").update(scheduleId).digest()[0] ?? 0;
  return String(first % SCHEDULE_SHARDS);
}

/** ElectroDB rebuilds an index only when it is given every part of its keys. */
export function sweepKeys(scheduleId: string, at: number | undefined) {
  return { sweepShard: shardOf(scheduleId), sweepAt: at === undefined ? NEVER : isoTime(at) };
}

/** A row's times. Rows are checked before they are written. */
export function timesOfRow(row: ScheduleRow): Times {
  return timesOf(row);
}

/** When somebody has to see whether the schedule fired; undefined where it never will. */
export function nextCheck(row: ScheduleRow): number | undefined {
  if (row.deletedAt !== undefined || row.pausedAt !== undefined) return undefined;
  const next = timesOfRow(row).next(Date.parse(row.cursorAt));
  return next === undefined ? undefined : next + DELIVERY_MS;
}

/** One schedule, whatever its state; undefined where there is none. */
export async function findSchedule(key: { spaceId: string; scheduleId: string }): Promise<ScheduleRow | undefined> {
  const { spaceId, scheduleId } = key;
  const { data } = await read(() => ScheduleEntity.get({ spaceId, scheduleId }).go({ consistent: true }));
  return data ?? undefined;
}

/**
 * Brings the scheduler to what the row says and notes that it is. Whoever changes a row meanwhile is followed, so that of
 * two hand-overs that cross each other the later row stands in the end. Where the scheduler does not take it the row says
 * why, and the sweep tries again.
 */
export async function sync(deps: ScheduleDeps, given: ScheduleRow): Promise<ScheduleRow> {
  let row = given;
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const { clock, log } = deps.execution;
    try {
      await handOver(deps.timer, row, clock.now());
    } catch (thrown) {
      log("a schedule could not be handed over", { scheduleId: row.scheduleId, cause: messageOf(thrown) });
      return await noteRefusal(row, thrown, clock.now());
    }
    const { spaceId, scheduleId, generation } = row;
    const written = await tryWrite(() =>
      ScheduleEntity.patch({ spaceId, scheduleId })
        .set({ syncedGeneration: generation, ...sweepKeys(scheduleId, nextCheck(row)) })
        .remove(row.lastError?.code === REFUSED ? ["lastError"] : [])
        .where((attr, op) => `${op.eq(attr.generation, generation)} AND ${op.eq(attr.cursorAt, row.cursorAt)}`)
        .go({ response: "all_new" }),
    );
    if (written) return written.data as ScheduleRow;
    const current = await findSchedule(row);
    if (!current) return row;
    row = current;
  }
  return row;
}

async function handOver(timer: ScheduleTimer, row: ScheduleRow, now: number): Promise<void> {
  const next = row.deletedAt === undefined ? timesOfRow(row).next(now - 1) : undefined;
  if (next === undefined) return timer.remove(row.scheduleId);
  const { when, timezone, start, end, spaceId, generation } = row;
  // A rate goes on from where it was: it is told its next time, as a start long ago is not taken.
  const startAt = when.type === "rate" ? next : start === undefined ? 0 : Date.parse(start);
  await timer.put(row.scheduleId, {
    expression: expressionOf(when),
    timezone,
    ...(startAt > now && when.type !== "once" ? { startAt: new Date(startAt) } : {}),
    // Whether a time that is the very end still counts is decided here.
    ...(end === undefined || when.type === "once" ? {} : { endAt: new Date(Date.parse(end) + MINUTE_MS) }),
    isEnabled: row.pausedAt === undefined,
    spaceId,
    generation,
  });
}

async function noteRefusal(row: ScheduleRow, thrown: unknown, now: number): Promise<ScheduleRow> {
  const { spaceId, scheduleId, generation } = row;
  const message = thrown instanceof AppError ? thrown.message : "the scheduler could not be reached, it is tried again";
  const written = await tryWrite(() =>
    ScheduleEntity.patch({ spaceId, scheduleId })
      .set({ lastError: { code: REFUSED, message, at: isoTime(now) }, ...sweepKeys(scheduleId, now + RETRY_MS) })
      .where((attr, op) => op.eq(attr.generation, generation))
      .go({ response: "all_new" }),
  );
  return written ? (written.data as ScheduleRow) : row;
}
