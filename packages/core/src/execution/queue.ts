import { expiresIn } from "@weft/db/base";
import { read, tryTransact, tryWrite, tx, type WriteOp } from "@weft/db/write";
import { isoTime } from "@weft/kernel/clock";
import type { EntityItem } from "electrodb";
import { MAX_CONCURRENT_RUNS, MAX_PRIORITY } from "../workflow/run-policy.limits.ts";
import type { EndDeps } from "./deps.ts";
import { launch } from "./launch.ts";
import { type Gate, leaseOp, readLeases, releaseLease } from "./lease.ts";
import { RunWaitingEntity } from "./limit.entity.ts";
import { settle } from "./settle.ts";
import { admitOp, CHECK_INTERVAL_MS, changeOpen, type ExecutionRow, findExecution, type Place } from "./store.ts";

export type WaitingRow = EntityItem<typeof RunWaitingEntity>;

/** Rows of those who wait go by themselves some time after their execution has. */
const KEEP_MS = 86_400_000;
/** Waiting runs that one ended run starts, or finds ended or expired; the sweeper comes to the rest. */
const MAX_LOOKS = 50;

/** Where a run of this priority that comes now stands in the line. */
export function lineOf(priority: number, now: number): { rank: string; since: string } {
  const digits = String(2 * MAX_PRIORITY).length;
  return { rank: String(MAX_PRIORITY - priority).padStart(digits, "0"), since: isoTime(now) };
}

/** Joins the line of a gate. */
export function waitOp(
  gate: Gate,
  line: { rank: string; since: string },
  executionId: string,
  queuedUntilMs: number,
  now: number,
): WriteOp {
  return tx(RunWaitingEntity)
    .put({ ...gate, ...line, executionId, expiresAt: expiresIn(queuedUntilMs + KEEP_MS - now, now) })
    .commit();
}

/** Whether anybody waits at this gate. */
export async function isAnyoneWaiting(gate: Gate): Promise<boolean> {
  return (await firstWaiting(gate)) !== undefined;
}

async function firstWaiting(gate: Gate): Promise<WaitingRow | undefined> {
  const { data } = await read(() => RunWaitingEntity.query.primary(gate).go({ limit: 1, consistent: true }));
  return data[0];
}

/** How many wait at this gate; counts no further than `most`. */
export async function countWaiting(gate: Gate, most: number): Promise<number> {
  let count = 0;
  let cursor: string | null = null;
  do {
    const page: { data: unknown[]; cursor: string | null } = await read(() =>
      RunWaitingEntity.query.primary(gate).go({ cursor, limit: most - count }),
    );
    count += page.data.length;
    cursor = page.cursor;
  } while (cursor !== null && count < most);
  return count;
}

async function leaveLine(row: Omit<WaitingRow, "expiresAt">): Promise<void> {
  const { spaceId, workflowId, gate, rank, since, executionId } = row;
  await tryWrite(() => RunWaitingEntity.delete({ spaceId, workflowId, gate, rank, since, executionId }).go());
}

/** Gives up the place of an execution that ended, and starts who comes next. Does no harm when it is repeated. */
export async function leaveGate(deps: EndDeps, row: ExecutionRow): Promise<void> {
  const { admission, spaceId, workflowId, executionId } = row;
  if (!admission) return;
  const gate = { spaceId, workflowId, gate: admission.gate };
  if (!("slot" in admission)) {
    await leaveLine({ ...gate, rank: admission.rank, since: admission.since, executionId });
    return;
  }
  await releaseLease(gate, admission.slot, { executionId, epoch: admission.epoch });
  await startNext(deps, gate);
}

/**
 * Starts those who wait at a gate, the highest priority and the longest wait first, while places are free. Whoever comes
 * to it first admits a run, in one write with its lease; what dies after that is started by the sweeper.
 */
export async function startNext(deps: EndDeps, gate: Gate): Promise<void> {
  for (let looks = 0; looks < MAX_LOOKS; looks += 1) {
    const first = await firstWaiting(gate);
    if (!first) return;
    const row = await findExecution(first);
    const now = deps.clock.now();
    if (row?.status !== "queued" || row.queuedUntil === undefined || !isPlace(row, first)) {
      await leaveLine(first);
      continue;
    }
    if (now >= Date.parse(row.queuedUntil)) {
      await expire(deps, row);
      continue;
    }
    const { free } = await readLeases(gate, await maxOf(deps, gate), now);
    const slot = free[Math.floor(Math.random() * free.length)];
    if (slot === undefined) return;
    // Where it is null somebody else was first, to the place or to the run.
    const admitted = await admitWaiting(gate, slot, first, row, now);
    if (admitted) await launch(deps, admitted);
  }
}

function isPlace(row: ExecutionRow, waiting: WaitingRow): boolean {
  const { admission } = row;
  return admission !== undefined && "rank" in admission && admission.since === waiting.since;
}

/** As many as the workflow allows now; where it has no limit any more, whoever waits goes on. */
async function maxOf(deps: EndDeps, { spaceId, workflowId }: Gate): Promise<number> {
  const limits = await deps.limits({ spaceId, workflowId });
  return limits.concurrency?.max ?? MAX_CONCURRENT_RUNS;
}

async function admitWaiting(
  gate: Gate,
  slot: string,
  waiting: WaitingRow,
  row: ExecutionRow,
  now: number,
): Promise<ExecutionRow | null> {
  const { executionId, epoch } = row;
  const deadlineMs = now + row.allowedMs;
  const at: Place = { admission: { gate: gate.gate, slot, epoch }, deadlineMs };
  const refused = await tryTransact([
    admitOp(row, now, at),
    leaseOp(gate, slot, { executionId, epoch }, deadlineMs, now),
    tx(RunWaitingEntity)
      .delete({ ...gate, rank: waiting.rank, since: waiting.since, executionId })
      .commit(),
  ]);
  return refused ? null : { ...row, admission: at.admission, deadlineAt: isoTime(deadlineMs) };
}

function expire(deps: EndDeps, row: ExecutionRow): Promise<ExecutionRow | null> {
  const message = `no place became free for the run by ${row.queuedUntil}`;
  return settle(deps, row, { status: "timed_out", error: { code: "queue_expired", message } });
}

/** The sweeper's look at an execution that waits: it may have waited for too long, or nobody told it of a free place. */
export async function sweepWaiting(deps: EndDeps, row: ExecutionRow, now: number): Promise<string> {
  const until = Date.parse(row.queuedUntil ?? row.deadlineAt);
  if (now >= until) {
    await expire(deps, row);
    return "waited for too long";
  }
  // First: who is admitted below is to be looked at sooner.
  const waits = await changeOpen(row, now, { sweepAtMs: Math.min(now + CHECK_INTERVAL_MS, until) });
  if (waits)
    await startNext(deps, { spaceId: row.spaceId, workflowId: row.workflowId, gate: row.admission?.gate ?? "" });
  return "waits in the line";
}
