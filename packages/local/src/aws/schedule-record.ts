import { AppError } from "@weft/kernel/errors";
import { parseSchedule } from "@weft/kernel/schedule";
import { AwsError, type Json, textOf } from "./wire.ts";

/** A target of Scheduler as its API writes it. */
export interface ScheduleTarget {
  Arn: string;
  RoleArn: string;
  Input?: string;
  RetryPolicy?: { MaximumRetryAttempts?: number; MaximumEventAgeInSeconds?: number };
  DeadLetterConfig?: { Arn?: string };
}

/** What the caller gave, with Scheduler's defaults; times in epoch seconds as on the wire. */
interface Definition {
  ScheduleExpression: string;
  ScheduleExpressionTimezone: string;
  FlexibleTimeWindow: { Mode: string; MaximumWindowInMinutes?: number };
  State: string;
  ActionAfterCompletion: string;
  Target: ScheduleTarget;
  StartDate?: number;
  EndDate?: number;
  Description?: string;
}

/** A schedule as it is kept. */
export interface StoredSchedule {
  name: string;
  group: string;
  definition: Definition;
  createdAt: number;
  updatedAt: number;
  clientToken?: string;
  /** When it fires next; absent when it is disabled or over. */
  nextAt?: number;
}

type Named = Pick<StoredSchedule, "name" | "group">;
type ArnOf = (schedule: Named) => string;

/** Scheduler's own patterns for names and limits of its fields. */
const NAME = /^[0-9a-zA-Z._-]{1,64}$/;
const MAX_DESCRIPTION = 512;
const MAX_WINDOW_MINUTES = 1440;
const MAX_RETRIES = 185;
const MIN_AGE_SECONDS = 60;
const MAX_AGE_SECONDS = 86_400;

export function scheduleKey({ name, group }: Named): string {
  return `${group}/${name}`;
}

/** Reads a Create or Update; an update replaces everything, as on AWS. */
export function readSchedule(
  name: string,
  group: string,
  input: Json,
  now: number,
  existing: StoredSchedule | undefined,
): StoredSchedule {
  check(NAME.test(name), "Name must satisfy regular expression pattern: [0-9a-zA-Z-_.]+ and be at most 64 long");
  const definition = readDefinition(input);
  const schedule: StoredSchedule = {
    name,
    group,
    definition,
    createdAt: existing?.createdAt ?? now,
    updatedAt: now,
    ...(typeof input.ClientToken === "string" && { clientToken: input.ClientToken }),
  };
  // A rate without a start fires at once, so that the very moment counts.
  const nextAt = definition.State === "ENABLED" ? nextOf(schedule, now - 1) : undefined;
  return nextAt === undefined ? schedule : { ...schedule, nextAt };
}

function readDefinition(input: Json): Definition {
  const { StartDate, EndDate, Description } = input;
  const zone = String(input.ScheduleExpressionTimezone ?? "UTC");
  const definition: Definition = {
    ScheduleExpression: textOf(input, "ScheduleExpression"),
    ScheduleExpressionTimezone: zone,
    FlexibleTimeWindow: readWindow(input.FlexibleTimeWindow),
    State: String(input.State ?? "ENABLED"),
    ActionAfterCompletion: String(input.ActionAfterCompletion ?? "NONE"),
    Target: readTarget(input.Target),
    ...(typeof StartDate === "number" && { StartDate }),
    ...(typeof EndDate === "number" && { EndDate }),
    ...(typeof Description === "string" && { Description }),
  };
  check(["ENABLED", "DISABLED"].includes(definition.State), "State must be ENABLED or DISABLED");
  check(["NONE", "DELETE"].includes(definition.ActionAfterCompletion), "ActionAfterCompletion must be NONE or DELETE");
  check((definition.Description ?? "").length <= MAX_DESCRIPTION, "Description is too long");
  check(
    (definition.StartDate ?? 0) < (definition.EndDate ?? Number.POSITIVE_INFINITY),
    "EndDate must be after StartDate",
  );
  parsed(definition);
  return definition;
}

function readWindow(given: unknown): Definition["FlexibleTimeWindow"] {
  const { Mode, MaximumWindowInMinutes: minutes } = (given ?? {}) as Definition["FlexibleTimeWindow"];
  check(Mode === "OFF" || Mode === "FLEXIBLE", "FlexibleTimeWindow.Mode must be OFF or FLEXIBLE");
  const isBounded = typeof minutes === "number" && minutes >= 1 && minutes <= MAX_WINDOW_MINUTES;
  check(
    Mode === "OFF" ? minutes === undefined : isBounded,
    "MaximumWindowInMinutes must be from 1 to 1440 when FLEXIBLE",
  );
  return { Mode, ...(minutes !== undefined && { MaximumWindowInMinutes: minutes }) };
}

function readTarget(given: unknown): ScheduleTarget {
  const target = (given ?? {}) as ScheduleTarget;
  check(typeof target.Arn === "string" && target.Arn.startsWith("arn:"), "Target.Arn must be an ARN");
  check(typeof target.RoleArn === "string" && target.RoleArn.startsWith("arn:"), "Target.RoleArn must be an ARN");
  const { MaximumRetryAttempts: retries = 0, MaximumEventAgeInSeconds: age = MIN_AGE_SECONDS } =
    target.RetryPolicy ?? {};
  check(retries >= 0 && retries <= MAX_RETRIES, "MaximumRetryAttempts must be from 0 to 185");
  check(age >= MIN_AGE_SECONDS && age <= MAX_AGE_SECONDS, "MaximumEventAgeInSeconds must be from 60 to 86400");
  return target;
}

function check(isRight: boolean, message: string): void {
  if (!isRight) throw new AwsError("ValidationException", message);
}

function parsed({ ScheduleExpression, ScheduleExpressionTimezone }: Definition) {
  try {
    return parseSchedule(ScheduleExpression, ScheduleExpressionTimezone, "ScheduleExpression");
  } catch (error) {
    if (error instanceof AppError)
      throw new AwsError("ValidationException", `Invalid Schedule Expression. ${error.message}`);
    throw error;
  }
}

/** The first occurrence after the instant and within the schedule's dates. */
export function nextOf({ definition, updatedAt }: StoredSchedule, after: number): number | undefined {
  const start = definition.StartDate === undefined ? undefined : definition.StartDate * 1000;
  const from = start === undefined ? after : Math.max(after, start - 1);
  const next = parsed(definition).next(from, start ?? updatedAt);
  const isOver = next !== undefined && definition.EndDate !== undefined && next > definition.EndDate * 1000;
  return isOver ? undefined : next;
}

/** GetSchedule's answer. */
export function shown(schedule: StoredSchedule, arnOf: ArnOf): Json {
  return {
    Arn: arnOf(schedule),
    Name: schedule.name,
    GroupName: schedule.group,
    ...schedule.definition,
    CreationDate: schedule.createdAt / 1000,
    LastModificationDate: schedule.updatedAt / 1000,
  };
}

/** One line of ListSchedules. */
export function summaryOf(schedule: StoredSchedule, arnOf: ArnOf): Json {
  return {
    Arn: arnOf(schedule),
    Name: schedule.name,
    GroupName: schedule.group,
    State: schedule.definition.State,
    Target: { Arn: schedule.definition.Target.Arn },
    CreationDate: schedule.createdAt / 1000,
    LastModificationDate: schedule.updatedAt / 1000,
  };
}
