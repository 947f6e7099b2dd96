/** Dates in expressions are ISO 8601 texts in UTC; these functions read and write them. */

const UNIT: Readonly<Record<string, string>> = {
  year: "years",
  month: "months",
  week: "weeks",
  day: "days",
  hour: "hours",
  minute: "minutes",
  second: "seconds",
  millisecond: "milliseconds",
};
const MS: Readonly<Record<string, number>> = {
  weeks: 604_800_000,
  days: 86_400_000,
  hours: 3_600_000,
  minutes: 60_000,
  seconds: 1_000,
  milliseconds: 1,
};
const LOCALE = "en-US";
/** Longest format text. */
const MAX_FORMAT = 200;

function refuse(message: string): never {
  throw { code: "bad_date", message };
}

function msOf(value: unknown): number {
  if (typeof value === "number") return value;
  const text = typeof value === "string" ? value.slice(0, 64).trim() : "";
  const ms = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Date.parse(text);
  return Number.isFinite(ms) ? ms : refuse(`"${String(value).slice(0, 64)}" is no date`);
}

function iso(ms: number): string {
  const date = new Date(ms);
  return Number.isFinite(date.getTime()) ? date.toISOString() : refuse("the date is out of range");
}

const pluralOf = (unit: unknown): string => {
  const word = String(unit).toLowerCase();
  return UNIT[word.replace(/s$/, "")] ?? refuse(`"${word.slice(0, 20)}" is no unit of time`);
};

function shift(value: unknown, amount: unknown, unit: unknown, sign: 1 | -1): string {
  const parts: [string, unknown][] =
    amount !== null && typeof amount === "object" ? Object.entries(amount) : [[String(unit ?? "milliseconds"), amount]];
  const date = new Date(msOf(value));
  for (const [name, count] of parts) {
    const plural = pluralOf(name);
    const by = sign * Number(count);
    if (plural !== "years" && plural !== "months") date.setTime(date.getTime() + by * (MS[plural] ?? 0));
    else addMonths(date, plural === "years" ? by * 12 : by);
  }
  return iso(date.getTime());
}

/** The last day of a short month where the day is not in it, as people count months. */
function addMonths(date: Date, months: number): void {
  const day = date.getUTCDate();
  date.setUTCDate(1);
  date.setUTCMonth(date.getUTCMonth() + months);
  const last = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
  date.setUTCDate(Math.min(day, last));
}

/** The first moment of the day of a time, in UTC. */
export function startOfDay(ms: number): string {
  return iso(Math.floor(ms / 86_400_000) * 86_400_000);
}

function startOf(value: unknown, unit: unknown): string {
  const date = new Date(msOf(value));
  const [year, month, day] = [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()];
  switch (pluralOf(unit)) {
    case "years":
      return iso(Date.UTC(year, 0, 1));
    case "months":
      return iso(Date.UTC(year, month, 1));
    case "weeks":
      return iso(Date.UTC(year, month, day - ((date.getUTCDay() + 6) % 7)));
    case "days":
      return startOfDay(date.getTime());
    default: {
      const step = MS[pluralOf(unit)] ?? 1;
      return iso(Math.floor(date.getTime() / step) * step);
    }
  }
}

function endOf(value: unknown, unit: unknown): string {
  return iso(msOf(shift(startOf(value, unit), 1, unit, 1)) - 1);
}

const pad = (value: number, width: number): string => String(value).padStart(width, "0");

