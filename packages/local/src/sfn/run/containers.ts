import type { StateNode } from "../asl/machine.ts";
import type { StateFailure } from "../errors.ts";
import type { Json } from "../json.ts";
import { evaluateTemplate } from "../lang/jsonata.ts";
import { fillTemplate } from "../lang/template.ts";
import { jsonataScope, pathScope } from "./context.ts";
import { effectiveInput, leaveWithResult } from "./data-flow.ts";
import type { Execution } from "./execution.ts";
import { handle } from "./failure.ts";
import { startIterations } from "./map-inline.ts";
import type { Flow, MapItem } from "./records.ts";
import { resumeLater, runFlow, type Step } from "./steps.ts";

/** States that history shows as aborted when what is around them ends. */
const SHOWN_AS_ABORTED = new Set(["Task", "Wait", "Map", "Parallel"]);

export async function runParallel(execution: Execution, flow: Flow, node: StateNode): Promise<Step> {
  const input = await branchInput(execution, flow, node);
  execution.addEvent(flow, "ParallelStateStarted");
  const total = node.scopes.length;
  flow.block = { kind: "children", total, concurrency: total };
  for (let index = 0; index < total; index++) startChild(execution, flow, node, index, input);
  return "stopped";
}

async function branchInput(execution: Execution, flow: Flow, node: StateNode): Promise<Json> {
  const { Arguments: args, Parameters: parameters } = node.definition;
  if (node.language === "JSONata") {
    return args === undefined ? flow.input : evaluateTemplate(args, "Arguments", jsonataScope(execution, flow, node));
  }
  const input = effectiveInput(execution, flow, node);
  return parameters === undefined ? input : fillTemplate(parameters, pathScope(execution, flow, node, input));
}

/** Starts a branch or an iteration within the current message. */
export function startChild(
  execution: Execution,
  parent: Flow,
  node: StateNode,
  index: number,
  input: Json,
  item?: MapItem,
): void {
  const scope = node.scopes[node.type === "Parallel" ? index : 0]!;
  const child = execution.addFlow({
    parent: parent.id,
    index,
    scope: scope.key,
    state: scope.startAt,
    input,
    enteredMs: 0,
    enteredEvent: 0,
    lastEvent: parent.lastEvent,
    variables: {},
    retries: [],
    generation: 0,
    ...(item ? { item } : {}),
  });
  execution.makeReady(async () => {
    if (execution.flows.get(child.id) === child && !child.outcome) await runFlow(execution, child);
  });
}

export function childrenOf(execution: Execution, flow: Flow): Flow[] {
  const children: Flow[] = [];
  for (const other of execution.flows.values()) if (other.parent === flow.id) children.push(other);
  return children;
}

/** A branch or iteration has ended well. */
export function childDone(execution: Execution, child: Flow): void {
  const parent = execution.flows.get(child.parent!)!;
  const node = execution.nodeOf(parent);
  if (node.type === "Map") {
    execution.addEvent(child, "MapIterationSucceeded", { name: node.name, index: child.index });
  }
  const progress = execution.progressOf(parent);
  progress.done++;
  parent.lastEvent = child.lastEvent;
  const block = parent.block;
  if (block?.kind !== "children") return;
  if (progress.done === block.total) resumeLater(execution, parent, () => finishContainer(execution, parent, node));
  else if (node.type === "Map") resumeLater(execution, parent, () => startIterations(execution, parent, node));
}

/** All children are done: their outputs in order are the state's result. */
export async function finishContainer(execution: Execution, flow: Flow, node: StateNode): Promise<Step> {
  const children = childrenOf(execution, flow).sort((a, b) => a.index - b.index);
  const result = children.map((child) => child.output as Json);
  execution.addEvent(flow, `${node.type}StateSucceeded`);
  for (const child of children) execution.removeFlow(child);
  execution.forgetProgress(flow);
  return leaveWithResult(execution, flow, node, result);
}

/** A branch or iteration failed: its siblings are aborted and the state around it fails. */
export function childFailed(execution: Execution, child: Flow, failure: StateFailure): void {
  const parent = execution.flows.get(child.parent!)!;
  const node = execution.nodeOf(parent);
  if (node.type === "Map") execution.addEvent(child, "MapIterationFailed", { name: node.name, index: child.index });
  if (execution.nodeOf(child).type === "Task") execution.addEvent(child, "TaskStateAborted");
  parent.lastEvent = child.lastEvent;
  abortChildren(execution, parent, { keep: true });
  resumeLater(execution, parent, () => handle(execution, parent, node, failure));
}

/** Ends everything inside a state. Unless kept for a redrive, the flows go. */
export function abortChildren(execution: Execution, flow: Flow, options: { keep: boolean }): void {
  const node = execution.nodeOf(flow);
  if (node.scopes.length === 0) return;
  for (const child of childrenOf(execution, flow)) {
    if (!child.outcome) abortFlow(execution, child, node);
    if (!options.keep) {
      abortChildren(execution, child, options);
      execution.removeFlow(child);
    }
  }
  if (!options.keep) execution.forgetProgress(flow);
}

function abortFlow(execution: Execution, child: Flow, around: StateNode): void {
  abortChildren(execution, child, { keep: true });
  const inner = execution.nodeOf(child);
  if (child.enteredEvent > 0) {
    if (around.type === "Map")
      execution.addEvent(child, "MapIterationAborted", { name: around.name, index: child.index });
    if (SHOWN_AS_ABORTED.has(inner.type)) execution.addEvent(child, `${inner.type}StateAborted`);
  }
  execution.giveUpWork(child);
  child.outcome = "aborted";
  execution.clearTimers(child);
  execution.touch(child);
}
