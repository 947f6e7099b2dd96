import type { StateFailure } from "../errors.ts";
import type { Json, JsonObject } from "../json.ts";

/** Failures of a task that are no timeouts: what States.TaskFailed stands for. */
function isTimeout(error: string | undefined): boolean {
  return error === "States.Timeout" || error === "States.HeartbeatTimeout";
}

/** Whether an entry of Retry or Catch is for this failure. */
export function matches(entry: JsonObject, failure: StateFailure, isHeartbeat: boolean): boolean {
  const error = failure.info.error;
  return (entry.ErrorEquals as Json[]).some((name) => {
    if (name === "States.ALL") return true;
    if (name === "States.TaskFailed") return !isTimeout(error);
    if (name === "States.HeartbeatTimeout") return isHeartbeat;
    return name === error;
  });
}

const DEFAULT_INTERVAL_SECONDS = 1;
const DEFAULT_MAX_ATTEMPTS = 3;
const DEFAULT_BACKOFF_RATE = 2;

/** How long to wait before the next attempt, or undefined when the entry is used up. */
export function retryDelayMs(entry: JsonObject, used: number, random: () => number): number | undefined {
  const attempts = (entry.MaxAttempts as number | undefined) ?? DEFAULT_MAX_ATTEMPTS;
  if (used >= attempts) return undefined;
  const interval = (entry.IntervalSeconds as number | undefined) ?? DEFAULT_INTERVAL_SECONDS;
  const rate = (entry.BackoffRate as number | undefined) ?? DEFAULT_BACKOFF_RATE;
  const cap = (entry.MaxDelaySeconds as number | undefined) ?? Number.MAX_SAFE_INTEGER;
  const delay = Math.min(interval * rate ** used, cap) * 1000;
  return entry.JitterStrategy === "FULL" ? random() * delay : delay;
}
