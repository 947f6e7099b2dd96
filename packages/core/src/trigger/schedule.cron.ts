import { invalidField } from "@weft/kernel/errors";

/** EventBridge Scheduler's limit on an expression. */
const MAX_EXPRESSION = 256;
const MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
/** Sunday is 0 in cron and 1 in EventBridge. */
const WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
const NICKNAMES: Readonly<Record<string, string>> = {
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
  "@monthly": "0 0 1 * *",
  "@weekly": "0 0 * * 0",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@hourly": "0 * * * *",
};

type Fail = (message: string) => never;

interface Field {
  what: string;
  low: number;
  high: number;
  names: readonly string[];
  fail: Fail;
}

/**
 * A cron of five fields (minute, hour, day of month, month, day of week) as EventBridge writes it. Names, ranges, lists,
 * steps and `@daily` and the like are taken, Sunday is 0 or 7, and of EventBridge's own `L`, `LW`, `15W`, `5L` (the last
 * Friday) and `2#1` (the first Tuesday). Throws `invalid_input` on `field`, also where a day of the month and a day of
 * the week are both given: cron means either of them, for which EventBridge has no expression.
 */
export function eventBridgeCron(text: string, field: string): string {
  const fail: Fail = (message) => {
    throw invalidField(field, message);
  };
  const trimmed = text.trim().toUpperCase();
  const nickname = NICKNAMES[trimmed.toLowerCase()];
  if (trimmed.startsWith("@") && !nickname) fail(`${text.trim()} is none of ${Object.keys(NICKNAMES).join(", ")}`);
  const fields = (nickname ?? trimmed).split(/\s+/);
  if (fields.length !== 5) fail("a cron has five fields: minute hour day-of-month month day-of-week");
  const [minute = "", hour = "", day = "", month = "", weekday = ""] = fields;
  const days = day === "*" || day === "?" ? undefined : dayOfMonth(day, fail);
  const weekdays = weekday === "*" || weekday === "?" ? undefined : dayOfWeek(weekday, fail);
  const isEvery = days === "*" && weekdays === "*";
  if (days !== undefined && weekdays !== undefined && !isEvery) {
    fail("gives a day of the month and a day of the week: make two schedules, one for each");
  }
  const parts = [
    values(minute, { what: "minute", low: 0, high: 59, names: [], fail }),
    values(hour, { what: "hour", low: 0, high: 23, names: [], fail }),
    weekdays === undefined || isEvery ? (days ?? "*") : "?",
    values(month, { what: "month", low: 1, high: 12, names: MONTHS, fail }),
    isEvery ? "?" : (weekdays ?? "?"),
    "*",
  ];
  const expression = `cron(${parts.join(" ")})`;
  if (expression.length > MAX_EXPRESSION) fail("names so many times that it needs several schedules");
  return expression;
}

function dayOfMonth(text: string, fail: Fail): string {
  const field: Field = { what: "day of the month", low: 1, high: 31, names: [], fail };
  if (text === "L" || text === "LW") return text;
  const nearest = /^(\d+)W$/.exec(text)?.[1];
  if (nearest !== undefined) return `${numberOf(nearest, field)}W`;
  if (/[LW]/.test(text)) fail(`${text}: L, LW and 15W stand alone as the day of the month`);
  return values(text, field);
}

function dayOfWeek(text: string, fail: Fail): string {
  const field: Field = { what: "day of the week", low: 0, high: 7, names: WEEKDAYS, fail };
  const [, name, last, nth] = /^([A-Z]{3}|\d)(?:(L)|#(\d))$/.exec(text) ?? [];
  if (name !== undefined) {
    const number = (numberOf(name, field) % 7) + 1;
    if (last) return `${number}L`;
    const week = Number(nth);
    return week >= 1 && week <= 5 ? `${number}#${week}` : fail(`${text} names no week of a month: 1 to 5`);
  }
  if (/#|(?:\d|[A-Z]{3})L\b|^L/.test(text)) fail(`${text}: 5L and 2#1 stand alone as the day of the week`);
  const found = new Set(numbersOf(text, field).map((number) => number % 7));
  // Names are what cannot be misread: the two number the days differently.
  return found.size === 7
    ? "*"
    : [...found]
        .sort((a, b) => a - b)
        .map((number) => WEEKDAYS[number])
        .join(",");
}

/** A field in EventBridge's words: as it was where both mean the same, its values where they may not. */
function values(text: string, field: Field): string {
  const found = [...new Set(numbersOf(text, field))].sort((a, b) => a - b);
  const first = found[0] as number;
  const last = found.at(-1) as number;
  if (found.length === field.high - field.low + 1) return "*";
  const step = /^\*\/(\d+)$/.exec(text)?.[1];
  if (step !== undefined) return `${field.low}/${Number(step)}`;
  return found.length > 2 && last - first === found.length - 1 ? `${first}-${last}` : found.join(",");
}

function numbersOf(text: string, field: Field): number[] {
  return text.split(",").flatMap((part) => {
    const [range = "", step, ...rest] = part.split("/");
    const by = step === undefined ? 1 : /^\d{1,2}$/.test(step) ? Number(step) : 0;
    if (rest.length > 0 || by < 1 || by > field.high) field.fail(`${part} is not a step of the ${field.what}`);
    const [from = "", to, ...more] = range.split("-");
    if (more.length > 0) field.fail(`${part} is not a range of the ${field.what}`);
    const isAll = range === "*";
    // The eighth day of a week is its first: all of them are seven.
    const high = field.names === WEEKDAYS ? 6 : field.high;
    const first = isAll ? field.low : numberOf(from, field);
    const end = to === undefined ? undefined : numberOf(to, field);
    // From Friday to Sunday: Sunday is the last day there.
    const until = end === 0 && first > 0 && field.names === WEEKDAYS ? 7 : end;
    const last = until ?? (isAll || step !== undefined ? Math.max(high, first) : first);
    if (last < first) field.fail(`${part} runs backwards`);
    return Array.from({ length: Math.floor((last - first) / by) + 1 }, (_, index) => first + index * by);
  });
}

function numberOf(text: string, { what, low, high, names, fail }: Field): number {
  const named = names.indexOf(text);
  if (named >= 0) return named + (names === WEEKDAYS ? 0 : 1);
  const number = /^\d{1,2}$/.test(text) ? Number(text) : Number.NaN;
  return number >= low && number <= high ? number : fail(`${text || "nothing"} is no ${what}: ${low} to ${high}`);
}
