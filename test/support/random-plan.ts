import type { NodeDefinition, NodeRun } from "@weft/engine/node";
import { nodeTypes } from "@weft/engine/nodes/index";
import {
  DEFAULT_PORT,
  type Input,
  type PathPart,
  PLAN_VERSION,
  type Plan,
  type PlanEdge,
  type PlanGraph,
  type PlanNode,
  type Source,
} from "@weft/engine/plan";
import { segmentPlan } from "@weft/engine/segments";
import { stableStringify } from "@weft/engine/values/json";
import * as z from "zod";
import { pureNode } from "./pure-nodes.ts";

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

/** What a drawn node is to those after it. */
interface Drawn {
  node: PlanNode;
  /** Where its value stands in its output. */
  gives: PathPart[];
  ports: readonly string[];
}

const refTo = ({ node, gives }: Drawn): Source => ({ kind: "ref", node: node.id, path: gives });

function plain(id: string, type: string, reads: readonly Drawn[], config: object = {}): Drawn {
  const ports = type === "choice" ? ["odd", "even"] : [DEFAULT_PORT];
  const inputs = reads.map((read): Input => ({ name: read.node.id, type: any, source: refTo(read) }));
  const effectful = type === "effect";
  const policy = { onError: "throw" as const };
  return { node: { id, type, title: id, config, inputs, outputs: [], policy, effectful }, gives: ["value"], ports };
}

