import { read, tryWrite } from "@weft/db/write";
import { isoTime } from "@weft/kernel/clock";
import { type Ctx, systemCtx } from "@weft/kernel/ctx";
import { AppError } from "@weft/kernel/errors";
import type { Id } from "@weft/kernel/ids";
import type { ExecutionDeps } from "../execution/deps.ts";
import * as Space from "../identity/space.service.ts";
import { SCHEDULE_SHARDS, ScheduleEntity, ScheduleFiringEntity } from "./schedule.entity.ts";
import { act, executionOf, findScheduleFiring, fireAt, noteMissed, type ScheduleFiringRow } from "./schedule.fire.ts";
import { pendingOf } from "./schedule.pending.ts";
import {
  DELIVERY_MS,
  findSchedule,
  nextCheck,
  type ScheduleDeps,
  type ScheduleRow,
  sweepKeys,
  sync,
} from "./schedule.sync.ts";
import { MINUTE_MS, timesOf } from "./schedule.times.ts";

/** Tries at a schedule that others move on. */
const ATTEMPTS = 10;
/** Time kept back to write down what was begun. */
const RESERVE_MS = 10_000;
/** Schedules that one sweep looks at in one shard; the next sweep goes on. */
const SWEEP_BATCH = 200;
/** Firings of a schedule, newest first, among which a sweep looks for those that were begun and not ended. */
const RECENT_FIRINGS = 200;
/** A schedule of a space that is deleted is looked at this often: the space may come back. */
const DORMANT_MS = 60 * MINUTE_MS;

/** What the scheduler sends at a time of a schedule. */
export interface Delivery {
  spaceId: string;
  scheduleId: string;
  scheduledTime: string;
  generation: number;
}

export type Delivered = { status: "fired" | "repeated" } | { status: "ignored"; reason: string };

const ignored = (reason: string): Delivered => ({ status: "ignored", reason });

/**
 * A time of a schedule has come. Starts its run as the schedule's policies say, after those of earlier times that were
 * not delivered; a repeat starts nothing, and neither does what the schedule as it is now does not ask for.
 */
export async function deliver(deps: ExecutionDeps, delivery: Delivery): Promise<Delivered> {
  const row = await findSchedule(delivery);
  if (!row || row.deletedAt !== undefined) return ignored("the schedule is gone");
  if (row.pausedAt !== undefined) return ignored("the schedule is paused");
  if (row.generation !== delivery.generation) {
    await lookAgain(row, deps.clock.now());
    return ignored("the schedule was changed");
  }
  const at = Math.floor(Date.parse(delivery.scheduledTime) / MINUTE_MS) * MINUTE_MS;
  if (timesOf(row).next(at - 1) !== at) return ignored("this is no time of the schedule");
  const ctx = ctxOf(deps, row.spaceId);
  if (!(await Space.isLive(ctx))) return ignored("the space is gone");
  if (at <= Date.parse(row.cursorAt)) {
    const firing = await findScheduleFiring(row, { at: isoTime(at), executionId: executionOf(row.scheduleId, at) });
    if (firing?.status === "starting") await act(ctx, deps, row, firing);
    return { status: "repeated" };
  }
  // One that comes late shows an outage: all that passed in it is dealt with at once.
  await advance(ctx, deps, row, Math.max(at, deps.clock.now() - DELIVERY_MS));
  return { status: "fired" };
}

/** Deals with every time up to `upTo` that was not dealt with; gives the schedule as it is then. */
export async function advance(ctx: Ctx, deps: ExecutionDeps, given: ScheduleRow, upTo: number): Promise<ScheduleRow> {
  // Of one moment, so that what is timely does not become late while the others are started.
  const now = ctx.clock.now();
  let row = given;
  for (let refusals = 0; refusals < ATTEMPTS; ) {
    const { missed, chosen } = pendingOf(row, upTo, now);
    const [next] = chosen;
    if ((missed.length === 0 && !next) || deps.timeLeftMs() < RESERVE_MS) return row;
    if (row.overlap !== "allow") await finishLast(ctx, deps, row);
    const moved = missed.length > 0 ? await noteMissed(ctx, row, missed) : next && (await fireAt(ctx, deps, row, next));
    if (moved) {
      row = moved;
      continue;
    }
    refusals += 1;
    const current = await findSchedule(row);
    if (!current || current.generation !== row.generation || current.deletedAt || current.pausedAt)
      return current ?? row;
    row = current;
  }
  throw new AppError("unavailable", "the schedule is changing, try again", { retryable: true });
}

