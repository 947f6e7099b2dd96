import { idSchema } from "@weft/kernel/ids";
import { pageQuery } from "@weft/kernel/page";
import * as z from "zod";

/** How long results of jobs are kept. */
export const JOB_RESULT_DAYS = 30;

export const JOB_STATUSES = ["running", "succeeded", "failed"] as const;
export const JOB_TRIGGERS = ["scheduled", "manual"] as const;
export type JobTrigger = (typeof JOB_TRIGGERS)[number];

export const jobName = z.string().regex(/^[a-z][a-z0-9-]{0,62}$/, "expected a job's name such as sweep-executions");

export const JobResult = z
  .object({
    id: idSchema("jobResult"),
    job: z.string(),
    trigger: z.enum(JOB_TRIGGERS),
    startedBy: z.string(),
    status: z.enum(JOB_STATUSES),
    startedAt: z.iso.datetime(),
    endedAt: z.iso.datetime().nullable(),
    durationMs: z.int().nullable(),
    /** What the job says it did: counts, mostly. */
    summary: z.unknown(),
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
    requestId: z.string(),
  })
  .meta({ id: "JobResult" });
export type JobResult = z.output<typeof JobResult>;

export const Job = z
  .object({
    name: z.string(),
    /** An EventBridge Scheduler expression. */
    schedule: z.string(),
    lastResult: JobResult.nullable(),
  })
  .meta({ id: "Job" });
export type Job = z.output<typeof Job>;

export const ListJobResults = z.strictObject({ ...pageQuery, status: z.enum(JOB_STATUSES).optional() });
export type ListJobResults = z.output<typeof ListJobResults>;
