import type { Plan } from "@weft/engine/plan";
import { MemoryJournal, metered, type NodeRecord, totalUsage } from "@weft/engine/record";
import { NodeFailed, RunStopped } from "@weft/engine/run/io";
import { runPlan } from "@weft/engine/run/plan";
import type { ExecutionDeps } from "./deps.ts";
import { TableJournal } from "./journal.ts";
import type { Setup } from "./part.ts";
import { keepRecords, resumeLanes } from "./recover.ts";
import { runIo } from "./run-io.ts";
import { settle, timeOut } from "./settle.ts";
import { addTrace, changeOpen, type ExecutionRow, getExecution, type Result, START_INTERVAL_MS } from "./store.ts";

/** A sync or stream run answers within this time, or is handed over (architecture §3). */
export const SYNC_LIMIT_MS = 240_000;

/**
 * Drives an execution in this process: its row is there already, its trace is written once, at the end. Where it meets a
 * wait, a question or its time limit it is handed over to the state machine and goes on there. Returns the execution as
 * it is then: closed, or `handing_over` or later.
 */
export async function runHere(
  deps: ExecutionDeps,
  row: ExecutionRow,
  setup: Setup,
): Promise<{ row: ExecutionRow; result?: Result }> {
  const { plan } = setup;
  const journal = new MemoryJournal();
  const trace: NodeRecord[] = [];
  const startedAt = deps.clock.now();
  const { io, watch } = runIo(deps, row, journal, setup, {
    childExecutions: false,
    onRecord: (record) => trace.push(record),
  });
  const timeIsUp = (ms: number): boolean => deps.clock.now() - startedAt + ms > SYNC_LIMIT_MS || io.mustYield(ms);
  try {
    const outcome = await runPlan(plan, setup.input, { ...io, mustYield: timeIsUp });
    if (outcome.status === "blocked") return { row: await handOver(deps, row, plan, journal, trace) };
    const { output, variables } = outcome;
    return await close(deps, row, {
      status: "succeeded",
      output,
      variables,
      trace,
      nodesDone: row.nodeTotal,
      ...metered(totalUsage(trace)),
    });
  } catch (thrown) {
    if (thrown instanceof RunStopped) return { row: await stopped(deps, row, trace) };
    if (!(thrown instanceof NodeFailed)) throw thrown;
    const { record, error } = thrown;
    const data = { code: error.code, message: error.message, nodeId: record.nodeId, path: record.path };
    const whole = [...trace, record];
    return await close(deps, row, { status: "failed", error: data, trace: whole, ...metered(totalUsage(whole)) });
  } finally {
    watch.stop();
  }
}

/** Somebody ended the execution, or its deadline has passed. What was done is kept beside how it ended. */
async function stopped(deps: ExecutionDeps, row: ExecutionRow, trace: readonly NodeRecord[]): Promise<ExecutionRow> {
  const closed = deps.clock.now() >= Date.parse(row.deadlineAt) ? await timeOut(deps, row) : null;
  return traced(closed ?? (await getExecution(row)), trace);
}

/** An execution that somebody else ended, with what was done here. */
async function traced(ended: ExecutionRow, trace: readonly NodeRecord[]): Promise<ExecutionRow> {
  await addTrace(ended, trace);
  return ended;
}

async function close(
  deps: ExecutionDeps,
  row: ExecutionRow,
  result: Result & { trace: readonly NodeRecord[] },
): Promise<{ row: ExecutionRow; result?: Result }> {
  const closed = await settle(deps, row, result);
  if (!closed) return { row: await traced(await getExecution(row), result.trace) };
  return { row: closed, result };
}

/**
 * Everything that was done is stored first. Only then the execution is marked: a process that dies before leaves a run
 * that is interrupted, one that dies after leaves a run that the sweeper starts.
 */
async function handOver(
  deps: ExecutionDeps,
  row: ExecutionRow,
  plan: Plan,
  journal: MemoryJournal,
  trace: readonly NodeRecord[],
): Promise<ExecutionRow> {
  const latest = new Map<string, NodeRecord>();
  for (const record of [...trace, ...journal.records.values()]) latest.set(record.path, record);
  await keepRecords(deps, row, plan, [...latest.values()]);
  const table = new TableJournal(row, row.epoch, () => deps.clock.now());
  for (const [path, state] of journal.cursors) await table.saveCursor(path, state);
  const now = deps.clock.now();
  const sweepAtMs = Math.min(now + START_INTERVAL_MS, Date.parse(row.deadlineAt));
  const marked = await changeOpen(row, now, { status: "handing_over", mode: "async", sweepAtMs });
  if (!marked) return getExecution(row);
  await resumeLanes(deps, marked);
  return marked;
}
