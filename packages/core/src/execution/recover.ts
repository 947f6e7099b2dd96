import type { Plan } from "@weft/engine/plan";
import type { NodeRecord } from "@weft/engine/record";
import { replayPlan } from "@weft/engine/run/plan";
import { frontier } from "@weft/engine/run/step";
import type { ExecutionDeps } from "./deps.ts";
import { seedEdges } from "./edges.ts";
import { TableJournal } from "./journal.ts";
import { startLanes } from "./lane.ts";
import { setupOf } from "./part.ts";
import { runIo } from "./run-io.ts";
import type { ExecutionRow } from "./store.ts";

/**
 * Starts lanes where an execution has to go on, from what is stored and nothing else: after a handover, a crash or a
 * retry. Lane names are fixed by the epoch, so that a repeat starts nothing twice.
 */
export async function resumeLanes(deps: ExecutionDeps, row: ExecutionRow): Promise<void> {
  const journal = new TableJournal(row, row.epoch, () => deps.clock.now());
  const [setup] = await Promise.all([setupOf(deps, row), journal.load()]);
  const { io, watch } = runIo(deps, row, journal, setup, { childExecutions: true });
  watch.stop();
  const { plan } = setup;
  const { scope } = await replayPlan(plan, setup.input, io);
  const { positions, partial } = frontier(plan, scope);
  for (const { segmentId, edges } of partial) await seedEdges(row, segmentId, edges);
  await startLanes(deps, row, positions);
}

/** Records that are stored side by side. */
const KEPT_AT_ONCE = 20;

/** Stores what a process did alone, or what another execution did, as the rows that lanes go on from. */
export async function keepRecords(
  deps: Pick<ExecutionDeps, "clock">,
  row: Pick<ExecutionRow, "spaceId" | "executionId" | "epoch">,
  plan: Plan,
  records: readonly NodeRecord[],
): Promise<void> {
  const journal = new TableJournal(row, row.epoch, () => deps.clock.now());
  await journal.load();
  const effects = new Set(plan.root.nodes.filter((node) => node.effectful).map((node) => node.id));
  const isKept = (record: NodeRecord) => record.path.includes("/") || effects.has(record.nodeId);
  const around = records.filter((record) => !isKept(record));
  const kept = records.filter((record) => isKept(record) && record.status !== "failed");
  const carrier = kept.find(({ status }) => status !== "waiting");
  const others = kept.filter((record) => record !== carrier);
  const [first, ...rest] = carrier ? [carrier, ...around] : around;
  if (first) await journal.putAll([first, ...rest]);
  for (let at = 0; at < others.length; at += KEPT_AT_ONCE) {
    await Promise.all(others.slice(at, at + KEPT_AT_ONCE).map((record) => journal.put(record)));
  }
}
