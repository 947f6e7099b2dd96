import type { CanvasNode } from "../canvas.ts";
import { KNOWN_TYPES } from "../coze/types.ts";
import { MAX_NESTING } from "../limits.ts";
import type { NodeDefinition, NodePlace } from "../node.ts";
import type { Field, Input, PlanNode } from "../plan.ts";
import { isRecord } from "../values/json.ts";
import { parsePath } from "../values/path.ts";
import { type CompiledGraph, compileGraph } from "./graph.ts";
import { compileInputs, isVolatile, readsVariable } from "./inputs.ts";
import { type Context, definitionOf, isInstalled, type Level } from "./level.ts";
import { ERROR_FIELDS, planFields, policyOf } from "./types.ts";

const KEPT_SCOPES = ["user", "global", "workflow"] as const;

/** A compiled node and what its level has to know of it. */
export interface CompiledNode {
  node: PlanNode;
  /** Ports it may leave by; undefined where its type or configuration is not known. */
  ports?: string[];
  /** It may set app variables. */
  assigns: boolean;
  /** What it sees of app variables matters. */
  reads: boolean;
}

function outputsOf(node: CanvasNode, declared: readonly Field[], context: Context): Field[] {
  const fields = new Map<string, Field>();
  planFields(node.data.outputs ?? []).forEach((field, index) => {
    const bad = field.name === "" || field.name === "__proto__" || fields.has(field.name);
    if (bad)
      context.issues.node(
        "bad_name",
        node.id,
        `data.outputs.${index}.name`,
        `"${field.name}" cannot be an output's name here`,
      );
    else fields.set(field.name, field);
  });
  const add = (field: Field): void => {
    if (!fields.has(field.name)) fields.set(field.name, field);
  };
  declared.forEach(add);
  if ((node.data.onError?.strategy ?? "throw") !== "throw") ERROR_FIELDS.forEach(add);
  return [...fields.values()];
}

/** A node whose type cannot run here keeps its place, so that the rest can be checked around it. */
function unknownNode(node: CanvasNode, inputs: Input[], context: Context): CompiledNode {
  const known = KNOWN_TYPES.has(node.type);
  const message = known ? `node type "${node.type}" is not available` : `unknown node type "${node.type}"`;
  context.issues.node(known ? "unavailable_type" : "unknown_type", node.id, "type", message);
  return {
    node: {
      id: node.id,
      type: node.type,
      title: node.data.label ?? node.type,
      config: node.data.config ?? {},
      inputs,
      outputs: outputsOf(node, [], context),
      policy: policyOf(node.data.onError, undefined),
      effectful: true,
    },
    assigns: false,
    reads: false,
  };
}

function parseConfig(node: CanvasNode, definition: NodeDefinition, context: Context): { config: unknown } | undefined {
  const parsed = definition.config.safeParse(node.data.config ?? {});
  if (parsed.success) return { config: parsed.data };
  for (const issue of parsed.error.issues) {
    const keys = issue.code === "unrecognized_keys" ? issue.keys.slice(0, 1) : [];
    context.issues.node(
      "bad_config",
      node.id,
      ["data", "config", ...issue.path, ...keys].map(String).join("."),
      issue.message,
    );
  }
  return undefined;
}

function checkPlace(node: CanvasNode, definition: NodeDefinition, level: Level, context: Context): void {
  const { within, type, title } = definition;
  const parent = level.owner?.node.type;
  if (within && (parent === undefined || !within.includes(parent))) {
    context.issues.node("misplaced_node", node.id, "type", `${title} stands only directly in a ${within.join(" or ")}`);
  }
  if ((definition.begins || type === "end") && parent !== undefined) {
    context.issues.node("misplaced_node", node.id, "type", `a ${parent} has no ${type} node of its own`);
  }
}

function checkConfig(
  definition: NodeDefinition,
  config: unknown,
  id: string,
  place: NodePlace,
  context: Context,
): void {
  const has = new Set(place.inputs);
  for (const name of definition.uses?.(config) ?? []) {
    if (!has.has(name))
      context.issues.node("bad_config", id, "data.config", `there is no input "${name}", which it speaks of`);
  }
  for (const { path, message, code = "bad_config" } of definition.check?.(config, place) ?? []) {
    context.issues.node(code, id, `data.config.${path}`, message);
  }
  for (const type of definition.needs?.(config) ?? []) {
    if (!isInstalled(type))
      context.issues.node("unavailable_type", id, "data.config", `it needs "${type}", which is not available`);
  }
}

