import type { CanvasEdge, CanvasNode } from "../canvas.ts";
import { DEFAULT_PORT, type PlanEdge } from "../plan.ts";
import type { Issues } from "./issue.ts";

/** The graph of one level: its nodes and edges by number, ready to be walked. */
export interface Links {
  nodes: CanvasNode[];
  numbers: Map<string, number>;
  edges: PlanEdge[];
  /** Edges by the number of the node they leave and enter, as numbers of `edges`. */
  out: number[][];
  in: number[][];
  /** Nodes that the enclosing composite enters by, where its body says so. */
  entries: Set<number>;
  /** Ports that lead to the end of the turn, by node number. */
  exits: Map<number, Set<string>>;
}

function uniqueId(edge: CanvasEdge, index: number, taken: Set<string>): string {
  const wanted = edge.id ?? `${edge.source}:${edge.sourceHandle ?? DEFAULT_PORT}:${edge.target}`;
  const id = taken.has(wanted) ? `${wanted}:${index}` : wanted;
  taken.add(id);
  return id;
}

function portOf(edge: CanvasEdge): string {
  return edge.sourceHandle || DEFAULT_PORT;
}

function exit(links: Links, from: number, port: string): void {
  const ports = links.exits.get(from);
  if (ports) ports.add(port);
  else links.exits.set(from, new Set([port]));
}

/**
 * Numbers the nodes of one level and reads its edges. Dangling edges are reported and left out, and of edges that say the
 * same only one is kept. In a body the composite's own id stands for the turn's beginning and end.
 */
export function linkLevel(
  nodes: CanvasNode[],
  edges: readonly CanvasEdge[],
  owner: string | undefined,
  issues: Issues,
): Links {
  const links: Links = {
    nodes,
    numbers: new Map(nodes.map((node, index) => [node.id, index])),
    edges: [],
    out: nodes.map(() => []),
    in: nodes.map(() => []),
    entries: new Set(),
    exits: new Map(),
  };
  const taken = new Set<string>();
  const seen = new Set<string>();
  for (const [index, edge] of edges.entries()) {
    const key = `${edge.source}#${portOf(edge)}#${edge.target}`;
    if (seen.has(key)) continue;
    seen.add(key);
    const id = uniqueId(edge, index, taken);
    const from = links.numbers.get(edge.source);
    const to = links.numbers.get(edge.target);
    const enters = owner !== undefined && edge.source === owner;
    const leaves = owner !== undefined && edge.target === owner;
    if (from === undefined && !enters) {
      issues.edge("dangling_edge", id, `there is no node "${edge.source}" to leave`);
      continue;
    }
    if (to === undefined && !leaves) {
      issues.edge("dangling_edge", id, `there is no node "${edge.target}" to enter`);
      continue;
    }
    if (from === undefined) {
      if (to !== undefined) links.entries.add(to);
    } else if (to === undefined) {
      exit(links, from, portOf(edge));
    } else {
      links.out[from]?.push(links.edges.length);
      links.in[to]?.push(links.edges.length);
      links.edges.push({ id, from: edge.source, port: portOf(edge), to: edge.target });
    }
  }
  return links;
}

/** The nodes that can be reached from `from`, those included. */
export function reachable(links: Links, from: Iterable<number>): Set<number> {
  const found = new Set(from);
  for (const at of found) for (const edge of links.out[at] ?? []) found.add(numberOf(links, links.edges[edge]?.to));
  return found;
}

/** The number of a node that is known to be on this level. */
export function numberOf(links: Links, id: string | undefined): number {
  return links.numbers.get(id ?? "") ?? -1;
}

/** A topological order of the nodes in `within`; those on and behind cycles are left over. */
export function sorted(links: Links, within: ReadonlySet<number>): { order: number[]; rest: number[] } {
  const missing = new Map<number, number>();
  const order: number[] = [];
  for (let at = 0; at < links.nodes.length; at++) {
    if (!within.has(at)) continue;
    const degree = (links.in[at] ?? []).filter((edge) => within.has(numberOf(links, links.edges[edge]?.from))).length;
    missing.set(at, degree);
    if (degree === 0) order.push(at);
  }
  for (const at of order) {
    for (const edge of links.out[at] ?? []) {
      const to = numberOf(links, links.edges[edge]?.to);
      const left = (missing.get(to) ?? 0) - 1;
      missing.set(to, left);
      if (left === 0) order.push(to);
    }
  }
  const done = new Set(order);
  return { order, rest: [...within].filter((at) => !done.has(at)) };
}

/** Groups of nodes that lie on cycles together (Tarjan, without recursion). */
export function cycles(links: Links, among: readonly number[]): number[][] {
  const inside = new Set(among);
  const index = new Map<number, number>();
  const low = new Map<number, number>();
  const onStack = new Set<number>();
  const stack: number[] = [];
  const groups: number[][] = [];
  const targets = (at: number): number[] =>
    (links.out[at] ?? []).map((edge) => numberOf(links, links.edges[edge]?.to)).filter((to) => inside.has(to));
  const enter = (at: number): { at: number; next: number[] } => {
    index.set(at, index.size);
    low.set(at, index.size - 1);
    stack.push(at);
    onStack.add(at);
    return { at, next: targets(at) };
  };
  const leave = (at: number): void => {
    if (low.get(at) !== index.get(at)) return;
    const group: number[] = [];
    for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
      onStack.delete(top);
      group.push(top);
      if (top === at) break;
    }
    if (group.length > 1 || targets(at).includes(at)) groups.push(group.reverse());
  };
  const lower = (at: number, value: number): void => void low.set(at, Math.min(low.get(at) ?? value, value));
  for (const root of among) {
    if (index.has(root)) continue;
    const frames = [enter(root)];
    for (let frame = frames.at(-1); frame; frame = frames.at(-1)) {
      const to = frame.next.pop();
      if (to === undefined) {
        leave(frame.at);
        frames.pop();
        const above = frames.at(-1);
        if (above) lower(above.at, low.get(frame.at) ?? 0);
      } else if (!index.has(to)) frames.push(enter(to));
      else if (onStack.has(to)) lower(frame.at, index.get(to) ?? 0);
    }
  }
  return groups;
}

/** For each node the set of nodes before it, as bits. */
export class Ancestors {
  readonly #words: number;
  readonly #bits: Uint32Array;

  constructor(links: Links, order: readonly number[]) {
    this.#words = Math.ceil(links.nodes.length / 32) || 1;
    this.#bits = new Uint32Array(this.#words * links.nodes.length);
    for (const at of order) {
      for (const edge of links.in[at] ?? []) {
        const from = numberOf(links, links.edges[edge]?.from);
        const base = at * this.#words;
        for (let w = 0; w < this.#words; w++) this.#bits[base + w]! |= this.#bits[from * this.#words + w]!;
        this.#bits[base + (from >>> 5)]! |= 1 << (from & 31);
      }
    }
  }

  /** Whether `before` comes before `at` on some path. */
  has(at: number, before: number): boolean {
    return ((this.#bits[at * this.#words + (before >>> 5)] ?? 0) & (1 << (before & 31))) !== 0;
  }
}
