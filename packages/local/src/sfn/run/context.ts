import type { StateNode } from "../asl/machine.ts";
import type { Json, JsonObject } from "../json.ts";
import type { JsonataScope, StatesVariable } from "../lang/jsonata.ts";
import type { PathScope } from "../lang/jsonpath.ts";
import { formatTimestamp } from "../lang/time.ts";
import type { Execution } from "./execution.ts";
import type { Flow } from "./records.ts";

const COUNTS_RETRIES = new Set(["Task", "Parallel", "Map"]);

/** The context object as a state sees it. */
export function contextOf(execution: Execution, flow: Flow, node: StateNode, token?: string): JsonObject {
  const { record } = execution;
  const own: JsonObject = {
    Id: record.arn,
    Input: execution.input,
    StartTime: formatTimestamp(record.startMs),
    Name: record.name,
    RoleArn: record.roleArn,
  };
  if (!record.isExpress) own.RedriveCount = record.redriveCount;
  if (record.redriveMs !== undefined) own.RedriveTime = formatTimestamp(record.redriveMs);
  const state: JsonObject = { Name: node.name, EnteredTime: formatTimestamp(flow.enteredMs) };
  if (COUNTS_RETRIES.has(node.type)) state.RetryCount = flow.retries.reduce((sum, n) => sum + (n ?? 0), 0);
  const context: JsonObject = {
    Execution: own,
    StateMachine: { Id: execution.machineArn, Name: execution.machineName },
    State: state,
  };
  const item = itemOf(execution, flow);
  if (item) context.Map = { Item: { Index: item.index, Value: item.value } };
  if (token !== undefined) context.Task = { Token: token };
  return context;
}

function itemOf(execution: Execution, flow: Flow): Flow["item"] {
  for (let at: Flow | undefined = flow; at; at = parentOf(execution, at)) if (at.item) return at.item;
  return undefined;
}

function parentOf(execution: Execution, flow: Flow): Flow | undefined {
  return flow.parent === undefined ? undefined : execution.flows.get(flow.parent);
}

/** The variables that a flow sees: its own and those of the scopes around it. */
export function variablesOf(execution: Execution, flow: Flow): JsonObject {
  const parent = parentOf(execution, flow);
  return parent ? { ...variablesOf(execution, parent), ...flow.variables } : flow.variables;
}

/** What JSONPath fields of a state are read from; `input` is `$`. */
export function pathScope(execution: Execution, flow: Flow, node: StateNode, input: Json, token?: string): PathScope {
  const variables = variablesOf(execution, flow);
  let context: JsonObject | undefined;
  return {
    input,
    variables,
    get context() {
      context ??= contextOf(execution, flow, node, token);
      return context;
    },
  };
}

/** What JSONata fields of a state are evaluated with. */
export function jsonataScope(
  execution: Execution,
  flow: Flow,
  node: StateNode,
  more: { result?: Json; errorOutput?: Json; token?: string } = {},
): JsonataScope {
  const states: StatesVariable = { input: flow.input, context: contextOf(execution, flow, node, more.token) };
  if (more.result !== undefined) states.result = more.result;
  if (more.errorOutput !== undefined) states.errorOutput = more.errorOutput;
  return { states, variables: variablesOf(execution, flow), nowMs: execution.host.clock.now() };
}
