import type { Blocked } from "../node.ts";
import {
  DEFAULT_PORT,
  type ErrorPolicy,
  type Field,
  type Input,
  type Plan,
  type PlanGraph,
  type PlanNode,
} from "../plan.ts";
import type { NodeRecord } from "../record.ts";
import { runGraph } from "./graph.ts";
import { isKind, NodeFailed, type RunIo } from "./io.ts";
import { Scope } from "./scope.ts";

/** How a node run alone ended. Blocked: run it again over the same journal when what it waits for has come. */
export type AloneOutcome = { status: "done"; record: NodeRecord } | ({ status: "blocked" } & Blocked);

export interface AloneOptions {
  /** Stands over what the node's own policy says. */
  policy?: Partial<ErrorPolicy>;
  /** What other nodes gave, by node id: read where the node, or its body, refers to them. */
  outputs?: Readonly<Record<string, unknown>>;
}

/** A node of a plan by its id, inside bodies too. */
export function planNode(plan: Plan, nodeId: string): PlanNode | undefined {
  const graphs: PlanGraph[] = [plan.root];
  for (const graph of graphs) {
    for (const node of graph.nodes) {
      if (node.id === nodeId) return node;
      if (node.body) graphs.push(node.body);
    }
  }
  return undefined;
}

/**
 * What a node that is run alone may be given: to a start node what a run is given, else its inputs, and those that nodes of
 * its body have of nodes outside of it.
 */
export function freeInputs(node: PlanNode): Field[] {
  if (node.type === "start") return node.outputs;
  const own = node.inputs.map(({ name, type }): Field => ({ name, type }));
  const names = new Set(own.map(({ name }) => name));
  for (const name of outerInputs(node, new Set())) {
    if (!names.has(name)) own.push({ name, type: { type: "any" } });
    names.add(name);
  }
  return own;
}

function outerInputs({ id, body }: PlanNode, outside: ReadonlySet<string>): string[] {
  if (!body) return [];
  const known = new Set([...outside, id, ...body.nodes.map((node) => node.id)]);
  return body.nodes.flatMap((node) => [
    ...node.inputs.filter(({ source }) => source.kind === "ref" && !known.has(source.node)).map(({ name }) => name),
    ...outerInputs(node, known),
  ]);
}

/**
 * A node with given values in place of what its inputs say. In a body they stand for references to nodes outside of it,
 * by the name of the input that refers.
 */
export function withInputs(
  node: PlanNode,
  given: Readonly<Record<string, unknown>>,
  inside?: ReadonlySet<string>,
): PlanNode {
  const inputs = node.inputs.map((input): Input => {
    const { name, source } = input;
    const isFree = !inside || (source.kind === "ref" && !inside.has(source.node));
    if (!isFree || !Object.hasOwn(given, name)) return input;
    return { ...input, source: { kind: "literal", value: given[name] } };
  });
  if (!node.body) return { ...node, inputs };
  const known = new Set([...(inside ?? []), node.id, ...node.body.nodes.map(({ id }) => id)]);
  const own = new Set(node.inputs.map(({ name }) => name));
  const left = inside ? given : Object.fromEntries(Object.entries(given).filter(([name]) => !own.has(name)));
  const nodes = node.body.nodes.map((inner) => withInputs(inner, left, known));
  return { ...node, inputs, body: { ...node.body, nodes } };
}

/**
 * Runs one node of a plan by itself, with its policy: one in a loop or batch as in a turn of its own, a composite with its
 * whole body. Values are converted as those of other nodes are; what is neither given nor written in the canvas is
 * missing. Its record has the node's own id as path. A failed node gives its record; throws RunStopped when the run was
 * stopped, and an Error where the plan has no such node.
 */
export async function debugNode(
  plan: Plan,
  nodeId: string,
  inputs: Readonly<Record<string, unknown>>,
  io: RunIo,
  options: AloneOptions = {},
): Promise<AloneOutcome> {
  const found = planNode(plan, nodeId);
  if (!found) throw new Error(`the plan has no node ${nodeId}`);
  const node = { ...withInputs(found, inputs), policy: { ...found.policy, ...options.policy } };
  const scope = new Scope(
    { nodes: [node], edges: [] },
    { prefix: "", input: { ...inputs }, vars: io.variables, depth: 0 },
  );
  for (const [id, output] of Object.entries(options.outputs ?? {})) {
    scope.settled.set(id, { status: "succeeded", port: DEFAULT_PORT, output });
  }
  let record = io.journal.get(nodeId);
  const onRecord = (made: NodeRecord): void => {
    if (made.path === nodeId) record = made;
    io.onRecord(made);
  };
  try {
    const blocked = await runGraph(scope, { ...io, onRecord, childExecutions: false });
    if (blocked) return { status: "blocked", ...blocked };
  } catch (thrown) {
    if (!isKind(thrown, NodeFailed)) throw thrown;
    return { status: "done", record: ownFailure(node, thrown, inputs, io.now()) };
  }
  if (!record) throw new Error(`${nodeId} ended without a record`);
  return { status: "done", record };
}

/** A composite fails with what failed in its body: the record that is asked for is its own. */
function ownFailure(
  { id, type, title }: PlanNode,
  { record, error }: NodeFailed,
  given: Readonly<Record<string, unknown>>,
  now: number,
): NodeRecord {
  if (record.path === id) return record;
  const base = { path: id, nodeId: id, type, title, startedAt: now, endedAt: now };
  return { ...base, status: "failed", input: { ...given }, error, attempts: 1 };
}
