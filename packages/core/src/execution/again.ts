import { read, tryWrite } from "@weft/db/write";
import type { NodeRecord } from "@weft/engine/record";
import type { AdmittedRun } from "./admission.ts";
import type { ExecutionDeps } from "./deps.ts";
import { ExecutionEventEntity, NodeExecutionEntity, type RecordHead } from "./execution.entity.ts";
import { queryAll } from "./journal.ts";
import { setupOf } from "./part.ts";
import { keepRecords, resumeLanes } from "./recover.ts";
import { type ExecutionRow, findExecution, isTerminal } from "./store.ts";
import { loadValue } from "./values.ts";

/**
 * Opens an execution again that ended without success, in a new epoch, and goes on where it ended: what succeeded is kept.
 * `open` gives it its epoch, and says whether it is to start now. Null where it was changed meanwhile.
 */
export async function openAgain(
  deps: ExecutionDeps,
  row: ExecutionRow,
  open: () => Promise<AdmittedRun | null>,
): Promise<ExecutionRow | null> {
  if (row.trace) {
    const { plan } = await setupOf(deps, row);
    await keepRecords(deps, row, plan, (await loadValue(row, row.trace)) as NodeRecord[]);
  }
  await dropEndedCalls(row);
  const opened = await open();
  if (opened?.isToStart) await resumeLanes(deps, opened.row);
  return opened?.row ?? null;
}

/** Calls that ended with the execution are no answer to it: their nodes run again, and the calls go on. */
async function dropEndedCalls({ spaceId, executionId }: ExecutionRow): Promise<void> {
  const key = { spaceId, executionId };
  const waiting = await queryAll((cursor) =>
    NodeExecutionEntity.query
      .primary({ ...key, depth: "0" })
      .where((attr, op) => op.eq(attr.status, "waiting"))
      .go({ cursor, consistent: true }),
  );
  for (const { depth, path, head, eventId } of waiting) {
    if (eventId === undefined) continue;
    const { data: event } = await read(() => ExecutionEventEntity.get({ ...key, eventId }).go({ consistent: true }));
    if (event?.childExecutionId === undefined) continue;
    const child = await findExecution({ spaceId, executionId: event.childExecutionId });
    if (!child || !isTerminal(child.status) || child.status === "succeeded") continue;
    const failed: RecordHead = { ...(head as RecordHead), status: "failed" };
    await tryWrite(() =>
      NodeExecutionEntity.patch({ ...key, depth, path })
        .set({ status: "failed", head: failed })
        .where((attr, op) => `${op.eq(attr.status, "waiting")} AND ${op.eq(attr.eventId, eventId)}`)
        .go(),
    );
  }
}
