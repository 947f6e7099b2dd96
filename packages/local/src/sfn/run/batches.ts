import type { StateNode } from "../asl/machine.ts";
import { runtimeFailure } from "../errors.ts";
import { isObject, type Json, type JsonObject, MAX_PAYLOAD_BYTES } from "../json.ts";
import { evaluateTemplate, jsonataNumber } from "../lang/jsonata.ts";
import { requirePath } from "../lang/jsonpath.ts";
import { fillTemplate } from "../lang/template.ts";
import { jsonataScope, pathScope } from "./context.ts";
import { effectiveInput } from "./data-flow.ts";
import type { Execution } from "./execution.ts";
import type { Flow } from "./records.ts";

export interface BatchPlan {
  maxItems: number;
  maxBytes: number;
  batchInput?: Json;
}

/** ItemBatcher with every path and expression resolved. */
export async function planBatches(execution: Execution, flow: Flow, node: StateNode): Promise<BatchPlan | undefined> {
  const batcher = node.definition.ItemBatcher;
  if (!isObject(batcher)) return undefined;
  const maxItems = (await numberOf(execution, flow, node, batcher, "MaxItemsPerBatch")) ?? Number.MAX_SAFE_INTEGER;
  const maxBytes = (await numberOf(execution, flow, node, batcher, "MaxInputBytesPerBatch")) ?? MAX_PAYLOAD_BYTES;
  const plan: BatchPlan = { maxItems, maxBytes: Math.min(maxBytes, MAX_PAYLOAD_BYTES) };
  const { BatchInput: input } = batcher;
  if (input === undefined) return plan;
  plan.batchInput =
    node.language === "JSONata"
      ? await evaluateTemplate(input, "ItemBatcher/BatchInput", jsonataScope(execution, flow, node))
      : fillTemplate(input, pathScope(execution, flow, node, effectiveInput(execution, flow, node)));
  return plan;
}

async function numberOf(
  execution: Execution,
  flow: Flow,
  node: StateNode,
  batcher: JsonObject,
  field: string,
): Promise<number | undefined> {
  let value: Json | undefined = batcher[field];
  if (typeof value === "string") {
    value = await jsonataNumber(value, `ItemBatcher/${field}`, jsonataScope(execution, flow, node), "integer");
  }
  const path = batcher[`${field}Path`];
  if (path !== undefined) {
    value = requirePath(String(path), pathScope(execution, flow, node, effectiveInput(execution, flow, node)));
    if (typeof value === "string") value = Number(value);
  }
  if (value === undefined) return undefined;
  if (typeof value === "number" && Number.isInteger(value) && value > 0) return value;
  throw runtimeFailure(`The ${field} field must be a positive integer.`);
}

export interface ChildInput {
  text: string;
  items: number;
}

/** Inputs of the child executions: one an item, or one a batch. */
export function childInputs(items: readonly Json[], plan: BatchPlan | undefined): ChildInput[] {
  if (!plan) return items.map((item) => ({ text: JSON.stringify(item), items: 1 }));
  const prefix = plan.batchInput === undefined ? "" : `"BatchInput":${JSON.stringify(plan.batchInput)},`;
  const envelope = Buffer.byteLength(prefix) + '{"Items":[]}'.length;
  const inputs: ChildInput[] = [];
  let batch: string[] = [];
  let bytes = envelope;
  const close = (): void => {
    if (batch.length > 0) inputs.push({ text: `{${prefix}"Items":[${batch.join(",")}]}`, items: batch.length });
    batch = [];
    bytes = envelope;
  };
  for (const item of items) {
    const text = JSON.stringify(item);
    const size = Buffer.byteLength(text) + 1;
    if (batch.length >= plan.maxItems || (batch.length > 0 && bytes + size > plan.maxBytes)) close();
    batch.push(text);
    bytes += size;
  }
  close();
  return inputs;
}
