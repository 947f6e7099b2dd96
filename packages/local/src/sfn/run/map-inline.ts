import type { StateNode } from "../asl/machine.ts";
import { runtimeFailure } from "../errors.ts";
import type { Json } from "../json.ts";
import { evaluateTemplate } from "../lang/jsonata.ts";
import { fillTemplate } from "../lang/template.ts";
import { childrenOf, finishContainer, startChild } from "./containers.ts";
import { jsonataScope, pathScope } from "./context.ts";
import { effectiveInput } from "./data-flow.ts";
import type { Execution } from "./execution.ts";
import { startMapRun } from "./map-distributed.ts";
import { concurrencyOf, itemsOf } from "./map-fields.ts";
import type { Flow, MapItem } from "./records.ts";
import type { Step } from "./steps.ts";

export async function runMap(execution: Execution, flow: Flow, node: StateNode): Promise<Step> {
  if (node.isDistributed) return startMapRun(execution, flow, node);
  const items = await itemsOf(execution, flow, node);
  const concurrency = await concurrencyOf(execution, flow, node);
  execution.addEvent(flow, "MapStateStarted", { length: items.length });
  flow.block = { kind: "children", items, total: items.length, concurrency };
  if (items.length === 0) return finishContainer(execution, flow, node);
  return startIterations(execution, flow, node);
}

/** Starts as many iterations as may run now. */
export async function startIterations(execution: Execution, flow: Flow, node: StateNode): Promise<Step> {
  const { block } = flow;
  if (block?.kind !== "children" || !block.items) throw runtimeFailure("The Map state has no items.");
  const progress = execution.progressOf(flow);
  const limit = block.concurrency === 0 ? block.total : block.concurrency;
  while (progress.started < block.total && progress.started - progress.done < limit) {
    const index = progress.started++;
    const item: MapItem = { index, value: block.items[index]! };
    execution.addEvent(flow, "MapIterationStarted", { name: node.name, index });
    startChild(execution, flow, node, index, await selectItem(execution, flow, node, item), item);
  }
  return "stopped";
}

/** The input of one iteration: the item, or what ItemSelector (once Parameters) makes of it. */
export async function selectItem(execution: Execution, flow: Flow, node: StateNode, item: MapItem): Promise<Json> {
  const { ItemSelector: selector, Parameters: legacy } = node.definition;
  const template = selector ?? legacy;
  if (template === undefined) return item.value;
  // The context of the selector is the state's own, with the item in it.
  const within: Flow = { ...flow, item };
  if (node.language === "JSONata")
    return evaluateTemplate(template, "ItemSelector", jsonataScope(execution, within, node));
  return fillTemplate(template, pathScope(execution, within, node, effectiveInput(execution, flow, node)));
}

/** Counts of a container after a restart or a redrive. */
export function recount(execution: Execution, flow: Flow): void {
  const children = childrenOf(execution, flow);
  const progress = execution.progressOf(flow);
  progress.started = children.length;
  progress.done = children.filter((child) => child.outcome === "done").length;
}
