import { createHash } from "node:crypto";
import { created, expiresIn } from "@weft/db/base";
import { read, tryWrite } from "@weft/db/write";
import { type ExecutionStatus, isOpen, isTerminal, type RunMode, type TerminalStatus } from "@weft/engine/status";
import { isoTime } from "@weft/kernel/clock";
import type { Ctx } from "@weft/kernel/ctx";
import { notFound } from "@weft/kernel/errors";
import type { EntityItem } from "electrodb";
import {
  ExecutionEntity,
  type ExecutionError,
  type ExecutionTrigger,
  type Material,
  NEVER,
  type Outcome,
  SWEEP_SHARDS,
} from "./execution.entity.ts";
import type { ExecutionKey } from "./journal.ts";
import { loadValue, storeValue } from "./values.ts";

export type ExecutionRow = EntityItem<typeof ExecutionEntity>;

/** Rows of finished executions are kept this long. */
export const RETENTION_DAYS = 90;
const DAY_MS = 86_400_000;
/** A run without news is looked at after this long: its lanes may be gone. */
export const CHECK_INTERVAL_MS = 15 * 60_000;
/** What was to be started and was not is started again after this long. */
export const START_INTERVAL_MS = 60_000;

/** A sync or stream run is over or handed over by then; one that is not has lost its process. */
export const PROCESS_LIMIT_MS = 300_000;

export interface NewExecution {
  executionId: string;
  workflowId: string;
  version?: string;
  commitId?: string;
  mode: RunMode;
  trigger: ExecutionTrigger;
  input: Record<string, unknown>;
  variables?: Record<string, unknown>;
  system?: Record<string, string>;
  deadlineMs: number;
  sliceMs: number;
  nodeTotal: number;
  depth: number;
  parent?: { executionId: string; eventId: string };
}

/** Creates the row. Returns null where an execution of this id exists already. */
export async function createExecution(ctx: Ctx, spaceId: string, given: NewExecution): Promise<ExecutionRow | null> {
  const now = ctx.clock.now();
  const place = { spaceId, executionId: given.executionId };
  const isAsync = given.mode === "async";
  const row = {
    spaceId,
    executionId: given.executionId,
    workflowId: given.workflowId,
    ...(given.version === undefined ? {} : { version: given.version }),
    ...(given.commitId === undefined ? {} : { commitId: given.commitId }),
    status: (isAsync ? "queued" : "running") as ExecutionStatus,
    mode: given.mode,
    trigger: given.trigger,
    epoch: 1,
    material: await storeValue(place, { input: given.input, variables: given.variables ?? {} } satisfies Material),
    ...(given.system ? { system: given.system } : {}),
    nodeTotal: given.nodeTotal,
    sliceMs: given.sliceMs,
    ...(isAsync ? {} : { startedAt: isoTime(now) }),
    deadlineAt: isoTime(given.deadlineMs),
    sweepShard: shardOf(given.executionId),
    sweepAt: isoTime(Math.min(now + (isAsync ? START_INTERVAL_MS : PROCESS_LIMIT_MS), given.deadlineMs)),
    depth: given.depth,
    ...(given.parent ? { parent: given.parent } : {}),
    ...created(ctx),
  };
  const written = await tryWrite(() => ExecutionEntity.create(row).go());
  return written ? written.data : null;
}

function shardOf(executionId: string): string {
  const first = createHash("sha256").update(executionId).digest()[0] ?? 0;
  return String(first % SWEEP_SHARDS);
}

/** One execution, read consistently; undefined where there is none. */
export async function findExecution(key: ExecutionKey): Promise<ExecutionRow | undefined> {
  const { spaceId, executionId } = key;
  const { data } = await read(() => ExecutionEntity.get({ spaceId, executionId }).go({ consistent: true }));
  return data ?? undefined;
}

/** One execution. Throws `not_found`. */
export async function getExecution(key: ExecutionKey): Promise<ExecutionRow> {
  const row = await findExecution(key);
  if (!row) throw notFound("execution", key.executionId);
  return row;
}

export interface ExecutionChange {
  status?: ExecutionStatus;
  startedAt?: string;
  error?: ExecutionError;
  epoch?: number;
  sweepAtMs?: number;
  recoveries?: number;
  mode?: RunMode;
}

/**
 * Changes an execution that is open and of the given epoch. Returns the row as it is then, or null where it was closed
 * or taken over.
 */
export async function changeOpen(
  row: ExecutionRow,
  now: number,
  change: ExecutionChange,
): Promise<ExecutionRow | null> {
  const { sweepAtMs, ...rest } = change;
  const sweep = sweepAtMs === undefined ? {} : sweepKeys(row, isoTime(sweepAtMs));
  const chain = () => {
    const patch = ExecutionEntity.patch({ spaceId: row.spaceId, executionId: row.executionId })
      .set({ ...rest, ...sweep, updatedAt: isoTime(now) })
      .add({ revision: 1 });
    return patch
      .where((attr, op) => `${op.eq(attr.epoch, row.epoch)} AND ${openCondition(attr.status, op)}`)
      .go({ response: "all_new" });
  };
  const written = await tryWrite(chain);
  return written ? (written.data as ExecutionRow) : null;
}

/** Names of lanes that are about to be started, on an open execution of this epoch. False where it was taken over. */
export async function addLanes(row: ExecutionRow, names: readonly string[]): Promise<boolean> {
  const written = await tryWrite(() =>
    ExecutionEntity.patch({ spaceId: row.spaceId, executionId: row.executionId })
      .add({ lanes: [...names] })
      .where((attr, op) => `${op.eq(attr.epoch, row.epoch)} AND ${openCondition(attr.status, op)}`)
      .go(),
  );
  return written !== null;
}

