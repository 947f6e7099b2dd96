import type { SuspendRecord } from "@weft/engine/record";
import { firstSegment } from "@weft/engine/run/step";
import { systemCtx } from "@weft/kernel/ctx";
import type { Id } from "@weft/kernel/ids";
import { openAgain } from "./again.ts";
import type { ExecutionDeps } from "./deps.ts";
import { answerEvent } from "./events.ts";
import { endedCall, forkRecords } from "./fork.ts";
import type { EventRow } from "./journal.ts";
import { startLanes } from "./lane.ts";
import { resumeLanes } from "./recover.ts";
import { cancelled, settle, tellCaller } from "./settle.ts";
import {
  CHECK_INTERVAL_MS,
  createExecution,
  type ExecutionRow,
  findExecution,
  isOurs,
  isTerminal,
  type NewExecution,
  reopen,
} from "./store.ts";

/** Executions that call each other, at most this deep (architecture §3). */
const MAX_CALL_DEPTH = 10;

type Call = Extract<SuspendRecord, { kind: "child" }>;

/** Starts the execution of a called workflow under the id that was fixed when the call was stored. */
export async function startChild(
  deps: ExecutionDeps,
  caller: ExecutionRow,
  event: EventRow,
  call: Call,
): Promise<void> {
  if (event.status !== "pending" || event.childExecutionId === undefined) return;
  if (caller.depth >= MAX_CALL_DEPTH) {
    const error = { code: "depth_exceeded", message: `workflows call each other deeper than ${MAX_CALL_DEPTH}` };
    await answerEvent(deps, caller, event.eventId, { error }, "system");
    return;
  }
  const key = { spaceId: caller.spaceId, executionId: event.childExecutionId };
  const child = (await create(deps, caller, event, call)) ?? (await findExecution(key));
  if (!child) return;
  const isEarlier = child.parent?.eventId !== event.eventId;
  if (child.status !== "queued" && !isEarlier) return;
  // The caller may have ended before its call existed: then nobody else ends the call.
  if (!isOurs(await findExecution(caller), caller.epoch)) {
    if (!isEarlier) await settle(deps, child, cancelled("the calling execution ended"));
  } else if (isEarlier) await goOnWith(deps, caller, event, child);
  else if (child.replayOf) await resumeLanes(deps, child);
  else await startLanes(deps, child, [{ segmentId: firstSegment(await deps.plan(child)).id, step: 0 }]);
}

/** The call of an earlier try, which did not come to its end: what it had done is kept. */
async function goOnWith(deps: ExecutionDeps, caller: ExecutionRow, event: EventRow, child: ExecutionRow) {
  const parent = { executionId: caller.executionId, eventId: event.eventId };
  if (child.status === "succeeded") await tellCaller(deps, { ...child, parent });
  else if (isTerminal(child.status)) await openAgain(deps, child, () => reopenCall(deps, child, caller, parent));
}

/** Calls take no place of their own at their workflow's limits: their caller has one. */
async function reopenCall(
  deps: ExecutionDeps,
  child: ExecutionRow,
  caller: ExecutionRow,
  parent: { executionId: string; eventId: string },
) {
  const row = await reopen(child, deps.clock.now(), caller.deadlineAt, CHECK_INTERVAL_MS, parent);
  return row && { row, isToStart: true };
}

/** Null where it exists already. */
async function create(deps: ExecutionDeps, caller: ExecutionRow, event: EventRow, call: Call) {
  const executionId = event.childExecutionId as string;
  const earlier = await endedCall(deps, caller, event.path);
  // What runs already knows more than what it was made from.
  if (earlier && (await findExecution({ spaceId: caller.spaceId, executionId }))) return null;
  const ctx = { ...systemCtx("workflow", { clock: deps.clock }), spaceId: caller.spaceId as Id<"space"> };
  const { version, commitId } = earlier ?? call;
  const which = typeof version === "string" ? { version } : { commitId: commitId ?? "" };
  const reference = { spaceId: caller.spaceId, workflowId: call.workflowId, ...which };
  const plan = await deps.plan(reference);
  if (earlier) await forkRecords(deps, earlier, executionId, plan, () => true);
  const given: NewExecution = {
    executionId,
    workflowId: call.workflowId,
    ...which,
    mode: "async",
    trigger: { type: "workflow", id: caller.executionId },
    input: call.input,
    ...(caller.system ? { system: caller.system } : {}),
    deadlineMs: Date.parse(caller.deadlineAt),
    sliceMs: caller.sliceMs,
    nodeTotal: plan.root.nodes.length,
    depth: caller.depth + 1,
    parent: { executionId: caller.executionId, eventId: event.eventId },
  };
  if (earlier) given.replayOf = { executionId: earlier.executionId, isRetry: true };
  return createExecution(ctx, caller.spaceId, given);
}
