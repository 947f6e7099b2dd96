import { createHash } from "node:crypto";
import type { RunMode } from "@weft/engine/status";
import { stableStringify } from "@weft/engine/values/json";
import { type Ctx, requireSpace } from "@weft/kernel/ctx";
import type { Id } from "@weft/kernel/ids";
import type { ExecutionDeps } from "../execution/deps.ts";
import type { Execution } from "../execution/execution.schema.ts";
import { run } from "../execution/execution.service.ts";
import type { FiredTrigger } from "./trigger.entity.ts";
import { keyValue } from "./trigger.pace.ts";
import { leavePlace, takePlace } from "./trigger.place.ts";

export type StartedRun = { status: "started"; execution: Execution } | { status: "skipped"; reason: string };

/** A run as its trigger starts it now. */
export async function startRun(
  ctx: Ctx,
  deps: ExecutionDeps,
  trigger: FiredTrigger,
  start: {
    input: Record<string, unknown>;
    executionId: Id<"execution">;
    mode: RunMode;
    system?: Record<string, string> | undefined;
  },
): Promise<StartedRun> {
  const spaceId = requireSpace(ctx);
  const { executionId, input, mode } = start;
  const { policy, triggerId, workflowId, version, type } = trigger;
  const target = await deps.target({ spaceId, workflowId, ...(version === undefined ? {} : { version }) });
  const dedupe = await dedupeOf(trigger, input, ctx.clock.now());
  if (policy.concurrency) {
    const outcome = await takePlace(deps, { spaceId, triggerId, executionId }, policy.concurrency);
    if (outcome === "skipped")
      return { status: "skipped", reason: "as many runs as the trigger allows were under way" };
  }
  try {
    const execution = await run(ctx, deps, target, {
      input,
      mode,
      executionId,
      trigger: { type, id: triggerId },
      ...(start.system ? { system: start.system } : {}),
      ...(dedupe ? { dedupe } : {}),
      ...(policy.priority === undefined ? {} : { priority: policy.priority }),
      ...(policy.timeoutSeconds === undefined ? {} : { timeoutSeconds: policy.timeoutSeconds }),
    });
    if (policy.concurrency && execution.id !== executionId) await leavePlace(spaceId, triggerId, executionId);
    return { status: "started", execution };
  } catch (thrown) {
    if (policy.concurrency) await leavePlace(spaceId, triggerId, executionId);
    throw thrown;
  }
}

async function dedupeOf({ policy, triggerId }: FiredTrigger, input: Record<string, unknown>, now: number) {
  const { dedupe } = policy;
  if (!dedupe) return undefined;
  const value = await keyValue("dedupe", dedupe.key, input, now);
  // An event without a key is no repeat of another one without it.
  if (value === null || value === undefined) return undefined;
  const hash = createHash("sha256").update(stableStringify(value)).digest("hex");
  return { key: `${triggerId}:${hash}`, ttlSeconds: dedupe.ttlSeconds };
}