/** The overlap policies ask for the run before: its start has to be over first, whoever began it. */
async function finishLast(ctx: Ctx, deps: ExecutionDeps, row: ScheduleRow): Promise<void> {
  const last = row.lastFiring && (await findScheduleFiring(row, row.lastFiring));
  if (last?.status === "starting") await act(ctx, deps, row, last);
}

/** The scheduler may have an earlier definition: somebody compares. */
async function lookAgain({ spaceId, scheduleId, generation }: ScheduleRow, now: number): Promise<void> {
  await tryWrite(() =>
    ScheduleEntity.patch({ spaceId, scheduleId })
      .set(sweepKeys(scheduleId, now))
      .remove(["syncedGeneration"])
      .where((attr, op) => op.eq(attr.generation, generation))
      .go(),
  );
}

/** Repairs schedules that are out of step with the scheduler and makes up for times that it did not deliver. */
export async function sweepSchedules(deps: ScheduleDeps): Promise<{ looked: number; failed: number }> {
  const { clock, log, timeLeftMs } = deps.execution;
  const counts = { looked: 0, failed: 0 };
  for (let shard = 0; shard < SCHEDULE_SHARDS; shard += 1) {
    const { data } = await read(() =>
      ScheduleEntity.query
        .due({ sweepShard: String(shard) })
        .lte({ sweepAt: `${isoTime(clock.now())}~` })
        .go({ limit: SWEEP_BATCH, order: "asc" }),
    );
    for (const { spaceId, scheduleId } of data) {
      if (timeLeftMs() < RESERVE_MS) return counts;
      counts.looked += 1;
      try {
        await sweepOne(deps, { spaceId, scheduleId });
      } catch (cause) {
        counts.failed += 1;
        log("could not sweep a schedule", { scheduleId, cause: String(cause) });
      }
    }
  }
  return counts;
}

async function sweepOne(deps: ScheduleDeps, key: { spaceId: string; scheduleId: string }): Promise<void> {
  const { clock } = deps.execution;
  const found = await findSchedule(key);
  // The index lags: somebody may have dealt with it.
  if (!found || found.sweepAt > isoTime(clock.now())) return;
  const ctx = ctxOf(deps.execution, key.spaceId);
  let row = found;
  if (row.syncedGeneration !== row.generation) row = await sync(deps, row);
  if (row.deletedAt === undefined && !(await Space.isLive(ctx))) return settleSweep(row, clock.now() + DORMANT_MS);
  for (const firing of await begunFirings(key)) await act(ctx, deps.execution, row, firing);
  if (row.deletedAt === undefined && row.pausedAt === undefined) {
    const moved = await advance(ctx, deps.execution, row, clock.now() - DELIVERY_MS);
    // What was not delivered may be a sign that the scheduler does not have the schedule.
    row = moved.cursorAt === row.cursorAt ? moved : await sync(deps, moved);
  }
  // What the scheduler did not take is tried again soon: that time stands.
  if (row.syncedGeneration === row.generation) await settleSweep(row, nextCheck(row));
}

async function begunFirings({ spaceId, scheduleId }: { spaceId: string; scheduleId: string }) {
  const { data } = await read(() =>
    ScheduleFiringEntity.query
      .primary({ spaceId, scheduleId })
      .where((attr, op) => op.eq(attr.status, "starting"))
      .go({ limit: RECENT_FIRINGS, order: "desc", consistent: true }),
  );
  return (data as ScheduleFiringRow[]).reverse();
}

async function settleSweep(row: ScheduleRow, at: number | undefined): Promise<void> {
  const { spaceId, scheduleId, generation, cursorAt } = row;
  await tryWrite(() =>
    ScheduleEntity.patch({ spaceId, scheduleId })
      .set(sweepKeys(scheduleId, at))
      .where((attr, op) => `${op.eq(attr.generation, generation)} AND ${op.eq(attr.cursorAt, cursorAt)}`)
      .go(),
  );
}

function ctxOf({ clock }: ExecutionDeps, spaceId: string): Ctx {
  return systemCtx("trigger", { spaceId: spaceId as Id<"space">, clock });
}
