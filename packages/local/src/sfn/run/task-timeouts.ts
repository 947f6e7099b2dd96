import type { StateNode } from "../asl/machine.ts";
import { runtimeFailure, StateFailure } from "../errors.ts";
import { jsonataNumber } from "../lang/jsonata.ts";
import { requirePath } from "../lang/jsonpath.ts";
import { jsonataScope, pathScope } from "./context.ts";
import type { Execution } from "./execution.ts";
import type { Flow, TaskBlock } from "./records.ts";

const heartbeatFailures = new WeakSet<StateFailure>();

/** A task ran out of time. A missed heartbeat has the same name, but can be matched by its own. */
export function timeoutFailure(isHeartbeat: boolean): StateFailure {
  const failure = new StateFailure({ error: "States.Timeout" });
  if (isHeartbeat) heartbeatFailures.add(failure);
  return failure;
}

export function isHeartbeatFailure(failure: StateFailure): boolean {
  return heartbeatFailures.has(failure);
}

export interface TaskLimits {
  timeoutInSeconds?: number;
  heartbeatInSeconds?: number;
}

/** The timeouts of a Task as history shows them. */
export async function limitsOf(execution: Execution, flow: Flow, node: StateNode): Promise<TaskLimits> {
  const timeout = await secondsOf(execution, flow, node, "TimeoutSeconds");
  const heartbeat = await secondsOf(execution, flow, node, "HeartbeatSeconds");
  return {
    ...(timeout === undefined ? {} : { timeoutInSeconds: timeout }),
    ...(heartbeat === undefined ? {} : { heartbeatInSeconds: heartbeat }),
  };
}

async function secondsOf(
  execution: Execution,
  flow: Flow,
  node: StateNode,
  field: string,
): Promise<number | undefined> {
  const value = node.definition[field];
  if (typeof value === "number") return value;
  if (value !== undefined) return jsonataNumber(value, field, jsonataScope(execution, flow, node), "integer");
  const path = node.definition[`${field}Path`];
  if (path === undefined) return undefined;
  const found = requirePath(String(path), pathScope(execution, flow, node, flow.input));
  if (typeof found === "number" && Number.isInteger(found) && found > 0) return found;
  throw runtimeFailure(
    `The ${field}Path parameter does not reference a valid positive integer: ${String(path)} == ${JSON.stringify(found)}`,
  );
}

/** When a task that starts now runs out of time. */
export function deadlines(limits: TaskLimits, nowMs: number): Partial<TaskBlock> {
  const { timeoutInSeconds: timeout, heartbeatInSeconds: heartbeat } = limits;
  const beat = heartbeat === undefined ? undefined : heartbeat * 1000;
  return {
    ...(timeout === undefined ? {} : { timeoutAt: nowMs + timeout * 1000 }),
    ...(beat === undefined ? {} : { heartbeatMs: beat, heartbeatAt: nowMs + beat }),
  };
}
