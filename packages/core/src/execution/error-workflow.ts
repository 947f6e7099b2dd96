import type { Plan, PlanGraph, PlanNode } from "@weft/engine/plan";
import { MAX_FRAME_DEPTH } from "@weft/engine/run/io";
import { systemCtx } from "@weft/kernel/ctx";
import { AppError } from "@weft/kernel/errors";
import { derivedId, type Id } from "@weft/kernel/ids";
import type { ExecutionDeps } from "./deps.ts";
import { NEVER } from "./execution.entity.ts";
import { run } from "./execution.service.ts";
import { followUp } from "./settle.ts";
import { callsOnFailure, type ExecutionRow, isTerminal, materialOf } from "./store.ts";

/**
 * Starts the workflow that an execution names for its failures, once for each time that it failed: the id of that
 * execution follows from the one that failed and its epoch, so that a repeat starts nothing. One that cannot be run
 * (deleted, paused, at its own limit) is noted in the log and left.
 */
export async function callOnFailure(deps: ExecutionDeps, row: ExecutionRow): Promise<void> {
  const { onFailure, spaceId } = row;
  if (!onFailure || !isTerminal(row.status) || !callsOnFailure(row, row.status)) return;
  const note = (why: string) =>
    deps.log("an error workflow was not started", { executionId: row.executionId, ...onFailure, why });
  if (row.depth >= MAX_FRAME_DEPTH) return note(`executions start each other deeper than ${MAX_FRAME_DEPTH}`);
  const ctx = systemCtx("error", { spaceId: spaceId as Id<"space">, clock: deps.clock });
  const { workflowId, version } = onFailure;
  try {
    const target = await deps.target({ spaceId, workflowId, ...(version === undefined ? {} : { version }) });
    await run(ctx, deps, target, {
      executionId: derivedId<"execution">(row.executionId, `error:${row.epoch}`),
      input: await failureContext(deps, row),
      mode: "async",
      trigger: { type: "error", id: row.executionId },
      depth: row.depth + 1,
      ...(row.system ? { system: row.system } : {}),
    });
  } catch (thrown) {
    if (!(thrown instanceof AppError) || thrown.status >= 500) throw thrown;
    note(thrown.message);
  }
}

/** Does what the end of an execution still has to be followed by: who opens it again makes others forget it. */
export async function finishEnd(deps: ExecutionDeps, row: ExecutionRow): Promise<void> {
  if (row.sweepAt === NEVER || !isTerminal(row.status)) return;
  await followUp(deps, row, row.status);
  await callOnFailure(deps, row);
}

/** What the error workflow is told: n8n's names where it has one. */
async function failureContext(deps: ExecutionDeps, row: ExecutionRow): Promise<Record<string, unknown>> {
  const [{ input }, plan] = await Promise.all([materialOf(row), deps.plan(row)]);
  const { code = row.status, message = row.status, nodeId, path } = row.error ?? {};
  const nodeTitle = nodeId === undefined ? null : (nodeOf(plan, nodeId)?.title ?? null);
  return {
    execution: {
      id: row.executionId,
      url: `/api/spaces/${row.spaceId}/executions/${row.executionId}`,
      status: row.status,
      mode: row.mode,
      trigger: row.trigger,
      /** Counts from 1; a retry that fails is told of again. */
      attempt: (row.retries ?? 0) + 1,
      error: { code, message, nodeId: nodeId ?? null, nodeTitle, path: path ?? null },
      lastNodeExecuted: nodeTitle,
      input,
      startedAt: row.startedAt ?? null,
      endedAt: row.endedAt ?? null,
    },
    workflow: {
      id: row.workflowId,
      name: row.onFailure?.name ?? null,
      version: row.version ?? null,
      commitId: row.commitId ?? null,
    },
  };
}

/** A node of the plan, wherever it stands. */
function nodeOf(plan: Plan, nodeId: string): PlanNode | undefined {
  const graphs: PlanGraph[] = [plan.root];
  for (const graph of graphs) {
    for (const node of graph.nodes) {
      if (node.id === nodeId) return node;
      if (node.body) graphs.push(node.body);
    }
  }
  return undefined;
}