function checkCollected(
  definition: NodeDefinition,
  config: unknown,
  id: string,
  body: CompiledGraph,
  context: Context,
): void {
  const inside = new Set(body.graph.nodes.map((node) => node.id));
  for (const { name, ref } of definition.collects?.(config) ?? []) {
    const [target] = parsePath(ref) ?? [];
    if (target === id || (typeof target === "string" && inside.has(target))) continue;
    const message = ref === "" ? "refers to nothing" : `refers to "${ref}", which no node of the body gives`;
    context.issues.node("bad_reference", id, `data.config.collect.${name}`, message);
  }
}

function compileBody(
  node: CanvasNode,
  definition: NodeDefinition,
  config: unknown,
  inputs: readonly Input[],
  level: Level,
  at: number,
  context: Context,
): CompiledGraph | undefined {
  const { body } = node.data;
  if (!definition.composite) {
    if (body) context.issues.node("bad_config", node.id, "data.body", `a ${definition.type} node has no body`);
    return undefined;
  }
  if (!body || body.nodes.length === 0) {
    context.issues.node("missing_node", node.id, "data.body", `a ${definition.type} needs a body`);
    return undefined;
  }
  if (level.depth >= MAX_NESTING) {
    context.issues.node("too_deep", node.id, "", `loops and batches nest at most ${MAX_NESTING} deep`);
    return undefined;
  }
  const names = inputs.map((input) => input.name);
  const locals = new Set(config === undefined ? names : (definition.locals?.(config, names) ?? names));
  const owner = { level, at, node, config, locals };
  const compiled = compileGraph(body.nodes, body.edges, owner, level.depth + 1, context);
  if (config !== undefined) checkCollected(definition, config, node.id, compiled, context);
  return compiled;
}

function isEffectful(
  definition: NodeDefinition,
  config: unknown,
  inputs: readonly Input[],
  body: CompiledGraph | undefined,
): boolean {
  if (body?.graph.nodes.some((node) => node.effectful)) return true;
  // These are kept outside the run: reading them is an effect.
  if (KEPT_SCOPES.some((scope) => readsVariable(inputs, scope))) return true;
  // The time and chance give another value in each repeat: what they gave first is kept.
  if (isVolatile(inputs)) return true;
  if (typeof definition.effectful === "boolean") return definition.effectful;
  return config === undefined || definition.effectful(config, body?.graph);
}

function resultFields(definition: NodeDefinition, config: unknown, inputs: readonly Input[]): Field[] {
  if (config === undefined) return [];
  const fields = definition.outputs?.(config) ?? [];
  const isResult = definition.type === "end" && fields.length === 0;
  return isResult ? inputs.map(({ name, type }) => ({ name, type })) : fields;
}

/** Compiles one node of a level whose earlier nodes are compiled. */
export function compileNode(level: Level, at: number, node: CanvasNode, context: Context): CompiledNode {
  context.count += 1;
  const inputs = compileInputs(level, at, node, context);
  const definition = definitionOf(node);
  if (!definition) return unknownNode(node, inputs, context);
  checkPlace(node, definition, level, context);
  const parsed = parseConfig(node, definition, context);
  const config = parsed?.config;
  const body = compileBody(node, definition, config, inputs, level, at, context);
  const outputs = outputsOf(node, resultFields(definition, config, inputs), context);
  if (parsed) {
    const parent = level.owner && { id: level.owner.node.id, type: level.owner.node.type, config: level.owner.config };
    const place = { id: node.id, inputs: inputs.map(({ name }) => name), outputs, ...(parent ? { parent } : {}) };
    checkConfig(definition, config, node.id, place, context);
    for (const call of definition.calls?.(config) ?? []) context.references.push({ ...call, nodeId: node.id });
    for (const credentialId of definition.credentials?.(config) ?? []) {
      context.credentials.push({ credentialId, nodeId: node.id });
    }
    for (const modelId of definition.models?.(config) ?? []) context.models.push({ modelId, nodeId: node.id });
  }
  context.mayWait ||= definition.waits ?? false;
  const effectful = isEffectful(definition, config, inputs, body);
  const plan: PlanNode = {
    id: node.id,
    type: node.type,
    title: node.data.label ?? definition.title,
    config: config ?? (isRecord(node.data.config) ? node.data.config : {}),
    inputs,
    outputs,
    policy: policyOf(node.data.onError, effectful ? definition.timeoutMs : undefined),
    effectful,
    ...(body ? { body: body.graph } : {}),
  };
  return {
    node: plan,
    ...(parsed ? { ports: portsOf(node, definition, config) } : {}),
    assigns: (definition.assigns ?? false) || (body?.assigns ?? false),
    reads: definition.assigns === true || readsVariable(inputs, "app") || (body?.reads ?? false) || node.type === "end",
  };
}

function portsOf(node: CanvasNode, definition: NodeDefinition, config: unknown): string[] {
  const ports = definition.ports?.(config) ?? ["default"];
  return node.data.onError?.strategy === "branch" ? [...ports, "branch_error"] : ports;
}
