import type { Plan, PlanEdge, PlanSegment } from "../plan.ts";
import { DEFAULT_PORT } from "../plan.ts";
import { metered, type NodeRecord, type Usage } from "../record.ts";
import { FINISH, finishEdges } from "../segments.ts";
import { loadedOutput } from "./context.ts";
import { runGraph } from "./graph.ts";
import type { RunIo } from "./io.ts";
import { rootScope } from "./plan.ts";
import type { Scope } from "./scope.ts";

/** Where a lane stands: a segment and one of its steps. */
export interface Position {
  segmentId: string;
  step: number;
}

/** An edge between segments, settled by the segment it leaves. */
export interface SettledEdge {
  edgeId: string;
  /** The segment it leads to. */
  to: string;
  live: boolean;
}

export type StepOutcome =
  /** The step's work is known. `fresh` holds what is not stored yet, the effectful node first. */
  | {
      kind: "done";
      fresh: NodeRecord[];
      /** The next step of this segment; undefined at its end. */
      nextStep?: number;
      /** At the segment's end: its out-edges. */
      edges: SettledEdge[];
      /** The segment's end is the run's end; this is its result. */
      finish?: { output: Record<string, unknown>; variables: Record<string, unknown>; usage?: Usage };
    }
  /** It waits for what these stored records name. */
  | { kind: "waiting"; paths: string[] }
  /** Time ran out inside it: the same step is to be run again, after `fresh` is stored: the effectful node's record. */
  | { kind: "yielded"; fresh: NodeRecord[] };

interface PlanIndex {
  segments: Map<string, PlanSegment>;
  segmentOf: Map<string, PlanSegment>;
  edges: Map<string, PlanEdge>;
  ancestors: Map<string, ReadonlySet<string>>;
}

const indexes = new WeakMap<Plan, PlanIndex>();

function indexOfPlan(plan: Plan): PlanIndex {
  let index = indexes.get(plan);
  if (!index) {
    const edges = [...plan.root.edges, ...finishEdges(plan.root)];
    index = {
      segments: new Map(plan.segments.map((segment) => [segment.id, segment])),
      segmentOf: new Map(plan.segments.flatMap((segment) => segment.nodes.map((id) => [id, segment] as const))),
      edges: new Map(edges.map((edge) => [edge.id, edge])),
      ancestors: new Map(),
    };
    const end = index.segments.get(FINISH) ?? plan.segments.find((segment) => segment.finish);
    if (end) index.segmentOf.set(FINISH, end);
    indexes.set(plan, index);
  }
  return index;
}

/** A segment by id. Throws when the plan has none such: the position comes from another plan. */
export function segmentOf(plan: Plan, segmentId: string): PlanSegment {
  const segment = indexOfPlan(plan).segments.get(segmentId);
  if (!segment) throw new Error(`the plan has no segment ${segmentId}`);
  return segment;
}

/** The segment that holds a root node. */
export function segmentOfNode(plan: Plan, nodeId: string): PlanSegment | undefined {
  return indexOfPlan(plan).segmentOf.get(nodeId);
}

/** The segment that runs first: the one nothing leads to. */
export function firstSegment(plan: Plan): PlanSegment {
  const first = plan.segments.find((segment) => segment.in.length === 0);
  if (!first) throw new Error("the plan has no first segment");
  return first;
}

/** Root nodes that a segment's nodes can depend on, and its own nodes. */
function reach(plan: Plan, segment: PlanSegment): ReadonlySet<string> {
  const { ancestors } = indexOfPlan(plan);
  let found = ancestors.get(segment.id);
  if (!found) {
    const before = new Map<string, string[]>();
    for (const edge of plan.root.edges) before.set(edge.to, [...(before.get(edge.to) ?? []), edge.from]);
    const seen = new Set<string>(segment.nodes);
    const heads = segment.id === FINISH ? finishEdges(plan.root).map((edge) => edge.from) : segment.nodes;
    const queue = [...heads];
    for (const id of queue) {
      seen.add(id);
      for (const from of before.get(id) ?? []) if (!seen.has(from)) queue.push(from);
    }
    found = seen;
    ancestors.set(segment.id, found);
  }
  return found;
}

/**
 * The records that a step needs: of its effectful node, which it must not run again, and of those that it can depend on. Of
 * these it is decided before the step starts whether they run.
 */
export function neededFor(plan: Plan, position: Position): { effect?: string | undefined; before: string[] } {
  const segment = segmentOf(plan, position.segmentId);
  const later = new Set(segment.steps.slice(position.step).map(({ effect }) => effect));
  const within = reach(plan, segment);
  const before = plan.root.nodes.filter(({ id, effectful }) => effectful && within.has(id) && !later.has(id));
  return { effect: segment.steps[position.step]?.effect, before: before.map(({ id }) => id) };
}

/**
 * Runs one step of a lane over what the journal holds: at most one effectful node, and the cheap nodes around it. It
 * stores nothing at the root itself, except that a node which waits is put; the driver writes `fresh` in one go. Running
 * it again after its record was stored gives the same outcome without running the node. Throws NodeFailed and RunStopped.
 */
