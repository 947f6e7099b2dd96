import type { NodeStatus } from "./status.ts";
import { setOwn } from "./values/json.ts";

export interface NodeErrorData {
  code: string;
  message: string;
  details?: unknown;
}

/** What was metered, by unit: `inputTokens`, `outputTokens`, `totalTokens`, `cost` and whatever else a node measures. */
export type Usage = Record<string, number>;

/** Adds `more` to `sum` and gives it back. */
export function addUsage(sum: Usage, more: Usage | undefined): Usage {
  for (const [unit, amount] of Object.entries(more ?? {})) {
    setOwn(sum, unit, (Object.hasOwn(sum, unit) ? (sum[unit] ?? 0) : 0) + amount);
  }
  return sum;
}

/** `usage` as a member of a record, left out where nothing was metered. */
export function metered(usage: Usage): { usage?: Usage } {
  return Object.keys(usage).length > 0 ? { usage } : {};
}

/**
 * What all of a run's records amount to. A composite or a call that ended holds what was metered inside it; of one that
 * did not end, the parts are counted. What another execution was metered for is left out.
 */
export function totalUsage(records: readonly NodeRecord[]): Usage {
  const ended = new Set(records.filter(({ status }) => status === "succeeded").map(({ path }) => path));
  const total: Usage = {};
  for (const { path, usage, reused } of records) {
    if (usage && !reused && !enclosing(path).some((outer) => ended.has(outer))) addUsage(total, usage);
  }
  return total;
}

/** Paths of the composites and calls that a path is inside of: `a.1/b/c` is inside `a` and `a.1/b`. */
function enclosing(path: string): string[] {
  const parts = path.split("/");
  return parts.slice(1).map((_part, at) => {
    const outer = parts.slice(0, at + 1);
    const last = outer.pop() ?? "";
    return [...outer, last.split(".", 1)[0]].join("/");
  });
}

/** Turns of a composite: `total` is null while nobody can know how many there will be. */
export interface Turns {
  done: number;
  total: number | null;
}

/** The output that a node is to have without being run, and the port that it is to leave by. */
export interface Pin {
  output: Record<string, unknown>;
  port?: string;
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
  usage?: Usage;
  /** Of a composite: how far its turns are. */
  turns?: Turns;
  /** Its output was given beforehand, and nothing of it was run. */
  pinned?: true;
  /** It was run by the execution that this one was made from, and not again. */
  reused?: true;
  /** Of a node that waits: what for. */
  suspend?: SuspendRecord;
}

/** The type of the event by which an approval asks. Only its approvers answer it, never who resumes executions. */
export const APPROVAL_EVENT = "approval";

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
  | {
      kind: "wait";
      until: number;
      state?: unknown;
      /** It failed and is tried again then: the tries so far, by which rules, and what they were metered for. */
      retry?: { attempt: number; used: Record<string, number>; spent?: Usage };
    }
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
  error?: { code: string; message: string; usage?: Usage };
  /** What was metered for it elsewhere. */
  usage?: Usage;
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
  saveCursor(path: string, state: unknown, turns?: Turns): void | Promise<void>;
  /** Gives up what is in memory of a composite's turns before `turn`: nobody asks for it again. */
  forget(path: string, turn: number): void;
  /** Whether anything below this path is stored (a frame that was begun stays a frame). */
  hasBelow(prefix: string): boolean;
}

/** Those of the paths that are inside of a composite's turns before `turn`. */
export function pathsOfTurns(paths: Iterable<string>, composite: string, turn: number): string[] {
  const prefix = `${composite}.`;
  return [...paths].filter((path) => path.startsWith(prefix) && Number.parseInt(path.slice(prefix.length), 10) < turn);
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
  forget(path: string, turn: number): void {
    for (const known of pathsOfTurns(this.records.keys(), path, turn)) this.records.delete(known);
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
