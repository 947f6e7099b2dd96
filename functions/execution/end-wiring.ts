import { sfnMachine } from "@weft/adapters/machine/sfn";
import { close as closeApprovals } from "@weft/core/approval/approval.close";
import type { EndDeps } from "@weft/core/execution/deps";
import type { Machine } from "@weft/core/execution/machine";
import type { ExecutionRow } from "@weft/core/execution/store";
import { currentSettings } from "@weft/core/workflow/workflow.pointer";
import { markTestRun } from "@weft/core/workflow/workflow.tested";
import type { TerminalStatus } from "@weft/engine/status";
import { log } from "@weft/http/log";
import { systemClock } from "@weft/kernel/clock";
import { type Ctx, systemCtx } from "@weft/kernel/ctx";
import type { Id } from "@weft/kernel/ids";
import { eventBus } from "../bus.ts";

/** What ending executions needs, from the world of this function: it stays small, as it knows no plans and no nodes. */
export function endDeps(machineArn: string): EndDeps {
  const bus = eventBus();
  return {
    machine: lazyMachine(machineArn),
    limits: ({ spaceId, workflowId }) => currentSettings(ctxOf(spaceId), workflowId),
    ended,
    ...(bus ? { bus } : {}),
    clock: systemClock,
    log: (message, data) => log.info(message, data),
  };
}

async function ended(row: ExecutionRow, status: TerminalStatus): Promise<void> {
  await closeApprovals({ clock: systemClock }, row);
  // What ran a part of the draft, or had outputs given to it, proves nothing of the whole.
  if (status !== "succeeded" || row.commitId === undefined || row.isDebug) return;
  await markTestRun(ctxOf(row.spaceId), row.workflowId as Id<"workflow">, row.commitId as Id<"commit">);
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

/** The context of work on executions of a space. */
export function ctxOf(spaceId: string): Ctx {
  return systemCtx("execution", { spaceId: spaceId as Id<"space"> });
}
