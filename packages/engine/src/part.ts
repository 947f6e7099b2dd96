import type { Usage } from "./record.ts";

/** A part of a node's work that is done once, as it is shown in the trace. */
export interface Part {
  /** Letters, digits and `_`: the part's record is kept as `node/name`. */
  name: string;
  type: string;
  title: string;
  input: unknown;
}

/** What a part of a node's work gave. */
export interface PartDone<T> {
  value: T;
  usage?: Usage;
  /** The node is done with it at once: there is nothing to keep for a repeat. */
  isLast?: boolean;
}

/** What a model says: its reply, or what it thinks before. */
export type DeltaKind = "text" | "reasoning";
