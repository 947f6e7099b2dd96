import { createHash } from "node:crypto";
import { created, expiresIn } from "@weft/db/base";
import { read, tryWrite, tx, type WriteOp } from "@weft/db/write";
import { metered, type NodeRecord, totalUsage } from "@weft/engine/record";
import { type ExecutionStatus, isOpen, isTerminal, type RunMode, type TerminalStatus } from "@weft/engine/status";
import { isoTime } from "@weft/kernel/clock";
import type { Ctx } from "@weft/kernel/ctx";
import { notFound } from "@weft/kernel/errors";
import type { EntityItem } from "electrodb";
import type { StoredPin } from "../workflow/workflow.pins.schema.ts";
import {
  type Admission,
  ExecutionEntity,
  type ExecutionError,
  type ExecutionTrigger,
  type Material,
  NEVER,
  NOBODY,
  type OnFailure,
  type Outcome,
  type ReplaySource,
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
  priority?: number;
  onFailure?: OnFailure;
  /** The execution that started this one, where it does not wait for it. */
  parentId?: string;
  pins?: Record<string, StoredPin>;
  part?: Part;
  replayOf?: ReplaySource;
}

/** What of its workflow an execution runs: one node alone, or everything up to one. Absent: the whole. */
export interface Part {
  nodeId?: string;
  untilNodeId?: string;
}

/** Where an execution stands at its gate, and what follows from it. */
export interface Place {
  admission: Admission;
  deadlineMs: number;
  /** Set while it waits. */
  queuedUntilMs?: number;
}

/** The row of a new execution. What is large of it is stored when this returns. */
export async function executionRow(ctx: Ctx, spaceId: string, given: NewExecution) {
  const now = ctx.clock.now();
  const place = { spaceId, executionId: given.executionId };
  const isAsync = given.mode === "async";
  return {
    spaceId,
    executionId: given.executionId,
    workflowId: given.workflowId,
    ...(given.version === undefined ? {} : { version: given.version }),
    ...(given.commitId === undefined ? {} : { commitId: given.commitId }),
    status: (isAsync ? "queued" : "running") as ExecutionStatus,
    mode: given.mode,
    trigger: given.trigger,
    epoch: 1,
    material: await storeValue(place, materialFrom(given)),
    ...(given.system ? { system: given.system } : {}),
    nodeTotal: given.nodeTotal,
    sliceMs: given.sliceMs,
    ...(isAsync ? {} : { startedAt: isoTime(now) }),
    deadlineAt: isoTime(given.deadlineMs),
    allowedMs: given.deadlineMs - now,
    sweepShard: shardOf(given.executionId),
    sweepAt: isoTime(Math.min(now + (isAsync ? START_INTERVAL_MS : PROCESS_LIMIT_MS), given.deadlineMs)),
    depth: given.depth,
    ...(given.parent ? { parent: given.parent } : {}),
    ...(given.priority ? { priority: given.priority } : {}),
    ...(given.onFailure ? { onFailure: given.onFailure } : {}),
    parentId: given.parent?.executionId ?? given.parentId ?? NOBODY,
    ...given.part,
    ...(given.part || given.pins ? { isDebug: true } : {}),
    ...(given.replayOf ? { replayOf: given.replayOf } : {}),
    ...created(ctx),
  };
}

export type FreshRow = Awaited<ReturnType<typeof executionRow>>;

/** A new execution at its place: one that has to wait is driven by the machine later, whatever its mode. */
export function placedRow(row: FreshRow, now: number, { admission, deadlineMs, queuedUntilMs }: Place): ExecutionRow {
  const placed = { ...row, admission, deadlineAt: isoTime(deadlineMs) };
  if (queuedUntilMs === undefined) return placed;
  const { startedAt: _later, ...rest } = placed as ExecutionRow;
  const sweepAt = isoTime(Math.min(now + START_INTERVAL_MS, queuedUntilMs));
  return { ...rest, status: "queued", mode: "async", queuedUntil: isoTime(queuedUntilMs), sweepAt };
}

/** Creates the row in a transaction; refused where an execution of this id exists already. */
export function createOp(row: ExecutionRow): WriteOp {
  return tx(ExecutionEntity).create(row).commit();
}

/** Creates the row. Returns null where an execution of this id exists already. */
export async function createExecution(ctx: Ctx, spaceId: string, given: NewExecution): Promise<ExecutionRow | null> {
  const row = await executionRow(ctx, spaceId, given);
  const written = await tryWrite(() => ExecutionEntity.create(row).go());
  return written ? written.data : null;
}

/** Notes a run that was never begun because its workflow's limit was reached. Null where the execution exists. */
export async function createSkipped(ctx: Ctx, spaceId: string, given: NewExecution): Promise<ExecutionRow | null> {
  const now = ctx.clock.now();
  const { startedAt: _never, ...row } = (await executionRow(ctx, spaceId, given)) as ExecutionRow;
  const error = { code: "skipped", message: "as many runs as the workflow allows were under way" };
  const end = { status: "cancelled" as const, error, endedAt: isoTime(now), nodesDone: 0, sweepAt: NEVER };
  const expiresAt = expiresIn(RETENTION_DAYS * DAY_MS, now);
  const written = await tryWrite(() => ExecutionEntity.create({ ...row, ...end, expiresAt }).go());
  return written ? written.data : null;
}

