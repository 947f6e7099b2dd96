import type { StateNode } from "../asl/machine.ts";
import { runtimeFailure, StateFailure } from "../errors.ts";
import type { Json, JsonObject } from "../json.ts";
import { errorOutput, evaluateTemplate } from "../lang/jsonata.ts";
import { writePath } from "../lang/jsonpath.ts";
import { fillTemplate } from "../lang/template.ts";
import { abortChildren, childFailed } from "./containers.ts";
import { jsonataScope, pathScope } from "./context.ts";
import type { Execution } from "./execution.ts";
import { matches, retryDelayMs } from "./matching.ts";
import type { Flow } from "./records.ts";
import { leave, runFlow, type Step } from "./steps.ts";
import { isHeartbeatFailure } from "./task-timeouts.ts";

const NAMES_ITS_STATE = new Set(["States.Runtime", "States.QueryEvaluationError"]);
const CONTAINERS = new Set(["Map", "Parallel"]);

/** A state failed by itself: retry it, catch it, or fail what is around it. */
export async function fail(execution: Execution, flow: Flow, node: StateNode, raw: StateFailure): Promise<Step> {
  const failure = located(flow, node, raw);
  if (failure.evaluation) {
    const { location } = failure.evaluation;
    const details = { ...failure.info, ...(location === undefined ? {} : { location }), state: node.name };
    execution.addEvent(flow, "EvaluationFailed", details);
  }
  return handle(execution, flow, node, failure, true);
}

/** As fail, for a failure that came from inside a Map or Parallel state. */
export async function handle(
  execution: Execution,
  flow: Flow,
  node: StateNode,
  failure: StateFailure,
  isOwn = false,
): Promise<Step> {
  execution.clearTimers(flow);
  // A container keeps what it was doing: a redrive goes on from there.
  if (!CONTAINERS.has(node.type)) delete flow.block;
  execution.touch(flow);
  if (failure.isCatchable) {
    if (scheduleRetry(execution, flow, node, failure)) return "stopped";
    const isHeartbeat = isHeartbeatFailure(failure);
    const catchers = (node.definition.Catch ?? []) as JsonObject[];
    const index = catchers.findIndex((entry) => matches(entry, failure, isHeartbeat));
    if (index >= 0) {
      abortChildren(execution, flow, { keep: false });
      return caught(execution, flow, node, failure, index);
    }
  }
  return giveUp(execution, flow, node, failure, isOwn);
}

function giveUp(execution: Execution, flow: Flow, node: StateNode, failure: StateFailure, isOwn: boolean): Step {
  abortChildren(execution, flow, { keep: true });
  // AWS shows no failed state when the state's own fields are what is wrong.
  const isShown = CONTAINERS.has(node.type) && (failure.isCatchable || !isOwn);
  if (isShown) execution.addEvent(flow, `${node.type}StateFailed`, { ...failure.info });
  flow.outcome = "failed";
  execution.touch(flow);
  if (flow.parent !== undefined) childFailed(execution, flow, failure);
  else execution.finish("FAILED", "ExecutionFailed", failure.info);
  return "stopped";
}

/** Failures of the machine say which state they happened in. */
function located(flow: Flow, node: StateNode, failure: StateFailure): StateFailure {
  const { error, cause } = failure.info;
  if (!error || !NAMES_ITS_STATE.has(error)) return failure;
  const where = `An error occurred while executing the state '${node.name}' (entered at the event id #${flow.enteredEvent}).`;
  const { isCatchable, evaluation } = failure;
  return new StateFailure(
    { error, cause: `${where} ${cause}` },
    evaluation ? { isCatchable, evaluation } : { isCatchable },
  );
}

function scheduleRetry(execution: Execution, flow: Flow, node: StateNode, failure: StateFailure): boolean {
  const entries = (node.definition.Retry ?? []) as JsonObject[];
  const index = entries.findIndex((entry) => matches(entry, failure, isHeartbeatFailure(failure)));
  if (index < 0) return false;
  const used = flow.retries[index] ?? 0;
  const delay = retryDelayMs(entries[index]!, used, execution.host.random);
  if (delay === undefined) return false;
  abortChildren(execution, flow, { keep: false });
  flow.retries = entries.map((_, i) => (flow.retries[i] ?? 0) + (i === index ? 1 : 0));
  flow.generation++;
  flow.block = { kind: "retry", until: execution.host.clock.now() + delay };
  execution.setTimer(flow, flow.block.until, () => runFlow(execution, flow));
  return true;
}

async function caught(
  execution: Execution,
  flow: Flow,
  node: StateNode,
  failure: StateFailure,
  index: number,
): Promise<Step> {
  const catcher = (node.definition.Catch as JsonObject[])[index]!;
  const error = errorOutput(failure.info);
  try {
    const { output, assigned } =
      node.language === "JSONata"
        ? await catchJsonata(execution, flow, node, catcher, error, index)
        : catchJsonPath(execution, flow, node, catcher, error);
    if (CONTAINERS.has(node.type)) execution.addEvent(flow, `${node.type}StateFailed`, { ...failure.info });
    return leave(execution, flow, node, { output, assigned, next: String(catcher.Next) });
  } catch (inner) {
    if (!(inner instanceof StateFailure)) throw inner;
    return giveUp(execution, flow, node, located(flow, node, inner), true);
  }
}

async function catchJsonata(
  execution: Execution,
  flow: Flow,
  node: StateNode,
  catcher: JsonObject,
  error: JsonObject,
  index: number,
): Promise<{ output: Json; assigned: JsonObject | undefined }> {
  const scope = jsonataScope(execution, flow, node, { errorOutput: error });
  const path = `Catch[${index}]`;
  const assigned =
    catcher.Assign === undefined
      ? undefined
      : ((await evaluateTemplate(catcher.Assign, `${path}/Assign`, scope)) as JsonObject);
  const output = catcher.Output === undefined ? error : await evaluateTemplate(catcher.Output, `${path}/Output`, scope);
  return { output, assigned };
}

function catchJsonPath(
  execution: Execution,
  flow: Flow,
  node: StateNode,
  catcher: JsonObject,
  error: JsonObject,
): { output: Json; assigned: JsonObject | undefined } {
  const assigned =
    catcher.Assign === undefined
      ? undefined
      : (fillTemplate(catcher.Assign, pathScope(execution, flow, node, error)) as JsonObject);
  if (catcher.ResultPath === null) return { output: flow.input, assigned };
  const output = writePath((catcher.ResultPath as string | undefined) ?? "$", flow.input, error);
  if (output === undefined) throw runtimeFailure(`Unable to apply path '${String(catcher.ResultPath)}' to the input.`);
  return { output, assigned };
}
