/** One row of the golden tables: a cron as people write it, and which local readings are its times. */
export interface Golden {
  name: string;
  cron: string;
  fits(reading: Reading): boolean;
}

/** What a clock on the wall and the calendar beside it show. */
export interface Reading {
  year: number;
  month: number;
  day: number;
  hour: number;
  minute: number;
  /** 0 is Sunday. */
  weekday: number;
  daysInMonth: number;
}

export const GOLDEN_ZONES = [
  "America/New_York",
  "Europe/London",
  "Europe/Lisbon",
  "America/Sao_Paulo",
  "Australia/Lord_Howe",
  "Asia/Kolkata",
  "Pacific/Apia",
] as const;

const at = (hour: number, minute: number) => (reading: Reading) => reading.hour === hour && reading.minute === minute;
const [atNine, atHalfPastOne, atHalfPastTwo, atMidnight] = [at(9, 0), at(1, 30), at(2, 30), at(0, 0)];

export const GOLDEN: readonly Golden[] = [
  { name: "daily", cron: "0 9 * * *", fits: atNine },
  { name: "daily in the hour that repeats", cron: "30 1 * * *", fits: atHalfPastOne },
  { name: "daily in the hour that is skipped", cron: "30 2 * * *", fits: atHalfPastTwo },
  { name: "midnight", cron: "@daily", fits: atMidnight },
  { name: "hourly", cron: "0 * * * *", fits: ({ minute }) => minute === 0 },
  { name: "half-hourly", cron: "*/30 * * * *", fits: ({ minute }) => minute % 30 === 0 },
  {
    name: "weekdays",
    cron: "0 9 * * MON-FRI",
    fits: (reading) => reading.weekday >= 1 && reading.weekday <= 5 && atNine(reading),
  },
  { name: "month end", cron: "0 9 31 * *", fits: (reading) => reading.day === 31 && atNine(reading) },
  { name: "L", cron: "30 1 L * *", fits: (reading) => reading.day === reading.daysInMonth && atHalfPastOne(reading) },
  {
    name: "L of a weekday",
    cron: "30 2 * * 0L",
    fits: (reading) => reading.weekday === 0 && reading.day + 7 > reading.daysInMonth && atHalfPastTwo(reading),
  },
  {
    name: "#",
    cron: "30 2 * * 0#2",
    fits: (reading) => reading.weekday === 0 && Math.floor((reading.day - 1) / 7) === 1 && atHalfPastTwo(reading),
  },
  {
    name: "W",
    cron: "0 9 15W * *",
    fits: (reading) => {
      const { day, weekday } = reading;
      const isNear =
        (day === 15 && weekday % 6 !== 0) || (day === 14 && weekday === 5) || (day === 16 && weekday === 1);
      return isNear && atNine(reading);
    },
  },
];

/** Every zone here is a multiple of this ahead of UTC, and no schedule above asks for less. */
const STEP_MS = 15 * 60_000;
const DAY_MS = 24 * 3_600_000;

/**
 * The times of schedules between two instants, by the stated rules and nothing else: the clock of the zone is read at each
 * quarter of an hour. A reading that never shows up has no time, one that shows up again had its time.
 */
export function oracle(zone: string, rows: readonly Golden[], from: number, to: number): number[][] {
  const format = new Intl.DateTimeFormat("en-GB", {
    ...{ timeZone: zone, weekday: "short", hourCycle: "h23" },
    ...{ year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit" },
  });
  const seen = new Set<string>();
  const found: number[][] = rows.map(() => []);
  // A day more in front, so that a reading that began to repeat before is known.
  for (let instant = from - DAY_MS; instant < to; instant += STEP_MS) {
    const text = format.format(instant);
    if (seen.has(text)) continue;
    seen.add(text);
    if (instant < from) continue;
    const reading = readingOf(text);
    rows.forEach(({ fits }, index) => {
      if (fits(reading)) found[index]?.push(instant);
    });
  }
  return found;
}

const WEEKDAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

function readingOf(text: string): Reading {
  const [, name = "", day, month, year, hour, minute] =
    /^(\w{3}), (\d\d)\/(\d\d)\/(\d{4}), (\d\d):(\d\d)$/.exec(text) ?? [];
  const reading = { year: Number(year), month: Number(month), day: Number(day), hour: Number(hour) };
  const daysInMonth = new Date(Date.UTC(reading.year, reading.month, 0)).getUTCDate();
  if (!Number.isInteger(reading.hour)) throw new Error(`the clock shows ${text}`);
  return { ...reading, minute: Number(minute), weekday: WEEKDAYS.indexOf(name), daysInMonth };
}
