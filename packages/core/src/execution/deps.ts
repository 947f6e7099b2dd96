import type { NodeDefinition, NodeDeps } from "@weft/engine/node";
import type { Plan } from "@weft/engine/plan";
import type { RunEvent } from "@weft/engine/run/io";
import type { Clock } from "@weft/kernel/clock";
import type { Machine } from "./machine.ts";
import type { ExecutionRow } from "./store.ts";

/** What the drivers need of the rest of the product; functions wire it. */
export interface ExecutionDeps {
  machine: Machine;
  /** The plan of a published version or of a kept draft commit, without judging access: the execution was allowed. */
  plan(reference: { spaceId: string; workflowId: string; version?: string; commitId?: string }): Promise<Plan>;
  nodeDeps(execution: ExecutionRow): NodeDeps;
  types: ReadonlyMap<string, NodeDefinition>;
  clock: Clock;
  /** Milliseconds before the platform ends this process's call. */
  timeLeftMs(): number;
  /** Told of each execution that succeeded: a draft's commit counts as tested. */
  succeeded?(execution: ExecutionRow): Promise<void>;
  /** Told of what happens as it happens: streams, tests. */
  onEvent?(event: RunEvent): void;
  log(message: string, data: Record<string, unknown>): void;
}
