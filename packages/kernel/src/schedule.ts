import { invalidField } from "./errors.ts";
import { isZone, localMs, utcOf } from "./zone.ts";

/** The last year that EventBridge's cron takes. */
const LAST_YEAR = 2199;
const FIRST_YEAR = 1970;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** No zone of today sets its clocks back by more than this at once. */
const MAX_FALL_BACK_MS = 3 * HOUR_MS;
const UNIT_MS: Record<string, number> = { minute: MINUTE_MS, hour: HOUR_MS, day: DAY_MS };
const MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/** When something recurs, in the words of EventBridge Scheduler. */
export interface Schedule {
  /**
   * The first occurrence after the instant, or undefined when there is none. `base` is what rates count from. A local
   * time that the zone skips has no occurrence, one that it repeats has one, at its first passing.
   */
  next(after: number, base: number): number | undefined;
}

/** Reads `cron(…)`, `rate(…)` or `at(…)`; throws `invalid_input` on `field` when EventBridge would refuse it. */
export function parseSchedule(expression: string, zone = "UTC", field = "expression"): Schedule {
  const fail = (message: string): never => {
    throw invalidField(field, message);
  };
  const [, kind, body = ""] = /^(cron|rate|at)\((.*)\)$/.exec(expression.trim()) ?? [];
  if (!isZone(zone)) fail(`${zone} is not a known time zone`);
  if (kind === "rate") return parseRate(body, fail);
  if (kind === "at") return parseAt(body, zone, fail);
  if (kind === "cron") return parseCron(body, zone, fail);
  return fail("an expression is cron(…), rate(…) or at(…)");
}

type Fail = (message: string) => never;

function parseRate(body: string, fail: Fail): Schedule {
  const [, count = "", unit = ""] = /^(\d+)\s+(minute|hour|day)s?$/.exec(body.trim()) ?? [];
  const period = Number(count) * (UNIT_MS[unit] ?? 0);
  if (period <= 0 || !Number.isSafeInteger(period)) fail("a rate is a positive number of minutes, hours or days");
  return { next: (after, base) => (after < base ? base : base + (Math.floor((after - base) / period) + 1) * period) };
}

function parseAt(body: string, zone: string, fail: Fail): Schedule {
  const local = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/.test(body) ? Date.parse(`${body}Z`) : Number.NaN;
  if (Number.isNaN(local)) fail("a one-time schedule is at(yyyy-mm-ddThh:mm:ss)");
  const instant = utcOf(zone, local);
  return { next: (after) => (instant !== undefined && instant > after ? instant : undefined) };
}

interface Cron {
  minutes: number[];
  hours: number[];
  months: Set<number>;
  years: Set<number>;
  fitsDay(year: number, month: number, day: number): boolean;
}

function parseCron(body: string, zone: string, fail: Fail): Schedule {
  const fields = body.trim().split(/\s+/);
  if (fields.length !== 6) fail("a cron has six fields: minutes hours day-of-month month day-of-week year");
  const [minute = "", hour = "", day = "", month = "", weekday = "", year = ""] = fields.map((f) => f.toUpperCase());
  if ((day === "?") === (weekday === "?")) fail("one of day-of-month and day-of-week is ?, and only one");
  const cron: Cron = {
    minutes: numbers(minute, 0, 59, [], fail),
    hours: numbers(hour, 0, 23, [], fail),
    months: new Set(numbers(month, 1, 12, MONTHS, fail)),
    years: new Set(numbers(year, FIRST_YEAR, LAST_YEAR, [], fail)),
    fitsDay: day === "?" ? parseWeekdays(weekday, fail) : parseDays(day, fail),
  };
  return { next: (after) => nextCron(cron, zone, after) };
}

/** The values of a field: `*`, numbers and names, ranges, steps, and lists of these. */
function numbers(field: string, low: number, high: number, names: string[], fail: Fail): number[] {
  const value = (text: string) => {
    const named = names.indexOf(text);
    const number = named >= 0 ? named + 1 : /^\d+$/.test(text) ? Number(text) : Number.NaN;
    return number >= low && number <= high
      ? number
      : fail(`${text || "nothing"} is not a value from ${low} to ${high}`);
  };
  const found = new Set<number>();
  for (const part of field.split(",")) {
    const [range = "", step, ...rest] = part.split("/");
    const by = step === undefined ? 1 : Number(step);
    if (rest.length > 0 || !Number.isInteger(by) || by < 1) fail(`${part} is not a step`);
    const [from = "", to, ...more] = range.split("-");
    if (more.length > 0) fail(`${part} is not a range`);
    const first = range === "*" ? low : value(from);
    const last = to !== undefined ? value(to) : range === "*" || step !== undefined ? high : first;
    if (last < first) fail(`${part} runs backwards`);
    for (let n = first; n <= last; n += by) found.add(n);
  }
  return [...found].sort((a, b) => a - b);
}

