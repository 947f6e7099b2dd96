import type { CanvasEdge, CanvasNode } from "../canvas.ts";
import { DEFAULT_PORT, type PlanEdge, type PlanGraph, type PlanNode } from "../plan.ts";
import { type Context, isEntry, isNote, type Level, type Owner } from "./level.ts";
import { Ancestors, cycles, type Links, linkLevel, numberOf, reachable, sorted } from "./links.ts";
import { type CompiledNode, compileNode } from "./node.ts";

/** A compiled level. */
export interface CompiledGraph {
  graph: PlanGraph;
  /** Something in it may set app variables; something in it reads them. */
  assigns: boolean;
  reads: boolean;
}

/** Names of nodes that a message lists at most. */
const MAX_LISTED = 12;

function distinct(nodes: readonly CanvasNode[]): CanvasNode[] {
  const seen = new Set<string>();
  return nodes.filter((node) => {
    if (isNote(node) || seen.has(node.id)) return false;
    seen.add(node.id);
    return true;
  });
}

function checkEnds(links: Links, context: Context): void {
  const ends: [string, (node: CanvasNode) => boolean][] = [
    ["start", isEntry],
    ["end", (node) => node.type === "end"],
  ];
  for (const [type, isOne] of ends) {
    const [first, ...more] = links.nodes.filter(isOne);
    if (!first) context.issues.canvas("missing_node", `the canvas has no ${type} node`);
    for (const node of more) context.issues.node("misplaced_node", node.id, "type", `a canvas has one ${type} node`);
  }
  for (const edge of links.edges) {
    const target = links.nodes[numberOf(links, edge.to)];
    if (!target || !isEntry(target)) continue;
    context.issues.edge("misplaced_node", edge.id, "nothing leads to the start node", edge.to);
  }
}

/** Where a level begins: at the start node, or at what its composite enters by. */
function entriesOf(links: Links, owner: Owner | undefined): number[] {
  const start = owner ? -1 : links.nodes.findIndex(isEntry);
  if (start >= 0) return [start];
  if (links.entries.size > 0) return [...links.entries];
  const free = links.nodes.map((_node, at) => at).filter((at) => links.in[at]?.length === 0);
  return free.length > 0 ? free : links.nodes.map((_node, at) => at);
}

function reportCycles(links: Links, rest: readonly number[], context: Context): void {
  for (const group of cycles(links, rest)) {
    const inside = new Set(group);
    const ids = group.slice(0, MAX_LISTED).map((at) => links.nodes[at]?.id);
    const names = ids.join(", ") + (group.length > MAX_LISTED ? ", …" : "");
    for (const at of group) {
      for (const edge of links.out[at] ?? []) {
        const found = links.edges[edge] as PlanEdge;
        if (!inside.has(numberOf(links, found.to))) continue;
        context.issues.edge(
          "cycle",
          found.id,
          `the edge from "${found.from}" to "${found.to}" closes a cycle of ${names}`,
          found.from,
        );
      }
    }
  }
}

function checkPorts(level: Level, at: number, compiled: CompiledNode, context: Context): void {
  const { ports, node } = compiled;
  if (!ports) return;
  const { links } = level;
  const used = new Set(links.exits.get(at));
  for (const edge of links.out[at] ?? []) {
    const found = links.edges[edge] as PlanEdge;
    used.add(found.port);
    if (!ports.includes(found.port)) {
      context.issues.edge("unknown_port", found.id, `"${node.id}" has no port "${found.port}"`, node.id);
    }
  }
  for (const port of links.exits.get(at) ?? []) {
    if (!ports.includes(port)) context.issues.node("unknown_port", node.id, "", `"${node.id}" has no port "${port}"`);
  }
  const missing = ports.filter((port) => !used.has(port));
  if (ports.length > 1) {
    const hint = level.owner ? `; an edge to "${level.owner.node.id}" ends the turn` : "";
    for (const port of missing) {
      context.issues.node("unconnected_port", node.id, "", `nothing follows its port "${port}"${hint}`);
    }
  } else if (missing.length > 0 && !level.owner) {
    context.issues.node("unconnected_port", node.id, "", "nothing follows it", "warning");
  }
}

