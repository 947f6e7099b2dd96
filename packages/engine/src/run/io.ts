import type { NodeDefinition, NodeDeps, WebhookResponse } from "../node.ts";
import type { DeltaKind } from "../part.ts";
import { addUsage, type Journal, type NodeErrorData, type NodeRecord, type Pin, type Usage } from "../record.ts";

/** What whoever follows a run is told. */
export type RunEvent =
  | { type: "node_started"; path: string; nodeId: string; nodeType: string; title: string; at: number }
  | { type: "node_finished"; record: NodeRecord }
  | { type: "message"; path: string; nodeId: string; title: string; content: string; at: number }
  | { type: "delta"; path: string; nodeId: string; title: string; attempt: number; kind: DeltaKind; text: string }
  | { type: "response"; path: string; nodeId: string; response: WebhookResponse; at: number }
  | { type: "progress"; path: string; done: number; total: number | null };

/** Everything a run needs beside its plan. */
export interface RunIo {
  executionId: string;
  journal: Journal;
  deps: NodeDeps;
  types: ReadonlyMap<string, NodeDefinition>;
  now(): number;
  /** A number from 0 to 1 for jitter. */
  random(): number;
  /** Aborts what is in flight: cancel, deadline, another branch's failure. */
  signal: AbortSignal;
  emit(event: RunEvent): void;
  /** Called with each record as it settles, cheap nodes' included. */
  onRecord(record: NodeRecord): void;
  /**
   * Asked before each effectful node. Throws {@link RunStopped} when the execution is closed or belongs to a later epoch,
   * so that nothing starts after a cancel was acknowledged.
   */
  beforeEffect?(path: string): void | Promise<void>;
  /** Whether work that may take `ms` more no longer fits into the time of this process. */
  mustYield(ms: number): boolean;
  /** Values of app variables at the start of the run. */
  variables: Readonly<Record<string, unknown>>;
  /** Read-only variables of the run: sys_uuid and the like. */
  system: Readonly<Record<string, unknown>>;
  /** Nodes of this plan that are not run, by id, wherever they stand in it. Called plans know nothing of them. */
  pins?: ReadonlyMap<string, Pin>;
  /** Whether sub-workflows at the root become executions of their own. */
  childExecutions: boolean;
  /** Inputs that cannot be converted fail instead of becoming null. */
  strictInputs: boolean;
}

/** A node failed and its policy did not absorb it: the execution fails. */
export class NodeFailed extends Error {
  override readonly name = "NodeFailed";
  readonly path: string;
  readonly error: NodeErrorData;
  readonly record: NodeRecord;
  /** What was metered in the turns and frames that it ended. */
  readonly usage: Usage = {};
  constructor(record: NodeRecord, error: NodeErrorData) {
    super(error.message);
    this.path = record.path;
    this.error = error;
    this.record = record;
    addUsage(this.usage, record.usage);
  }
}

/** The run is no longer this worker's: cancelled, failed elsewhere, past its deadline, or of a later epoch. */
export class RunStopped extends Error {
  override readonly name = "RunStopped";
}

/**
 * What drives the run failed, not a node: a record could not be stored or read. Nothing is known of the node that was
 * under way, no policy absorbs it, and the step is to be run again.
 */
export class RunBroken extends Error {
  override readonly name = "RunBroken";
}

/** Passes what a driver's part throws on as {@link RunBroken}, so that no node is taken to have failed. */
export async function driven<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    if (thrown instanceof RunStopped || thrown instanceof NodeFailed || thrown instanceof RunBroken) throw thrown;
    throw new RunBroken("the run could not be kept", { cause: thrown });
  }
}

/** What may be kept and shown of a value: the secrets that the run has used are taken out of it. */
export function masked<T>(io: RunIo, value: T): T {
  return io.deps.mask ? io.deps.mask(value) : value;
}

/** Composites and frames inside frames, at most this deep (architecture §3: depth at most 10). */
export const MAX_FRAME_DEPTH = 10;

/** `instanceof` for anything that user code threw: a proxy may throw when it is asked what it is. */
export function isKind<T>(thrown: unknown, kind: abstract new (...args: never[]) => T): thrown is T {
  try {
    return thrown instanceof kind;
  } catch {
    return false;
  }
}
