import type { PlanEdge, PlanGraph, PlanSegment, PlanStep } from "./plan.ts";

/** Stands for the end of the run in edges: the run is over when every node without successors is settled. */
export const FINISH = "$finish";

interface Links {
  out: Map<string, PlanEdge[]>;
  inDegree: Map<string, number>;
}

/**
 * Splits a root graph into segments (architecture §3). A segment starts at the source, at a join of several segments, or
 * where effectful work forks. It takes in every cheap node whose predecessors it holds, and an effectful node only when
 * nothing else leaves it, so that no branch waits for work that it does not depend on. Nodes must be in topological
 * order. One segment, perhaps of its own with id {@link FINISH}, is marked `finish`.
 */
export function segmentPlan(root: PlanGraph): PlanSegment[] {
  const effectful = new Set(root.nodes.filter((node) => node.effectful).map((node) => node.id));
  const edges = [...root.edges, ...finishEdges(root)];
  const links = linksOf(edges);
  const order = [...root.nodes.map((node) => node.id), FINISH];
  const rank = new Map(order.map((id, index) => [id, index]));
  const owner = new Map<string, string>();
  const segments: PlanSegment[] = [];
  for (const head of order) {
    if (owner.has(head)) continue;
    const segment = grow(head, links, effectful, owner, rank);
    segments.push(segment);
  }
  const byId = new Map(segments.map((segment) => [segment.id, segment]));
  for (const edge of edges) {
    const from = owner.get(edge.from);
    const to = owner.get(edge.to);
    if (from === undefined || to === undefined || from === to) continue;
    byId.get(from)?.out.push(edge.id);
    byId.get(to)?.in.push(edge.id);
  }
  return segments;
}

/** The edges that join every node without successors to {@link FINISH}. */
export function finishEdges(root: PlanGraph): PlanEdge[] {
  const sources = new Set(root.edges.map((edge) => edge.from));
  return root.nodes
    .filter((node) => !sources.has(node.id))
    .map((node) => ({ id: `${FINISH}:${node.id}`, from: node.id, port: "", to: FINISH }));
}

function linksOf(edges: readonly PlanEdge[]): Links {
  const out = new Map<string, PlanEdge[]>();
  const inDegree = new Map<string, number>();
  for (const edge of edges) {
    const list = out.get(edge.from);
    if (list) list.push(edge);
    else out.set(edge.from, [edge]);
    inDegree.set(edge.to, (inDegree.get(edge.to) ?? 0) + 1);
  }
  return { out, inDegree };
}

function grow(
  head: string,
  links: Links,
  effectful: ReadonlySet<string>,
  owner: Map<string, string>,
  rank: ReadonlyMap<string, number>,
): PlanSegment {
  const nodes: string[] = [];
  const steps: PlanStep[] = [];
  const missing = new Map<string, number>();
  const exits = new Set<string>();
  const absorb = (id: string): void => {
    owner.set(id, head);
    nodes.push(id);
    exits.delete(id);
    if (effectful.has(id)) steps.push({ effect: id });
    for (const edge of links.out.get(id) ?? []) {
      missing.set(edge.to, (missing.get(edge.to) ?? links.inDegree.get(edge.to) ?? 0) - 1);
      exits.add(edge.to);
    }
  };
  absorb(head);
  for (let grown = true; grown; ) {
    grown = false;
    for (const id of exits) {
      if (missing.get(id) === 0 && !effectful.has(id)) {
        absorb(id);
        grown = true;
      }
    }
    const [only] = exits;
    if (!grown && exits.size === 1 && only !== undefined && missing.get(only) === 0) {
      absorb(only);
      grown = true;
    }
  }
  nodes.sort((a, b) => (rank.get(a) ?? 0) - (rank.get(b) ?? 0));
  steps.sort((a, b) => (rank.get(a.effect ?? "") ?? 0) - (rank.get(b.effect ?? "") ?? 0));
  const finish = nodes.includes(FINISH);
  return {
    id: head,
    nodes: nodes.filter((id) => id !== FINISH),
    steps: steps.length > 0 ? steps : [{}],
    in: [],
    out: [],
    ...(finish ? { finish: true as const } : {}),
  };
}
