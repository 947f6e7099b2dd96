import type { Json, JsonObject } from "../json.ts";

export type Status = "RUNNING" | "SUCCEEDED" | "FAILED" | "TIMED_OUT" | "ABORTED";

/** An execution as it is stored; everything that changes while it runs is in its flows. */
export interface ExecutionRecord {
  arn: string;
  name: string;
  machineArn: string;
  /** The definition that it runs to its end, whatever becomes of the machine. */
  definitionId: string;
  /** The scope it runs: the whole machine, or the processor of a distributed Map. */
  scope: string;
  isExpress: boolean;
  roleArn: string;
  status: Status;
  input: string;
  output?: string;
  error?: string;
  cause?: string;
  startMs: number;
  stopMs?: number;
  timeoutAt?: number;
  redriveCount: number;
  redriveMs?: number;
  /** The flow of another execution that waits for this one. */
  parent?: { arn: string; flow: number; generation: number };
  mapRun?: { arn: string; index: number };
  /** An Express execution that is started again after a restart. */
  isKept?: boolean;
}

export interface MapItem {
  index: number;
  value: Json;
}

/** What a flow is waiting for. */
export type Block =
  | { kind: "wait"; until: number }
  | { kind: "retry"; until: number }
  | TaskBlock
  | { kind: "children"; items?: Json[]; total: number; concurrency: number }
  | { kind: "mapRun"; arn: string };

/** An execution of another machine that a task starts. */
export interface NestedStart {
  machineArn: string;
  name: string;
  input: string;
}

export interface TaskBlock {
  kind: "task";
  token: string;
  /** False until the call that starts the work has come back. */
  isSubmitted: boolean;
  /** What was asked for; kept for activities, whose task is handed out again after a restart. */
  input?: string;
  nested?: NestedStart;
  /** The execution that the task waits for. */
  child?: string;
  timeoutAt?: number;
  heartbeatAt?: number;
  heartbeatMs?: number;
}

/** How a child of a map run ended. */
export interface ChildResult {
  arn: string;
  name: string;
  status: Status;
  output?: string;
  error?: string;
  cause?: string;
  startMs: number;
  stopMs: number;
  redriveCount: number;
}

/** One line of states in an execution: the machine itself, a branch, or an iteration. */
export interface Flow {
  id: number;
  parent?: number;
  /** Which branch or iteration of the parent's state. */
  index: number;
  scope: string;
  state: string;
  input: Json;
  enteredMs: number;
  enteredEvent: number;
  lastEvent: number;
  variables: JsonObject;
  item?: MapItem;
  /** How often each Retry entry of the state was used. */
  retries: number[];
  /** Changes with every attempt; what was started for an earlier one is ignored. */
  generation: number;
  block?: Block;
  outcome?: "done" | "failed" | "aborted";
  output?: Json;
}

export interface HistoryEvent {
  id: number;
  previousEventId: number;
  timestamp: number;
  type: string;
  [details: string]: unknown;
}

export const BUCKETS = {
  machines: "machines",
  definitions: "definitions",
  executions: "executions",
  running: "running",
  activities: "activities",
  mapRuns: "map-runs",
} as const;

export const flowBucket = (arn: string): string => `flows:${arn}`;
export const historyBucket = (arn: string): string => `history:${arn}`;
export const itemBucket = (mapRunArn: string): string => `map-items:${mapRunArn}`;
export const resultBucket = (mapRunArn: string): string => `map-results:${mapRunArn}`;

const KEY_DIGITS = 10;

/** A number as a key whose text order is the number's. */
export function numberKey(value: number): string {
  return String(value).padStart(KEY_DIGITS, "0");
}

/** Lists executions of a machine or a map run by their start. */
export const executionsBucket = (ownerArn: string): string => `executions-of:${ownerArn}`;
