import { expressionProblem } from "@weft/engine/expressions/evaluate";
import { idSchema } from "@weft/kernel/ids";
import * as z from "zod";
import { KeyExpression, Priority, RunRate, TimeoutSeconds } from "../workflow/run-policy.schema.ts";
import { FIRING_STATUS } from "./trigger.words.ts";

const DAY_SECONDS = 86_400;
/** The longest that a debounced or throttled start may be put off (Inngest's bound). */
export const MAX_DELAY_SECONDS = 7 * DAY_SECONDS;
const MAX_MAPPING = 10_000;
const MAX_DEDUPE_TTL_SECONDS = 30 * DAY_SECONDS;
/** Runs of one trigger at once: a start reads them all. */
export const MAX_TRIGGER_RUNS = 100;
const MAX_THROTTLE = 10_000;
const MAX_BURST = 1_000;

const seconds = z.int().min(1).max(MAX_DELAY_SECONDS);

/** JSONata over what arrived that gives the run's input, an object. */
export const InputMapping = z
  .string()
  .min(1)
  .max(MAX_MAPPING)
  .superRefine((text, check) => {
    const problem = expressionProblem("jsonata", text);
    if (problem !== undefined) check.addIssue({ code: "custom", message: problem });
  })
  .meta({ description: "JSONata over what arrived; gives the run's input", example: '{ "order": body.order }' });

/** Many events in short order become one run, with the last one's input. */
const Debounce = z
  .strictObject({
    /** A run starts when nothing came for so long. */
    periodSeconds: seconds,
    /** And at the latest so long after the first event. */
    maxSeconds: seconds.default(MAX_DELAY_SECONDS),
    /** Events with the same value belong together; all of them where there is none. */
    key: KeyExpression.optional(),
  })
  .refine(({ periodSeconds, maxSeconds }) => maxSeconds >= periodSeconds, {
    path: ["maxSeconds"],
    message: "is at least periodSeconds",
  })
  .meta({ id: "TriggerDebounce" });

/** Starts beyond the rate are put off, none is lost. */
const Throttle = z
  .strictObject({
    limit: z.int().min(1).max(MAX_THROTTLE),
    periodSeconds: seconds,
    /** Starts that may come at once before they are spread evenly. */
    burst: z.int().min(1).max(MAX_BURST).default(1),
    key: KeyExpression.optional(),
  })
  .meta({ id: "TriggerThrottle" });

/** reject: `rate_limited`. skip: noted and passed over. cancel_previous: the oldest runs make way. */
const ON_TRIGGER_LIMIT = ["reject", "skip", "cancel_previous"] as const;

/** What a trigger adds to the limits that its workflow has. */
export const TriggerPolicy = z
  .strictObject({
    /** Events with the same value within the time are one: the run that the first one started. */
    dedupe: z
      .strictObject({
        key: KeyExpression,
        ttlSeconds: z.int().min(1).max(MAX_DEDUPE_TTL_SECONDS).default(DAY_SECONDS),
      })
      .meta({ id: "TriggerDedupe" })
      .optional(),
    debounce: Debounce.optional(),
    throttle: Throttle.optional(),
    /** Events beyond the rate are refused. */
    rateLimit: RunRate.optional(),
    /** Runs of this trigger at once, beside those that the workflow allows. */
    concurrency: z
      .strictObject({
        max: z.int().min(1).max(MAX_TRIGGER_RUNS),
        onLimit: z.enum(ON_TRIGGER_LIMIT).default("reject"),
      })
      .meta({ id: "TriggerConcurrency" })
      .optional(),
    priority: Priority.optional(),
    timeoutSeconds: TimeoutSeconds.optional(),
  })
  .refine(({ debounce, throttle }) => !debounce || !throttle, {
    path: ["throttle"],
    message: "debounce and throttle exclude each other",
  })
  .refine(({ debounce, dedupe }) => !debounce || !dedupe, {
    path: ["dedupe"],
    message: "debounce and dedupe exclude each other",
  })
  .meta({ id: "TriggerPolicy" });
export type TriggerPolicy = z.output<typeof TriggerPolicy>;

const MAX_VERSION = 64;

/** What every kind of trigger says of the runs that it starts. */
export const triggerFields = {
  workflowId: idSchema("workflow"),
  /** The latest published version where it is left out. */
  version: z.string().min(1).max(MAX_VERSION).optional(),
  input: InputMapping.optional(),
  policy: TriggerPolicy.default({}),
};

export type FiringStatus = (typeof FIRING_STATUS)[number];

/** A start that was put off. */
export const Firing = z
  .object({
    id: idSchema("firing"),
    triggerId: z.string(),
    workflowId: idSchema("workflow"),
    status: z.enum(FIRING_STATUS),
    /** When it starts, or started. */
    dueAt: z.iso.datetime(),
    /** Of the run, which is there from `started` on. */
    executionId: idSchema("execution"),
    /** Events that became this one run. */
    events: z.int(),
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: "TriggerFiring" });
export type Firing = z.output<typeof Firing>;
