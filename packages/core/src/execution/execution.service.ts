import { createCache } from "@weft/db/cache";
import { listPage } from "@weft/db/page";
import type { Plan } from "@weft/engine/plan";
import type { NodeRecord } from "@weft/engine/record";
import { firstSegment } from "@weft/engine/run/step";
import type { RunMode } from "@weft/engine/status";
import { type ConversionWarning, convert } from "@weft/engine/values/convert";
import { isBlank } from "@weft/engine/values/types";
import { isoTime, systemClock } from "@weft/kernel/clock";
import { actorId, type Ctx, requireSpace } from "@weft/kernel/ctx";
import { conflict, invalidInput, notFound } from "@weft/kernel/errors";
import { type Id, newId } from "@weft/kernel/ids";
import { decodeCursor, encodeCursor, type Page } from "@weft/kernel/page";
import type { ExecutionDeps } from "./deps.ts";
import { answerEvent, pendingEvents, wakeAnswered } from "./events.ts";
import { ExecutionEntity, ExecutionEventEntity, type ExecutionTrigger } from "./execution.entity.ts";
import type { Execution, ExecutionEvent, ExecutionSummary, ListExecutions, NodeTrace } from "./execution.schema.ts";
import { type EventRow, queryAll } from "./journal.ts";
import { startLanes } from "./lane.ts";
import { keepRecords, resumeLanes } from "./recover.ts";
import { STALE_MS } from "./run-io.ts";
import { cancelled, settle } from "./settle.ts";
import {
  CHECK_INTERVAL_MS,
  createExecution,
  type ExecutionRow,
  getExecution,
  isTerminal,
  materialOf,
  outcomeOf,
  reopen,
} from "./store.ts";
import { runHere } from "./sync.ts";
import { readTrace } from "./trace.ts";
import { loadValue } from "./values.ts";

const DAY_SECONDS = 86_400;
/** Deadline of a run whose workflow sets none. */
export const DEFAULT_TIMEOUT_SECONDS = DAY_SECONDS;
/** The same for a workflow that may wait for people or for a time: waiting counts. */
export const DEFAULT_WAITING_TIMEOUT_SECONDS = 365 * DAY_SECONDS;
/** A sync run is over or handed over long before; what is left is for its process to die and be noticed. */
const SYNC_TIMEOUT_SECONDS = 300;

/** A workflow as it is to be run: looked up and checked for access by the caller. */
export interface RunTarget {
  workflowId: string;
  version: string | null;
  commitId?: string;
  plan: Plan;
  settings: { timeoutSeconds?: number | null; sliceSeconds?: number; durable?: boolean };
}

export interface RunRequest {
  input: Record<string, unknown>;
  mode: RunMode;
  trigger: ExecutionTrigger;
  variables?: Record<string, unknown>;
  timeoutSeconds?: number;
  executionId?: string;
  /** Of a run that another execution starts: how many stand above it, and whom that one is for. */
  depth?: number;
  system?: Record<string, string>;
}

/**
 * Starts an execution and, in sync and stream mode, drives it here until it is closed or handed over. Throws
 * `invalid_input` naming the start node's field before anything is written.
 */
export async function run(ctx: Ctx, deps: ExecutionDeps, target: RunTarget, request: RunRequest): Promise<Execution> {
  const spaceId = requireSpace(ctx);
  const input = checkInput(target.plan, request.input);
  const mode: RunMode = target.settings.durable ? "async" : request.mode;
  const now = ctx.clock.now();
  const executionId = request.executionId ?? newId("execution", now);
  const created = await createExecution(ctx, spaceId, {
    executionId,
    workflowId: target.workflowId,
    ...(target.version === null ? {} : { version: target.version }),
    ...(target.commitId === undefined ? {} : { commitId: target.commitId }),
    mode,
    trigger: request.trigger,
    input,
    ...(request.variables ? { variables: request.variables } : {}),
    system: request.system ?? { sys_uuid: actorId(ctx) },
    deadlineMs: now + timeoutSeconds(target, request, mode) * 1000,
    sliceMs: (target.settings.sliceSeconds ?? 0) * 1000,
    nodeTotal: target.plan.root.nodes.length,
    depth: request.depth ?? 0,
  });
  if (!created) return get(ctx, deps, executionId);
  if (mode === "async") {
    await startLanes(deps, created, [{ segmentId: firstSegment(target.plan).id, step: 0 }]);
    return { ...summary(created), ...begun(created, input) };
  }
  const { row, result } = await runHere(deps, created, target.plan, { input, variables: request.variables ?? {} });
  if (!result) return get(ctx, deps, executionId);
  const { output, variables } = result;
  return {
    ...summary(row),
    ...begun(created, input),
    progress: done(row),
    output: output ?? null,
    variables: variables ?? {},
  };
}

/** What is known of an execution that began a moment ago, without reading it. */
function begun(row: ExecutionRow, input: unknown): Omit<Execution, keyof ExecutionSummary> {
  const progress = { total: row.nodeTotal, completed: 0, percent: 0, current: [] };
  return { input, output: null, variables: {}, progress, waitingFor: [] };
}

