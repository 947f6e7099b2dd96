import { createHash } from "node:crypto";
import { isoTime } from "@weft/kernel/clock";
import { invalidField } from "@weft/kernel/errors";
import { parseSchedule } from "@weft/kernel/schedule";
import { localMs } from "@weft/kernel/zone";
import { eventBridgeCron } from "./schedule.cron.ts";
import type { Occurrence, ScheduleWhen } from "./schedule.schema.ts";

/** EventBridge Scheduler's precision, and so that of every time here. */
export const MINUTE_MS = 60_000;
const UNIT_MS = { minute: MINUTE_MS, hour: 60 * MINUTE_MS, day: 24 * 60 * MINUTE_MS } as const;

/** When a schedule fires. */
export interface Timing {
  when: ScheduleWhen;
  timezone: string;
  start?: string | undefined;
  end?: string | undefined;
  /** What a rate counts from, see {@link anchorOf}. */
  anchorAt?: string | undefined;
}

/** The nominal times of a schedule, in milliseconds since the epoch. */
export interface Times {
  /** The first one after the instant. */
  next(after: number): number | undefined;
}

/** The schedule in EventBridge's words. Throws `invalid_input` naming the field of `when`. */
export function expressionOf(when: ScheduleWhen): string {
  switch (when.type) {
    case "cron":
      return eventBridgeCron(when.expression, "when.expression");
    case "rate":
      return `rate(${when.every} ${when.unit}${when.every === 1 ? "" : "s"})`;
    case "once":
      return `at(${when.at.slice(0, 16)}:00)`;
  }
}

/** A rate begins with `start` or, where there is none, one period from now; to the minute. Undefined for the others. */
export function anchorOf({ when, start }: Pick<Timing, "when" | "start">, now: number): string | undefined {
  if (when.type !== "rate") return undefined;
  const from = start === undefined ? now + when.every * UNIT_MS[when.unit] : Date.parse(start);
  return isoTime(Math.ceil(from / MINUTE_MS) * MINUTE_MS);
}

/** Throws `invalid_input` naming the field that EventBridge would refuse. */
export function timesOf({ when, timezone, start, end, anchorAt }: Timing): Times {
  const field = when.type === "cron" ? "when.expression" : when.type === "rate" ? "when.every" : "when.at";
  const schedule = parseSchedule(expressionOf(when), timezone, field);
  const first = start === undefined ? Number.NEGATIVE_INFINITY : Date.parse(start);
  const last = end === undefined ? Number.POSITIVE_INFINITY : Date.parse(end);
  const base = anchorAt === undefined ? 0 : Date.parse(anchorAt);
  return {
    next: (after) => {
      const next = schedule.next(Math.max(after, first - 1), base);
      return next === undefined || next > last ? undefined : next;
    },
  };
}

/** Throws `invalid_input` where a schedule would never fire from now on. */
export function checkTiming(timing: Timing, now: number): void {
  const { when, start, end } = timing;
  if (start !== undefined && end !== undefined && Date.parse(end) <= Date.parse(start)) {
    throw invalidField("end", "lies before start");
  }
  if (timesOf(timing).next(now) !== undefined) return;
  if (end !== undefined && timesOf({ ...timing, end: undefined }).next(now) !== undefined) {
    throw invalidField("end", "the schedule has no time before it");
  }
  if (when.type === "once") throw invalidField("when.at", "is over, or skipped by the clocks of its zone");
  throw invalidField("when", "never comes");
}

/**
 * How long after its nominal times a schedule starts its runs: the same for every time, another for each schedule, so
 * that those of one hour spread over their windows.
 */
export function delayOf(scheduleId: string, windowMinutes: number | undefined): number {
  if (!windowMinutes) return 0;
  const part = createHash("sha256").update(scheduleId).digest().readUInt32BE(0) / 2 ** 32;
  // To the second: finer is nothing that anybody could see.
  return Math.floor(part * windowMinutes * 60) * 1000;
}

/** The next times after the instant. Where the delay is not known yet, neither is when the runs start. */
export function preview(
  timing: Timing,
  { after, count, delayMs }: { after: number; count: number; delayMs: number | undefined },
): Occurrence[] {
  const times = timesOf(timing);
  const found: Occurrence[] = [];
  for (let next = times.next(after); next !== undefined && found.length < count; next = times.next(next)) {
    found.push(occurrence(timing.timezone, next, delayMs));
  }
  return found;
}

export function occurrence(timezone: string, at: number, delayMs: number | undefined): Occurrence {
  return {
    at: isoTime(at),
    localTime: isoTime(localMs(timezone, at)).slice(0, 16),
    startsAt: delayMs === undefined ? null : isoTime(at + delayMs),
  };
}