export interface Result {
  status: TerminalStatus;
  output?: Record<string, unknown>;
  variables?: Record<string, unknown>;
  trace?: unknown;
  error?: ExecutionError;
  usage?: Record<string, number>;
  nodesDone?: number;
}

/** Whether something has to follow the end of an execution: a caller to tell, lanes and calls of its own to stop. */
export function hasFollowUp(row: ExecutionRow, status: TerminalStatus): boolean {
  return row.parent !== undefined || (status !== "succeeded" && row.mode === "async");
}

/**
 * Closes an execution, once: the first caller wins and the rest get null. One whose end has consequences stays on the
 * sweeper's list until {@link forget}.
 */
export async function closeExecution(row: ExecutionRow, now: number, result: Result): Promise<ExecutionRow | null> {
  const { output, variables, trace, ...rest } = result;
  const outcome: Outcome | undefined = output && { output, variables: variables ?? {} };
  const values = {
    ...(outcome ? { outcome: await storeValue(row, outcome) } : {}),
    ...(trace ? { trace: await storeValue(row, trace) } : {}),
  };
  const sweepAt = hasFollowUp(row, result.status) ? isoTime(now + START_INTERVAL_MS) : NEVER;
  const written = await tryWrite(() =>
    ExecutionEntity.patch({ spaceId: row.spaceId, executionId: row.executionId })
      .set({
        ...rest,
        ...values,
        ...sweepKeys(row, sweepAt),
        epoch: row.epoch + 1,
        endedAt: isoTime(now),
        updatedAt: isoTime(now),
        expiresAt: expiresIn(RETENTION_DAYS * DAY_MS, now),
      })
      .add({ revision: 1 })
      .where((attr, op) => `${op.eq(attr.epoch, row.epoch)} AND ${notTerminal(attr.status, op)}`)
      .go({ response: "all_new" }),
  );
  return written ? (written.data as ExecutionRow) : null;
}

/** Adds what a run in one process had done to an execution that somebody else ended. */
export async function addTrace(row: ExecutionRow, trace: unknown): Promise<void> {
  if (!isTerminal(row.status) || row.trace !== undefined) return;
  const stored = await storeValue(row, trace);
  await tryWrite(() =>
    ExecutionEntity.patch({ spaceId: row.spaceId, executionId: row.executionId })
      .set({ trace: stored })
      .where((attr, op) => `${op.eq(attr.epoch, row.epoch)} AND ${op.notExists(attr.trace)}`)
      .go(),
  );
}

/** Takes a closed execution off the sweeper's list, unless it was opened again meanwhile. */
export async function forget(row: ExecutionRow): Promise<void> {
  await tryWrite(() =>
    ExecutionEntity.patch({ spaceId: row.spaceId, executionId: row.executionId })
      .set(sweepKeys(row, NEVER))
      .where((attr, op) => op.eq(attr.epoch, row.epoch))
      .go(),
  );
}

/** ElectroDB rebuilds an index only when it is given every part of its keys. */
function sweepKeys(row: ExecutionRow, sweepAt: string) {
  return { sweepShard: row.sweepShard, sweepAt };
}

interface Ops {
  eq(attribute: unknown, value: unknown): string;
}

const ALL_OPEN: ExecutionStatus[] = ["queued", "running", "waiting", "handing_over"];

function openCondition(status: unknown, op: Ops): string {
  return `(${ALL_OPEN.map((value) => op.eq(status, value)).join(" OR ")})`;
}

function notTerminal(status: unknown, op: Ops): string {
  return `(${[...ALL_OPEN, "failing" as const].map((value) => op.eq(status, value)).join(" OR ")})`;
}

/** Whether this worker may still act for the execution. */
export function isOurs(row: ExecutionRow | undefined, epoch: number): row is ExecutionRow {
  return row !== undefined && row.epoch === epoch && isOpen(row.status);
}

export { isTerminal };

/** What a run was started with. */
export async function materialOf(row: ExecutionRow): Promise<Material> {
  return (await loadValue(row, row.material)) as Material;
}

/** What came of a run; undefined while it is open and where it did not succeed. */
export async function outcomeOf(row: ExecutionRow): Promise<Outcome | undefined> {
  return row.outcome ? ((await loadValue(row, row.outcome)) as Outcome) : undefined;
}

/** Opens an ended execution again in a new epoch. Null where it was changed meanwhile. */
export async function reopen(
  row: ExecutionRow,
  now: number,
  deadlineAt: string,
  checkMs: number,
): Promise<ExecutionRow | null> {
  const sweepAt = isoTime(Math.min(now + checkMs, Date.parse(deadlineAt)));
  const written = await tryWrite(() =>
    ExecutionEntity.patch({ spaceId: row.spaceId, executionId: row.executionId })
      .set({
        status: "running",
        mode: "async",
        epoch: row.epoch + 1,
        deadlineAt,
        updatedAt: isoTime(now),
        ...sweepKeys(row, sweepAt),
      })
      .add({ revision: 1 })
      .remove(["endedAt", "error", "outcome", "trace", "nodesDone", "expiresAt", "recoveries"])
      .where((attr, op) => `${op.eq(attr.epoch, row.epoch)} AND ${op.eq(attr.status, row.status)}`)
      .go({ response: "all_new" }),
  );
  return written ? (written.data as ExecutionRow) : null;
}