const pick = <T>(random: () => number, list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;

/** A node of a real type; what it reads are values of those given, app variables, and numbers. */
function pure(random: () => number, id: string, reads: readonly Source[]): Drawn {
  const draw = (): Source => {
    if (reads.length > 0 && random() < 0.8) return pick(random, reads);
    return { kind: "literal", value: Math.floor(random() * 1000) };
  };
  const { type, config, inputs, gives, ports = [DEFAULT_PORT], policy = { onError: "throw" } } = pureNode(random, draw);
  return { node: { id, type, title: id, config, inputs, outputs: [], policy, effectful: false }, gives, ports };
}

/** Half of the nodes are of real types; the rest are effects, sums and choices whose values nothing else gives. */
function anyNode(
  random: () => number,
  id: string,
  reads: readonly Drawn[],
  more: readonly Source[],
  salt: number,
): Drawn {
  const roll = random();
  if (roll < 0.45) return pure(random, id, [...reads.map(refTo), ...more]);
  return plain(id, roll < 0.55 ? "sum" : roll < 0.65 ? "choice" : "effect", reads, { salt });
}

export interface RandomPlanOptions {
  nodes: number;
  /** Fan-out right after the start. */
  branches?: number;
  /** Chance that a node is a loop or a batch with a body of its own. */
  composites?: number;
}

const MAX_TURNS = 5;
const APP_VARIABLE: Source = { kind: "variable", scope: "app", name: "shared", path: [] };

/** An edge by one of the ports of a node. */
function edge(random: () => number, from: Drawn, to: string, port = pick(random, from.ports)): PlanEdge {
  return { id: `${from.node.id}>${to}>${port}`, from: from.node.id, port, to };
}

/** A way out of a turn, by a port that does not lead on: a break or a continue. */
function wayOut(random: () => number, from: Drawn, used: string, id: string, body: PlanGraph): void {
  const port = from.ports.find((name) => name !== used);
  if (port === undefined || random() < 0.5) return;
  const out = plain(id, random() < 0.5 ? "break" : "continue", []);
  body.nodes.push(out.node);
  body.edges.push(edge(random, from, id, port));
}

/** A loop or batch: its body is a chain with choices in it, of every kind of node, over a list of numbers. */
function composite(random: () => number, id: string, reads: readonly Drawn[]): Drawn {
  const body: PlanGraph = { nodes: [], edges: [] };
  const isLoop = random() < 0.5;
  const local = (name: string): Source => ({ kind: "ref", node: id, path: [name] });
  const locals = [local("item"), local("index"), ...(isLoop ? [local("kept")] : [])];
  const size = 1 + Math.floor(random() * 4);
  let last: Drawn | undefined;
  for (let at = 0; at < size; at += 1) {
    const inner = `${id}_${at}`;
    const before = [...(last ? [last] : []), ...reads.slice(0, 1)];
    const sets = isLoop && at > 0 && at < size - 1 && random() < 0.3;
    const made = sets
      ? plain(inner, "loop_set_variable", [], { assignments: [{ variable: "kept", input: "to" }] })
      : anyNode(random, inner, before, locals, at + 2);
    if (sets) made.node.inputs = [{ name: "to", type: any, source: last ? refTo(last) : local("item") }];
    else if (made.node.type === "effect") made.node.inputs.push({ name: "item", type: any, source: local("item") });
    body.nodes.push(made.node);
    if (last) {
      const into = edge(random, last, inner);
      body.edges.push(into);
      if (isLoop) wayOut(random, last, into.port, `${inner}_out`, body);
    }
    last = made;
  }
  const items = Array.from({ length: Math.floor(random() * (MAX_TURNS + 1)) }, () => Math.floor(random() * 1000));
  const value = `${last?.node.id}${(last?.gives ?? []).map((part) => `.${part}`).join("")}`;
  const kept = isLoop ? [{ name: "kept", ref: `${id}.kept` }] : [];
  const config = isLoop
    ? {
        mode: "array",
        items: ["item"],
        variables: ["kept"],
        collect: [{ name: "value", ref: value }, ...kept],
        onItemError: "fail",
      }
    : {
        items: ["item"],
        collect: [{ name: "value", ref: value }],
        concurrency: 1 + Math.floor(random() * 3),
        onItemError: "fail",
      };
  const made = plain(id, isLoop ? "loop" : "batch", reads, config);
  made.node.inputs.push({ name: "item", type: any, source: { kind: "literal", value: items } });
  if (isLoop) made.node.inputs.push({ name: "kept", type: any, source: { kind: "literal", value: 0 } });
  made.node.effectful = body.nodes.some(({ effectful }) => effectful);
  made.node.body = body;
  return made;
}

/** A random acyclic plan with forks, joins, choices, cheap and effectful nodes; every reference goes to an ancestor. */
export function randomPlan(random: () => number, options: RandomPlanOptions): Plan {
  const drawn: Drawn[] = [plain("start", "start", [])];
  const edges: PlanEdge[] = [];
  const ancestors = new Map<string, Set<string>>([["start", new Set()]]);
  const connect = (from: Drawn, to: string): void => {
    const made = edge(random, from, to);
    if (edges.some(({ id }) => id === made.id)) return;
    edges.push(made);
    const known = ancestors.get(to) ?? new Set();
    for (const id of ancestors.get(from.node.id) ?? []) known.add(id);
    known.add(from.node.id);
    ancestors.set(to, known);
  };
  for (let index = 1; index < options.nodes; index += 1) {
    const id = `n${index}`;
    const isComposite = random() < (options.composites ?? 0);
    const isBranch = index <= (options.branches ?? 0);
    const count = 1 + Math.floor(random() ** 3 * 4);
    const parents = isBranch ? drawn.slice(0, 1) : Array.from({ length: count }, () => pick(random, drawn));
    for (const parent of new Set(parents)) connect(parent, id);
    const known = drawn.filter(({ node }) => ancestors.get(id)?.has(node.id));
    const reads = known.filter(() => random() < Math.min(1, 3 / known.length));
    drawn.push(isComposite ? composite(random, id, reads) : anyNode(random, id, reads, [APP_VARIABLE], index));
  }
  for (const source of drawn) {
    if (!edges.some(({ from }) => from === source.node.id)) connect(source, "end");
  }
  drawn.push(
    plain(
      "end",
      "end",
      drawn.filter(() => random() < 0.5),
    ),
  );
  const nodes = drawn.map(({ node }) => node);
  addAssigners(nodes, ancestors);
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

/** Who may have set the app variable before each node, nearest first, bodies included. */
function addAssigners(nodes: readonly PlanNode[], ancestors: ReadonlyMap<string, ReadonlySet<string>>): void {
  const isAssigner = ({ type, body }: PlanNode): boolean =>
    type === "variable_assign" || (body?.nodes.some(isAssigner) ?? false);
  const assigners = nodes.filter(isAssigner).reverse();
  for (const node of nodes) {
    const before = assigners.filter(({ id }) => ancestors.get(node.id)?.has(id));
    if (before.length > 0) node.assigners = before.map(({ id }) => id);
    const inside = node.body?.nodes ?? [];
    for (const [at, inner] of inside.entries()) {
      const earlier = inside.slice(0, at).filter(isAssigner).reverse();
      if (earlier.length > 0) inner.assigners = earlier.map(({ id }) => id);
    }
  }
}

/** A number that every part of the inputs has a hand in. */
function saltedValue(inputs: Record<string, unknown>, salt: number): number {
  let value = salt;
  for (const input of Object.values(inputs)) value = (value * 31 + digest(input)) % 1_000_003;
  return value;
}

function digest(input: unknown): number {
  if (typeof input === "number") return Math.abs(Math.trunc(input)) % 1_000_003;
  let sum = 7;
  for (const char of stableStringify(input ?? null)) sum = (sum * 31 + char.charCodeAt(0)) % 1_000_003;
  return sum;
}

/** Node types of random plans. `onEffect` hears of each effect as it happens. */
export function randomTypes(onEffect: (run: NodeRun) => void | Promise<void>): ReadonlyMap<string, NodeDefinition> {
  const base = { title: "", description: "", category: "logic" as const, config: z.unknown() };
  const salted = (run: NodeRun): number => saltedValue(run.inputs, (run.config as { salt?: number }).salt ?? 1);
  const made: NodeDefinition[] = [
    { ...base, type: "start", effectful: false, run: (run) => ({ output: { value: run.graphInput.value } }) },
    { ...base, type: "end", effectful: false, run: (run) => ({ output: { ...run.inputs } }) },
    { ...base, type: "sum", effectful: false, run: (run) => ({ output: { value: salted(run) } }) },
    {
      ...base,
      type: "choice",
      effectful: false,
      run: (run) => ({ output: { value: salted(run) }, port: salted(run) % 2 === 1 ? "odd" : "even" }),
    },
    {
      ...base,
      type: "effect",
      effectful: true,
      run: async (run) => {
        await onEffect(run);
        return { output: { value: salted(run) } };
      },
    },
  ];
  return new Map([...nodeTypes, ...made.map((definition) => [definition.type, definition] as const)]);
}
