import { createCache } from "@weft/db/cache";
import { listPage } from "@weft/db/page";
import { answerIssues } from "@weft/engine/nodes/input";
import type { Field, Plan } from "@weft/engine/plan";
import { APPROVAL_EVENT } from "@weft/engine/record";
import { firstSegment } from "@weft/engine/run/step";
import type { RunMode } from "@weft/engine/status";
import { systemClock } from "@weft/kernel/clock";
import { actorId, type Ctx, requireSpace } from "@weft/kernel/ctx";
import { conflict, invalidInput, notFound } from "@weft/kernel/errors";
import { type Id, newId } from "@weft/kernel/ids";
import { decodeCursor, encodeCursor, type Page } from "@weft/kernel/page";
import { type GivenDedupe, type Priority, priorityNumber, type RunPolicy } from "../workflow/run-policy.schema.ts";
import type { StoredPin } from "../workflow/workflow.pins.schema.ts";
import { admit, readmit } from "./admission.ts";
import { openAgain } from "./again.ts";
import type { ExecutionDeps } from "./deps.ts";
import { finishEnd } from "./error-workflow.ts";
import { answerEvent, pendingEvents, wakeAnswered } from "./events.ts";
import {
  ExecutionEntity,
  ExecutionEventEntity,
  type ExecutionTrigger,
  NOBODY,
  type OnFailure,
  type ReplaySource,
} from "./execution.entity.ts";
import type {
  Execution,
  ExecutionEvent,
  ExecutionSummary,
  ListExecutions,
  ListNodes,
  NodeTrace,
} from "./execution.schema.ts";
import { resolveFiles } from "./file-inputs.ts";
import { checkInput } from "./input.ts";
import { type EventRow, queryAll } from "./journal.ts";
import { startLanes } from "./lane.ts";
import { partOf, setUp } from "./part.ts";
import { STALE_MS } from "./run-io.ts";
import { cancelled, settle } from "./settle.ts";
import { type ExecutionRow, getExecution, isTerminal, materialOf, outcomeOf, type Part } from "./store.ts";
import { runHere } from "./sync.ts";
import { readProgress, readTrace } from "./trace.ts";
import { tracesUnder } from "./turns.ts";
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
  /** Its name now, for whoever is told of its failures. */
  name?: string;
  settings: Omit<RunPolicy, "timeoutSeconds"> & {
    timeoutSeconds?: number | null | undefined;
    sliceSeconds?: number;
    durable?: boolean;
    errorWorkflowId?: string | undefined;
    errorWorkflowVersion?: string | undefined;
  };
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
  /** The execution that starts this one. */
  parentId?: string;
  system?: Record<string, string>;
  dedupe?: GivenDedupe;
  priority?: Priority;
  /** Of a debug run. */
  part?: Part;
  pins?: Record<string, StoredPin>;
  replayOf?: ReplaySource;
}

/**
 * Starts an execution and, in sync and stream mode, drives it here until it is closed or handed over. Throws
 * `invalid_input` naming the start node's field and `rate_limited` before anything is written. A run that has to wait
 * for others is left in the line, whatever its mode; a repeat of a run gives that one.
 */