function token(date: Date, mark: string): string {
  const name = (options: Intl.DateTimeFormatOptions): string =>
    new Intl.DateTimeFormat(LOCALE, { ...options, timeZone: "UTC" }).format(date);
  const hour12 = date.getUTCHours() % 12 || 12;
  const marks: Record<string, () => string> = {
    yyyy: () => pad(date.getUTCFullYear(), 4),
    y: () => String(date.getUTCFullYear()),
    yy: () => pad(date.getUTCFullYear() % 100, 2),
    M: () => String(date.getUTCMonth() + 1),
    MM: () => pad(date.getUTCMonth() + 1, 2),
    MMM: () => name({ month: "short" }),
    MMMM: () => name({ month: "long" }),
    L: () => String(date.getUTCMonth() + 1),
    LL: () => pad(date.getUTCMonth() + 1, 2),
    LLL: () => name({ month: "short" }),
    LLLL: () => name({ month: "long" }),
    d: () => String(date.getUTCDate()),
    dd: () => pad(date.getUTCDate(), 2),
    H: () => String(date.getUTCHours()),
    HH: () => pad(date.getUTCHours(), 2),
    h: () => String(hour12),
    hh: () => pad(hour12, 2),
    m: () => String(date.getUTCMinutes()),
    mm: () => pad(date.getUTCMinutes(), 2),
    s: () => String(date.getUTCSeconds()),
    ss: () => pad(date.getUTCSeconds(), 2),
    SSS: () => pad(date.getUTCMilliseconds(), 3),
    a: () => (date.getUTCHours() < 12 ? "AM" : "PM"),
    E: () => String(((date.getUTCDay() + 6) % 7) + 1),
    EEE: () => name({ weekday: "short" }),
    EEEE: () => name({ weekday: "long" }),
    ccc: () => name({ weekday: "short" }),
    cccc: () => name({ weekday: "long" }),
    X: () => String(Math.floor(date.getTime() / 1000)),
    x: () => String(date.getTime()),
    Z: () => "+0",
    ZZ: () => "+00:00",
    ZZZ: () => "+0000",
    z: () => "UTC",
  };
  return Object.hasOwn(marks, mark) ? (marks[mark]?.() ?? mark) : refuse(`"${mark}" is no part of a date format`);
}

/** Writes a date by a format as Luxon knows them: runs of one letter are marks, quoted text stands as it is. */
function format(value: unknown, pattern: unknown): string {
  const text = String(pattern ?? "yyyy-MM-dd").slice(0, MAX_FORMAT);
  const date = new Date(msOf(value));
  let result = "";
  for (let at = 0; at < text.length; ) {
    const char = text[at] ?? "";
    if (char === "'") {
      const close = text.indexOf("'", at + 1);
      const end = close < 0 ? text.length : close;
      result += text.slice(at + 1, end);
      at = end + 1;
      continue;
    }
    let end = at + 1;
    while (text[end] === char) end++;
    result += /[A-Za-z]/.test(char) ? token(date, text.slice(at, end)) : text.slice(at, end);
    at = end;
  }
  return result;
}

function part(value: unknown, name: unknown): number {
  const date = new Date(msOf(value));
  const parts: Record<string, number> = {
    year: date.getUTCFullYear(),
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    hour: date.getUTCHours(),
    minute: date.getUTCMinutes(),
    second: date.getUTCSeconds(),
    millisecond: date.getUTCMilliseconds(),
    weekday: ((date.getUTCDay() + 6) % 7) + 1,
  };
  const key = String(name);
  return Object.hasOwn(parts, key) ? (parts[key] ?? 0) : refuse(`"${key.slice(0, 20)}" is no part of a date`);
}

/** `$date…`: dates as texts, in UTC. Each throws `bad_date` for what is none. */
export const DATE_FUNCTIONS: Readonly<Record<string, unknown>> = {
  date: (value: unknown) => iso(msOf(value)),
  date_ms: msOf,
  date_seconds: (value: unknown) => Math.floor(msOf(value) / 1000),
  date_plus: (value: unknown, amount: unknown, unit?: unknown) => shift(value, amount, unit, 1),
  date_minus: (value: unknown, amount: unknown, unit?: unknown) => shift(value, amount, unit, -1),
  date_start: startOf,
  date_end: endOf,
  date_format: format,
  date_part: part,
};
