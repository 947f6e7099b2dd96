import { APPROVAL_EVENT } from "@weft/engine/record";
import { RunStopped } from "@weft/engine/run/io";
import type { ExecutionDeps } from "./deps.ts";
import type { TableJournal } from "./journal.ts";
import { changeOpen, type ExecutionRow } from "./store.ts";

/**
 * Tells who looks after approvals what the nodes at these paths ask. The execution notes first that it asks people, so
 * that its end is followed up. Repeated with the step; throws RunStopped where the execution was closed.
 */
export async function askPeople(
  deps: ExecutionDeps,
  row: ExecutionRow,
  journal: TableJournal,
  paths: readonly string[],
): Promise<void> {
  const events = paths.map((path) => journal.eventOf(path)).filter((event) => event !== undefined);
  const asked = events.filter(({ type, status }) => type === APPROVAL_EVENT && status === "pending");
  if (asked.length === 0) return;
  if (!row.hasApprovals && !(await changeOpen(row, deps.clock.now(), { hasApprovals: true }))) {
    throw new RunStopped("the execution was closed");
  }
  for (const event of asked) await deps.asked?.(row, event);
}
