/** The one vocabulary of run statuses: executions of workflows, agents, code, experiments, ingestion, jobs. */
export const EXECUTION_STATUS = [
  "queued",
  "running",
  "waiting",
  "handing_over",
  "failing",
  "succeeded",
  "failed",
  "cancelled",
  "timed_out",
] as const;
export type ExecutionStatus = (typeof EXECUTION_STATUS)[number];

export const NODE_STATUS = ["pending", "running", "waiting", "succeeded", "failed", "skipped", "cancelled"] as const;
export type NodeStatus = (typeof NODE_STATUS)[number];

export const TERMINAL_STATUS = ["succeeded", "failed", "cancelled", "timed_out"] as const;
export type TerminalStatus = (typeof TERMINAL_STATUS)[number];

/** Whether nothing can change this status any more. */
export function isTerminal(status: ExecutionStatus): status is TerminalStatus {
  return (TERMINAL_STATUS as readonly string[]).includes(status);
}

/** Whether a lane may start another node of an execution in this status. */
export function isOpen(status: ExecutionStatus): boolean {
  return !isTerminal(status) && status !== "failing";
}

/** Where a run came from. */
export const TRIGGER_TYPE = [
  "manual",
  "scheduled",
  "webhook",
  "event",
  "api",
  "agent",
  "experiment",
  "workflow",
  /** Of an error workflow: another execution failed. */
  "error",
  /** A node run alone. */
  "debug",
] as const;
export type TriggerType = (typeof TRIGGER_TYPE)[number];

/** How the same plan is driven (architecture §3). */
export const RUN_MODE = ["sync", "stream", "async"] as const;
export type RunMode = (typeof RUN_MODE)[number];
