import type { NodeDefinition, NodeRun } from "@weft/engine/node";
import { nodeTypes } from "@weft/engine/nodes/index";
import { PLAN_VERSION, type Plan, type PlanEdge, type PlanGraph, type PlanNode } from "@weft/engine/plan";
import { segmentPlan } from "@weft/engine/segments";
import * as z from "zod";

/** A repeatable stream of numbers from 0 to 1 (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const any = { type: "any" } as const;

function node(id: string, type: string, effectful: boolean, refs: readonly string[], config: unknown = {}): PlanNode {
  return {
    id,
    type,
    title: id,
    config,
    inputs: refs.map((ref) => ({ name: ref, type: any, source: { kind: "ref", node: ref, path: ["value"] } })),
    outputs: [],
    policy: { onError: "throw" },
    effectful,
  };
}

export interface RandomPlanOptions {
  nodes: number;
  /** Fan-out right after the start. */
  branches?: number;
  /** Chance that a node is a loop or a batch with a body of its own. */
  composites?: number;
}

const MAX_TURNS = 5;

/** A loop or batch: its body is a chain with choices in it, of cheap and effectful nodes, over a list of numbers. */
function composite(random: () => number, id: string, refs: readonly string[]): PlanNode {
  const nodes: PlanNode[] = [];
  const edges: PlanEdge[] = [];
  const size = 1 + Math.floor(random() * 3);
  for (let index = 0; index < size; index += 1) {
    const inner = `${id}_${index}`;
    const before = nodes[index - 1];
    const roll = random();
    const type = roll < 0.3 ? "sum" : roll < 0.45 ? "choice" : "effect";
    const made = node(inner, type, type === "effect", before ? [before.id, ...refs.slice(0, 1)] : [], {
      salt: index + 2,
    });
    made.inputs.push({ name: "item", type: any, source: { kind: "ref", node: id, path: ["item"] } });
    if (before) {
      const port = before.type === "choice" ? (random() < 0.5 ? "odd" : "even") : "default";
      edges.push({ id: `${before.id}>${inner}`, from: before.id, port, to: inner });
    }
    nodes.push(made);
  }
  const items = Array.from({ length: Math.floor(random() * (MAX_TURNS + 1)) }, () => Math.floor(random() * 1000));
  const collect = [{ name: "value", ref: `${nodes.at(-1)?.id}.value` }];
  const isLoop = random() < 0.5;
  const config = isLoop
    ? { mode: "array", items: ["item"], variables: [], collect }
    : { items: ["item"], collect, concurrency: 1 + Math.floor(random() * 3) };
  const isEffectful = nodes.some(({ effectful }) => effectful);
  const made = node(id, isLoop ? "loop" : "batch", isEffectful, refs, config);
  made.inputs.push({ name: "item", type: any, source: { kind: "literal", value: items } });
  made.body = { nodes, edges };
  return made;
}

/** A random acyclic plan with forks, joins, choices, cheap and effectful nodes; every reference goes to an ancestor. */
export function randomPlan(random: () => number, options: RandomPlanOptions): Plan {
  const nodes: PlanNode[] = [node("start", "start", false, [])];
  const edges: PlanEdge[] = [];
  const ancestors = new Map<string, Set<string>>([["start", new Set()]]);
  const connect = (from: PlanNode, to: string): void => {
    const port = from.type === "choice" ? (random() < 0.5 ? "odd" : "even") : "default";
    const id = `${from.id}>${to}>${port}`;
    if (edges.some((edge) => edge.id === id)) return;
    edges.push({ id, from: from.id, port, to });
    const known = ancestors.get(to) ?? new Set();
    for (const id of ancestors.get(from.id) ?? []) known.add(id);
    known.add(from.id);
    ancestors.set(to, known);
  };
  for (let index = 1; index < options.nodes; index += 1) {
    const id = `n${index}`;
    const roll = random();
    const isComposite = random() < (options.composites ?? 0);
    const type = roll < 0.35 ? "sum" : roll < 0.5 ? "choice" : "effect";
    const parents =
      index <= (options.branches ?? 0)
        ? [nodes[0] as PlanNode]
        : Array.from(
            { length: 1 + Math.floor(random() ** 3 * 4) },
            () => nodes[Math.floor(random() * nodes.length)] as PlanNode,
          );
    for (const parent of new Set(parents)) connect(parent, id);
    const from = [...(ancestors.get(id) ?? [])];
    const refs = from.filter(() => random() < Math.min(1, 3 / from.length));
    if (isComposite) nodes.push(composite(random, id, refs));
    else nodes.push(node(id, type, type === "effect", refs, { salt: index }));
  }
  for (const source of nodes) {
    if (!edges.some((edge) => edge.from === source.id)) connect(source, "end");
  }
  const refs = nodes.filter(() => random() < 0.5).map(({ id }) => id);
  nodes.push(node("end", "end", false, refs));
  const root = { nodes, edges };
  return {
    v: PLAN_VERSION,
    root,
    segments: segmentPlan(root),
    inputs: [],
    outputs: [],
    answer: false,
    nodeCount: nodes.length,
    effectCount: nodes.filter(({ effectful }) => effectful).length,
    mayWait: false,
    references: [],
  };
}

