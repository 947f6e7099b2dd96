import { parseSchedule } from "@weft/kernel/schedule";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

/** The first `count` occurrences after the instant, as ISO times in UTC without seconds. */
function occurrences(expression: string, zone: string, after: string, count: number): string[] {
  const schedule = parseSchedule(expression, zone);
  const base = Date.parse(after);
  const found: string[] = [];
  let at = base;
  while (found.length < count) {
    const next = schedule.next(at, base);
    if (next === undefined) break;
    expect(next).toBeGreaterThan(at - 1);
    found.push(new Date(next).toISOString().slice(0, 16));
    at = next;
  }
  return found;
}

describe("cron in a zone with summer time", () => {
  it("skips a local time that does not exist", () => {
    // New York, 8 March 2026: clocks go from 02:00 to 03:00.
    expect(occurrences("cron(30 2 * * ? *)", "America/New_York", "2026-03-06T12:00:00Z", 3)).toEqual([
      "2026-03-07T07:30",
      "2026-03-09T06:30",
      "2026-03-10T06:30",
    ]);
  });

  it("fires once for a local time that repeats, at its first passing", () => {
    // New York, 1 November 2026: clocks go from 02:00 back to 01:00.
    expect(occurrences("cron(30 1 * * ? *)", "America/New_York", "2026-10-31T12:00:00Z", 2)).toEqual([
      "2026-11-01T05:30",
      "2026-11-02T06:30",
    ]);
    expect(occurrences("cron(0/30 0-3 1 11 ? 2026)", "America/New_York", "2026-10-31T12:00:00Z", 20)).toEqual([
      "2026-11-01T04:00",
      "2026-11-01T04:30",
      "2026-11-01T05:00",
      "2026-11-01T05:30",
      "2026-11-01T07:00",
      "2026-11-01T07:30",
      "2026-11-01T08:00",
      "2026-11-01T08:30",
    ]);
  });

  it("keeps its local hour over the change, with half-hour changes and whole days too", () => {
    expect(occurrences("cron(0 9 * * ? *)", "Europe/Berlin", "2026-10-24T12:00:00Z", 2)).toEqual([
      "2026-10-25T08:00",
      "2026-10-26T08:00",
    ]);
    // Lord Howe goes back by half an hour at 02:00 on 5 April 2026.
    expect(occurrences("cron(45 1 * * ? *)", "Australia/Lord_Howe", "2026-04-03T20:00:00Z", 2)).toEqual([
      "2026-04-04T14:45",
      "2026-04-05T15:15",
    ]);
    // Samoa had no 30 December 2011.
    expect(occurrences("cron(0 12 * * ? *)", "Pacific/Apia", "2011-12-29T00:00:00Z", 2)).toEqual([
      "2011-12-29T22:00",
      "2011-12-30T22:00",
    ]);
  });

  it("counts rates in elapsed time and one-time schedules in local time", () => {
    expect(occurrences("rate(12 hours)", "America/New_York", "2026-03-08T00:00:00Z", 3)).toEqual([
      "2026-03-08T12:00",
      "2026-03-09T00:00",
      "2026-03-09T12:00",
    ]);
    expect(parseSchedule("rate(5 minutes)").next(0, 1000)).toBe(1000);
    expect(occurrences("at(2026-07-01T09:00:00)", "Asia/Tokyo", "2026-01-01T00:00:00Z", 2)).toEqual([
      "2026-07-01T00:00",
    ]);
    expect(occurrences("at(2026-03-08T02:30:00)", "America/New_York", "2026-01-01T00:00:00Z", 1)).toEqual([]);
  });
});

describe("cron fields", () => {
  const from = "2026-01-01T00:00:00Z";
  const days = (expression: string, count = 3) =>
    occurrences(expression, "UTC", from, count).map((time) => time.slice(0, 10));

  it("know names, ranges, lists and steps", () => {
    expect(occurrences("cron(10/20 8-9 ? JAN MON,WED 2026)", "UTC", from, 3)).toEqual([
      "2026-01-05T08:10",
      "2026-01-05T08:30",
      "2026-01-05T08:50",
    ]);
    expect(days("cron(0 0 ? * 1 *)")).toEqual(["2026-01-04", "2026-01-11", "2026-01-18"]);
  });

  it("know L, W, LW and #", () => {
    expect(days("cron(0 0 L * ? *)")).toEqual(["2026-01-31", "2026-02-28", "2026-03-31"]);
    expect(days("cron(0 0 LW * ? *)")).toEqual(["2026-01-30", "2026-02-27", "2026-03-31"]);
    expect(days("cron(0 0 1W * ? *)", 4)).toEqual(["2026-02-02", "2026-03-02", "2026-04-01", "2026-05-01"]);
    expect(days("cron(0 0 ? * 6L *)")).toEqual(["2026-01-30", "2026-02-27", "2026-03-27"]);
    expect(days("cron(0 0 ? * 3#2 *)")).toEqual(["2026-01-13", "2026-02-10", "2026-03-10"]);
    expect(days("cron(0 0 29 2 ? *)", 2)).toEqual(["2028-02-29", "2032-02-29"]);
    expect(days("cron(0 0 30 2 ? *)", 1)).toEqual([]);
  });

  it("refuse what EventBridge refuses, naming the field", () => {
    const wrong = [
      "cron(0 0 * * * *)",
      "cron(0 0 ? * ? *)",
      "cron(60 0 * * ? *)",
      "cron(0 0 * * ?)",
      "cron(0 0 ? * 8 *)",
      "cron(0 0 ? * 2#6 *)",
      "cron(5-1 0 * * ? *)",
      "cron(*/0 0 * * ? *)",
      "cron(0 0 * * ? 1969)",
      "rate(0 minutes)",
      "rate(1 week)",
      "at(2026-13-01T00:00:00)",
      "every day",
    ];
    for (const expression of wrong) expect(() => parseSchedule(expression), expression).toThrow(/^expression: /);
    expect(() => parseSchedule("rate(1 day)", "Mars/Olympus")).toThrow("time zone");
  });
});

it("a quarter-hourly cron meets each local reading of a zone once, in order, whatever the zone and day", () => {
  const zones = ["America/New_York", "Europe/London", "Australia/Lord_Howe", "Africa/Casablanca", "Antarctica/Troll"];
  const start = Date.UTC(2026, 0, 1);
  fc.assert(
    fc.property(fc.constantFrom(...zones), fc.integer({ min: 0, max: 364 }), (zone, day) => {
      const schedule = parseSchedule("cron(0/15 * * * ? *)", zone);
      const end = start + (day + 1) * 86_400_000;
      const readings = new Set<string>();
      const show = new Intl.DateTimeFormat("en-GB", { timeZone: zone, dateStyle: "short", timeStyle: "short" });
      let at = end - 86_400_000;
      for (let next = schedule.next(at, 0)!; next <= end; next = schedule.next(at, 0)!) {
        expect(next).toBeGreaterThan(at);
        const reading = show.format(next);
        expect(readings.has(reading)).toBe(false);
        readings.add(reading);
        at = next;
      }
      expect(readings.size).toBeGreaterThanOrEqual(96 - 8);
      expect(readings.size).toBeLessThanOrEqual(96 + 8);
    }),
    { numRuns: 120 },
  );
});