function materialFrom({ input, variables = {}, pins }: NewExecution): Material {
  return { input, variables, ...(pins ? { pins } : {}) };
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
  hasApprovals?: true;
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
  /** Somebody listens for it. */
  isHeard?: boolean;
}

/** Whether this end starts the workflow that the execution names for its failures. */
export function callsOnFailure(row: ExecutionRow, status: TerminalStatus): boolean {
  return row.onFailure !== undefined && (status === "failed" || status === "timed_out");
}

/**
 * Whether something has to follow the end of an execution: a caller to tell, lanes and calls of its own to stop, its
 * place to give up, an error workflow to start, an event to tell, approvals to close, a draft to mark as tested.
 */
export function hasFollowUp(row: ExecutionRow, status: TerminalStatus): boolean {
  if (row.parent || row.admission || row.isHeard || row.hasApprovals || callsOnFailure(row, status)) return true;
  return status === "succeeded" ? row.commitId !== undefined : row.mode === "async";
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
  const isFollowed = result.isHeard || hasFollowUp(row, result.status);
  const sweepAt = isFollowed ? isoTime(now + START_INTERVAL_MS) : NEVER;
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
export async function addTrace(row: ExecutionRow, trace: readonly NodeRecord[]): Promise<void> {
  if (!isTerminal(row.status) || row.trace !== undefined) return;
  const stored = await storeValue(row, trace);
  await tryWrite(() =>
    ExecutionEntity.patch({ spaceId: row.spaceId, executionId: row.executionId })
      .set({ trace: stored, ...metered(totalUsage(trace)) })
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
  parent?: { executionId: string; eventId: string },
): Promise<ExecutionRow | null> {
  const sweepAt = isoTime(Math.min(now + checkMs, Date.parse(deadlineAt)));
  const written = await tryWrite(() =>
    reopening(row, now, { status: "running", deadlineAt, sweepAt, ...(parent ? { parent } : {}) }, NO_PLACE).go({
      response: "all_new",
    }),
  );
  return written ? (written.data as ExecutionRow) : null;
}

/** {@link reopen} as an action of a transaction, with the place that the execution has at its gate from then on. */
export function reopenOp(row: ExecutionRow, now: number, at: Place): WriteOp {
  const deadlineAt = isoTime(at.deadlineMs);
  const { admission, queuedUntilMs } = at;
  const sweepAt = isoTime(Math.min(now + START_INTERVAL_MS, queuedUntilMs ?? at.deadlineMs));
  const queuedUntil = queuedUntilMs === undefined ? {} : { queuedUntil: isoTime(queuedUntilMs) };
  // Not running yet: where its lanes are not started after this, the sweeper starts them.
  const state = { status: "queued" as const, deadlineAt, sweepAt, admission, ...queuedUntil };
  const change = reopening(row, now, state, queuedUntilMs === undefined ? ["queuedUntil"] : []);
  // ElectroDB's types let only entities of transactions commit; the chain is the same.
  return (change as unknown as { commit(): WriteOp }).commit();
}

const NO_PLACE = ["admission", "queuedUntil"] as const;

interface Reopened {
  status: "running" | "queued";
  deadlineAt: string;
  sweepAt: string;
  admission?: Admission;
  queuedUntil?: string;
  parent?: { executionId: string; eventId: string };
}

function reopening(row: ExecutionRow, now: number, state: Reopened, without: readonly (typeof NO_PLACE)[number][]) {
  const { sweepAt, ...rest } = state;
  return ExecutionEntity.patch({ spaceId: row.spaceId, executionId: row.executionId })
    .set({ ...rest, mode: "async", epoch: row.epoch + 1, updatedAt: isoTime(now), ...sweepKeys(row, sweepAt) })
    .add({ revision: 1, retries: 1 })
    .remove(["endedAt", "error", "outcome", "trace", "nodesDone", "expiresAt", "recoveries", "isHeard", ...without])
    .where((attr, op) => `${op.eq(attr.epoch, row.epoch)} AND ${op.eq(attr.status, row.status)}`);
}

/** Admits an execution that waits: it may be started from then on. Refused where it waits no more. */
export function admitOp(row: ExecutionRow, now: number, at: Place): WriteOp {
  const sweepAt = isoTime(Math.min(now + START_INTERVAL_MS, at.deadlineMs));
  return tx(ExecutionEntity)
    .patch({ spaceId: row.spaceId, executionId: row.executionId })
    .set({
      admission: at.admission,
      deadlineAt: isoTime(at.deadlineMs),
      updatedAt: isoTime(now),
      ...sweepKeys(row, sweepAt),
    })
    .remove(["queuedUntil"])
    .add({ revision: 1 })
    .where((attr, op) => {
      const isSame = `${op.eq(attr.epoch, row.epoch)} AND ${op.eq(attr.status, "queued")}`;
      return `${isSame} AND ${op.exists(attr.queuedUntil)}`;
    })
    .commit();
}
