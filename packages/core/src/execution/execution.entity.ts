import { baseAttributes, modelOf, storedAttribute, ttlAttributes } from "@weft/db/base";
import { ELECTRO } from "@weft/db/table";
import type { NodeRecord, Turns, Usage } from "@weft/engine/record";
import { EXECUTION_STATUS, NODE_STATUS, RUN_MODE, type TRIGGER_TYPE } from "@weft/engine/status";
import { CustomAttributeType, Entity } from "electrodb";
import type { StoredPin } from "../workflow/workflow.pins.schema.ts";

/**
 * Access patterns. All rows of one execution share a partition, [spaceId, executionId], so that load spreads by execution.
 *
 * | entity | pattern | index | answers |
 * |---|---|---|---|
 * | execution | primary | table | one execution |
 * | execution | byWorkflow | gsi1 | executions of a workflow, newest first |
 * | execution | bySpace | gsi2 | executions of a space, newest first |
 * | execution | byParent | gsi3 | executions that one called or started, in the order in which it did; sparse |
 * | execution | due | gsi4 | open executions that the sweeper has to look at, by time; sparse, sharded |
 * | nodeExecution | primary | table | what nodes did: root nodes first (depth 0), then those in loops, batches and calls |
 * | edgeState | primary | table | which in-edges of a join are settled, in one epoch |
 * | executionEvent | primary | table | what an execution waits for, and the answers |
 */

/** Shards of the sparse index of open executions: 1,000 writes a second each. */
export const SWEEP_SHARDS = 8;
/** In place of `sweepAt` when nobody has to look at the execution any more. */
export const NEVER = "-";
/** In place of `parentId` where no execution called this one. */
export const NOBODY = "-";

export interface ExecutionError {
  code: string;
  message: string;
  nodeId?: string;
  path?: string;
}

export interface ExecutionTrigger {
  type: (typeof TRIGGER_TYPE)[number];
  id?: string;
}

/** The place that an execution has at its workflow's gate: it holds a slot, or it waits for one. */
export type Admission =
  | { gate: string; slot: string /** When it was admitted: later epochs are admitted anew. */; epoch: number }
  | { gate: string; rank: string; since: string };

/** The workflow that is started where the execution fails, and the name of the one that failed. */
export interface OnFailure {
  workflowId: string;
  version?: string;
  name: string;
}

/** What a run was started with. */
export interface Material {
  input: Record<string, unknown>;
  /** App variables. */
  variables: Record<string, unknown>;
  /** By node id. */
  pins?: Record<string, StoredPin>;
}

/** The execution that another one was made from. */
export interface ReplaySource {
  executionId: string;
  /** What it had done is kept. */
  isRetry?: true;
  /** Where it is run again from: what follows from there is not kept. */
  from?: string;
}

/** What came of a run. */
export interface Outcome {
  output: Record<string, unknown>;
  variables: Record<string, unknown>;
}

export const ExecutionEntity = new Entity(
  {
    model: modelOf("execution"),
    attributes: {
      spaceId: { type: "string", required: true },
      executionId: { type: "string", required: true },
      workflowId: { type: "string", required: true },
      /** The published version that runs; absent for a draft, whose commit is named instead. */
      version: { type: "string" },
      commitId: { type: "string" },
      status: { type: EXECUTION_STATUS, required: true },
      mode: { type: RUN_MODE, required: true },
      trigger: { type: CustomAttributeType<ExecutionTrigger>("any"), required: true },
      /** Counts takeovers: a worker of an earlier epoch starts nothing more. */
      epoch: { type: "number", required: true },
      /** Names of the lanes of this epoch that were started. */
      lanes: { type: "set", items: "string" },
      /** {@link Material}. Three stored values at most: each may be 100 KB inline, and a row 400 KB. */
      material: { ...storedAttribute, required: true },
      /** {@link Outcome}, at the end. */
      outcome: storedAttribute,
      /** Node records of a run that was driven in one process. */
      trace: storedAttribute,
      error: { type: CustomAttributeType<ExecutionError>("any") },
      /** Somebody listened for this end when it was written: it has to be told. */
      isHeard: { type: "boolean" },
      usage: { type: CustomAttributeType<Usage>("any") },
      /** Root nodes, and how many of them are settled; kept at the end, derived while it runs. */
      nodeTotal: { type: "number", required: true },
      nodesDone: { type: "number" },
      /** Milliseconds a step goes on along its segment. */
      sliceMs: { type: "number", required: true },
      startedAt: { type: "string" },
      endedAt: { type: "string" },
      deadlineAt: { type: "string", required: true },
      sweepShard: { type: "string", required: true },
      sweepAt: { type: "string", required: true },
      /** Times that the sweeper took it over. */
      recoveries: { type: "number" },
      /** How long it may last from its admission on. */
      allowedMs: { type: "number", required: true },
      /** Times that somebody had it run again. */
      retries: { type: "number" },
      /** Absent where its workflow has no limit. */
      admission: { type: CustomAttributeType<Admission>("any") },
      /** Until when it waits to be admitted; absent once it was. */
      queuedUntil: { type: "string" },
      priority: { type: "number" },
      onFailure: { type: CustomAttributeType<OnFailure>("any") },
      /** Calls of workflows by workflows above this one. */
      depth: { type: "number", required: true },
      parent: { type: CustomAttributeType<{ executionId: string; eventId: string }>("any") },
      /** The execution that called or started this one, or {@link NOBODY}. */
      parentId: { type: "string", required: true },
      /** Of a run that is no proof of its workflow: a part of it, or one with pinned outputs. */
      isDebug: { type: "boolean" },
      /** The node that alone is run. */
      nodeId: { type: "string" },
      /** Its nodes asked people for approvals: what is open is closed with it. */
      hasApprovals: { type: "boolean" },
      /** The root node that the run ends with. */
      untilNodeId: { type: "string" },
      replayOf: { type: CustomAttributeType<ReplaySource>("any") },
      /** sys_uuid and the like, fixed at the start. */
      system: { type: CustomAttributeType<Record<string, string>>("any") },
      ...baseAttributes,
      ...ttlAttributes,
    },
    indexes: {
      primary: { pk: { field: "pk", composite: ["spaceId", "executionId"] }, sk: { field: "sk", composite: [] } },
      byWorkflow: {
        index: "gsi1",
        pk: { field: "gsi1pk", composite: ["spaceId", "workflowId"] },
        sk: { field: "gsi1sk", composite: ["executionId"] },
      },
      bySpace: {
        index: "gsi2",
        pk: { field: "gsi2pk", composite: ["spaceId"] },
        sk: { field: "gsi2sk", composite: ["executionId"] },
      },
      byParent: {
        index: "gsi3",
        condition: (attributes: { parentId?: string }) => attributes.parentId !== NOBODY,
        pk: { field: "gsi3pk", composite: ["spaceId", "parentId"] },
        sk: { field: "gsi3sk", composite: ["executionId"] },
      },
      due: {
        index: "gsi4",
        condition: (attributes: { sweepAt?: string }) => attributes.sweepAt !== NEVER,
        pk: { field: "gsi4pk", composite: ["sweepShard"] },
        sk: { field: "gsi4sk", composite: ["sweepAt", "executionId"] },
      },
    },
  },
  ELECTRO,
);

