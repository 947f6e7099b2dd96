import { egress } from "@weft/adapters/egress/http";
import { sfnMachine } from "@weft/adapters/machine/sfn";
import type { ExecutionDeps } from "@weft/core/execution/deps";
import { run } from "@weft/core/execution/execution.service";
import type { Machine } from "@weft/core/execution/machine";
import type { ExecutionRow } from "@weft/core/execution/store";
import { markTestRun } from "@weft/core/workflow/workflow.draft";
import { loadPlan, resolvePlan } from "@weft/core/workflow/workflow.plans";
import { type NodeDeps, NodeError } from "@weft/engine/node";
import { nodeTypes } from "@weft/engine/nodes/index";
import { MAX_FRAME_DEPTH, type RunEvent } from "@weft/engine/run/io";
import { log } from "@weft/http/log";
import { systemClock } from "@weft/kernel/clock";
import { type Ctx, systemCtx } from "@weft/kernel/ctx";
import { AppError } from "@weft/kernel/errors";
import { derivedId, type Id } from "@weft/kernel/ids";
import { getWorkspaceFile, putWorkspaceFile } from "@weft/storage/workspace";

const web = egress({ allowLoopback: process.env.WEFT_EGRESS_LOOPBACK === "allow" });

export interface Wiring {
  machineArn: string;
  /** Milliseconds before the platform ends this call. */
  timeLeftMs(): number;
  onEvent?(event: RunEvent): void;
}

/** What the execution domain needs, from the world of this function. */
export function executionDeps(wiring: Wiring): ExecutionDeps {
  return {
    machine: lazyMachine(wiring.machineArn),
    plan: async (reference) => (await loadPlan(ctxOf(reference.spaceId), planKey(reference))).plan,
    nodeDeps: (execution) => nodeDeps(execution, wiring),
    succeeded,
    types: nodeTypes,
    clock: systemClock,
    timeLeftMs: wiring.timeLeftMs,
    log: (message, data) => log.info(message, data),
    ...(wiring.onEvent ? { onEvent: wiring.onEvent } : {}),
  };
}

async function succeeded(row: ExecutionRow): Promise<void> {
  if (row.commitId === undefined) return;
  await markTestRun(ctxOf(row.spaceId), row.workflowId as Id<"workflow">, row.commitId as Id<"commit">);
}

type PlanKey = Parameters<typeof loadPlan>[1];

function planKey(reference: { workflowId: string; version?: string; commitId?: string }): PlanKey {
  const workflowId = reference.workflowId as Id<"workflow">;
  if (reference.version !== undefined) return { workflowId, version: reference.version };
  return { workflowId, commitId: (reference.commitId ?? "") as Id<"commit"> };
}

/** A run that never leaves its process makes no client of Step Functions. */
function lazyMachine(machineArn: string): Machine {
  let machine: Machine | undefined;
  const get = (): Machine => {
    machine ??= sfnMachine(machineArn);
    return machine;
  };
  return {
    start: (name, input) => get().start(name, input),
    stop: (name, cause) => get().stop(name, cause),
    isRunning: (name) => get().isRunning(name),
    wake: (token) => get().wake(token),
  };
}

function ctxOf(spaceId: string): Ctx {
  return systemCtx("execution", { spaceId: spaceId as Id<"space"> });
}

function nodeDeps(execution: ExecutionRow, wiring: Wiring): NodeDeps {
  const ctx = ctxOf(execution.spaceId);
  // A draft may call what is still in the making; what is published calls what is published.
  const draftFallback = execution.version === undefined;
  const resolve = (workflowId: string, version: string | undefined) =>
    resolvePlan(ctx, { workflowId, version, draftFallback });
  return {
    http: web,
    workflows: {
      load: ({ workflowId, version }) =>
        asNodeError(async () => {
          const found = await resolve(workflowId, version);
          return {
            workflowId: found.workflowId,
            version: found.version,
            plan: found.plan,
            ...(found.commitId ? { commitId: found.commitId } : {}),
          };
        }),
      start: ({ workflowId, version }, input, idempotencyKey) =>
        asNodeError(async () => {
          if (execution.depth >= MAX_FRAME_DEPTH) {
            const message = `workflows call each other deeper than ${MAX_FRAME_DEPTH}`;
            throw new NodeError("depth_exceeded", message, { retryable: false });
          }
          const target = await resolve(workflowId, version ?? undefined);
          const executionId = derivedId(execution.executionId, idempotencyKey);
          await run(ctx, executionDeps(wiring), target, {
            executionId,
            input,
            mode: "async",
            trigger: { type: "workflow", id: execution.executionId },
            depth: execution.depth + 1,
            ...(execution.system ? { system: execution.system } : {}),
          });
          return { executionId };
        }),
    },
    files: {
      get: (key, maxBytes) => asNodeError(() => getWorkspaceFile(ctx, key, maxBytes)),
      put: (key, content) => asNodeError(() => putWorkspaceFile(ctx, key, content)),
    },
  };
}

/** What a caller did wrong is the node's failure; what goes wrong with us stays ours and is tried again. */
async function asNodeError<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    if (thrown instanceof AppError && !thrown.retryable && thrown.status < 500) {
      throw new NodeError(thrown.code, thrown.message, { retryable: false });
    }
    throw thrown;
  }
}
