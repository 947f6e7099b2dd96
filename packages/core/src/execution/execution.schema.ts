import { EXECUTION_STATUS, NODE_STATUS, RUN_MODE, TRIGGER_TYPE } from "@weft/engine/status";
import { idSchema } from "@weft/kernel/ids";
import { pageOf, pageQuery } from "@weft/kernel/page";
import * as z from "zod";

/** A version to run: `draft`, `vX.Y.Z`, or left out for the latest that is published. */
const VersionToRun = z.union([z.literal("draft"), z.string().regex(/^v\d+\.\d+\.\d+$/)]);

/** Longest deadline that a run may ask for: Step Functions ends a machine after a year. */
export const MAX_TIMEOUT_SECONDS = 365 * 86_400;

export const RunWorkflow = z
  .object({
    input: z.record(z.string(), z.unknown()).default({}),
    version: VersionToRun.optional(),
    mode: z.enum(RUN_MODE).default("async"),
    /** App variables at the start. */
    variables: z.record(z.string().min(1).max(128), z.unknown()).optional(),
    timeoutSeconds: z.int().min(1).max(MAX_TIMEOUT_SECONDS).optional(),
  })
  .meta({ id: "RunWorkflow" });
export type RunWorkflow = z.output<typeof RunWorkflow>;

export const ExecutionError = z
  .object({ code: z.string(), message: z.string(), nodeId: z.string().optional(), path: z.string().optional() })
  .meta({ id: "ExecutionError" });

export const ExecutionProgress = z
  .object({
    total: z.int(),
    completed: z.int(),
    percent: z.int(),
    current: z.array(
      z.object({ path: z.string(), nodeId: z.string(), title: z.string(), status: z.enum(NODE_STATUS) }),
    ),
  })
  .meta({ id: "ExecutionProgress" });
export type ExecutionProgress = z.output<typeof ExecutionProgress>;

export const ExecutionEvent = z
  .object({
    id: idSchema("executionEvent"),
    type: z.string(),
    nodeId: z.string(),
    path: z.string(),
    round: z.int(),
    status: z.enum(["pending", "answered", "cancelled"]),
    data: z.unknown(),
    timeoutAt: z.string().nullable(),
    createdAt: z.string(),
    answeredAt: z.string().nullable(),
    answeredBy: z.string().nullable(),
    childExecutionId: z.string().nullable(),
  })
  .meta({ id: "ExecutionEvent" });
export type ExecutionEvent = z.output<typeof ExecutionEvent>;

export const ExecutionSummary = z
  .object({
    id: idSchema("execution"),
    workflowId: idSchema("workflow"),
    version: z.string().nullable(),
    commitId: z.string().nullable(),
    status: z.enum(EXECUTION_STATUS),
    mode: z.enum(RUN_MODE),
    trigger: z.object({ type: z.enum(TRIGGER_TYPE), id: z.string().optional() }),
    error: ExecutionError.nullable(),
    usage: z.record(z.string(), z.number()),
    createdAt: z.string(),
    createdBy: z.string(),
    startedAt: z.string().nullable(),
    endedAt: z.string().nullable(),
    deadlineAt: z.string(),
    durationMs: z.number().nullable(),
    parentExecutionId: z.string().nullable(),
    revision: z.int(),
  })
  .meta({ id: "ExecutionSummary" });
export type ExecutionSummary = z.output<typeof ExecutionSummary>;

export const Execution = ExecutionSummary.extend({
  input: z.unknown(),
  output: z.unknown(),
  variables: z.record(z.string(), z.unknown()),
  progress: ExecutionProgress,
  /** What it waits for now. */
  waitingFor: z.array(ExecutionEvent),
}).meta({ id: "Execution" });
export type Execution = z.output<typeof Execution>;

export const ExecutionPage = pageOf(ExecutionSummary).meta({ id: "ExecutionPage" });

export const NodeTrace = z
  .object({
    /** Every enclosing turn and call, then the node: `batch.3/loop.7/http`. */
    path: z.string(),
    nodeId: z.string(),
    type: z.string(),
    title: z.string(),
    status: z.enum(NODE_STATUS),
    input: z.unknown(),
    output: z.unknown(),
    port: z.string().nullable(),
    error: z.object({ code: z.string(), message: z.string(), details: z.unknown().optional() }).nullable(),
    startedAt: z.string().nullable(),
    endedAt: z.string().nullable(),
    durationMs: z.number().nullable(),
    attempts: z.int(),
    usage: z.record(z.string(), z.number()),
  })
  .meta({ id: "NodeTrace" });
export type NodeTrace = z.output<typeof NodeTrace>;

export const NodeTracePage = pageOf(NodeTrace).meta({ id: "NodeTracePage" });

export const listExecutionsQuery = {
  ...pageQuery,
  workflowId: idSchema("workflow").optional(),
  status: z.enum(EXECUTION_STATUS).optional(),
};
export interface ListExecutions {
  limit: number;
  cursor?: string | undefined;
  workflowId?: string | undefined;
  status?: (typeof EXECUTION_STATUS)[number] | undefined;
}

export const ResumeExecution = z
  .object({ eventId: idSchema("executionEvent"), data: z.unknown() })
  .meta({ id: "ResumeExecution" });
export type ResumeExecution = z.output<typeof ResumeExecution>;

export const EventList = z.object({ items: z.array(ExecutionEvent) }).meta({ id: "ExecutionEventList" });
