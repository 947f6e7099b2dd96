import type { StateNode } from "../asl/machine.ts";
import { queryFailure, runtimeFailure } from "../errors.ts";
import type { Json } from "../json.ts";
import { ARRAY, evaluateTyped, jsonataNumber } from "../lang/jsonata.ts";
import { requirePath } from "../lang/jsonpath.ts";
import { jsonataScope, pathScope } from "./context.ts";
import { effectiveInput } from "./data-flow.ts";
import type { Execution } from "./execution.ts";
import type { Flow } from "./records.ts";

/** The list that a Map state goes over, when no ItemReader reads it. */
export async function itemsOf(execution: Execution, flow: Flow, node: StateNode): Promise<Json[]> {
  const { Items: items, ItemsPath: path } = node.definition;
  if (node.language === "JSONata") {
    if (items !== undefined) return evaluateTyped(items, "Items", jsonataScope(execution, flow, node), ARRAY);
    if (Array.isArray(flow.input)) return flow.input;
    throw queryFailure(`Map state input must be an array but was: ${JSON.stringify(flow.input)}`);
  }
  const input = effectiveInput(execution, flow, node);
  const value = path === undefined ? input : requirePath(String(path), pathScope(execution, flow, node, input));
  if (Array.isArray(value)) return value;
  throw runtimeFailure(`Reference path "${String(path ?? "$")}" must point to array.`);
}

export async function concurrencyOf(execution: Execution, flow: Flow, node: StateNode): Promise<number> {
  const value = await numberField(execution, flow, node, "MaxConcurrency", "integer");
  if (value !== undefined && value < 0) throw runtimeFailure("MaxConcurrency cannot be negative.");
  return value ?? 0;
}

export interface Tolerance {
  count: number | undefined;
  percentage: number | undefined;
}

export async function toleranceOf(execution: Execution, flow: Flow, node: StateNode): Promise<Tolerance> {
  const count = await numberField(execution, flow, node, "ToleratedFailureCount", "integer");
  if (count !== undefined && count < 0) throw runtimeFailure("ToleratedFailureCount cannot be negative.");
  const percentage = await numberField(execution, flow, node, "ToleratedFailurePercentage", "float");
  if (percentage !== undefined && (percentage < 0 || percentage > 100)) {
    throw runtimeFailure("ToleratedFailurePercentage must be between 0 and 100.");
  }
  return { count, percentage };
}

/** A number given as such, by its ...Path field, or by an expression. */
async function numberField(
  execution: Execution,
  flow: Flow,
  node: StateNode,
  field: string,
  kind: "integer" | "float",
): Promise<number | undefined> {
  const value = node.definition[field];
  if (value !== undefined) {
    if (typeof value === "number") return value;
    return jsonataNumber(value, field, jsonataScope(execution, flow, node), kind);
  }
  const path = node.definition[`${field}Path`];
  if (path === undefined) return undefined;
  const scope = pathScope(execution, flow, node, effectiveInput(execution, flow, node));
  const found = requirePath(String(path), scope);
  const number = typeof found === "string" && found.trim() !== "" ? Number(found) : found;
  const isRight = typeof number === "number" && (kind === "float" ? Number.isFinite(number) : Number.isInteger(number));
  if (isRight) return number;
  const shown = typeof found === "string" ? found : JSON.stringify(found);
  throw runtimeFailure(
    `The ${field}Path field refers to value "${shown}" which is not a valid ${kind}: ${String(path)}`,
  );
}
