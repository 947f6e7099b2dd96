import type { Answer, NodeRecord, SuspendRecord } from "@weft/engine/record";
import type { NodeFailed } from "@weft/engine/run/io";
import { firstSegment } from "@weft/engine/run/step";
import type { TerminalStatus } from "@weft/engine/status";
import { systemCtx } from "@weft/kernel/ctx";
import type { Id } from "@weft/kernel/ids";
import type { ExecutionDeps } from "./deps.ts";
import { answerEvent, pendingEvents } from "./events.ts";
import type { ExecutionError } from "./execution.entity.ts";
import type { EventRow } from "./journal.ts";
import { startLanes } from "./lane.ts";
import {
  changeOpen,
  closeExecution,
  createExecution,
  type ExecutionRow,
  findExecution,
  forget,
  hasFollowUp,
  isOurs,
  isTerminal,
  outcomeOf,
  type Result,
  START_INTERVAL_MS,
} from "./store.ts";

/** Executions that call each other, at most this deep (architecture §3). */
const MAX_CALL_DEPTH = 10;

/**
 * Ends an execution and does all that follows: its lanes are stopped, whoever called it is told, its own calls are
 * cancelled. Idempotent: done again after a crash in the middle it does the rest. Returns null where somebody else had
 * ended or taken over the execution.
 */
export async function settle(deps: ExecutionDeps, row: ExecutionRow, result: Result): Promise<ExecutionRow | null> {
  const closed = await closeExecution(row, deps.clock.now(), result);
  if (!closed) return null;
  if (result.status === "succeeded") await deps.succeeded?.(closed);
  await followUp(deps, closed, result.status);
  return closed;
}

/** What an execution's end has to be followed by. Done again by the sweeper where a crash came between. */
export async function followUp(deps: ExecutionDeps, row: ExecutionRow, status: TerminalStatus): Promise<void> {
  if (!hasFollowUp(row, status)) return;
  if (status !== "succeeded") await stopLanes(deps, row, status);
  await tellCaller(deps, row);
  await forget(row);
}

/** The last step came to the end: the execution succeeded. `carried` are records that nothing stored yet. */
export async function finishExecution(
  deps: ExecutionDeps,
  row: ExecutionRow,
  finish: { output: Record<string, unknown>; variables: Record<string, unknown> },
  carried: readonly NodeRecord[],
): Promise<void> {
  await settle(deps, row, {
    status: "succeeded",
    output: finish.output,
    variables: finish.variables,
    nodesDone: row.nodeTotal,
    ...(carried.length > 0 ? { trace: carried } : {}),
  });
}

/** A node failed: the other lanes are told by the epoch before anything else, then the execution is ended. */
export async function failExecution(deps: ExecutionDeps, row: ExecutionRow, failure: NodeFailed): Promise<void> {
  const { record } = failure;
  await fail(deps, row, { ...failure.error, nodeId: record.nodeId, path: record.path });
}

/** Ends an open execution as failed, for a reason that is not a node's. */
export async function fail(deps: ExecutionDeps, row: ExecutionRow, error: ExecutionError): Promise<boolean> {
  const { code, message, nodeId, path } = error;
  const plain: ExecutionError = { code, message, ...(nodeId ? { nodeId } : {}), ...(path ? { path } : {}) };
  const now = deps.clock.now();
  const change = { status: "failing" as const, epoch: row.epoch + 1, error: plain, sweepAtMs: now + START_INTERVAL_MS };
  const failing = await changeOpen(row, now, change);
  return failing !== null && (await settle(deps, failing, { status: "failed", error: plain })) !== null;
}

/** The deadline has passed. */
export function timeOut(deps: ExecutionDeps, row: ExecutionRow): Promise<ExecutionRow | null> {
  const error = { code: "timeout", message: `the execution did not end by ${row.deadlineAt}` };
  return settle(deps, row, { status: "timed_out", error });
}

/** Lanes end by themselves at their next write; those that wait are stopped, and what they called is cancelled. */
async function stopLanes(deps: ExecutionDeps, row: ExecutionRow, status: TerminalStatus): Promise<void> {
  await Promise.all([...(row.lanes ?? [])].map((name) => deps.machine.stop(name, status)));
  for (const child of await openChildren(row)) await settle(deps, child, cancelled("the calling execution ended"));
}

export function cancelled(message: string): Result {
  return { status: "cancelled", error: { code: "cancelled", message } };
}

async function openChildren(row: ExecutionRow): Promise<ExecutionRow[]> {
  const events = await pendingEvents(row);
  const found = await Promise.all(
    events
      .filter((event) => event.childExecutionId !== undefined)
      .map((event) => findExecution({ spaceId: row.spaceId, executionId: event.childExecutionId as string })),
  );
  return found.filter((child) => child !== undefined && !isTerminal(child.status)) as ExecutionRow[];
}

/** Hands a closed execution's result to the execution that called it, and wakes that one's lane. */
async function tellCaller(deps: ExecutionDeps, row: ExecutionRow): Promise<void> {
  if (!row.parent) return;
  const answer: Answer =
    row.status === "succeeded"
      ? { data: await outcomeOf(row) }
      : { error: { code: row.error?.code ?? row.status, message: row.error?.message ?? row.status } };
  await answerEvent(
    deps,
    { spaceId: row.spaceId, executionId: row.parent.executionId },
    row.parent.eventId,
    answer,
    "system",
  );
}

/** Starts the execution of a called workflow under the id that was fixed when the call was stored. */
export async function startChild(
  deps: ExecutionDeps,
  caller: ExecutionRow,
  event: EventRow,
  call: Extract<SuspendRecord, { kind: "child" }>,
): Promise<void> {
  if (event.status !== "pending" || event.childExecutionId === undefined) return;
  if (caller.depth >= MAX_CALL_DEPTH) {
    const error = { code: "depth_exceeded", message: `workflows call each other deeper than ${MAX_CALL_DEPTH}` };
    await answerEvent(deps, caller, event.eventId, { error }, "system");
    return;
  }
  const ctx = { ...systemCtx("workflow", { clock: deps.clock }), spaceId: caller.spaceId as Id<"space"> };
  const which = call.version === null ? { commitId: call.commitId ?? "" } : { version: call.version };
  const reference = { spaceId: caller.spaceId, workflowId: call.workflowId, ...which };
  const plan = await deps.plan(reference);
  const given = {
    executionId: event.childExecutionId,
    workflowId: call.workflowId,
    ...which,
    mode: "async" as const,
    trigger: { type: "workflow" as const, id: caller.executionId },
    input: call.input,
    ...(caller.system ? { system: caller.system } : {}),
    deadlineMs: Date.parse(caller.deadlineAt),
    sliceMs: caller.sliceMs,
    nodeTotal: plan.root.nodes.length,
    depth: caller.depth + 1,
    parent: { executionId: caller.executionId, eventId: event.eventId },
  };
  const created = await createExecution(ctx, caller.spaceId, given);
  const child = created ?? (await findExecution({ spaceId: caller.spaceId, executionId: event.childExecutionId }));
  // A cancel that closed the caller before the call was stored could not know of this execution.
  if (child && !isOurs(await findExecution(caller), caller.epoch)) {
    await settle(deps, child, cancelled("the calling execution ended"));
    return;
  }
  if (child?.status === "queued") await startLanes(deps, child, [{ segmentId: firstSegment(plan).id, step: 0 }]);
}