type FitsDay = Cron["fitsDay"];

/** Day of month: values, `L` the last day, `LW` the last weekday, `15W` the weekday nearest to the 15th. */
function parseDays(field: string, fail: Fail): FitsDay {
  if (field === "L") return (year, month, day) => day === daysIn(year, month);
  if (field === "LW") return (year, month, day) => day === nearestWeekday(year, month, daysIn(year, month));
  const nearest = /^(\d+)W$/.exec(field);
  if (nearest) {
    const [wanted = 1] = numbers(nearest[1] ?? "", 1, 31, [], fail);
    return (year, month, day) => wanted <= daysIn(year, month) && day === nearestWeekday(year, month, wanted);
  }
  const days = new Set(numbers(field, 1, 31, [], fail));
  return (_year, _month, day) => days.has(day);
}

/** Day of week, 1 is Sunday: values, `6L` the last Friday of the month, `3#2` the second Tuesday. */
function parseWeekdays(field: string, fail: Fail): FitsDay {
  const [, wanted = "", last, nth = ""] = /^([A-Z]{3}|\d)(?:(L)|#(\d))$/.exec(field) ?? [];
  if (field === "L") return (year, month, day) => weekdayOf(year, month, day) === 7;
  if (wanted) {
    const [weekday] = numbers(wanted, 1, 7, WEEKDAYS, fail);
    if (!last && (Number(nth) < 1 || Number(nth) > 5)) fail(`${field} names no week of a month`);
    return (year, month, day) =>
      weekdayOf(year, month, day) === weekday &&
      (last ? day + 7 > daysIn(year, month) : Math.ceil(day / 7) === Number(nth));
  }
  const weekdays = new Set(numbers(field, 1, 7, WEEKDAYS, fail));
  return (year, month, day) => weekdays.has(weekdayOf(year, month, day));
}

function daysIn(year: number, month: number): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate();
}

function weekdayOf(year: number, month: number, day: number): number {
  return new Date(Date.UTC(year, month - 1, day)).getUTCDay() + 1;
}

/** Saturday gives Friday and Sunday Monday, unless that is in another month. */
function nearestWeekday(year: number, month: number, day: number): number {
  const weekday = weekdayOf(year, month, day);
  if (weekday === 7) return day > 1 ? day - 1 : day + 2;
  if (weekday === 1) return day < daysIn(year, month) ? day + 1 : day - 2;
  return day;
}

function nextCron(cron: Cron, zone: string, after: number): number | undefined {
  const earliest = localMs(zone, after) - MAX_FALL_BACK_MS;
  const start = new Date(earliest);
  for (let year = start.getUTCFullYear(); year <= LAST_YEAR; year++) {
    if (!cron.years.has(year)) continue;
    for (let month = 1; month <= 12; month++) {
      if (!cron.months.has(month) || Date.UTC(year, month, 1) <= earliest) continue;
      const found = nextInMonth(cron, zone, { year, month, earliest, after });
      if (found !== undefined) return found;
    }
  }
}

interface Search {
  year: number;
  month: number;
  earliest: number;
  after: number;
}

function nextInMonth(cron: Cron, zone: string, { year, month, earliest, after }: Search): number | undefined {
  for (let day = 1; day <= daysIn(year, month); day++) {
    const midnight = Date.UTC(year, month - 1, day);
    if (midnight + DAY_MS <= earliest || !cron.fitsDay(year, month, day)) continue;
    // First passings rise with the local time, also over a change of the clocks.
    for (const hour of cron.hours) {
      for (const minute of cron.minutes) {
        const local = midnight + hour * HOUR_MS + minute * MINUTE_MS;
        const instant = local < earliest ? undefined : utcOf(zone, local);
        if (instant !== undefined && instant > after) return instant;
      }
    }
  }
}