function saltedValue(inputs: Record<string, unknown>, salt: number): number {
  let value = salt;
  for (const input of Object.values(inputs)) value = (value * 31 + digest(input)) % 1_000_003;
  return value;
}

function digest(input: unknown): number {
  if (Array.isArray(input)) return input.reduce((sum: number, item) => (sum * 17 + digest(item)) % 1_000_003, 5);
  return typeof input === "number" ? input : 7;
}

/** Node types of random plans. `onEffect` hears of each effect as it happens. */
export function randomTypes(onEffect: (run: NodeRun) => void | Promise<void>): ReadonlyMap<string, NodeDefinition> {
  const base = { title: "", description: "", category: "logic" as const, config: z.unknown() };
  const saltOf = (run: NodeRun): number => (run.config as { salt?: number }).salt ?? 1;
  const list: NodeDefinition[] = [
    { ...base, type: "start", effectful: false, run: (run) => ({ output: { value: run.graphInput.value } }) },
    { ...base, type: "end", effectful: false, run: (run) => ({ output: { ...run.inputs } }) },
    {
      ...base,
      type: "sum",
      effectful: false,
      run: (run) => ({ output: { value: saltedValue(run.inputs, saltOf(run)) } }),
    },
    {
      ...base,
      type: "choice",
      effectful: false,
      run: (run) => {
        const value = saltedValue(run.inputs, saltOf(run));
        return { output: { value }, port: value % 2 === 1 ? "odd" : "even" };
      },
    },
    {
      ...base,
      type: "effect",
      effectful: true,
      run: async (run) => {
        await onEffect(run);
        return { output: { value: saltedValue(run.inputs, saltOf(run)) } };
      },
    },
  ];
  const composites = [...nodeTypes.values()].filter(({ type }) => type === "loop" || type === "batch");
  return new Map([...list, ...composites].map((definition) => [definition.type, definition]));
}

/** What nodes gave so far, by id, in one graph and those around it. */
type Values = ReadonlyMap<string, unknown>;

/** The plain meaning of a random plan: each node in order, once, when a live edge leads to it. */
export function evaluate(plan: Plan, value: number): { output: Record<string, unknown>; ran: Set<string> } {
  const ran = new Set<string>();
  const { output } = evaluateGraph(plan.root, value, new Map(), "", ran);
  return { output, ran };
}

function evaluateGraph(graph: PlanGraph, value: number, outer: Values, prefix: string, ran: Set<string>) {
  const values = new Map<string, unknown>(outer);
  const live = new Map<string, string>();
  let output: Record<string, unknown> = {};
  for (const item of graph.nodes) {
    const into = graph.edges.filter((edge) => edge.to === item.id);
    if (into.length > 0 && !into.some((edge) => live.get(edge.from) === edge.port)) continue;
    ran.add(prefix + item.id);
    const inputs = inputsOf(item, values);
    const result = item.type === "start" ? value : meaningOf(item, inputs, value, values, prefix, ran);
    if (item.type === "end") output = inputs;
    values.set(item.id, result);
    live.set(item.id, item.type === "choice" ? ((result as number) % 2 === 1 ? "odd" : "even") : "default");
  }
  return { output, values };
}

function inputsOf(item: PlanNode, values: Values): Record<string, unknown> {
  const read = ({ source }: PlanNode["inputs"][number]): unknown => {
    if (source.kind === "literal") return source.value;
    return source.kind === "ref"
      ? (values.get(source.path[0] === "item" ? `${source.node}.item` : source.node) ?? null)
      : null;
  };
  return Object.fromEntries(item.inputs.map((input) => [input.name, read(input)]));
}

function meaningOf(
  item: PlanNode,
  inputs: Record<string, unknown>,
  value: number,
  values: Values,
  prefix: string,
  ran: Set<string>,
): unknown {
  if (!item.body) return saltedValue(inputs, (item.config as { salt?: number }).salt ?? 1);
  const body = item.body;
  const last = body.nodes.at(-1)?.id as string;
  const turns = (inputs.item as number[]).map((each, index) => {
    const inside = new Map([...values, [`${item.id}.item`, each]]);
    const path = `${prefix}${item.id}.${index}/`;
    const found = evaluateGraph(body, value, inside, path, ran);
    return { ran: ran.has(path + last), value: found.values.get(last) ?? null };
  });
  // A loop gathers only turns in which the node ran; a batch has a place for every turn.
  return turns.filter((turn) => item.type === "batch" || turn.ran).map((turn) => turn.value);
}