function timeoutSeconds(target: RunTarget, request: RunRequest, mode: RunMode): number {
  const given = request.timeoutSeconds ?? target.settings.timeoutSeconds;
  if (given !== undefined && given !== null) return given;
  if (target.plan.mayWait) return DEFAULT_WAITING_TIMEOUT_SECONDS;
  return mode === "async" ? DEFAULT_TIMEOUT_SECONDS : SYNC_TIMEOUT_SECONDS;
}

/** Defaults filled in and declared fields converted. Fields that the start node does not declare pass through. */
export function checkInput(plan: Plan, given: Record<string, unknown>): Record<string, unknown> {
  const input: Record<string, unknown> = { ...given };
  const issues: { path: string; message: string }[] = [];
  for (const field of plan.inputs) {
    let value = Object.hasOwn(input, field.name) ? input[field.name] : undefined;
    if (isBlank(value) && field.default !== undefined) value = field.default;
    if (value === undefined || value === null) {
      if (field.required) issues.push({ path: `input.${field.name}`, message: "is required" });
      continue;
    }
    const warnings: ConversionWarning[] = [];
    input[field.name] = convert(value, field.type, field.name, warnings);
    for (const warning of warnings) issues.push({ path: `input.${warning.path}`, message: warning.message });
  }
  if (issues.length > 0) throw invalidInput(issues);
  return input;
}

/** Executions of the space, or of one workflow, newest first. */
export async function list(ctx: Ctx, query: ListExecutions): Promise<Page<ExecutionSummary>> {
  const spaceId = requireSpace(ctx);
  const { workflowId, status, limit, cursor } = query;
  const scope = { operation: "listExecutions", spaceId, filters: { workflowId, status } };
  const base =
    workflowId === undefined
      ? ExecutionEntity.query.bySpace({ spaceId })
      : ExecutionEntity.query.byWorkflow({ spaceId, workflowId });
  const filtered = status === undefined ? base : base.where((attr, op) => op.eq(attr.status, status));
  const page = await listPage(filtered as typeof base, { scope, limit, cursor });
  return { items: (page.items as ExecutionRow[]).map(summary), nextCursor: page.nextCursor };
}

export function summary(row: ExecutionRow): ExecutionSummary {
  const startedAt = row.startedAt ?? null;
  const endedAt = row.endedAt ?? null;
  return {
    id: row.executionId as Id<"execution">,
    workflowId: row.workflowId as Id<"workflow">,
    version: row.version ?? null,
    commitId: row.commitId ?? null,
    status: row.status,
    mode: row.mode,
    trigger: row.trigger,
    error: row.error ?? null,
    usage: row.usage ?? {},
    createdAt: row.createdAt,
    createdBy: row.createdBy,
    startedAt,
    endedAt,
    deadlineAt: row.deadlineAt,
    durationMs: startedAt && endedAt ? Date.parse(endedAt) - Date.parse(startedAt) : null,
    parentExecutionId: row.parent?.executionId ?? null,
    revision: row.revision,
  };
}

/** Ended executions hardly ever change: a retry in another process shows this much later. */
const ENDED_TTL_MS = 2_000;
const MAX_ENDED = 500;
const ended = createCache<Execution>({ clock: systemClock, ttlMs: ENDED_TTL_MS, maxEntries: MAX_ENDED });

function endedKey(ctx: Ctx, executionId: string) {
  return { scope: requireSpace(ctx), kind: "execution", id: executionId };
}

/** One execution with its material, its progress and what it waits for. Throws `not_found`. */
export async function get(ctx: Ctx, deps: ExecutionDeps, executionId: string): Promise<Execution> {
  const key = endedKey(ctx, executionId);
  const known = ended.get(key);
  if (known) return known as Execution;
  const view = await read(deps, await owned(ctx, executionId));
  if (isTerminal(view.status)) ended.set(key, view);
  return view;
}

async function read(deps: ExecutionDeps, row: ExecutionRow): Promise<Execution> {
  const [material, outcome, events] = await Promise.all([
    materialOf(row),
    outcomeOf(row),
    isTerminal(row.status) || row.status === "queued" ? Promise.resolve([]) : pendingEvents(row),
  ]);
  const progress =
    isTerminal(row.status) && row.nodesDone !== undefined ? done(row) : (await readTrace(deps, row)).progress;
  return {
    ...summary(row),
    input: material.input,
    output: outcome?.output ?? null,
    variables: outcome?.variables ?? {},
    progress,
    waitingFor: await Promise.all(events.map((event) => eventView(row, event))),
  };
}

function done(row: ExecutionRow): Execution["progress"] {
  return { total: row.nodeTotal, completed: row.nodesDone ?? row.nodeTotal, percent: 100, current: [] };
}

/** Throws `not_found` where the space has no such execution. */
export async function exists(ctx: Ctx, executionId: string): Promise<void> {
  await owned(ctx, executionId);
}

