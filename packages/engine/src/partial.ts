import type { Field, Plan, PlanGraph, PlanNode } from "./plan.ts";
import { freeInputs, planNode, withInputs } from "./run/alone.ts";
import { FINISH, segmentPlan } from "./segments.ts";

/**
 * The plan that ends with a root node: that node and all that it depends on. Its output is the run's. Throws where the
 * root has no such node.
 */
export function planUntil(plan: Plan, nodeId: string): Plan {
  const isAtRoot = plan.root.nodes.some(({ id }) => id === nodeId);
  if (!isAtRoot) throw new Error(`the root of the plan has no node ${nodeId}`);
  const before = reached(plan.root, nodeId, "backward");
  const nodes = plan.root.nodes.filter(({ id }) => before.has(id));
  const edges = plan.root.edges.filter(({ from, to }) => from !== nodeId && before.has(from) && before.has(to));
  return partOf(plan, { nodes, edges }, nodeId, plan.inputs);
}

/**
 * The plan of one node alone, at whatever depth it stands, with its body if it has one. Inputs that are given by name
 * take the place of what the canvas says, in the body too where it refers to nodes outside. The others stay: what they read of other nodes is there where it is pinned.
 */
export function planAlone(plan: Plan, nodeId: string, given: Readonly<Record<string, unknown>>): Plan {
  const node = known(plan, nodeId);
  const { assigners: _assigners, ...alone } = withInputs(node, given);
  return partOf(plan, { nodes: [alone], edges: [] }, nodeId, freeInputs(node));
}

function partOf(plan: Plan, root: PlanGraph, result: string, inputs: Field[]): Plan {
  const all = everyNode(root);
  const ids = new Set(all.map(({ id }) => id));
  return {
    v: plan.v,
    root,
    segments: segmentPlan(root),
    inputs,
    outputs: known(plan, result).outputs,
    result,
    answer: false,
    nodeCount: all.length,
    effectCount: root.nodes.filter(({ effectful }) => effectful).length,
    mayWait: plan.mayWait,
    references: plan.references.filter((reference) => ids.has(reference.nodeId)),
  };
}

function everyNode({ nodes }: PlanGraph): PlanNode[] {
  return nodes.flatMap((node) => [node, ...(node.body ? everyNode(node.body) : [])]);
}

function known(plan: Plan, nodeId: string): PlanNode {
  const node = planNode(plan, nodeId);
  if (!node) throw new Error(`the plan has no node ${nodeId}`);
  return node;
}

/** A node of a graph and all that comes before or after it. */
function reached(graph: PlanGraph, nodeId: string, way: "backward" | "forward"): Set<string> {
  const next = new Map<string, string[]>();
  for (const { from, to } of graph.edges) {
    if (to === FINISH) continue;
    const [key, value] = way === "backward" ? [to, from] : [from, to];
    next.set(key, [...(next.get(key) ?? []), value]);
  }
  const found = new Set([nodeId]);
  for (const id of found) for (const other of next.get(id) ?? []) found.add(other);
  return found;
}

/**
 * Which records of a run stay when it is run again from a path: those of nodes that do not follow from it. Inside the
 * composites that the path leads through, earlier turns of a loop stay and later ones go; turns of a batch know nothing
 * of each other. Undefined where the plan has no such path.
 */
export function keptFrom(plan: Plan, path: string): ((path: string) => boolean) | undefined {
  const steps = path.split("/").map(stepOf);
  const levels: Level[] = [];
  let graph: PlanGraph | undefined = plan.root;
  for (const [at, { id, turn }] of steps.entries()) {
    const isLast = at === steps.length - 1;
    const node: PlanNode | undefined = graph?.nodes.find((one) => one.id === id);
    if (!graph || !node || isLast === (turn !== undefined)) return undefined;
    levels.push({ id, turn, isLoop: node.type === "loop", after: reached(graph, id, "forward") });
    graph = node.body;
  }
  return (other) => isKept(levels, other.split("/").map(stepOf));
}

interface Step {
  id: string;
  turn: number | undefined;
}

interface Level extends Step {
  isLoop: boolean;
  /** The node and all that follows from it at this level. */
  after: ReadonlySet<string>;
}

function stepOf(part: string): Step {
  const [id = "", turn] = part.split(".", 2);
  return { id, turn: turn === undefined ? undefined : Number(turn) };
}

function isKept(levels: readonly Level[], steps: readonly Step[]): boolean {
  for (const [at, level] of levels.entries()) {
    const step = steps[at];
    // The record of a composite or of a call that the path leads through: it has to come to its end again.
    if (!step) return false;
    if (!level.after.has(step.id)) return true;
    if (step.id !== level.id || level.turn === undefined || step.turn === undefined) return false;
    if (step.turn !== level.turn) return !level.isLoop || step.turn < level.turn;
  }
  return false;
}
