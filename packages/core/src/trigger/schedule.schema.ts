import { isoTime } from "@weft/kernel/clock";
import { type Id, idSchema } from "@weft/kernel/ids";
import { pageOf, pageQuery } from "@weft/kernel/page";
import { isZone } from "@weft/kernel/zone";
import * as z from "zod";
import { triggerFields } from "./trigger.schema.ts";

const MAX_NAME = 255;
const MAX_DESCRIPTION = 4_000;
const MAX_CRON = 256;
const MAX_RATE = 100_000;
/** EventBridge Scheduler's own bound on a flexible window: a day. */
const MAX_WINDOW_MINUTES = 1_440;
const MAX_CATCH_UP = 100;
const DAY_SECONDS = 86_400;
/** Times further back are never made up for. */
export const MAX_CATCH_UP_SECONDS = 7 * DAY_SECONDS;
export const PREVIEW_COUNT = 10;
const MAX_PREVIEW = 100;

/** What happens at a time at which the run before is still open. */
export const OVERLAP = ["allow", "skip", "queue", "cancel_previous"] as const;
/** Which of the times that passed without a run, because something was down, are made up for. */
export const CATCH_UP = ["skip", "one", "all"] as const;

const Name = z.string().trim().min(1).max(MAX_NAME);
const Description = z.string().max(MAX_DESCRIPTION);

/** JavaScript takes 31 February for 3 March. */
function isDate(local: string): boolean {
  const ms = Date.parse(`${local.slice(0, 16)}:00Z`);
  return !Number.isNaN(ms) && isoTime(ms).startsWith(local.slice(0, 16));
}

export const ScheduleWhen = z
  .discriminatedUnion("type", [
    z.strictObject({
      type: z.literal("cron"),
      expression: z
        .string()
        .min(1)
        .max(MAX_CRON)
        .meta({
          description:
            "Five fields (minute, hour, day of month, month, day of week; Sunday is 0 or 7) with names, ranges, lists " +
            "and steps, or @hourly, @daily, @weekly, @monthly, @yearly. Days of the month also take L (the last), LW and " +
            "15W (the weekday nearest), days of the week 5L (the last Friday) and 2#1 (the first Tuesday). Only one of " +
            "the two may be given.",
          example: "30 9 * * MON-FRI",
        }),
    }),
    z.strictObject({
      type: z.literal("rate"),
      every: z.int().min(1).max(MAX_RATE),
      unit: z.enum(["minute", "hour", "day"]),
    }),
    z.strictObject({
      type: z.literal("once"),
      at: z
        .string()
        .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d(:00)?$/, "a local time to the minute, such as 2026-07-01T09:00")
        .refine(isDate, "is not a date")
        .meta({ description: "A local time of the zone, to the minute" }),
    }),
  ])
  .meta({ id: "ScheduleWhen" });
export type ScheduleWhen = z.output<typeof ScheduleWhen>;

const Timezone = z
  .string()
  .max(64)
  .refine(isZone, "is not a time zone of the IANA database")
  .meta({ description: "A zone of the IANA database", example: "Europe/Berlin" });
const Instant = z.iso.datetime({ offset: true });
const Window = z
  .int()
  .min(1)
  .max(MAX_WINDOW_MINUTES)
  .meta({
    description:
      "Runs start at a moment within so many minutes of the nominal time: always the same for one schedule, different " +
      "ones for different schedules",
  });

export const CatchUp = z
  .strictObject({
    policy: z.enum(CATCH_UP).default("skip"),
    /** all: at most so many, the latest. */
    max: z.int().min(1).max(MAX_CATCH_UP).default(10),
    /** Only of times that passed within so many seconds. */
    windowSeconds: z.int().min(60).max(MAX_CATCH_UP_SECONDS).default(DAY_SECONDS),
  })
  .meta({ id: "ScheduleCatchUp" });
export type CatchUp = z.output<typeof CatchUp>;

/** When it fires, which can be previewed without a schedule. */
const timingFields = {
  when: ScheduleWhen,
  timezone: Timezone.default("UTC"),
  /** No time before it counts; what a rate counts from. */
  start: Instant.optional(),
  /** The last instant that counts. */
  end: Instant.optional(),
  windowMinutes: Window.optional(),
};

export const CreateSchedule = z
  .object({
    name: Name,
    description: Description.default(""),
    ...timingFields,
    overlap: z.enum(OVERLAP).default("allow"),
    catchUp: CatchUp.prefault({}),
    ...triggerFields,
    isPaused: z.boolean().default(false),
  })
  .meta({ id: "CreateSchedule" });
export type CreateSchedule = z.output<typeof CreateSchedule>;

