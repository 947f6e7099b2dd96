import type { NodeStatus } from "./status.ts";

export interface NodeErrorData {
  code: string;
  message: string;
  details?: unknown;
}

/** What a node did, as it is shown in the trace and, for what must not run again, kept as its checkpoint. */
export interface NodeRecord {
  path: string;
  nodeId: string;
  type: string;
  title: string;
  status: NodeStatus;
  input: unknown;
  output?: unknown;
  /** Set instead of `output` on a stored record whose output is large: reads it. Never stored itself. */
  load?: () => Promise<unknown>;
  port?: string;
  error?: NodeErrorData;
  /** Milliseconds since the epoch. */
  startedAt: number;
  endedAt?: number;
  attempts: number;
  vars?: Record<string, unknown>;
  loop?: { set?: Record<string, unknown>; control?: "break" | "continue" };
  usage?: Record<string, number>;
  /** Of a node that waits: what for. */
  suspend?: SuspendRecord;
}

/** What people or programs are asked for while a node waits. */
export interface ExecutionEventData {
  /** question, input, approval… */
  type: string;
  /** Shown to whoever answers. */
  data: unknown;
  /** Milliseconds until the timeout branch; absent means that it waits as long as the execution may. */
  timeoutMs?: number;
}

export type SuspendRecord =
  | { kind: "wait"; until: number; state?: unknown }
  | { kind: "signal"; event: ExecutionEventData; round: number; since: number; state?: unknown }
  | {
      kind: "child";
      workflowId: string;
      version: string | null;
      commitId?: string;
      input: Record<string, unknown>;
      since: number;
      state?: unknown;
    };

/** What came in for a node that waits. */
export interface Answer {
  data?: unknown;
  timedOut?: boolean;
  error?: { code: string; message: string };
}

/**
 * The memory of a run. Reads are synchronous: a driver loads what a step can need before it starts. Writes promise that
 * the record is durable when they return; when another worker stored the same path first, that record is returned and
 * is the one that counts.
 */
export interface Journal {
  /** The stored record of a path, cheap nodes' included where they were kept. Failed records are not returned. */
  get(path: string): NodeRecord | undefined;
  put(record: NodeRecord): NodeRecord | Promise<NodeRecord>;
  /** The answer to the suspension of this record, when one came. */
  answer(record: NodeRecord): Answer | undefined;
  cursor(path: string): unknown;
  saveCursor(path: string, state: unknown): void | Promise<void>;
  /** Whether anything below this path is stored (a frame that was begun stays a frame). */
  hasBelow(prefix: string): boolean;
}

/** A journal that lives as long as the process: sync and stream runs, replays and tests. */
export class MemoryJournal implements Journal {
  readonly records = new Map<string, NodeRecord>();
  readonly cursors = new Map<string, unknown>();
  readonly answers = new Map<string, Answer>();

  get(path: string): NodeRecord | undefined {
    const record = this.records.get(path);
    return record?.status === "failed" ? undefined : record;
  }
  put(record: NodeRecord): NodeRecord {
    this.records.set(record.path, record);
    return record;
  }
  answer(record: NodeRecord): Answer | undefined {
    return this.answers.get(suspensionKey(record));
  }
  cursor(path: string): unknown {
    return this.cursors.get(path);
  }
  saveCursor(path: string, state: unknown): void {
    this.cursors.set(path, state);
  }
  hasBelow(prefix: string): boolean {
    for (const path of this.records.keys()) if (path.startsWith(prefix)) return true;
    return false;
  }
}

/** Names one suspension of one node: a node that asks again has a new round and needs a new answer. */
export function suspensionKey(record: NodeRecord): string {
  return record.suspend?.kind === "signal" ? `${record.path}#${record.suspend.round}` : record.path;
}