/** What each node did, page by page. */
export async function trace(
  ctx: Ctx,
  deps: ExecutionDeps,
  executionId: string,
  query: { limit: number; cursor?: string | undefined },
): Promise<Page<NodeTrace>> {
  const row = await owned(ctx, executionId);
  const scope = { operation: "listExecutionNodes", spaceId: row.spaceId, filters: { executionId } };
  const from = Number(decodeCursor(scope, query.cursor) ?? 0);
  const { nodes } = await readTrace(deps, row);
  const to = from + query.limit;
  return { items: nodes.slice(from, to), nextCursor: encodeCursor(scope, to < nodes.length ? String(to) : null) };
}

/** What was asked and what was answered, oldest first. */
export async function events(ctx: Ctx, executionId: string): Promise<ExecutionEvent[]> {
  const row = await owned(ctx, executionId);
  const key = { spaceId: row.spaceId, executionId: row.executionId };
  const rows = await queryAll((cursor) => ExecutionEventEntity.query.primary(key).go({ cursor, consistent: true }));
  return Promise.all(rows.map((event) => eventView(row, event)));
}

async function eventView(row: ExecutionRow, event: EventRow): Promise<ExecutionEvent> {
  const status = event.status === "pending" && isTerminal(row.status) ? "cancelled" : event.status;
  return {
    id: event.eventId as Id<"executionEvent">,
    type: event.type,
    nodeId: event.nodeId,
    path: event.path,
    round: event.round,
    status,
    data: event.data ? await loadValue(row, event.data) : null,
    timeoutAt: event.timeoutAt ?? null,
    createdAt: event.createdAt,
    answeredAt: event.answeredAt ?? null,
    answeredBy: event.answeredBy ?? null,
    childExecutionId: event.childExecutionId ?? null,
  };
}

/**
 * Answers what an execution asked. Throws `not_found` for an event that it never asked, `conflict` for one that was
 * answered, for what only the platform answers, and for an execution that is over.
 */
export async function resume(
  ctx: Ctx,
  deps: ExecutionDeps,
  executionId: string,
  answer: { eventId: string; data?: unknown },
): Promise<ExecutionSummary> {
  const row = await owned(ctx, executionId);
  if (isTerminal(row.status)) throw conflict(`execution ${executionId} is ${row.status}`);
  const asked = (await pendingEvents(row)).find((event) => event.eventId === answer.eventId);
  if (!asked) {
    const known = (await events(ctx, executionId)).some((event) => event.id === answer.eventId);
    // A repeat of an answer whose process died: it counts already, but nobody may have been woken.
    if (known) await wakeAnswered(deps, row);
    throw known ? conflict(`event ${answer.eventId} was answered`) : notFound("event", answer.eventId);
  }
  if (asked.type === "child") throw conflict("a called workflow answers by ending");
  const taken = await answerEvent(deps, row, asked.eventId, { data: answer.data ?? null }, actorId(ctx));
  if (!taken) throw conflict(`event ${answer.eventId} was answered`);
  return summary(row);
}

/**
 * Cancels an open execution with everything it called. When it returns, no further node of it starts: workers look at the
 * row before each node unless they did so a moment ago, and that moment is waited for. Throws `conflict` where it is over.
 */
export async function cancel(ctx: Ctx, deps: ExecutionDeps, executionId: string): Promise<ExecutionSummary> {
  const row = await owned(ctx, executionId);
  const isDone = await settle(deps, row, cancelled("cancelled"));
  if (!isDone) {
    const current = await owned(ctx, executionId);
    if (isTerminal(current.status)) throw conflict(`execution ${executionId} is ${current.status}`);
    if (!(await settle(deps, current, cancelled("cancelled"))))
      throw conflict(`execution ${executionId} is changing, try again`);
  }
  await new Promise((resolve) => setTimeout(resolve, STALE_MS));
  return summary(await owned(ctx, executionId));
}

/**
 * Runs a failed, cancelled or timed-out execution again from where it ended: what succeeded is kept. Throws `conflict`
 * for an execution that is open, succeeded, or called by another one.
 */
export async function retry(ctx: Ctx, deps: ExecutionDeps, executionId: string): Promise<ExecutionSummary> {
  const row = await owned(ctx, executionId);
  if (!isTerminal(row.status) || row.status === "succeeded")
    throw conflict(`execution ${executionId} is ${row.status}`);
  if (row.parent) throw conflict("retry the execution that called this one");
  const plan = await deps.plan(row);
  if (row.trace) await keepRecords(deps, row, plan, (await loadValue(row, row.trace)) as NodeRecord[]);
  const now = ctx.clock.now();
  const allowed = Date.parse(row.deadlineAt) - Date.parse(row.createdAt);
  const opened = await reopen(row, now, isoTime(now + allowed), CHECK_INTERVAL_MS);
  if (!opened) throw conflict(`execution ${executionId} was changed by someone else`);
  ended.invalidate(endedKey(ctx, executionId));
  await resumeLanes(deps, opened);
  return summary(opened);
}

async function owned(ctx: Ctx, executionId: string): Promise<ExecutionRow> {
  return getExecution({ spaceId: requireSpace(ctx), executionId });
}
