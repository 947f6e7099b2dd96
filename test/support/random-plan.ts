import type { NodeDefinition, NodeRun } from "@weft/engine/node";
import { PLAN_VERSION, type Plan, type PlanEdge, type PlanNode } from "@weft/engine/plan";
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
    nodes.push(node(id, type, type === "effect", refs, { salt: index }));
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
  for (const input of Object.values(inputs)) value = (value * 31 + (typeof input === "number" ? input : 7)) % 1_000_003;
  return value;
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
  return new Map(list.map((definition) => [definition.type, definition]));
}

/** The plain meaning of a random plan: each node in order, once, when a live edge leads to it. */
export function evaluate(plan: Plan, value: number): { output: Record<string, unknown>; ran: Set<string> } {
  const values = new Map<string, number>();
  const live = new Map<string, string>();
  let output: Record<string, unknown> = {};
  for (const item of plan.root.nodes) {
    const into = plan.root.edges.filter((edge) => edge.to === item.id);
    const isLive = into.length === 0 || into.some((edge) => live.get(edge.from) === edge.port);
    if (!isLive) continue;
    const inputs = Object.fromEntries(item.inputs.map(({ name }) => [name, values.get(name) ?? null]));
    if (item.type === "end") {
      output = inputs;
      live.set(item.id, "default");
      continue;
    }
    const result = item.type === "start" ? value : saltedValue(inputs, (item.config as { salt: number }).salt);
    values.set(item.id, result);
    live.set(item.id, item.type === "choice" ? (result % 2 === 1 ? "odd" : "even") : "default");
  }
  return { output, ran: new Set(live.keys()) };
}
