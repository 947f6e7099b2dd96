import type { StateNode } from "../asl/machine.ts";
import { StateFailure } from "../errors.ts";
import type { Json, JsonObject } from "../json.ts";
import { evaluateTemplate } from "../lang/jsonata.ts";
import { requirePath, writePath } from "../lang/jsonpath.ts";
import { fillTemplate } from "../lang/template.ts";
import { jsonataScope, pathScope } from "./context.ts";
import type { Execution } from "./execution.ts";
import type { Flow } from "./records.ts";
import { type Exit, leave, type Step } from "./steps.ts";

/** The input of a JSONPath state after InputPath. */
export function effectiveInput(execution: Execution, flow: Flow, node: StateNode): Json {
  return applyPath(node.definition.InputPath, flow.input, execution, flow, node);
}

function applyPath(path: Json | undefined, value: Json, execution: Execution, flow: Flow, node: StateNode): Json {
  if (path === undefined) return value;
  return path === null ? {} : requirePath(String(path), pathScope(execution, flow, node, value));
}

/** Leaves a state with a result: ResultSelector, ResultPath, OutputPath and Assign, or Output and Assign. */
export async function leaveWithResult(execution: Execution, flow: Flow, node: StateNode, result: Json): Promise<Step> {
  const { definition } = node;
  if (node.language === "JSONata") {
    const scope = jsonataScope(execution, flow, node, { result });
    const output =
      definition.Output === undefined ? result : await evaluateTemplate(definition.Output, "Output", scope);
    const assigned = await assignJsonata(definition.Assign, scope);
    return leave(execution, flow, node, { output, assigned });
  }
  const selected =
    definition.ResultSelector === undefined
      ? result
      : fillTemplate(definition.ResultSelector, pathScope(execution, flow, node, result));
  return leave(execution, flow, node, pathExit(execution, flow, node, selected));
}

/** Output and variables of a JSONPath state from its result. */
export function pathExit(execution: Execution, flow: Flow, node: StateNode, result: Json): Exit {
  const { definition } = node;
  const assigned =
    definition.Assign === undefined
      ? undefined
      : (fillTemplate(definition.Assign, pathScope(execution, flow, node, result)) as JsonObject);
  const merged = mergeResult(definition.ResultPath as string | null | undefined, flow.input, result);
  return { output: applyPath(definition.OutputPath, merged, execution, flow, node), assigned };
}

function mergeResult(path: string | null | undefined, input: Json, result: Json): Json {
  if (path === undefined || path === "$") return result;
  if (path === null) return input;
  const merged = writePath(path, input, result);
  if (merged !== undefined) return merged;
  throw new StateFailure({
    error: "States.ResultPathMatchFailure",
    cause: `Unable to apply ResultPath '${path}' to the input '${JSON.stringify(input)}'.`,
  });
}

/** Leaves a JSONata state that has no result of its own. */
export async function leaveJsonata(
  execution: Execution,
  flow: Flow,
  node: StateNode,
  fields: { Output?: Json; Assign?: Json; next?: string; path?: string },
): Promise<Step> {
  const scope = jsonataScope(execution, flow, node);
  const prefix = fields.path === undefined ? "" : `${fields.path}/`;
  const output =
    fields.Output === undefined ? flow.input : await evaluateTemplate(fields.Output, `${prefix}Output`, scope);
  const assigned = await assignJsonata(fields.Assign, scope, prefix);
  return leave(execution, flow, node, { output, assigned, next: fields.next });
}

async function assignJsonata(
  assign: Json | undefined,
  scope: Parameters<typeof evaluateTemplate>[2],
  prefix = "",
): Promise<JsonObject | undefined> {
  if (assign === undefined) return undefined;
  return (await evaluateTemplate(assign, `${prefix}Assign`, scope)) as JsonObject;
}
