import type { NodeRecord } from "@weft/engine/record";
import type { ExecutionKey, NodeRow } from "./journal.ts";

/** Memory of a process for what it knows of executions. */
const MAX_BYTES = 16 * 1024 * 1024;
/** A record takes about as much in memory as two bytes for each character of its row, and this much at least. */
const ROW_BYTES = 500;

type Kept = { records: readonly NodeRecord[] } | { row: NodeRow };

/**
 * What a process has read or written of one execution's root nodes and what never changes again: nodes that succeeded, and
 * nodes of which it is decided that they never run. One that failed or waits may be replaced and is never kept.
 */
export class Known {
  readonly kept = new Map<string, Kept>();
  /** Nodes without a record that no later step of this epoch runs. */
  readonly absent = new Set<string>();
  /** Everything that was stored was read once. Until then nothing can be said of what is missing. */
  isWhole = false;
  bytes = 0;

  keep(row: NodeRow, records: readonly NodeRecord[]): void {
    if (row.status !== "succeeded" || this.kept.has(row.path)) return;
    const isInline = "json" in row.body;
    // A record whose output is kept elsewhere holds on to it once it was read: it is made anew for each step.
    this.kept.set(row.path, isInline ? { records } : { row });
    this.bytes += ROW_BYTES + ("json" in row.body ? 2 * row.body.json.length : 0);
  }

  isSettled(path: string): boolean {
    return this.kept.has(path) || this.absent.has(path);
  }
}

const entries = new Map<string, Known>();

function nameOf({ spaceId, executionId }: ExecutionKey, epoch: number): string {
  return `${spaceId}/${executionId}/${epoch}`;
}

/** What is known of an execution in one epoch. Of many executions those that were used longest ago are forgotten. */
export function knownOf(key: ExecutionKey, epoch: number): Known {
  const name = nameOf(key, epoch);
  const known = entries.get(name) ?? new Known();
  entries.delete(name);
  entries.set(name, known);
  let bytes = 0;
  for (const entry of entries.values()) bytes += ROW_BYTES + entry.bytes;
  for (const [oldest, entry] of entries) {
    if (bytes <= MAX_BYTES) break;
    bytes -= ROW_BYTES + entry.bytes;
    entries.delete(oldest);
  }
  return known;
}

/** Somebody else wrote what this process took for its own to write: it starts from what is stored. */
export function forgetKnown(key: ExecutionKey, epoch: number): void {
  entries.delete(nameOf(key, epoch));
}
