import { type Answer, metered, type NodeRecord, totalUsage, type Usage } from "@weft/engine/record";
import type { NodeFailed } from "@weft/engine/run/io";
import type { TerminalStatus } from "@weft/engine/status";
import type { EndDeps } from "./deps.ts";
import { answerEvent, pendingEvents } from "./events.ts";
import { type ExecutionError, NodeExecutionEntity, type RecordHead } from "./execution.entity.ts";
import { isEndHeard, tellEnd } from "./execution.events.ts";
import { type ExecutionKey, queryAll } from "./journal.ts";
import { launchOnFailure } from "./launch.ts";
import { leaveGate } from "./queue.ts";
import {
  callsOnFailure,
  changeOpen,
  closeExecution,
  type ExecutionRow,
  findExecution,
  forget,
  hasFollowUp,
  isTerminal,
  outcomeOf,
  type Result,
  START_INTERVAL_MS,
} from "./store.ts";

/**
 * Ends an execution and does all that follows: its lanes are stopped, whoever called it is told, its own calls are
 * cancelled. Idempotent: done again after a crash in the middle it does the rest. Returns null where somebody else had
 * ended or taken over the execution.
 */
export async function settle(deps: EndDeps, row: ExecutionRow, result: Result): Promise<ExecutionRow | null> {
  const usage = result.status === "succeeded" || row.mode !== "async" ? {} : metered(await usageSoFar(row));
  const heard = (await isEndHeard(deps, row, result.status)) ? { isHeard: true } : {};
  const closed = await closeExecution(row, deps.clock.now(), { ...usage, ...result, ...heard });
  if (!closed) return null;
  await followUp(deps, closed, result.status);
  return closed;
}

/** What the nodes of an execution that did not come to its end were metered for. */
async function usageSoFar({ spaceId, executionId }: ExecutionKey): Promise<Usage> {
  const rows = await queryAll((cursor) =>
    NodeExecutionEntity.query
      .primary({ spaceId, executionId })
      .where((attr, op) => op.exists(attr.metered))
      .go({ cursor, consistent: true }),
  );
  return totalUsage(rows.map(({ head }) => ({ ...(head as RecordHead), input: null })));
}

/** What an execution's end has to be followed by. Done again by the sweeper where a crash came between. */
export async function followUp(deps: EndDeps, row: ExecutionRow, status: TerminalStatus): Promise<void> {
  if (!hasFollowUp(row, status)) {
    await deps.ended?.(row, status);
    return;
  }
  if (status !== "succeeded") await stopLanes(deps, row, status);
  const isPlaceGiven = await attempted(deps, row, () => leaveGate(deps, row));
  const isTold = await attempted(deps, row, () => tellEnd(deps, row));
  await tellCaller(deps, row);
  await deps.ended?.(row, status);
  if (!isPlaceGiven || !isTold) return;
  // What starts the error workflow forgets the execution when that is done.
  if (callsOnFailure(row, status)) await attempted(deps, row, () => launchOnFailure(deps, row));
  else await forget(row);
}

/**
 * Starts another run that this end makes way for or asks for, or tells whoever listens. Where that fails it is no failure
 * of this execution: who waits for its answer gets it, and the sweeper does the rest.
 */
async function attempted(deps: EndDeps, row: ExecutionRow, work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (thrown) {
    deps.log("what follows an end is left to the sweeper", { ...keyOf(row), cause: String(thrown) });
    return false;
  }
}

function keyOf({ spaceId, executionId }: ExecutionRow) {
  return { spaceId, executionId };
}

/** The last step came to the end: the execution succeeded. `carried` are records that nothing stored yet. */
export async function finishExecution(
  deps: EndDeps,
  row: ExecutionRow,
  finish: { output: Record<string, unknown>; variables: Record<string, unknown>; usage?: Usage },
  carried: readonly NodeRecord[],
): Promise<void> {
  await settle(deps, row, {
    status: "succeeded",
    output: finish.output,
    variables: finish.variables,
    ...metered({ ...finish.usage }),
    nodesDone: row.nodeTotal,
    ...(carried.length > 0 ? { trace: carried } : {}),
  });
}

/** A node failed: the other lanes are told by the epoch before anything else, then the execution is ended. */
export async function failExecution(deps: EndDeps, row: ExecutionRow, failure: NodeFailed): Promise<void> {
  const { record } = failure;
  await fail(deps, row, { ...failure.error, nodeId: record.nodeId, path: record.path });
}

/** Ends an open execution as failed, for a reason that is not a node's. */
export async function fail(deps: EndDeps, row: ExecutionRow, error: ExecutionError): Promise<boolean> {
  const { code, message, nodeId, path } = error;
  const plain: ExecutionError = { code, message, ...(nodeId ? { nodeId } : {}), ...(path ? { path } : {}) };
  const now = deps.clock.now();
  const change = { status: "failing" as const, epoch: row.epoch + 1, error: plain, sweepAtMs: now + START_INTERVAL_MS };
  const failing = await changeOpen(row, now, change);
  return failing !== null && (await settle(deps, failing, { status: "failed", error: plain })) !== null;
}

/** The deadline has passed. */
export function timeOut(deps: EndDeps, row: ExecutionRow): Promise<ExecutionRow | null> {
  const error = { code: "timeout", message: `the execution did not end by ${row.deadlineAt}` };
  return settle(deps, row, { status: "timed_out", error });
}

/** Lanes end by themselves at their next write; those that wait are stopped, and what they called is cancelled. */
async function stopLanes(deps: EndDeps, row: ExecutionRow, status: TerminalStatus): Promise<void> {
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
export async function tellCaller(deps: EndDeps, row: ExecutionRow): Promise<void> {
  if (!row.parent) return;
  const { error, status, usage } = row;
  const answer: Answer =
    status === "succeeded"
      ? { data: await outcomeOf(row), ...(usage ? { usage } : {}) }
      : { error: { code: error?.code ?? status, message: error?.message ?? status, ...(usage ? { usage } : {}) } };
  await answerEvent(
    deps,
    { spaceId: row.spaceId, executionId: row.parent.executionId },
    row.parent.eventId,
    answer,
    "system",
  );
}
