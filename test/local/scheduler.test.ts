import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  CreateScheduleCommand,
  type CreateScheduleCommandInput,
  CreateScheduleGroupCommand,
  DeleteScheduleCommand,
  DeleteScheduleGroupCommand,
  GetScheduleCommand,
  ListSchedulesCommand,
  SchedulerClient,
  UpdateScheduleCommand,
} from "@aws-sdk/client-scheduler";
import { ManualClock, systemClock } from "@weft/kernel/clock";
import type { Invocation } from "@weft/local/aws/scheduler";
import { type AwsServer, startAws } from "@weft/local/aws/server";
import { afterEach, beforeEach, expect, it, vi } from "vitest";

const HOUR = 3_600_000;
const common = { region: "us-east-1", credentials: { accessKeyId: "local", secretAccessKey: "local" }, maxAttempts: 1 };

let folder: string;
let clock: ManualClock;
let server: AwsServer;
let client: SchedulerClient;
let fired: Invocation[];
let failing: number;

async function start(missedSchedules: "each" | "latest" = "each"): Promise<void> {
  server = await startAws({
    path: folder,
    clock,
    missedSchedules,
    onSchedule: (invocation) => {
      if (failing-- > 0) throw new Error("the target fails");
      fired.push(invocation);
    },
  });
  client = new SchedulerClient({ ...common, endpoint: server.url });
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "weft-scheduler-"));
  clock = new ManualClock(Date.UTC(2026, 2, 7, 0, 0, 0));
  fired = [];
  failing = 0;
  await start();
});
afterEach(async () => {
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

const schedule = (Name: string, ScheduleExpression: string, more: Partial<CreateScheduleCommandInput> = {}) => ({
  Name,
  ScheduleExpression,
  FlexibleTimeWindow: { Mode: "OFF" as const },
  Target: { Arn: "arn:aws:lambda:us-east-1:000000000000:function:f", RoleArn: "arn:aws:iam::000000000000:role/r" },
  ...more,
});
const create = (...given: Parameters<typeof schedule>) => client.send(new CreateScheduleCommand(schedule(...given)));
const times = () => fired.map(({ scheduledAt }) => scheduledAt);

async function pass(milliseconds: number): Promise<void> {
  clock.advance(milliseconds);
  await server.scheduler.tick();
}

it("keeps what it was given, and answers as AWS for what is there and what is not", async () => {
  const StartDate = new Date(Date.UTC(2026, 3, 1));
  const { ScheduleArn } = await create("nightly", "cron(0 3 * * ? *)", {
    ScheduleExpressionTimezone: "Europe/Berlin",
    Description: "each night",
    StartDate,
  });
  expect(ScheduleArn).toBe("arn:aws:scheduler:us-east-1:000000000000:schedule/default/nightly");
  const got = await client.send(new GetScheduleCommand({ Name: "nightly" }));
  expect(got).toMatchObject({ StartDate, State: "ENABLED", GroupName: "default", Description: "each night" });
  await expect(create("nightly", "rate(1 hour)")).rejects.toMatchObject({ name: "ConflictException" });
  await expect(client.send(new GetScheduleCommand({ Name: "none" }))).rejects.toMatchObject({
    name: "ResourceNotFoundException",
  });
  await expect(create("wrong", "cron(0 3 * * * *)")).rejects.toMatchObject({ name: "ValidationException" });
  await expect(create("wrong", "rate(1 hour)", { GroupName: "none" })).rejects.toMatchObject({
    name: "ResourceNotFoundException",
  });
});

it("lists by group, prefix and page", async () => {
  await client.send(new CreateScheduleGroupCommand({ Name: "users" }));
  for (const name of ["a1", "a2", "a3", "b1"]) await create(name, "rate(1 hour)", { GroupName: "users" });
  await create("a9", "rate(1 hour)");
  const list = { GroupName: "users", NamePrefix: "a", MaxResults: 2 };
  const first = await client.send(new ListSchedulesCommand(list));
  expect(first.Schedules?.map(({ Name }) => Name)).toEqual(["a1", "a2"]);
  const second = await client.send(new ListSchedulesCommand({ ...list, NextToken: first.NextToken }));
  expect([second.Schedules?.map(({ Name }) => Name), second.NextToken]).toEqual([["a3"], undefined]);
  await client.send(new DeleteScheduleGroupCommand({ Name: "users" }));
  expect((await client.send(new ListSchedulesCommand({}))).Schedules?.map(({ Name }) => Name)).toEqual(["a9"]);
});

it("fires by the zone's clock, skipping the hour that does not exist", async () => {
  await create("early", "cron(30 2 * * ? *)", { ScheduleExpressionTimezone: "America/New_York" });
  for (let hour = 0; hour < 72; hour++) await pass(HOUR);
  expect(times()).toEqual(["2026-03-07T07:30:00Z", "2026-03-09T06:30:00Z"]);
});

it("hands over the input with its context, and goes when it is done where asked", async () => {
  const Input = '{"at":"<aws.scheduler.scheduled-time>","by":"<aws.scheduler.schedule-arn>"}';
  const Target = { ...schedule("x", "").Target, Input };
  await create("once", "at(2026-03-07T01:00:00)", { Target, ActionAfterCompletion: "DELETE" });
  await pass(2 * HOUR);
  expect(JSON.parse(fired[0]!.input)).toEqual({
    at: "2026-03-07T01:00:00Z",
    by: "arn:aws:scheduler:us-east-1:000000000000:schedule/default/once",
  });
  await expect(client.send(new GetScheduleCommand({ Name: "once" }))).rejects.toThrow();
  await pass(100 * HOUR);
  expect(fired).toHaveLength(1);
});

it("fires a rate from its start to its end, and not while it is disabled or gone", async () => {
  const StartDate = new Date(clock.now() + HOUR);
  const EndDate = new Date(clock.now() + 3 * HOUR);
  await create("rate", "rate(1 hour)", { StartDate, EndDate });
  await create("off", "rate(1 hour)", { State: "DISABLED" });
  await create("gone", "rate(1 hour)", { StartDate });
  await client.send(new DeleteScheduleCommand({ Name: "gone" }));
  await pass(10 * HOUR);
  expect(times()).toEqual(["2026-03-07T01:00:00Z", "2026-03-07T02:00:00Z", "2026-03-07T03:00:00Z"]);
  await client.send(new UpdateScheduleCommand(schedule("off", "rate(1 hour)")));
  fired = [];
  await pass(HOUR);
  expect(times()).toEqual(["2026-03-07T10:00:00Z", "2026-03-07T11:00:00Z"]);
});

it("tries again as its retry policy says", async () => {
  const Target = { ...schedule("x", "").Target, RetryPolicy: { MaximumRetryAttempts: 1 } };
  await create("flaky", "at(2026-03-07T01:00:00)", { Target });
  failing = 1;
  await pass(HOUR);
  expect(fired).toHaveLength(0);
  await pass(1000);
  expect(fired).toHaveLength(1);
});

it("makes up after a restart for what it missed: each, or only the latest", async () => {
  await create("hourly", "cron(0 * * * ? *)");
  await server.close();
  clock.advance(5 * HOUR);
  await start("latest");
  await server.scheduler.tick();
  expect(times()).toEqual(["2026-03-07T05:00:00Z"]);
  await server.close();
  clock.advance(2 * HOUR);
  await start("each");
  await server.scheduler.tick();
  expect(times()).toEqual(["2026-03-07T05:00:00Z", "2026-03-07T06:00:00Z", "2026-03-07T07:00:00Z"]);
});

it("fires by itself on the machine's clock", async () => {
  await server.close();
  clock = systemClock as ManualClock;
  await start();
  server.start();
  await create("now", "rate(1 hour)");
  await vi.waitFor(() => expect(fired).toHaveLength(1), { timeout: 10_000 });
});
