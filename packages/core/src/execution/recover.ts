import type { Plan } from "@weft/engine/plan";
import type { NodeRecord } from "@weft/engine/record";
import { replayPlan } from "@weft/engine/run/plan";
import { frontier } from "@weft/engine/run/step";
import { isoTime } from "@weft/kernel/clock";
import type { ExecutionDeps } from "./deps.ts";
import { seedEdges } from "./edges.ts";
import { wakeAnswered } from "./events.ts";
import { ExecutionEntity } from "./execution.entity.ts";
import { TableJournal } from "./journal.ts";
import { startLanes } from "./lane.ts";
import { setupOf } from "./part.ts";
import { sweepWaiting } from "./queue.ts";
import { runIo } from "./run-io.ts";
import { fail, followUp, settle, timeOut } from "./settle.ts";
import {
  CHECK_INTERVAL_MS,
  changeOpen,
  type ExecutionRow,
  isTerminal,
  PROCESS_LIMIT_MS,
  START_INTERVAL_MS,
} from "./store.ts";

/** The sweeper takes an execution over this often before it gives it up. */
const MAX_RECOVERIES = 5;
/** Executions that one sweep looks at in one shard; the next sweep goes on. */
const SWEEP_BATCH = 200;

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

/** The sweeper's look at one execution that is due. Returns what it did. */
export async function sweepOne(deps: ExecutionDeps, row: ExecutionRow): Promise<string> {
  const now = deps.clock.now();
  if (isTerminal(row.status)) {
    await followUp(deps, row, row.status);
    return "finished its end";
  }
  if (row.status === "failing") {
    const error = row.error ?? { code: "internal", message: "the execution failed" };
    await settle(deps, row, { status: "failed", error });
    return "failed";
  }
  if (row.queuedUntil !== undefined) return sweepWaiting(deps, row, now);
  if (row.mode !== "async") return lostProcess(deps, row, now);
  if (now >= Date.parse(row.deadlineAt)) {
    await timeOut(deps, row);
    return "timed out";
  }
  if (row.status === "queued" || row.status === "handing_over") return startAgain(deps, row, now);
  return checkLanes(deps, row, now);
}

/** A process that runs a workflow alone ends it or hands it over in time; what is still open then is never run again. */
async function lostProcess(deps: ExecutionDeps, row: ExecutionRow, now: number): Promise<string> {
  const due = Math.min(Date.parse(row.createdAt) + PROCESS_LIMIT_MS, Date.parse(row.deadlineAt));
  if (now < due) {
    await changeOpen(row, now, { sweepAtMs: due });
    return "waits for its process";
  }
  const message = "the process that ran the workflow ended before the workflow did";
  await fail(deps, row, { code: "interrupted", message });
  return "interrupted";
}

/** In an epoch of its own: whoever was to start it and is only slow must not meet what is seeded here. */
async function startAgain(deps: ExecutionDeps, row: ExecutionRow, now: number): Promise<string> {
  const due = Math.min(now + START_INTERVAL_MS, Date.parse(row.deadlineAt));
  const current = await changeOpen(row, now, { epoch: row.epoch + 1, sweepAtMs: due });
  if (!current) return "changed meanwhile";
  await resumeLanes(deps, current);
  return "started";
}

async function checkLanes(deps: ExecutionDeps, row: ExecutionRow, now: number): Promise<string> {
  const lanes = [...(row.lanes ?? [])].filter((name) => name.includes(`-${row.epoch}-`));
  for (const name of lanes) {
    if (!(await deps.machine.isRunning(name))) continue;
    await wakeAnswered(deps, row);
    await changeOpen(row, now, { sweepAtMs: Math.min(now + CHECK_INTERVAL_MS, Date.parse(row.deadlineAt)) });
    return "runs";
  }
  const recoveries = (row.recoveries ?? 0) + 1;
  if (recoveries > MAX_RECOVERIES) {
    await fail(deps, row, { code: "internal", message: "the execution's lanes ended again and again" });
    return "given up";
  }
  const taken = await changeOpen(row, now, {
    epoch: row.epoch + 1,
    recoveries,
    sweepAtMs: Math.min(now + START_INTERVAL_MS, Date.parse(row.deadlineAt)),
  });
  if (!taken) return "changed meanwhile";
  await resumeLanes(deps, taken);
  return "taken over";
}

/** Looks at every open execution that is due; one that cannot be dealt with does not keep the others. */
export async function sweep(deps: ExecutionDeps, shards: number): Promise<{ looked: number; failed: number }> {
  const now = isoTime(deps.clock.now());
  let looked = 0;
  let failed = 0;
  for (let shard = 0; shard < shards; shard += 1) {
    const { data } = await ExecutionEntity.query
      .due({ sweepShard: String(shard) })
      .lte({ sweepAt: `${now}~` })
      .go({ limit: SWEEP_BATCH, order: "asc" });
    for (const row of data) {
      looked += 1;
      try {
        const done = await sweepOne(deps, row);
        deps.log("swept an execution", { executionId: row.executionId, status: row.status, done });
      } catch (cause) {
        failed += 1;
        deps.log("could not sweep an execution", { executionId: row.executionId, cause: String(cause) });
      }
    }
  }
  return { looked, failed };
}
