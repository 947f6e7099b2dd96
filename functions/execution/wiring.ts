import { egress } from "@weft/adapters/egress/http";
import { sfnMachine } from "@weft/adapters/machine/sfn";
import { lambdaCode } from "@weft/adapters/sandbox/lambda";
import type { ExecutionDeps } from "@weft/core/execution/deps";
import type { Machine } from "@weft/core/execution/machine";
import type { ExecutionRow } from "@weft/core/execution/store";
import { markTestRun } from "@weft/core/workflow/workflow.draft";
import { loadPlan, resolvePlan } from "@weft/core/workflow/workflow.plans";
import { type NodeDeps, NodeError } from "@weft/engine/node";
import { nodeTypes } from "@weft/engine/nodes/index";
import type { RunEvent } from "@weft/engine/run/io";
import { log } from "@weft/http/log";
import { systemClock } from "@weft/kernel/clock";
import { type Ctx, systemCtx } from "@weft/kernel/ctx";
import { AppError } from "@weft/kernel/errors";
import type { Id } from "@weft/kernel/ids";

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
    nodeDeps,
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

/** User code of a space runs in that space's environments. */
function codeOf(functionName: string, tenant: string): NonNullable<NodeDeps["code"]> {
  const runner = lambdaCode(functionName);
  return {
    run: async (request, signal) => {
      try {
        return await runner.run({ ...request, tenant }, signal);
      } catch (thrown) {
        if (!(thrown instanceof AppError)) throw thrown;
        throw new NodeError(thrown.code, thrown.message, { retryable: thrown.retryable, cause: thrown });
      }
    },
  };
}

function nodeDeps(execution: ExecutionRow): NodeDeps {
  const ctx = ctxOf(execution.spaceId);
  // A draft may call what is still in the making; what is published calls what is published.
  const draftFallback = execution.version === undefined;
  const codeFunction = process.env.CODE_FUNCTION;
  return {
    http: web,
    ...(codeFunction ? { code: codeOf(codeFunction, execution.spaceId) } : {}),
    workflows: {
      load: async ({ workflowId, version }) => {
        try {
          const found = await resolvePlan(ctx, { workflowId, version, draftFallback });
          return {
            workflowId: found.workflowId,
            version: found.version,
            plan: found.plan,
            ...(found.commitId ? { commitId: found.commitId } : {}),
          };
        } catch (thrown) {
          if (thrown instanceof AppError && !thrown.retryable && thrown.status < 500) {
            throw new NodeError(thrown.code, thrown.message, { retryable: false });
          }
          throw thrown;
        }
      },
    },
  };
}
