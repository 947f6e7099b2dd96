import type { StateNode } from "../asl/machine.ts";
import { runtimeFailure, StateFailure } from "../errors.ts";
import { isOversized, type Json, type JsonObject } from "../json.ts";
import { childDone } from "./containers.ts";
import { type Execution, HistoryFull } from "./execution.ts";
import { fail } from "./failure.ts";
import { NOT_TRUNCATED } from "./history.ts";
import type { Flow } from "./records.ts";
import { RUNNERS } from "./runners.ts";

/** What a state did: its flow stands in another state now, or it waits or has ended. */
export type Step = "moved" | "stopped";

/** Runs a flow until it waits for something or ends. */
export async function runFlow(execution: Execution, flow: Flow): Promise<void> {
  let step: Step = "moved";
  while (step === "moved" && execution.isRunning) {
    step = await guarded(execution, flow, async (node) => {
      if (flow.enteredEvent === 0) enter(execution, flow, node);
      flow.generation++;
      execution.host.entered();
      execution.touch(flow);
      return RUNNERS[node.type]!(execution, flow, node);
    });
  }
}

/** Goes on with a state that was waiting; `run` says how. */
export async function resumeFlow(
  execution: Execution,
  flow: Flow,
  run: (node: StateNode) => Step | Promise<Step>,
): Promise<void> {
  const step = await guarded(execution, flow, run);
  if (step === "moved") await runFlow(execution, flow);
}

/** Makes the flow go on within the current message, if it still stands where it stands now. */
export function resumeLater(execution: Execution, flow: Flow, run: (node: StateNode) => Step | Promise<Step>): void {
  const { generation } = flow;
  execution.makeReady(async () => {
    if (execution.isCurrent(flow, generation)) await resumeFlow(execution, flow, run);
  });
}

async function guarded(
  execution: Execution,
  flow: Flow,
  run: (node: StateNode) => Step | Promise<Step>,
): Promise<Step> {
  const node = execution.nodeOf(flow);
  try {
    return await run(node);
  } catch (error) {
    try {
      if (error instanceof HistoryFull) throw error;
      return await fail(execution, flow, node, asFailure(error));
    } catch (fatal) {
      if (!execution.isRunning) return "stopped";
      endWithRuntimeError(execution, fatal);
      return "stopped";
    }
  }
}

function endWithRuntimeError(execution: Execution, fatal: unknown): void {
  if (fatal instanceof HistoryFull) {
    execution.finishFull();
    return;
  }
  const cause = `Internal error: ${(fatal as Error).message}`;
  execution.finish("FAILED", "ExecutionFailed", { error: "States.Runtime", cause });
}

function asFailure(error: unknown): StateFailure {
  return error instanceof StateFailure ? error : runtimeFailure(`Internal error: ${(error as Error).message}`);
}

function enter(execution: Execution, flow: Flow, node: StateNode): void {
  flow.enteredMs = execution.host.clock.now();
  flow.enteredEvent = execution.addEvent(flow, `${node.type}StateEntered`, {
    name: node.name,
    input: JSON.stringify(flow.input),
    inputDetails: NOT_TRUNCATED,
  });
  flow.retries = [];
  execution.touch(flow);
}

/** What a state hands on when it is left. */
export interface Exit {
  output: Json;
  assigned?: JsonObject | undefined;
  /** Overrides the state's own Next, as choice rules and catchers do. */
  next?: string | undefined;
}

/** Leaves the current state. Throws when the output is over the quota. */
export function leave(execution: Execution, flow: Flow, node: StateNode, exit: Exit): Step {
  const text = JSON.stringify(exit.output);
  if (isOversized(text)) throw dataLimit(node.name, false);
  const details: Record<string, unknown> = { name: node.name, output: text, outputDetails: NOT_TRUNCATED };
  if (exit.assigned && Object.keys(exit.assigned).length > 0) {
    details.assignedVariables = Object.fromEntries(
      Object.entries(exit.assigned).map(([name, value]) => [name, JSON.stringify(value)]),
    );
    details.assignedVariablesDetails = NOT_TRUNCATED;
    flow.variables = { ...flow.variables, ...exit.assigned };
  }
  execution.addEvent(flow, `${node.type}StateExited`, details);
  execution.clearTimers(flow);
  delete flow.block;
  execution.touch(flow);
  const next = exit.next ?? (node.definition.Next as string | undefined);
  if (next === undefined) return end(execution, flow, exit.output, text);
  flow.state = next;
  flow.input = exit.output;
  flow.enteredEvent = 0;
  return "moved";
}

function end(execution: Execution, flow: Flow, output: Json, text: string): Step {
  flow.outcome = "done";
  flow.output = output;
  if (flow.parent === undefined) execution.finish("SUCCEEDED", "ExecutionSucceeded", { output: text });
  else childDone(execution, flow);
  return "stopped";
}

/** The failure for data over the quota; a task's own result can be caught, a state's output cannot. */
export function dataLimit(subject: string, isCatchable: boolean): StateFailure {
  const cause = `The state/task '${subject}' returned a result with a size exceeding the maximum number of bytes service limit.`;
  return new StateFailure({ error: "States.DataLimitExceeded", cause }, { isCatchable });
}