/** Nodes that may have set app variables before each node for which that matters, nearest first. */
function addAssigners(level: Level, order: readonly number[], compiled: ReadonlyMap<number, CompiledNode>): void {
  const assigners = order.filter((at) => compiled.get(at)?.assigns).reverse();
  if (assigners.length === 0) return;
  for (const [at, { node, reads }] of compiled) {
    if (!reads) continue;
    const before = assigners.filter((other) => level.before.has(at, other));
    if (before.length > 0) node.assigners = before.map((other) => level.links.nodes[other]?.id ?? "");
  }
}

/**
 * A node that a turn begins with and that also follows others has an edge that is always live. Plans know no edge from
 * outside, so a node that does nothing stands at its beginning.
 */
function addEntry(level: Level, nodes: PlanNode[], edges: PlanEdge[]): void {
  const joins = [...level.links.entries].filter((at) =>
    (level.links.in[at] ?? []).some((edge) => level.live.has(numberOf(level.links, level.links.edges[edge]?.from))),
  );
  if (joins.length === 0 || !level.owner) return;
  let id = `${level.owner.node.id}_entry`;
  while (level.links.numbers.has(id)) id += "_";
  const policy = { onError: "throw" as const };
  nodes.unshift({
    id,
    type: "comment",
    title: "",
    config: { text: "" },
    inputs: [],
    outputs: [],
    policy,
    effectful: false,
  });
  for (const at of joins) {
    const to = level.links.nodes[at]?.id ?? "";
    edges.push({ id: `${id}:${to}`, from: id, port: DEFAULT_PORT, to });
  }
}

/** Compiles the root or a body. Problems go to the context; what they concern is left out of the graph or kept as it is. */
export function compileGraph(
  canvasNodes: readonly CanvasNode[],
  canvasEdges: readonly CanvasEdge[],
  owner: Owner | undefined,
  depth: number,
  context: Context,
): CompiledGraph {
  const all = distinct(canvasNodes);
  const links = linkLevel(all, canvasEdges, owner?.node.id, context.issues);
  if (!owner) checkEnds(links, context);
  const live = reachable(links, entriesOf(links, owner));
  const { order, rest } = sorted(links, live);
  if (rest.length > 0) reportCycles(links, rest, context);
  const before = new Ancestors(links, order);
  const level: Level = {
    depth,
    ...(owner ? { owner } : {}),
    links,
    live,
    unordered: new Set(rest),
    before,
    fields: new Map(),
  };
  const compiled = new Map<number, CompiledNode>();
  for (const at of [...order, ...rest]) {
    const done = compileNode(level, at, links.nodes[at] as CanvasNode, context);
    compiled.set(at, done);
    level.fields.set(done.node.id, done.node.outputs);
    checkPorts(level, at, done, context);
  }
  addAssigners(level, order, compiled);
  if (!owner) checkEndReached(links, live, context);
  const nodes = [...compiled.values()].map(({ node }) => node);
  const edges = links.edges.filter((edge) => live.has(numberOf(links, edge.from)));
  addEntry(level, nodes, edges);
  return {
    graph: { nodes, edges },
    assigns: [...compiled.values()].some((node) => node.assigns),
    reads: [...compiled.values()].some((node) => node.reads),
  };
}

function checkEndReached(links: Links, live: ReadonlySet<number>, context: Context): void {
  const end = links.nodes.findIndex((node) => node.type === "end");
  const id = links.nodes[end]?.id;
  if (id !== undefined && !live.has(end))
    context.issues.node("unreachable_end", id, "", "nothing leads to the end node");
}
