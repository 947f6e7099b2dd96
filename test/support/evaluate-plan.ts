import { evaluateExpression } from "@weft/engine/expressions/evaluate";
import type { NodeDefinition, NodeDone, NodeRun } from "@weft/engine/node";
import { DEFAULT_PORT, type Input, type Plan, type PlanGraph, type PlanNode } from "@weft/engine/plan";
import { absorbed, errorData } from "@weft/engine/run/policy";
import { readPath } from "@weft/engine/values/path";
import { randomTypes } from "./random-plan.ts";

const types = randomTypes(() => undefined);

/** What is known at one place of a plan while it is gone through. */
interface World {
  /** Outputs by node id, in this graph and those around it; a composite's own id holds what its body reads of it. */
  outputs: ReadonlyMap<string, unknown>;
  /** The app variable before the graph began. */
  variable: unknown;
  value: number;
  prefix: string;
  ran: Set<string>;
}

interface GraphResult {
  outputs: Map<string, unknown>;
  loop: { set: Record<string, unknown>; control?: "break" | "continue" };
  /** The app variable after it, where something set it. */
  variable: unknown;
  end: Record<string, unknown>;
}

/** The plain meaning of a random plan: each node in order, once, when a live edge leads to it. */
export async function evaluate(
  plan: Plan,
  value: number,
): Promise<{ output: Record<string, unknown>; ran: Set<string> }> {
  const ran = new Set<string>();
  const world: World = { outputs: new Map(), variable: undefined, value, prefix: "", ran };
  return { output: (await evaluateGraph(plan.root, world, {})).end, ran };
}

async function evaluateGraph(graph: PlanGraph, world: World, locals: Record<string, unknown>): Promise<GraphResult> {
  const outputs = new Map(world.outputs);
  const owner = Object.keys(locals)[0];
  const ports = new Map<string, string>();
  const variables = new Map<string, unknown>();
  const result: GraphResult = { outputs: new Map(), loop: { set: {} }, variable: undefined, end: {} };
  for (const node of graph.nodes) {
    const into = graph.edges.filter(({ to }) => to === node.id);
    if (into.length > 0 && !into.some(({ from, port }) => ports.get(from) === port)) continue;
    world.ran.add(world.prefix + node.id);
    if (owner !== undefined) outputs.set(owner, { ...(locals[owner] as object), ...result.loop.set });
    const seen = (node.assigners ?? []).map((id) => variables.get(id)).find((one) => one !== undefined);
    const here = { ...world, outputs, variable: seen ?? world.variable };
    const inputs = await inputsOf(node.inputs, here);
    const done = node.body ? await composite(node, inputs, here) : await once(node, inputs, world.value);
    if (node.type === "end") result.end = inputs;
    outputs.set(node.id, done.output);
    result.outputs.set(node.id, done.output);
    ports.set(node.id, done.port ?? DEFAULT_PORT);
    if (done.vars && "shared" in done.vars) variables.set(node.id, done.vars.shared);
    Object.assign(result.loop.set, done.loop?.set);
    if (done.loop?.control === undefined) continue;
    result.loop.control = done.loop.control;
    break;
  }
  // Later nodes over earlier ones, as an execution's variables are after it.
  result.variable = [...variables.values()].at(-1);
  return result;
}

async function inputsOf(inputs: readonly Input[], world: World): Promise<Record<string, unknown>> {
  const values: Record<string, unknown> = {};
  for (const { name, source } of inputs) values[name] = (await sourceValue(source, world)) ?? null;
  return values;
}

async function sourceValue(source: Input["source"], world: World): Promise<unknown> {
  switch (source.kind) {
    case "literal":
      return source.value;
    case "ref":
      return readPath(world.outputs.get(source.node), source.path);
    case "variable":
      return world.variable;
    case "object":
      return inputsOf(source.fields, world);
    case "expression":
      return evaluateExpression(source.language, source.text, await inputsOf(source.inputs, world), 0);
  }
}

/** One node by itself, its policy included. */
async function once(node: PlanNode, inputs: Record<string, unknown>, value: number): Promise<NodeDone> {
  const { run } = types.get(node.type) as NodeDefinition;
  const given = { node, config: node.config, inputs, graphInput: { value }, now: () => 0, arrivals: () => new Map() };
  try {
    return (await run(given as unknown as NodeRun)) as NodeDone;
  } catch (thrown) {
    const { code, message } = errorData(thrown);
    const instead = absorbed(node, { code, message });
    if (!instead) throw thrown;
    return instead;
  }
}

/** A loop or batch: its turns one after the other. */
async function composite(node: PlanNode, inputs: Record<string, unknown>, world: World): Promise<NodeDone> {
  const body = node.body as PlanGraph;
  const { collect } = node.config as { collect: { name: string; ref: string }[] };
  const isLoop = node.type === "loop";
  const [last = "", ...path] = (collect[0]?.ref ?? "").split(".");
  const list: unknown[] = [];
  let kept = inputs.kept;
  let shared: unknown;
  for (const [index, item] of (inputs.item as unknown[]).entries()) {
    const prefix = `${world.prefix}${node.id}.${index}/`;
    const variable = isLoop ? (shared ?? world.variable) : world.variable;
    const locals = { [node.id]: { ...inputs, item, index, ...(isLoop ? { kept } : {}) } };
    const turn = await evaluateGraph(body, { ...world, prefix, variable }, locals);
    if ("kept" in turn.loop.set) kept = turn.loop.set.kept;
    shared = turn.variable ?? shared;
    // A loop gathers only turns in which the node ran; a batch has a place for every turn.
    if (turn.outputs.has(last) || !isLoop) list.push(readPath(turn.outputs.get(last), path) ?? null);
    if (turn.loop.control === "break") break;
  }
  const output = { value: list, ...(isLoop ? { kept } : {}) };
  return shared === undefined ? { output } : { output, vars: { shared } };
}
