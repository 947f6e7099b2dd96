import { EXECUTION_STATUS, NODE_STATUS, RUN_MODE, TRIGGER_TYPE } from "@weft/engine/status";
import { idSchema } from "@weft/kernel/ids";
import { pageOf, pageQuery } from "@weft/kernel/page";
import * as z from "zod";
import { GivenDedupe, Priority, TimeoutSeconds } from "../workflow/run-policy.schema.ts";
import { NodeId, Pins } from "../workflow/workflow.pins.schema.ts";

/** A version to run: `draft`, `vX.Y.Z`, or `latest` for the one that was published last, which is meant without it too. */
const VersionToRun = z.union([z.enum(["draft", "latest"]), z.string().regex(/^v\d+\.\d+\.\d+$/)]);

/** Of debug runs: runs of the draft, up to a node, or of one node. */
const pinFields = {
  pins: Pins.optional().meta({ description: "Outputs that nodes have in this run, which are then not run." }),
  usePins: z.boolean().default(true).meta({ description: "Whether a run of the draft uses the outputs pinned there." }),
};

export const RunWorkflow = z
  .object({
    input: z.record(z.string(), z.unknown()).default({}),
    version: VersionToRun.optional(),
    mode: z.enum(RUN_MODE).default("async"),
    /** App variables at the start. */
    variables: z.record(z.string().min(1).max(128), z.unknown()).optional(),
    timeoutSeconds: TimeoutSeconds.optional(),
    /** In place of the workflow's own. */
    priority: Priority.optional(),
    dedupe: GivenDedupe.optional(),
    until: NodeId.optional().meta({
      description: "Run up to this node: what follows from it is not run, and its output is the result.",
    }),
    ...pinFields,
  })
  .meta({ id: "RunWorkflow" });
export type RunWorkflow = z.output<typeof RunWorkflow>;

/** One node alone. `input` holds its inputs by name; what is left out is as the canvas says. */
export const RunNode = z
  .object({
    input: RunWorkflow.shape.input,
    version: RunWorkflow.shape.version.default("draft"),
    mode: z.enum(RUN_MODE).default("sync"),
    variables: RunWorkflow.shape.variables,
    timeoutSeconds: RunWorkflow.shape.timeoutSeconds,
    ...pinFields,
  })
  .meta({ id: "RunNode" });
export type RunNode = z.output<typeof RunNode>;

/** `same`: the version or the commit that ran then. */
export const ReplayExecution = z
  .object({
    input: z.record(z.string(), z.unknown()).optional(),
    variables: RunWorkflow.shape.variables,
    version: z.union([z.literal("same"), VersionToRun]).default("same"),
    mode: RunWorkflow.shape.mode,
    timeoutSeconds: RunWorkflow.shape.timeoutSeconds,
  })
  .meta({ id: "ReplayExecution" });
export type ReplayExecution = z.output<typeof ReplayExecution>;

export const RetryExecution = z
  .object({
    fromNode: z.string().min(1).max(1_000).optional().meta({
      description: "A node, or its path in one turn of a loop or batch: `turns.3/ask`.",
    }),
  })
  .meta({ id: "RetryExecution" });
export type RetryExecution = z.output<typeof RetryExecution>;

const Turns = z.object({ done: z.int(), total: z.int().nullable() }).nullable().meta({ id: "Turns" });
const Usage = z.record(z.string(), z.number()).meta({
  id: "Usage",
  description: "What was metered, by unit: `inputTokens`, `outputTokens`, `totalTokens`, `cost` and others.",
});

export const ExecutionError = z
  .object({ code: z.string(), message: z.string(), nodeId: z.string().optional(), path: z.string().optional() })
  .meta({ id: "ExecutionError" });

export const ExecutionProgress = z
  .object({
    total: z.int(),
    completed: z.int(),
    percent: z.int(),
    current: z.array(
      z.object({ path: z.string(), nodeId: z.string(), title: z.string(), status: z.enum(NODE_STATUS), turns: Turns }),
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
    usage: Usage,
    createdAt: z.string(),
    createdBy: z.string(),
    startedAt: z.string().nullable(),
    endedAt: z.string().nullable(),
    /** While it waits in its workflow's line: when it gives up. Its deadline counts from when it is let in. */
    queuedUntil: z.string().nullable(),
    priority: z.int(),
    deadlineAt: z.string(),
    durationMs: z.number().nullable(),
    /** The execution that called or started it. */
    parentExecutionId: z.string().nullable(),
    /** A part of the workflow, or one with pinned outputs: no proof of it. */
    isDebug: z.boolean(),
    /** The node that alone is run. */
    nodeId: z.string().nullable(),
    /** The node that the run ends with. */
    untilNodeId: z.string().nullable(),
    /** The execution that it was made from, and where it was run again from. */
    replayOf: z.object({ executionId: z.string(), fromNode: z.string().nullable() }).nullable(),
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
    usage: Usage,
    /** How far a loop's or a batch's turns are. */
    turns: Turns,
    /** Its output was pinned, and nothing of it was run. */
    pinned: z.boolean(),
    /** It was run by the execution that this one was made from. */
    reused: z.boolean(),
    /** The execution of the workflow that it called or started. */
    childExecutionId: z.string().nullable(),
  })
  .meta({ id: "NodeTrace" });
export type NodeTrace = z.output<typeof NodeTrace>;

export const NodeTracePage = pageOf(NodeTrace).meta({ id: "NodeTracePage" });

/** The run of one node, with what the node did. */
export const NodeExecution = Execution.extend({ node: NodeTrace.nullable() }).meta({ id: "NodeExecution" });

export const listNodesQuery = {
  ...pageQuery,
  under: z.string().min(1).max(1_000).optional().meta({
    description: "The path of a loop, a batch or a call: what its turns did, turn by turn. `turns.3` is one turn.",
  }),
  depth: z.enum(["root", "all"]).default("all").meta({ description: "`root` leaves out what is inside of others." }),
};
export interface ListNodes {
  limit: number;
  cursor?: string | undefined;
  under?: string | undefined;
  depth: "root" | "all";
}

export const EXECUTION_KIND = ["run", "node", "all"] as const;

export const listExecutionsQuery = {
  ...pageQuery,
  kind: z.enum(EXECUTION_KIND).default("run").meta({ description: "Runs of workflows, or of one node alone." }),
  workflowId: idSchema("workflow").optional(),
  status: z.enum(EXECUTION_STATUS).optional(),
};
export interface ListExecutions {
  limit: number;
  kind: (typeof EXECUTION_KIND)[number];
  cursor?: string | undefined;
  workflowId?: string | undefined;
  status?: (typeof EXECUTION_STATUS)[number] | undefined;
}

export const ResumeExecution = z
  .object({ eventId: idSchema("executionEvent"), data: z.unknown() })
  .meta({ id: "ResumeExecution" });
export type ResumeExecution = z.output<typeof ResumeExecution>;

export const EventList = z.object({ items: z.array(ExecutionEvent) }).meta({ id: "ExecutionEventList" });
