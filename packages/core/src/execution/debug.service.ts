import { keptFrom } from "@weft/engine/partial";
import { freeInputs, planNode } from "@weft/engine/run/alone";
import type { RunMode } from "@weft/engine/status";
import type { Ctx } from "@weft/kernel/ctx";
import { conflict, invalidField, invalidInput, notFound } from "@weft/kernel/errors";
import { newId } from "@weft/kernel/ids";
import type { StoredPin } from "../workflow/workflow.pins.schema.ts";
import { admit } from "./admission.ts";
import type { ExecutionDeps } from "./deps.ts";
import type { ExecutionTrigger } from "./execution.entity.ts";
import type { Execution, ExecutionSummary, NodeTrace } from "./execution.schema.ts";
import { owned, type RunRequest, type RunTarget, run, summary, trace } from "./execution.service.ts";
import { forkRecords } from "./fork.ts";
import { partOf } from "./part.ts";
import { resumeLanes } from "./recover.ts";
import { type ExecutionRow, isTerminal, materialOf, type Part } from "./store.ts";

/**
 * Runs one node alone, wherever in the canvas it stands, with its body if it has one, and gives what it did. Throws
 * `not_found` for a node that the plan does not have and `invalid_input` for an input that the node does not have.
 */
export async function runNode(
  ctx: Ctx,
  deps: ExecutionDeps,
  target: RunTarget,
  request: Omit<RunRequest, "part" | "trigger"> & { nodeId: string },
): Promise<Execution & { node: NodeTrace | null }> {
  const { nodeId, ...rest } = request;
  const part = { nodeId };
  checkNode(target, nodeId, request.input);
  const settings = { ...target.settings, durable: false };
  const trigger: ExecutionTrigger = { type: "debug", id: nodeId };
  const view = await run(ctx, deps, { ...target, settings }, { ...rest, part, trigger });
  const { items } = await trace(ctx, deps, view.id, { limit: 1, depth: "root" });
  return { ...view, node: items[0] ?? null };
}

function checkNode({ plan }: RunTarget, nodeId: string, input: Record<string, unknown>): void {
  const node = planNode(plan, nodeId);
  if (!node) throw notFound("node", nodeId);
  const names = new Set(freeInputs(node).map(({ name }) => name));
  // A start node takes in whatever its caller passes.
  const unknown = node.type === "start" ? [] : Object.keys(input).filter((name) => !names.has(name));
  if (unknown.length === 0) return;
  throw invalidInput(unknown.map((name) => ({ path: `input.${name}`, message: "the node has no such input" })));
}

/** What of its workflow a run was of. */
function partRun({ nodeId, untilNodeId }: ExecutionRow): { part?: Part } {
  if (nodeId !== undefined) return { part: { nodeId } };
  return untilNodeId === undefined ? {} : { part: { untilNodeId } };
}

/** Throws `invalid_input` where a run cannot end with this node. */
export function checkUntil({ plan }: RunTarget, nodeId: string): void {
  if (plan.root.nodes.some(({ id }) => id === nodeId)) return;
  const isInside = planNode(plan, nodeId) !== undefined;
  const message = isInside ? "the node is inside of another one: name that" : "the workflow has no such node";
  throw invalidField("until", message);
}

/**
 * Runs what an execution ran once more, as a new execution: with its input or another one, on its version or another one
 * (the target). A debug run is replayed as the debug run it was; what was pinned in it is pinned again on the same commit.
 */
export async function replay(
  ctx: Ctx,
  deps: ExecutionDeps,
  executionId: string,
  given: {
    target: RunTarget;
    trigger: ExecutionTrigger;
    mode: RunMode;
    input?: Record<string, unknown> | undefined;
    variables?: Record<string, unknown> | undefined;
    timeoutSeconds?: number | undefined;
    pins?: Record<string, StoredPin> | undefined;
  },
): Promise<Execution> {
  const row = await owned(ctx, executionId);
  const material = await materialOf(row);
  const { target, trigger, mode, input = material.input, variables = material.variables, timeoutSeconds } = given;
  const isSame = row.version === (target.version ?? undefined) && row.commitId === target.commitId;
  const pins = isSame ? material.pins : given.pins;
  const { nodeId, untilNodeId } = row;
  if (nodeId !== undefined) checkNode(target, nodeId, input);
  if (untilNodeId !== undefined) checkUntil(target, untilNodeId);
  return run(ctx, deps, target, {
    ...{ input, variables, mode },
    trigger: nodeId === undefined ? trigger : { type: "debug", id: nodeId },
    ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }),
    ...partRun(row),
    ...(pins ? { pins } : {}),
    replayOf: { executionId },
  });
}

/**
 * Runs an ended execution again from a node, as a new execution on the same version with the same input: what does not
 * follow from the node is taken over, the node and all that follows from it is run. The old execution stays as it is.
 * Throws `conflict` for one that is open, `invalid_input` for a path that its plan does not have, and `rate_limited` where the
 * workflow's limit leaves no place, not even in the line.
 */
export async function retryFrom(
  ctx: Ctx,
  deps: ExecutionDeps,
  executionId: string,
  { fromNode, trigger }: { fromNode: string; trigger: ExecutionTrigger },
): Promise<ExecutionSummary> {
  const row = await owned(ctx, executionId);
  if (!isTerminal(row.status)) throw conflict(`execution ${executionId} is ${row.status}`);
  const { input, variables, pins } = await materialOf(row);
  const plan = partOf(await deps.plan(row), row, input);
  const keep = keptFrom(plan, fromNode);
  if (!keep) {
    throw invalidField("fromNode", "expected a node of the run, or a path such as turns.3/ask for one in a turn");
  }
  const now = ctx.clock.now();
  const newExecutionId = newId("execution", now);
  const { workflowId, version, commitId, system, sliceMs, nodeTotal, depth } = row;
  const { concurrency } = await deps.limits({ spaceId: row.spaceId, workflowId });
  const limits = {
    // A node alone takes no place of a run.
    policy: concurrency && row.nodeId === undefined ? { concurrency } : {},
    // First what is kept: an execution that is there without it would do it all again.
    prepare: () => forkRecords(deps, row, newExecutionId, plan, keep),
  };
  const admitted = await admit(ctx, deps, limits, {
    ...{ executionId: newExecutionId, workflowId, input, variables, sliceMs, nodeTotal, depth, trigger },
    ...(version === undefined ? {} : { version }),
    ...(commitId === undefined ? {} : { commitId }),
    ...(system ? { system } : {}),
    ...(pins ? { pins } : {}),
    ...partRun(row),
    mode: "async",
    deadlineMs: now + row.allowedMs,
    ...(row.priority === undefined ? {} : { priority: row.priority }),
    replayOf: { executionId, isRetry: true, from: fromNode },
  });
  if ("existing" in admitted) throw conflict(`execution ${newExecutionId} exists`);
  if (admitted.isToStart) await resumeLanes(deps, admitted.row);
  return summary(admitted.row);
}
