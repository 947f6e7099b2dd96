import { MODEL_SCENE } from "@weft/engine/model";
import { idSchema } from "@weft/kernel/ids";
import { pageOf, pageQuery } from "@weft/kernel/page";
import * as z from "zod";
import { MODEL_PROVIDER } from "./model.schema.ts";

/** Half a year, as the other logs. */
export const LEDGER_RETENTION_DAYS = 180;
/** The widest stretch of days of one list or summary: each day costs a request. */
export const MAX_LEDGER_DAYS = 93;
export const DEFAULT_LEDGER_DAYS = 7;
export const REQUEST_STATUS = ["succeeded", "failed", "cancelled", "timed_out"] as const;
export const SUMMARY_BY = ["day", "model", "scene", "user"] as const;

/** One call of one model: its tries are counted in it, a fallback's call is a row of its own. No text of it is kept. */
export const ModelRequest = z
  .object({
    id: idSchema("modelRequest"),
    at: z.iso.datetime(),
    modelId: z.string(),
    provider: z.enum(MODEL_PROVIDER),
    model: z.string(),
    operation: z.enum(["chat", "embed", "rerank"]),
    scene: z.enum(MODEL_SCENE),
    entityId: z.string().nullable(),
    nodeId: z.string().nullable(),
    executionId: z.string().nullable(),
    userId: z.string(),
    status: z.enum(REQUEST_STATUS),
    attempts: z.int(),
    fallbackOf: idSchema("modelRequest").nullable(),
    inputTokens: z.number(),
    outputTokens: z.number(),
    cachedTokens: z.number(),
    reasoningTokens: z.number(),
    /** In `currency`; 0 where the model has no prices. */
    cost: z.number(),
    currency: z.string().nullable(),
    latencyMs: z.number(),
    firstTokenMs: z.number().nullable(),
    finishReason: z.string().nullable(),
    errorCode: z.string().nullable(),
    errorMessage: z.string().nullable(),
    /** Of the call to this API that it was made in. */
    requestId: z.string(),
  })
  .meta({ id: "ModelRequest" });
export type ModelRequest = z.output<typeof ModelRequest>;
export const ModelRequestPage = pageOf(ModelRequest).meta({ id: "ModelRequestPage" });

const days = {
  from: z.iso.date().optional(),
  to: z.iso.date().optional(),
};
const filters = {
  modelId: idSchema("model").optional(),
  scene: z.enum(MODEL_SCENE).optional(),
  userId: z.string().max(64).optional(),
};

export const listRequestsQuery = {
  ...pageQuery,
  ...days,
  ...filters,
  status: z.enum(REQUEST_STATUS).optional(),
  executionId: idSchema("execution").optional(),
  entityId: z.string().max(64).optional(),
};
export type ListRequests = z.output<z.ZodObject<typeof listRequestsQuery>>;

export const summariseQuery = { ...days, ...filters, by: z.enum(SUMMARY_BY).default("day") };
export type Summarise = z.output<z.ZodObject<typeof summariseQuery>>;

const sums = {
  requests: z.int(),
  failed: z.int(),
  inputTokens: z.number(),
  outputTokens: z.number(),
  cachedTokens: z.number(),
  reasoningTokens: z.number(),
  latencyMs: z.number().meta({ description: "Of one call, on average" }),
  firstTokenMs: z.number().nullable().meta({ description: "Until the first piece of a reply, on average" }),
  /** By currency: prices of different models may be in different ones. */
  cost: z.record(z.string(), z.number()),
};
export const UsageGroup = z.object({ key: z.string(), ...sums }).meta({ id: "ModelUsageGroup" });
export type UsageGroup = z.output<typeof UsageGroup>;
export const UsageSummary = z
  .object({ from: z.string(), to: z.string(), total: z.object(sums), groups: z.array(UsageGroup) })
  .meta({ id: "ModelUsageSummary" });
export type UsageSummary = z.output<typeof UsageSummary>;
