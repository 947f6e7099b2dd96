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

function placeEdge(links: Links, edge: CanvasEdge, id: string, owner: string | undefined, issues: Issues): void {
  const from = links.numbers.get(edge.source);
  const to = links.numbers.get(edge.target);
  if (from === undefined && edge.source !== owner) {
    issues.edge("dangling_edge", id, `there is no node "${edge.source}" to leave`);
  } else if (to === undefined && edge.target !== owner) {
    issues.edge("dangling_edge", id, `there is no node "${edge.target}" to enter`);
  } else if (from === undefined) {
    if (to !== undefined) links.entries.add(to);
  } else if (to === undefined) {
    exit(links, from, portOf(edge));
  } else {
    links.out[from]?.push(links.edges.length);
    links.in[to]?.push(links.edges.length);
    const input = edge.targetHandle ? { input: edge.targetHandle } : {};
    links.edges.push({ id, from: edge.source, port: portOf(edge), to: edge.target, ...input });
  }
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
    const key = `${edge.source}#${portOf(edge)}#${edge.target}#${edge.targetHandle ?? ""}`;
    if (seen.has(key)) continue;
    seen.add(key);
    placeEdge(links, edge, uniqueId(edge, index, taken), owner, issues);
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

/** Tarjan's search for strongly connected parts, with a stack of its own in place of recursion. */
class CycleSearch {
  readonly groups: number[][] = [];
  readonly #links: Links;
  readonly #inside: ReadonlySet<number>;
  readonly #index = new Map<number, number>();
  readonly #low = new Map<number, number>();
  readonly #open = new Set<number>();
  readonly #stack: number[] = [];

  constructor(links: Links, inside: ReadonlySet<number>) {
    this.#links = links;
    this.#inside = inside;
  }

  from(root: number): void {
    if (this.#index.has(root)) return;
    const frames = [this.#enter(root)];
    for (let frame = frames.at(-1); frame; frame = frames.at(-1)) {
      const to = frame.next.pop();
      if (to === undefined) {
        this.#leave(frame.at);
        frames.pop();
        const above = frames.at(-1);
        if (above) this.#lower(above.at, this.#low.get(frame.at) ?? 0);
      } else if (!this.#index.has(to)) frames.push(this.#enter(to));
      else if (this.#open.has(to)) this.#lower(frame.at, this.#index.get(to) ?? 0);
    }
  }

  #targets(at: number): number[] {
    const found = (this.#links.out[at] ?? []).map((edge) => numberOf(this.#links, this.#links.edges[edge]?.to));
    return found.filter((to) => this.#inside.has(to));
  }

  #enter(at: number): { at: number; next: number[] } {
    const index = this.#index.size;
    this.#index.set(at, index);
    this.#low.set(at, index);
    this.#stack.push(at);
    this.#open.add(at);
    return { at, next: this.#targets(at) };
  }

  #lower(at: number, value: number): void {
    this.#low.set(at, Math.min(this.#low.get(at) ?? value, value));
  }

  #leave(at: number): void {
    if (this.#low.get(at) !== this.#index.get(at)) return;
    const group: number[] = [];
    for (let top = this.#stack.pop(); top !== undefined; top = this.#stack.pop()) {
      this.#open.delete(top);
      group.push(top);
      if (top === at) break;
    }
    if (group.length > 1 || this.#targets(at).includes(at)) this.groups.push(group.reverse());
  }
}

/** Groups of nodes that lie on cycles together. */
export function cycles(links: Links, among: readonly number[]): number[][] {
  const search = new CycleSearch(links, new Set(among));
  for (const root of among) search.from(root);
  return search.groups;
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