export async function run(ctx: Ctx, deps: ExecutionDeps, target: RunTarget, request: RunRequest): Promise<Execution> {
  const spaceId = requireSpace(ctx);
  const part = request.part ?? {};
  const runs = partOf(target.plan, part, {});
  const input = await resolveFiles(ctx, runs, checkInput(runs, request.input));
  const mode: RunMode = target.settings.durable ? "async" : request.mode;
  const now = ctx.clock.now();
  const executionId = request.executionId ?? newId("execution", now);
  const material = { input, variables: request.variables ?? {}, ...(request.pins ? { pins: request.pins } : {}) };
  const setup = await setUp(target.plan, { spaceId, ...part }, material);
  const priority = priorityNumber(request.priority ?? target.settings.priority);
  // A node alone is tried, not run: it takes no place of a run.
  const policy = part.nodeId === undefined ? target.settings : {};
  const limits = { policy, ...(request.dedupe ? { dedupe: request.dedupe } : {}) };
  const admitted = await admit(ctx, deps, limits, {
    executionId,
    workflowId: target.workflowId,
    ...(target.version === null ? {} : { version: target.version }),
    ...(target.commitId === undefined ? {} : { commitId: target.commitId }),
    mode,
    trigger: request.trigger,
    ...material,
    system: request.system ?? { sys_uuid: actorId(ctx) },
    deadlineMs: now + timeoutSeconds(target, request, mode) * 1000,
    sliceMs: (target.settings.sliceSeconds ?? 0) * 1000,
    nodeTotal: setup.plan.root.nodes.length,
    depth: request.depth ?? 0,
    priority,
    ...onFailureOf(target, request),
    ...(request.parentId === undefined ? {} : { parentId: request.parentId }),
    ...(request.part ? { part: request.part } : {}),
    ...(request.replayOf ? { replayOf: request.replayOf } : {}),
  });
  if ("existing" in admitted) return get(ctx, deps, admitted.existing);
  const { row: created, isToStart } = admitted;
  if (!isToStart) return { ...summary(created), ...begun(created, input) };
  if (mode === "async") {
    await startLanes(deps, created, [{ segmentId: firstSegment(setup.plan).id, step: 0 }]);
    return { ...summary(created), ...begun(created, input) };
  }
  const { row, result } = await runHere(deps, created, setup);
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

/** An error workflow's own failures start nothing, nor does trying a part of a workflow. */
function onFailureOf({ settings, name, workflowId }: RunTarget, request: RunRequest): { onFailure?: OnFailure } {
  const { errorWorkflowId, errorWorkflowVersion: version } = settings;
  if (errorWorkflowId === undefined || request.trigger.type === "error" || request.part || request.pins) return {};
  return { onFailure: { workflowId: errorWorkflowId, ...(version ? { version } : {}), name: name ?? workflowId } };
}

function timeoutSeconds(target: RunTarget, request: RunRequest, mode: RunMode): number {
  const given = request.timeoutSeconds ?? target.settings.timeoutSeconds;
  if (given !== undefined && given !== null) return given;
  if (target.plan.mayWait) return DEFAULT_WAITING_TIMEOUT_SECONDS;
  return mode === "async" ? DEFAULT_TIMEOUT_SECONDS : SYNC_TIMEOUT_SECONDS;
}

/** Executions of the space, or of one workflow, newest first. */
export async function list(ctx: Ctx, query: ListExecutions): Promise<Page<ExecutionSummary>> {
  const spaceId = requireSpace(ctx);
  const { workflowId, status, kind, limit, cursor } = query;
  const scope = { operation: "listExecutions", spaceId, filters: { workflowId, status, kind } };
  const base =
    workflowId === undefined
      ? ExecutionEntity.query.bySpace({ spaceId })
      : ExecutionEntity.query.byWorkflow({ spaceId, workflowId });
  const filtered = base.where((attr, op) => {
    const conditions = status === undefined ? [] : [op.eq(attr.status, status)];
    if (kind !== "all") conditions.push(kind === "node" ? op.exists(attr.nodeId) : op.notExists(attr.nodeId));
    return conditions.join(" AND ");
  });
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
    queuedUntil: row.status === "queued" ? (row.queuedUntil ?? null) : null,
    priority: row.priority ?? 0,
    deadlineAt: row.deadlineAt,
    durationMs: startedAt && endedAt ? Date.parse(endedAt) - Date.parse(startedAt) : null,
    parentExecutionId: row.parentId === NOBODY ? null : row.parentId,
    isDebug: row.isDebug ?? false,
    nodeId: row.nodeId ?? null,
    untilNodeId: row.untilNodeId ?? null,
    replayOf: row.replayOf ? { executionId: row.replayOf.executionId, fromNode: row.replayOf.from ?? null } : null,
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
  const progress = isTerminal(row.status) && row.nodesDone !== undefined ? done(row) : await readProgress(deps, row);
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

/** One execution as lists show it. Throws `not_found`. */
export async function summaryOf(ctx: Ctx, executionId: string): Promise<ExecutionSummary> {
  return summary(await owned(ctx, executionId));
}

/** What each node did, page by page: of the whole run, of its root alone, or of what is under one node. */
export async function trace(
  ctx: Ctx,
  deps: ExecutionDeps,
  executionId: string,
  query: ListNodes,
): Promise<Page<NodeTrace>> {
  const row = await owned(ctx, executionId);
  const { under, depth, limit, cursor } = query;
  const scope = { operation: "listExecutionNodes", spaceId: row.spaceId, filters: { executionId, under, depth } };
  const from = decodeCursor(scope, cursor);
  if (under !== undefined) {
    const { nodes, next } = await tracesUnder(row, under, { from, limit, isShallow: depth === "root" });
    return { items: nodes, nextCursor: encodeCursor(scope, next) };
  }
  const { nodes } = await readTrace(deps, row, depth);
  const start = Number(from ?? 0);
  const to = start + limit;
  return { items: nodes.slice(start, to), nextCursor: encodeCursor(scope, to < nodes.length ? String(to) : null) };
}

/** The executions that one called or started, in the order in which it did. */
export async function children(
  ctx: Ctx,
  executionId: string,
  query: { limit: number; cursor?: string | undefined },
): Promise<Page<ExecutionSummary>> {
  const { spaceId } = await owned(ctx, executionId);
  const scope = { operation: "listExecutionChildren", spaceId, filters: { executionId } };
  const rows = ExecutionEntity.query.byParent({ spaceId, parentId: executionId });
  const page = await listPage(rows, { scope, ...query, order: "asc" });
  return { items: (page.items as ExecutionRow[]).map(summary), nextCursor: page.nextCursor };
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
 * Answers what an execution asked. Throws `not_found` for an event that it never asked, `invalid_input` for a form that
 * cannot be taken, `conflict` for an event that was answered, for what only the platform answers, and for an execution
 * that is over.
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
  if (asked.type === APPROVAL_EVENT) throw conflict("an approval is answered by its approvers");
  await checkAnswer(row, asked, answer.data);
  const taken = await answerEvent(deps, row, asked.eventId, { data: answer.data ?? null }, actorId(ctx));
  if (!taken) throw conflict(`event ${answer.eventId} was answered`);
  return summary(row);
}

/** A form that cannot be taken is refused while the person can still mend it; the event stays open. */
async function checkAnswer(row: ExecutionRow, asked: EventRow, answer: unknown): Promise<void> {
  if (asked.type !== "input" || !asked.data) return;
  const { fields = [] } = (await loadValue(row, asked.data)) as { fields?: Field[] };
  const issues = answerIssues(answer, fields);
  if (issues.length > 0) throw invalidInput(issues);
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
 * for an execution that is open, succeeded, or called by another one, and `rate_limited` where its workflow's limit leaves
 * no place, not even in the line.
 */
export async function retry(ctx: Ctx, deps: ExecutionDeps, executionId: string): Promise<ExecutionSummary> {
  const row = await owned(ctx, executionId);
  if (!isTerminal(row.status) || row.status === "succeeded")
    throw conflict(`execution ${executionId} is ${row.status}`);
  if (row.parent) throw conflict("retry the execution that called this one");
  await finishEnd(deps, row);
  const opened = await openAgain(deps, row, () => readmit(ctx, deps, row));
  if (!opened) throw conflict(`execution ${executionId} was changed by someone else`);
  ended.invalidate(endedKey(ctx, executionId));
  return summary(opened);
}

/** The row of an execution. Throws `not_found` where the space has no such one. */
export async function owned(ctx: Ctx, executionId: string): Promise<ExecutionRow> {
  return getExecution({ spaceId: requireSpace(ctx), executionId });
}
