import { lambdaCode } from "@weft/adapters/sandbox/lambda";
import type { ExecutionDeps } from "@weft/core/execution/deps";
import { run } from "@weft/core/execution/execution.service";
import type { ExecutionRow } from "@weft/core/execution/store";
import { loadPlan, resolvePlan } from "@weft/core/workflow/workflow.plans";
import { type NodeDeps, NodeError } from "@weft/engine/node";
import { nodeTypes } from "@weft/engine/nodes/index";
import { MAX_FRAME_DEPTH, type RunEvent } from "@weft/engine/run/io";
import { AppError } from "@weft/kernel/errors";
import { derivedId, type Id } from "@weft/kernel/ids";
import { web } from "../outbound.ts";
import { ctxOf, endDeps } from "./end-wiring.ts";
import { asNodeError } from "./node-error.ts";
import { nodeFiles } from "./node-files.ts";
import { credentialsFor, maskOf, sharedVariablesFor, userVariablesFor } from "./secrets.ts";

export interface Wiring {
  machineArn: string;
  /** Milliseconds before the platform ends this call. */
  timeLeftMs(): number;
  onEvent?(event: RunEvent): void;
}

/** What the execution domain needs, from the world of this function. */
export function executionDeps(wiring: Wiring): ExecutionDeps {
  return {
    ...endDeps(wiring.machineArn),
    plan: async (reference) => (await loadPlan(ctxOf(reference.spaceId), planKey(reference))).plan,
    target: ({ spaceId, ...reference }) => resolvePlan(ctxOf(spaceId), reference),
    nodeDeps: (execution) => nodeDeps(execution, wiring),
    types: nodeTypes,
    timeLeftMs: wiring.timeLeftMs,
    ...(wiring.onEvent ? { onEvent: wiring.onEvent } : {}),
  };
}

type PlanKey = Parameters<typeof loadPlan>[1];

function planKey(reference: { workflowId: string; version?: string; commitId?: string }): PlanKey {
  const workflowId = reference.workflowId as Id<"workflow">;
  if (reference.version !== undefined) return { workflowId, version: reference.version };
  return { workflowId, commitId: (reference.commitId ?? "") as Id<"commit"> };
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

function nodeDeps(execution: ExecutionRow, wiring: Wiring): NodeDeps {
  const ctx = ctxOf(execution.spaceId);
  // A draft may call what is still in the making; what is published calls what is published.
  const draftFallback = execution.version === undefined;
  const resolve = (workflowId: string, version: string | undefined) =>
    resolvePlan(ctx, { workflowId, version, draftFallback });
  const codeFunction = process.env.CODE_FUNCTION;
  const mask = maskOf(execution);
  const { request } = credentialsFor(ctx, execution, mask);
  const shared = sharedVariablesFor(ctx, execution, mask);
  const user = userVariablesFor(ctx, execution);
  return {
    http: web,
    credentials: { request: (...given) => asNodeError(() => request(...given)) },
    mask: (value) => mask.mask(value),
    sharedVariables: {
      get: (ref) => asNodeError(() => shared.get(ref)),
      set: (...given) => asNodeError(() => shared.set(...given)),
    },
    variables: {
      get: (name) => asNodeError(() => user.get(name)),
      set: (...given) => asNodeError(() => user.set(...given)),
    },
    ...(codeFunction ? { code: codeOf(codeFunction, execution.spaceId) } : {}),
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
            parentId: execution.executionId,
            ...(execution.system ? { system: execution.system } : {}),
          });
          return { executionId };
        }),
    },
    files: nodeFiles(ctx, execution.executionId),
  };
}
