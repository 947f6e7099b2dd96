import { expressionNames, expressionProblem } from "@weft/engine/expressions/evaluate";
import * as z from "zod";
import { MAX_CONCURRENT_RUNS, MAX_PRIORITY } from "./run-policy.limits.ts";

const DAY_SECONDS = 86_400;
/** The longest that Step Functions lets one run last. */
export const MAX_TIMEOUT_SECONDS = 365 * DAY_SECONDS;
/** Runs that wait at one gate: a start counts them. */
export const MAX_QUEUED_RUNS = 10_000;
const DEFAULT_QUEUED_RUNS = 1_000;
const MAX_QUEUE_TTL_SECONDS = 30 * DAY_SECONDS;
const MAX_DEDUPE_TTL_SECONDS = 30 * DAY_SECONDS;
const MAX_RATE = 1_000_000;
const MAX_RATE_WINDOW_SECONDS = DAY_SECONDS;
const MAX_KEY_EXPRESSION = 2_000;
/** Longest key that a caller gives by itself (the rule of `Idempotency-Key`). */
const MAX_DEDUPE_KEY = 255;

/** By word, on the scale of {@link MAX_PRIORITY}. */
const PRIORITY_WORDS = { low: -10, normal: 0, high: 10 } as const;

/** JSONata over a run's input that gives the same value for what belongs together. */
export const KeyExpression = z
  .string()
  .min(1)
  .max(MAX_KEY_EXPRESSION)
  .superRefine((text, check) => {
    const problem = expressionProblem("jsonata", text);
    if (problem !== undefined) check.addIssue({ code: "custom", message: problem });
    else if (expressionNames("jsonata", text).isVolatile)
      check.addIssue({ code: "custom", message: "a key depends on the input alone, not on the time or on chance" });
  })
  .meta({ description: "JSONata over the run's input", example: "customer.id" });

/** queue: wait for a place. cancel_previous: the oldest runs make way. skip: the run is noted as cancelled. */
export const ON_LIMIT = ["queue", "reject", "cancel_previous", "skip"] as const;

export const Concurrency = z
  .strictObject({
    /** Runs at once; of each key where there is one. */
    max: z.int().min(1).max(MAX_CONCURRENT_RUNS),
    /** Runs with the same value share `max`. Those for which it gives nothing share one, too. */
    key: KeyExpression.optional(),
    onLimit: z.enum(ON_LIMIT).default("queue"),
    /** A run that waited for so long is timed out. */
    queueTtlSeconds: z.int().min(1).max(MAX_QUEUE_TTL_SECONDS).default(DAY_SECONDS),
    /** Where about so many wait already, the next run is rejected. */
    maxQueued: z.int().min(0).max(MAX_QUEUED_RUNS).default(DEFAULT_QUEUED_RUNS),
  })
  .meta({ id: "RunConcurrency" });
export type Concurrency = z.output<typeof Concurrency>;

const dedupeTtl = z.int().min(1).max(MAX_DEDUPE_TTL_SECONDS);

/** A repeat with the same key within the time gives the execution that the first one started. */
export const Dedupe = z.strictObject({ key: KeyExpression, ttlSeconds: dedupeTtl }).meta({ id: "RunDedupe" });
export type Dedupe = z.output<typeof Dedupe>;

/** The same with a key that the caller gives. */
export const GivenDedupe = z
  .strictObject({ key: z.string().min(1).max(MAX_DEDUPE_KEY), ttlSeconds: dedupeTtl.default(DAY_SECONDS) })
  .meta({ id: "GivenRunDedupe" });
export type GivenDedupe = z.output<typeof GivenDedupe>;

export const RunRate = z
  .strictObject({
    limit: z.int().min(1).max(MAX_RATE),
    windowSeconds: z.int().min(1).max(MAX_RATE_WINDOW_SECONDS),
  })
  .meta({ id: "RunRateLimit" });

export const Priority = z
  .union([z.enum(["low", "normal", "high"]), z.int().min(-MAX_PRIORITY).max(MAX_PRIORITY)])
  .meta({ id: "RunPriority", description: "Higher goes first in a queue; low is -10, normal 0, high 10" });
export type Priority = z.output<typeof Priority>;

/** A priority as a number; higher goes first. */
export function priorityNumber(priority: Priority | undefined): number {
  return typeof priority === "string" ? PRIORITY_WORDS[priority] : (priority ?? 0);
}

/** How long one run may last once it has begun, waits included. */
export const TimeoutSeconds = z.int().min(1).max(MAX_TIMEOUT_SECONDS);

/** What decides whether and when a run starts and how long it may last, but for the deadline. */
export const admissionFields = {
  /** Repeats of drafts are runs of their own: this one holds for published versions. */
  dedupe: Dedupe.optional(),
  concurrency: Concurrency.optional(),
  rateLimit: RunRate.optional(),
  priority: Priority.optional(),
};

/** The limits of whatever starts runs: the settings of a workflow, and what a trigger adds to them. */
export const RunPolicy = z
  .strictObject({ ...admissionFields, timeoutSeconds: TimeoutSeconds.optional() })
  .meta({ id: "RunPolicy" });
export type RunPolicy = z.output<typeof RunPolicy>;