export const UpdateSchedule = z
  .object({
    expectedRevision: z.int().min(1).optional(),
    name: Name.optional(),
    description: Description.optional(),
    when: ScheduleWhen.optional(),
    timezone: Timezone.optional(),
    start: Instant.nullable().optional(),
    end: Instant.nullable().optional(),
    windowMinutes: Window.nullable().optional(),
    overlap: z.enum(OVERLAP).optional(),
    catchUp: CatchUp.optional(),
    workflowId: triggerFields.workflowId.optional(),
    version: triggerFields.version.unwrap().nullable().optional(),
    input: triggerFields.input.unwrap().nullable().optional(),
    policy: triggerFields.policy.unwrap().optional(),
  })
  .meta({ id: "UpdateSchedule" });
export type UpdateSchedule = z.output<typeof UpdateSchedule>;

export const PreviewSchedule = z.object(timingFields).meta({ id: "PreviewSchedule" });
export type PreviewSchedule = z.output<typeof PreviewSchedule>;

export const previewQuery = {
  count: z.coerce.number().int().min(1).max(MAX_PREVIEW).default(PREVIEW_COUNT),
  /** Now where it is left out. */
  after: Instant.optional(),
};

export const Occurrence = z
  .object({
    /** The nominal time: with the schedule it is the run's identity. */
    at: z.string(),
    /** What a clock in the zone shows then. */
    localTime: z.string(),
    /** When the run starts; null where the schedule has a window and is not saved yet. */
    startsAt: z.string().nullable(),
  })
  .meta({ id: "ScheduleOccurrence" });
export type Occurrence = z.output<typeof Occurrence>;

export const SchedulePreview = z
  .object({
    /** As EventBridge Scheduler takes it. */
    expression: z.string(),
    items: z.array(Occurrence),
  })
  .meta({ id: "SchedulePreview" });
export type SchedulePreview = z.output<typeof SchedulePreview>;

/** ended: no time is left. */
export const SCHEDULE_STATUS = ["active", "paused", "ended", "deleted"] as const;

const ScheduleError = z.object({ code: z.string(), message: z.string(), at: z.string() }).meta({ id: "ScheduleError" });
export type ScheduleError = z.output<typeof ScheduleError>;

export const Schedule = z
  .object({
    id: idSchema("schedule"),
    spaceId: idSchema("space"),
    name: z.string(),
    description: z.string(),
    status: z.enum(SCHEDULE_STATUS),
    when: ScheduleWhen,
    timezone: z.string(),
    start: z.string().nullable(),
    end: z.string().nullable(),
    windowMinutes: z.int().nullable(),
    overlap: z.enum(OVERLAP),
    catchUp: CatchUp,
    workflowId: idSchema("workflow"),
    version: z.string().nullable(),
    input: z.string().nullable(),
    policy: triggerFields.policy.unwrap(),
    pausedAt: z.string().nullable(),
    pausedBy: z.string().nullable(),
    lastNominalAt: z.string().nullable(),
    lastFiredAt: z.string().nullable(),
    lastExecution: z.object({ id: idSchema("execution"), at: z.string() }).nullable(),
    /** Of the latest firing, or of handing the schedule to EventBridge. */
    lastError: ScheduleError.nullable(),
    nextExecution: Occurrence.nullable(),
    revision: z.int(),
    createdAt: z.string(),
    updatedAt: z.string(),
    createdBy: z.string(),
    deletedAt: z.string().nullable(),
  })
  .meta({ id: "Schedule" });
export type Schedule = z.output<typeof Schedule>;
export const SchedulePage = pageOf(Schedule).meta({ id: "SchedulePage" });

export const listSchedulesQuery = {
  ...pageQuery,
  q: z.string().max(200).optional(),
  workflowId: idSchema("workflow").optional(),
  state: z.enum(["all", "active", "paused", "deleted"]).default("all"),
};
export type ListSchedules = z.output<z.ZodObject<typeof listSchedulesQuery>>;

/**
 * deferred: its start was put off and is still to come. skipped: passed over by its policies. missed: not made up for
 * after an outage. failed: nothing was started, `error` says why.
 */
export const SCHEDULE_FIRING_STATUS = [
  "starting",
  "deferred",
  "started",
  "skipped",
  "missed",
  "failed",
  "cancelled",
] as const;
export const FIRING_SOURCE = ["schedule", "catch_up", "manual"] as const;

export const ScheduleFiring = z
  .object({
    scheduleId: idSchema("schedule"),
    /** The nominal time, or when somebody fired it by hand. */
    at: z.string(),
    source: z.enum(FIRING_SOURCE),
    status: z.enum(SCHEDULE_FIRING_STATUS),
    workflowId: idSchema("workflow"),
    startsAt: z.string(),
    /** Null where none was started and none will be. */
    executionId: idSchema("execution").nullable(),
    /** Times that this one row stands for, where it is `missed`. */
    count: z.int(),
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
    createdAt: z.string(),
  })
  .meta({ id: "ScheduleFiring" });
export type ScheduleFiring = z.output<typeof ScheduleFiring>;
export const ScheduleFiringPage = pageOf(ScheduleFiring).meta({ id: "ScheduleFiringPage" });

export type ScheduleId = Id<"schedule">;