export async function runStep(
  plan: Plan,
  position: Position,
  input: Record<string, unknown>,
  io: RunIo,
): Promise<StepOutcome> {
  const segment = segmentOf(plan, position.segmentId);
  const effect = segment.steps[position.step]?.effect;
  const scope = rootScope(plan, input, io);
  const own = new Set(segment.nodes);
  const fresh: NodeRecord[] = [];
  const keep = (record: NodeRecord): void => {
    if (record.status !== "waiting" && (own.has(record.nodeId) || stores(plan, record.nodeId, segment)))
      fresh.push(record);
  };
  const stepIo: RunIo = {
    ...io,
    onRecord: (record) => {
      if (!record.path.includes("/")) keep(record);
      io.onRecord(record);
    },
  };
  const blocked = await runGraph(scope, stepIo, {
    within: reach(plan, segment),
    effects: new Set(effect === undefined ? [] : [effect]),
    deferPut: true,
  });
  if (effect !== undefined && !scope.settled.has(effect)) {
    if (blocked?.waiting.length) return { kind: "waiting", paths: blocked.waiting };
    if (blocked?.yielded) return { kind: "yielded", fresh: [] };
    throw new Error(`step ${segment.id}/${position.step} was started before what it needs was stored`);
  }
  // A cheap composite after the effect, or before, was not done: what follows from it is not known.
  if (blocked?.yielded) return { kind: "yielded", fresh: fresh.filter(({ nodeId }) => nodeId === effect) };
  fresh.sort((a, b) => Number(b.nodeId === effect) - Number(a.nodeId === effect));
  return { kind: "done", fresh, ...(await onward(plan, segment, position.step, scope)) };
}

/**
 * A cheap node of a segment without effects is kept by whoever takes the first out-edge that depends on it, so that
 * parallel branches do not all store the same record.
 */
function stores(plan: Plan, nodeId: string, taker: PlanSegment): boolean {
  const { edges, segmentOf: holders } = indexOfPlan(plan);
  const holder = holders.get(nodeId);
  if (holder === undefined || holder.steps[0]?.effect !== undefined) return false;
  const first = holder.out.find((edgeId) => {
    const to = holders.get(edges.get(edgeId)?.to ?? "");
    return to !== undefined && reach(plan, to).has(nodeId);
  });
  return first !== undefined && taker.in.includes(first);
}

async function onward(
  plan: Plan,
  segment: PlanSegment,
  step: number,
  scope: Scope,
): Promise<Omit<Extract<StepOutcome, { kind: "done" }>, "kind" | "fresh">> {
  for (let next = step + 1; next < segment.steps.length; next += 1) {
    const effect = segment.steps[next]?.effect;
    if (effect !== undefined && !scope.settled.has(effect)) return { nextStep: next, edges: [] };
  }
  const edges = segment.out.map((edgeId) => settledEdge(plan, edgeId, scope));
  if (!segment.finish) return { edges };
  const output = await loadedOutput(plan, scope);
  return { edges, finish: { output, variables: scope.varsAfter(), ...metered(scope.usage) } };
}

function settledEdge(plan: Plan, edgeId: string, scope: Scope): SettledEdge {
  const index = indexOfPlan(plan);
  const edge = index.edges.get(edgeId);
  const to = edge && index.segmentOf.get(edge.to);
  if (!edge || !to) throw new Error(`the plan has no edge ${edgeId}`);
  const state = scope.settled.get(edge.from);
  const live = state?.status === "succeeded" && (edge.to === FINISH || edge.port === (state.port || DEFAULT_PORT));
  return { edgeId, to: to.id, live };
}

/** The out-edges of a segment that no live edge leads to: all dead. A finish segment runs all the same. */
export function skippedEdges(plan: Plan, segmentId: string): SettledEdge[] {
  const index = indexOfPlan(plan);
  return segmentOf(plan, segmentId).out.map((edgeId) => {
    const to = index.segmentOf.get(index.edges.get(edgeId)?.to ?? "");
    if (!to) throw new Error(`the plan has no edge ${edgeId}`);
    return { edgeId, to: to.id, live: false };
  });
}

/**
 * Where lanes have to be for a run to go on from what is stored: one position for each segment whose in-edges are all
 * settled and that is not finished, and the edges into segments that still wait for others. After a crash or a retry.
 */
export function frontier(
  plan: Plan,
  scope: Scope,
): { positions: Position[]; partial: { segmentId: string; edges: SettledEdge[] }[] } {
  const positions: Position[] = [];
  const partial: { segmentId: string; edges: SettledEdge[] }[] = [];
  for (const segment of plan.segments) {
    const known = segment.in
      .map((edgeId) => settledEdgeIfKnown(plan, edgeId, scope))
      .filter((edge) => edge !== undefined);
    if (known.length < segment.in.length) {
      if (known.length > 0) partial.push({ segmentId: segment.id, edges: known });
      continue;
    }
    const live = segment.in.length === 0 || segment.finish === true || known.some((edge) => edge.live);
    if (!live) continue;
    const step = segment.steps.findIndex(({ effect }) => effect !== undefined && !scope.settled.has(effect));
    if (step >= 0) positions.push({ segmentId: segment.id, step });
    else if (segment.finish) positions.push({ segmentId: segment.id, step: segment.steps.length - 1 });
  }
  return { positions, partial };
}

function settledEdgeIfKnown(plan: Plan, edgeId: string, scope: Scope): SettledEdge | undefined {
  const edge = indexOfPlan(plan).edges.get(edgeId);
  return edge && scope.settled.has(edge.from) ? settledEdge(plan, edgeId, scope) : undefined;
}
