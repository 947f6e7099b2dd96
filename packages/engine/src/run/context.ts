import type { Blocked, FrameDone, IterationDone, NodeRun } from "../node.ts";
import { NodeError } from "../node.ts";
import type { Plan, PlanNode } from "../plan.ts";
import { addUsage, metered, type NodeErrorData, type NodeRecord, type Usage } from "../record.ts";
import { cursorKeeper } from "./cursor.ts";
import { runGraph } from "./graph.ts";
import { driven, isKind, MAX_FRAME_DEPTH, masked, NodeFailed, type RunIo } from "./io.ts";
import { resumption } from "./node.ts";
import { Scope, type Settled } from "./scope.ts";

/** What one try of a node is given. */
export function nodeRun(
  scope: Scope,
  node: PlanNode,
  io: RunIo,
  inputs: Record<string, unknown>,
  attempt: number,
  signal: AbortSignal,
  prior: NodeRecord | undefined,
): NodeRun {
  const path = scope.prefix + node.id;
  const resume = prior ? resumption(prior, io) : undefined;
  return {
    node,
    config: node.config,
    inputs,
    path,
    idempotencyKey: `${io.executionId}:${path}`,
    ...(scope.options.workflowId ? { workflowId: scope.options.workflowId } : {}),
    attempt,
    signal,
    now: io.now,
    deps: io.deps,
    graphInput: scope.input,
    ...(resume ? { resume } : {}),
    childExecutions: io.childExecutions && scope.depth === 0 && !io.journal.hasBelow(`${path}/`),
    variable: (name) => scope.variable(node.id, name),
    emitMessage: (content) =>
      io.emit({
        type: "message",
        path,
        nodeId: node.id,
        title: node.title,
        content: masked(io, content),
        at: io.now(),
      }),
    emitResponse: (response) =>
      io.emit({ type: "response", path, nodeId: node.id, response: masked(io, response), at: io.now() }),
    arrivals: () => arrivals(scope, node),
    tolerate: (thrown) => tolerate(io, thrown, signal),
    iterate: (index, locals, loopVars, vars) => iterate(scope, node, io, { index, locals, loopVars, vars, signal }),
    cursor: () => io.journal.cursor(path),
    saveCursor: node.body ? cursorKeeper(io, path) : () => undefined,
    mustYield: (ms = 0) => io.mustYield(ms),
    frame: (plan, input, workflowId) => frame(scope, node, io, { plan, input, workflowId }, signal),
  };
}

function arrivals(scope: Scope, node: PlanNode): Map<string, boolean> {
  const found = new Map<string, boolean>();
  for (const { to, from, port, input } of scope.graph.edges) {
    if (to !== node.id || input === undefined) continue;
    const state = scope.settled.get(from);
    const live = state?.status === "succeeded" && state.port === port;
    found.set(input, live || found.get(input) === true);
  }
  return found;
}

function tolerate(io: RunIo, thrown: unknown, signal: AbortSignal): (NodeErrorData & { usage?: Usage }) | undefined {
  if (!isKind(thrown, NodeFailed) || signal.aborted) return undefined;
  io.onRecord(thrown.record);
  io.emit({ type: "node_finished", record: thrown.record });
  return { ...thrown.error, ...metered(thrown.usage) };
}

interface Turn {
  index: number;
  locals: Record<string, unknown>;
  loopVars: Record<string, unknown>;
  vars: Record<string, unknown>;
  signal: AbortSignal;
}

function iterate(
  scope: Scope,
  node: PlanNode,
  io: RunIo,
  turn: Turn,
): IterationDone | Blocked | Promise<IterationDone | Blocked> {
  if (!node.body) throw new NodeError("internal", `${node.id} has no body`, { retryable: false });
  const inner = new Scope(node.body, {
    prefix: `${scope.prefix}${node.id}.${turn.index}/`,
    input: scope.input,
    vars: turn.vars,
    depth: deeper(scope),
    parent: { scope, nodeId: node.id },
    ...(scope.options.workflowId ? { workflowId: scope.options.workflowId } : {}),
    locals: { ...turn.locals, index: turn.index },
    loopVars: turn.loopVars,
  });
  const done = (blocked: Blocked | undefined): IterationDone | Blocked => {
    if (blocked) return blocked;
    const outputs = new Map<string, unknown>();
    for (const [id, settled] of inner.settled) if (settled.status === "succeeded") outputs.set(id, settled.output);
    return {
      outputs,
      loopVars: inner.loopVars,
      vars: inner.varsAfter(),
      ...(inner.control ? { control: inner.control } : {}),
      ...metered(inner.usage),
    };
  };
  const result = charged(inner, () => runGraph(inner, { ...io, signal: turn.signal }));
  return result instanceof Promise ? result.then((blocked) => settleLoads(inner, blocked).then(done)) : done(result);
}

/** What failed in a graph takes with it what the graph was metered for. */
function charged<T>(inner: Scope, run: () => T | Promise<T>): T | Promise<T> {
  const charge = (thrown: unknown): never => {
    if (isKind(thrown, NodeFailed)) addUsage(thrown.usage, inner.usage);
    throw thrown;
  };
  try {
    const result = run();
    return result instanceof Promise ? result.catch(charge) : result;
  } catch (thrown) {
    return charge(thrown);
  }
}

/** Outputs of earlier work that are kept elsewhere are read before a composite collects them. */
async function settleLoads(scope: Scope, blocked: Blocked | undefined): Promise<Blocked | undefined> {
  if (blocked) return blocked;
  for (const settled of scope.settled.values()) {
    if (!settled.load) continue;
    settled.output = await driven(settled.load);
    delete settled.load;
  }
  return undefined;
}

async function frame(
  scope: Scope,
  node: PlanNode,
  io: RunIo,
  { plan, input, workflowId }: { plan: Plan; input: Record<string, unknown>; workflowId: string },
  signal: AbortSignal,
): Promise<FrameDone | Blocked> {
  const inner = new Scope(plan.root, {
    prefix: `${scope.prefix}${node.id}/`,
    input,
    workflowId,
    vars: {},
    depth: deeper(scope),
    callerVariable: (name) => scope.variable(node.id, name),
  });
  // Ids of another plan are other nodes: what is pinned here is not pinned there.
  const { pins: _pins, ...rest } = io;
  const graph = await charged(inner, () => runGraph(inner, { ...rest, signal }));
  const blocked = await settleLoads(inner, graph);
  return blocked ?? { output: endOutput(plan, inner), vars: inner.varsAfter(), ...metered(inner.usage) };
}

/** The output of the end node, or of the one that stands for it; an empty object where no live path reached it. */
export function endOutput(plan: Plan, scope: Scope): Record<string, unknown> {
  return (ended(plan, scope)?.output as Record<string, unknown> | undefined) ?? {};
}

/** {@link endOutput}, read first where it is kept elsewhere. */
export async function loadedOutput(plan: Plan, scope: Scope): Promise<Record<string, unknown>> {
  const settled = ended(plan, scope);
  if (settled?.load) settled.output = await settled.load();
  return endOutput(plan, scope);
}

function ended({ root, result }: Plan, scope: Scope): Settled | undefined {
  const end = root.nodes.find(({ id, type }) => (result === undefined ? type === "end" : id === result));
  return end && scope.settled.get(end.id);
}

function deeper(scope: Scope): number {
  if (scope.depth >= MAX_FRAME_DEPTH) {
    throw new NodeError("depth_exceeded", `calls and loops nest deeper than ${MAX_FRAME_DEPTH}`, { retryable: false });
  }
  return scope.depth + 1;
}
