import { MAX_CATCH_UP_SECONDS } from "./schedule.schema.ts";
import type { ScheduleRow } from "./schedule.sync.ts";
import { MINUTE_MS, timesOf } from "./schedule.times.ts";

/** A time that comes later than this fell into an outage: the catch-up policy says what becomes of it. */
export const LATE_MS = 5 * MINUTE_MS;

export interface Pending {
  /** Times that are not made up for, oldest first; they lie before all the others. */
  missed: number[];
  /** Times whose runs are to start, oldest first. */
  chosen: { at: number; source: "schedule" | "catch_up" }[];
}

/** What is to become of the times of a schedule that passed since those that are dealt with, up to `upTo`. */
export function pendingOf(row: ScheduleRow, upTo: number, now: number): Pending {
  const { policy, max, windowSeconds } = row.catchUp;
  const times = timesOf(row);
  const from = Math.max(Date.parse(row.cursorAt), now - MAX_CATCH_UP_SECONDS * 1000);
  const late: number[] = [];
  const timely: number[] = [];
  for (let next = times.next(from); next !== undefined && next <= upTo; next = times.next(next)) {
    (next < now - LATE_MS ? late : timely).push(next);
  }
  const count = policy === "skip" ? 0 : policy === "one" ? 1 : max;
  const recent = late.filter((at) => at >= now - windowSeconds * 1000);
  const kept = recent.slice(Math.max(0, recent.length - count));
  return {
    missed: late.slice(0, late.length - kept.length),
    chosen: [
      ...kept.map((at) => ({ at, source: "catch_up" as const })),
      ...timely.map((at) => ({ at, source: "schedule" as const })),
    ],
  };
}
