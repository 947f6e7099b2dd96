import { CreateScheduleGroupCommand, SchedulerClient } from "@aws-sdk/client-scheduler";
import { eventBridgeTimer } from "@weft/adapters/scheduler/eventbridge";
import type { ScheduleRow } from "@weft/core/trigger/schedule.sync";
import { expressionOf, preview } from "@weft/core/trigger/schedule.times";
import { ManualClock } from "@weft/kernel/clock";
import { startAws } from "@weft/local/aws/server";
import { expect, it } from "vitest";
import { GOLDEN, GOLDEN_ZONES, oracle } from "../support/schedule-oracle.ts";

const DAY = 86_400_000;
/** Two years in which each zone that has summer time changes its clocks four times. */
const BEGIN = Date.UTC(2026, 0, 1);
const END = Date.UTC(2028, 0, 1);
const isWhole = process.env.WEFT_SCHEDULES === "whole";

/** Days around each change of the zone's clocks, and some around ends of months; the sample of `npm test`. */
function sample(zone: string): [number, number][] {
  const offset = (instant: number) =>
    new Intl.DateTimeFormat("en-GB", { timeZone: zone, timeZoneName: "longOffset" })
      .formatToParts(instant)
      .find(({ type }) => type === "timeZoneName")?.value;
  const days = Array.from({ length: (END - BEGIN) / DAY }, (_, index) => BEGIN + index * DAY);
  const changes = days.filter((day) => offset(day) !== offset(day + DAY));
  return [...changes, Date.UTC(2026, 1, 27), Date.UTC(2027, 6, 30)].map((day) => [day - 2 * DAY, day + 3 * DAY]);
}

interface Fired {
  [scheduleId: string]: number[];
}

/** What the local Scheduler fires of all rows between two instants, told by the adapter that is deployed. */
async function fire(zone: string, from: number, to: number): Promise<Fired> {
  const clock = new ManualClock(from - 1);
  const fired: Fired = {};
  const aws = await startAws({
    clock,
    missedSchedules: "each",
    onSchedule: ({ input }) => {
      const { scheduleId, scheduledTime } = JSON.parse(input);
      fired[scheduleId] ??= [];
      fired[scheduleId].push(Date.parse(scheduledTime));
    },
  });
  try {
    await tell(aws.url, zone);
    for (let day = from; day < to; day += DAY) {
      clock.advance(Math.min(day + DAY, to) - 1 - clock.now());
      await aws.scheduler.tick();
    }
    return fired;
  } finally {
    await aws.close();
  }
}

async function tell(endpoint: string, zone: string): Promise<void> {
  const client = new SchedulerClient({ endpoint, region: "us-east-1" });
  await client.send(new CreateScheduleGroupCommand({ Name: "golden" }));
  const arn = (service: string, name: string) => `arn:aws:${service}:us-east-1:000000000000:${name}`;
  const place = { roleArn: arn("iam", "role/r"), targetArn: arn("lambda", "function:f"), queueArn: arn("sqs", "q") };
  const timer = eventBridgeTimer({ group: "golden", ...place }, client);
  for (const [index, { cron }] of GOLDEN.entries()) {
    const expression = expressionOf({ type: "cron", expression: cron });
    await timer.put(`s${index}`, { expression, timezone: zone, isEnabled: true, spaceId: "spc", generation: 1 });
  }
  client.destroy();
}

function previewed(zone: string, cron: string, from: number, to: number): number[] {
  const timing: Pick<ScheduleRow, "when" | "timezone"> = { when: { type: "cron", expression: cron }, timezone: zone };
  const found: number[] = [];
  // As people page through it: what comes after the last one shown.
  for (let after = from - 1; ; after = found.at(-1) as number) {
    const next = preview(timing, { after, count: 10, delayMs: 0 }).map((one) => Date.parse(one.at));
    found.push(...next.filter((time) => time < to));
    if (next.some((time) => time >= to)) return found;
  }
}

it.each(GOLDEN_ZONES)(
  "%s: what is shown is what fires, and is what the rules say",
  { timeout: 1_800_000 },
  async (zone) => {
    const spans: [number, number][] = isWhole ? [[BEGIN, END]] : sample(zone);
    for (const [from, to] of spans) {
      const expected = oracle(zone, GOLDEN, from, to);
      const fired = await fire(zone, from, to);
      for (const [index, { name, cron }] of GOLDEN.entries()) {
        const where = `${zone} ${name} (${cron}) from ${new Date(from).toISOString()}`;
        expect(previewed(zone, cron, from, to), `shown: ${where}`).toEqual(expected[index]);
        expect(fired[`s${index}`] ?? [], `fired: ${where}`).toEqual(expected[index]);
      }
      expect(expected.reduce((sum, times) => sum + times.length, 0)).toBeGreaterThan(100);
    }
  },
);