/** A record without what may be large, which is in `body`. */
export type RecordHead = Omit<NodeRecord, "input" | "output" | "load" | "vars" | "suspend">;

/** Node ids tell upper from lower case, so these sort keys do too. */
const CASED = { casing: "none" } as const;

export const NodeExecutionEntity = new Entity(
  {
    model: modelOf("nodeexecution"),
    attributes: {
      spaceId: { type: "string", required: true },
      executionId: { type: "string", required: true },
      depth: { type: ["0", "1"] as const, required: true },
      path: { type: "string", required: true },
      status: { type: NODE_STATUS, required: true },
      epoch: { type: "number", required: true },
      head: { type: CustomAttributeType<RecordHead>("any"), required: true },
      body: { ...storedAttribute, required: true },
      /** It set app variables or waits: `body` has to be read whatever its size. */
      eager: { type: "boolean" },
      /** Something in it was metered. */
      metered: { type: "boolean" },
      /** What this node waits for. */
      eventId: { type: "string" },
      ...ttlAttributes,
    },
    indexes: {
      primary: {
        pk: { field: "pk", composite: ["spaceId", "executionId"] },
        sk: { field: "sk", composite: ["depth", "path"], ...CASED },
      },
    },
  },
  ELECTRO,
);

export const CursorEntity = new Entity(
  {
    model: modelOf("nodecursor"),
    attributes: {
      spaceId: { type: "string", required: true },
      executionId: { type: "string", required: true },
      path: { type: "string", required: true },
      state: { ...storedAttribute, required: true },
      turns: { type: CustomAttributeType<Turns>("any") },
      ...ttlAttributes,
    },
    indexes: {
      primary: {
        pk: { field: "pk", composite: ["spaceId", "executionId"] },
        sk: { field: "sk", composite: ["path"], ...CASED },
      },
    },
  },
  ELECTRO,
);

export const EdgeStateEntity = new Entity(
  {
    model: modelOf("edgestate"),
    attributes: {
      spaceId: { type: "string", required: true },
      executionId: { type: "string", required: true },
      epoch: { type: "number", required: true },
      segmentId: { type: "string", required: true },
      edges: { type: "set", items: "string" },
      live: { type: "set", items: "string" },
      /** The edge that was settled last: whoever settled it goes on through the join. */
      last: { type: "string" },
      ...ttlAttributes,
    },
    indexes: {
      primary: {
        pk: { field: "pk", composite: ["spaceId", "executionId"] },
        sk: { field: "sk", composite: ["epoch", "segmentId"], ...CASED },
      },
    },
  },
  ELECTRO,
);

export const EVENT_STATUS = ["pending", "answered", "cancelled"] as const;

export const ExecutionEventEntity = new Entity(
  {
    model: modelOf("executionevent"),
    attributes: {
      spaceId: { type: "string", required: true },
      executionId: { type: "string", required: true },
      eventId: { type: "string", required: true },
      /** question, input, … as the node says; `child` for a called workflow. */
      type: { type: "string", required: true },
      path: { type: "string", required: true },
      nodeId: { type: "string", required: true },
      round: { type: "number", required: true },
      data: storedAttribute,
      status: { type: EVENT_STATUS, required: true },
      answer: storedAttribute,
      /** Step Functions' task token of the lane that waits. */
      token: { type: "string" },
      timeoutAt: { type: "string" },
      answeredAt: { type: "string" },
      answeredBy: { type: "string" },
      /** The execution of a called workflow. */
      childExecutionId: { type: "string" },
      createdAt: { type: "string", required: true },
      ...ttlAttributes,
    },
    indexes: {
      primary: {
        pk: { field: "pk", composite: ["spaceId", "executionId"] },
        sk: { field: "sk", composite: ["eventId"] },
      },
    },
  },
  ELECTRO,
);
