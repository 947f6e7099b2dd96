import type { NodeDefinition, NodeDeps } from "@weft/engine/node";
import type { Plan } from "@weft/engine/plan";
import type { RunEvent } from "@weft/engine/run/io";
import type { TerminalStatus } from "@weft/engine/status";
import type { Clock } from "@weft/kernel/clock";
import type { EventBus } from "../event/event.bus.ts";
import type { RunPolicy } from "../workflow/run-policy.schema.ts";
import type { RunTarget } from "./execution.service.ts";
import type { EventRow } from "./journal.ts";
import type { Machine } from "./machine.ts";
import type { ExecutionRow } from "./store.ts";

/** What ending executions, and looking whether they go on, needs: no plans and no node types. */
export type EndDeps = Pick<ExecutionDeps, "machine" | "limits" | "ended" | "bus" | "clock" | "log">;

/** What the drivers need of the rest of the product; functions wire it. */
export interface ExecutionDeps {
  machine: Machine;
  /** The plan of a published version or of a kept draft commit, without judging access: the execution was allowed. */
  plan(reference: { spaceId: string; workflowId: string; version?: string; commitId?: string }): Promise<Plan>;
  /** A workflow as a new run of it takes it. Throws AppErrors as the run route does. */
  target(reference: { spaceId: string; workflowId: string; version?: string }): Promise<RunTarget>;
  /** The limits that a workflow has now; none where it is gone. */
  limits(reference: { spaceId: string; workflowId: string }): Promise<Pick<RunPolicy, "concurrency">>;
  nodeDeps(execution: ExecutionRow): NodeDeps;
  types: ReadonlyMap<string, NodeDefinition>;
  clock: Clock;
  /** Milliseconds before the platform ends this process's call. */
  timeLeftMs(): number;
  /** Told of what nodes ask people for an approval, before the execution waits for it; again where a step is repeated. */
  asked?(execution: ExecutionRow, event: EventRow): Promise<void>;
  /**
   * Told of each execution that ended, with how. It may be told again of the same end, and must be told where
   * `hasFollowUp` says so.
   */
  ended?(execution: ExecutionRow, status: TerminalStatus): Promise<void>;
  /** Carries what executions tell of themselves to whoever listens; nothing is told without it. */
  bus?: EventBus;
  /** Told of what happens as it happens: streams, tests. */
  onEvent?(event: RunEvent): void;
  log(message: string, data: Record<string, unknown>): void;
}
