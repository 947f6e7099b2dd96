import { created, isExpired } from "@weft/db/base";
import { getAny, getLive, restore as restoreRow, softDelete, updateWithRevision } from "@weft/db/change";
import { listPage } from "@weft/db/page";
import { searchFilter, searchText } from "@weft/db/search";
import { write } from "@weft/db/write";
import { isoTime } from "@weft/kernel/clock";
import { actorId, type Ctx, requireSpace, systemCtx } from "@weft/kernel/ctx";
import { type Id, newId } from "@weft/kernel/ids";
import type { Page } from "@weft/kernel/page";
import * as Workflow from "../workflow/workflow.service.ts";
import { ScheduleEntity, ScheduleFiringEntity } from "./schedule.entity.ts";
import { fireNow, type ScheduleFiringRow } from "./schedule.fire.ts";
import type {
  CreateSchedule,
  ListSchedules,
  PreviewSchedule,
  Schedule,
  ScheduleFiring,
  ScheduleId,
  SchedulePreview,
  UpdateSchedule,
} from "./schedule.schema.ts";
import { type ScheduleDeps, type ScheduleRow, SETTLE_MS, sweepKeys, sync } from "./schedule.sync.ts";
import { anchorOf, checkTiming, delayOf, expressionOf, preview } from "./schedule.times.ts";
import { toFiring, toFirings, toSchedule } from "./schedule.view.ts";
import { cancelFirings } from "./trigger.firing.ts";

/** Makes a schedule and hands it to the scheduler. Where that fails the sweep does it, and `lastError` says why. */
export async function create(ctx: Ctx, deps: ScheduleDeps, input: CreateSchedule): Promise<Schedule> {
  const { isPaused, ...definition } = input;
  const now = ctx.clock.now();
  await checkWorkflow(ctx, definition.workflowId, definition.version);
  const anchorAt = anchorOf(definition, now);
  checkTiming({ ...definition, anchorAt }, now);
  const scheduleId = newId("schedule", now);
  const row = {
    ...{ spaceId: requireSpace(ctx) as string, scheduleId: scheduleId as string, ...definition },
    ...(anchorAt === undefined ? {} : { anchorAt }),
    ...(isPaused ? { pausedAt: isoTime(now), pausedBy: actorId(ctx) } : {}),
    cursorAt: isoTime(now),
    generation: 1,
    searchText: searchText(definition.name, definition.description),
    ...sweepKeys(scheduleId, now + SETTLE_MS),
    ...created(ctx),
  };
  const { data } = await write(() => ScheduleEntity.create(row).go());
  return toSchedule(ctx, await sync(deps, data as ScheduleRow));
}

export async function get(ctx: Ctx, { scheduleId }: { scheduleId: ScheduleId }): Promise<Schedule> {
  return toSchedule(ctx, await getLive(ctx, target(ctx, scheduleId)));
}

/** Newest first. */
export async function list(ctx: Ctx, input: ListSchedules): Promise<Page<Schedule>> {
  const { q, workflowId, state, limit, cursor } = input;
  const spaceId = requireSpace(ctx);
  const search = searchFilter(q);
  const { byWorkflow, primary } = ScheduleEntity.query;
  const all = workflowId ? byWorkflow({ spaceId, workflowId }) : primary({ spaceId });
  const query = (all as ReturnType<typeof primary>).where((attr, op) => {
    const conditions = [state === "deleted" ? op.exists(attr.deletedAt) : op.notExists(attr.deletedAt)];
    if (state === "active") conditions.push(op.notExists(attr.pausedAt));
    if (state === "paused") conditions.push(op.exists(attr.pausedAt));
    if (search) conditions.push(search(attr as never, op as never));
    return conditions.join(" AND ");
  });
  const scope = { operation: "listSchedules", spaceId, filters: { q, workflowId, state } };
  const page = await listPage(query, { scope, limit, cursor });
  return { items: page.items.map((row) => toSchedule(ctx, row)), nextCursor: page.nextCursor };
}

const TIMING = ["when", "timezone", "start", "end"] as const;
const CLEARABLE = ["start", "end", "windowMinutes", "version", "input"] as const;

/** Changes a schedule. One that is paused stays so; a change of its times counts from now on. */
export async function update(
  ctx: Ctx,
  deps: ScheduleDeps,
  input: UpdateSchedule & { scheduleId: ScheduleId },
): Promise<Schedule> {
  const { scheduleId, expectedRevision, ...given } = input;
  const row = await getLive(ctx, target(ctx, scheduleId));
  const cleared = CLEARABLE.filter((name) => given[name] === null);
  const set = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null && value !== undefined));
  const next = { ...row, ...set } as ScheduleRow;
  for (const name of cleared) delete next[name];
  if (given.workflowId !== undefined || given.version) {
    await checkWorkflow(ctx, next.workflowId as Id<"workflow">, next.version);
  }
  const isRetimed = TIMING.some((name) => JSON.stringify(next[name]) !== JSON.stringify(row[name]));
  const timing = isRetimed ? retimed(ctx, row, next) : {};
  const { anchorAt } = timing as { anchorAt?: string };
  const dropped = isRetimed && anchorAt === undefined ? (["anchorAt"] as const) : [];
  const changed = await updateWithRevision(ctx, target(ctx, scheduleId), {
    set: { ...set, ...timing, searchText: searchText(next.name, next.description) },
    remove: [...cleared, ...dropped],
    // A generation is made from the one before: two changes at once are one too many.
    expectedRevision: expectedRevision ?? (isRetimed ? row.revision : undefined),
  });
  return toSchedule(ctx, isRetimed ? await sync(deps, changed) : changed);
}

/** What changes with a schedule's times. Throws `invalid_input` where they never come. */
function retimed(ctx: Ctx, row: ScheduleRow, next: ScheduleRow) {
  const now = ctx.clock.now();
  const isSameRate = JSON.stringify([row.when, row.start]) === JSON.stringify([next.when, next.start]);
  const anchorAt = isSameRate ? row.anchorAt : anchorOf(next, now);
  checkTiming({ ...next, anchorAt }, now);
  return { ...(anchorAt === undefined ? {} : { anchorAt }), ...renewed(ctx, next) };
}

/** The next generation: times that passed count no more, and the scheduler has to be told. */
function renewed(ctx: Ctx, { scheduleId, generation, cursorAt }: ScheduleRow) {
  const now = ctx.clock.now();
  return {
    generation: generation + 1,
    // Another process's clock may be ahead of this one's.
    cursorAt: isoTime(Math.max(now, Date.parse(cursorAt))),
    ...sweepKeys(scheduleId, now + SETTLE_MS),
  };
}

/** Nothing fires until it is resumed, and what was put off does not start. */
export async function pause(ctx: Ctx, deps: ScheduleDeps, input: { scheduleId: ScheduleId }): Promise<Schedule> {
  const row = await getLive(ctx, target(ctx, input.scheduleId));
  if (row.pausedAt !== undefined) return toSchedule(ctx, row);
  const set = { ...renewed(ctx, row), pausedAt: isoTime(ctx.clock.now()), pausedBy: actorId(ctx) };
  const paused = await updateWithRevision(ctx, target(ctx, input.scheduleId), {
    set,
    expectedRevision: row.revision,
  });
  await cancelFirings(ctx, input.scheduleId);
  return toSchedule(ctx, await sync(deps, paused));
}

/** Times that passed meanwhile are not made up for. */
export async function resume(ctx: Ctx, deps: ScheduleDeps, input: { scheduleId: ScheduleId }): Promise<Schedule> {
  const row = await getLive(ctx, target(ctx, input.scheduleId));
  if (row.pausedAt === undefined) return toSchedule(ctx, row);
  const change = { set: renewed(ctx, row), remove: ["pausedAt", "pausedBy"] as const, expectedRevision: row.revision };
  const resumed = await updateWithRevision(ctx, target(ctx, input.scheduleId), change);
  return toSchedule(ctx, await sync(deps, resumed));
}

/** Deletes a schedule; it can be restored. Runs that it started go on, those that were put off do not start. */
export async function remove(ctx: Ctx, deps: ScheduleDeps, input: { scheduleId: ScheduleId }): Promise<void> {
  const row = await getLive(ctx, target(ctx, input.scheduleId));
  await softDelete(ctx, target(ctx, input.scheduleId), { set: renewed(ctx, row), expectedRevision: row.revision });
  await cancelFirings(ctx, input.scheduleId);
  const deleted = await getAny(target(ctx, input.scheduleId));
  if (deleted) await sync(deps, deleted);
}

/** Paused ones come back paused. */
export async function restore(ctx: Ctx, deps: ScheduleDeps, input: { scheduleId: ScheduleId }): Promise<Schedule> {
  const row = await getAny(target(ctx, input.scheduleId));
  const restored = await restoreRow(ctx, target(ctx, input.scheduleId), row ? { set: renewed(ctx, row) } : {});
  return toSchedule(ctx, await sync(deps, restored));
}

/** Starts a run now, whatever the hour and whether or not the schedule is paused. Throws what {@link fire} throws. */
export async function runNow(
  ctx: Ctx,
  deps: Pick<ScheduleDeps, "execution">,
  { scheduleId }: { scheduleId: ScheduleId },
): Promise<ScheduleFiring> {
  const row = await getLive(ctx, target(ctx, scheduleId));
  const trigger = systemCtx("trigger", { spaceId: requireSpace(ctx), clock: ctx.clock });
  return toFiring(await fireNow(trigger, deps.execution, row, newId("execution", ctx.clock.now())));
}

interface PreviewOptions {
  count: number;
  after?: string | undefined;
}

/** The next times of a schedule; while it is paused, those that it would have. */
export async function previewSaved(
  ctx: Ctx,
  { scheduleId, count, after }: PreviewOptions & { scheduleId: ScheduleId },
): Promise<SchedulePreview> {
  const row = await getLive(ctx, target(ctx, scheduleId));
  const delayMs = delayOf(scheduleId, row.windowMinutes);
  const from = after === undefined ? ctx.clock.now() : Date.parse(after);
  return { expression: expressionOf(row.when), items: preview(row, { after: from, count, delayMs }) };
}

/** The next times of what is not saved yet. Throws `invalid_input` as saving it would. */
export function previewUnsaved(ctx: Ctx, input: PreviewSchedule, { count, after }: PreviewOptions): SchedulePreview {
  const now = ctx.clock.now();
  const timing = { ...input, anchorAt: anchorOf(input, now) };
  checkTiming(timing, now);
  const delayMs = input.windowMinutes === undefined ? 0 : undefined;
  const from = after === undefined ? now : Date.parse(after);
  return { expression: expressionOf(input.when), items: preview(timing, { after: from, count, delayMs }) };
}

/** What came of a schedule's times, newest first. */
export async function listFirings(
  ctx: Ctx,
  input: { scheduleId: ScheduleId; limit?: number | undefined; cursor?: string | undefined },
): Promise<Page<ScheduleFiring>> {
  const { scheduleId, limit, cursor } = input;
  const { spaceId } = await getLive(ctx, target(ctx, scheduleId));
  const now = ctx.clock.now();
  const page = await listPage(ScheduleFiringEntity.query.primary({ spaceId, scheduleId }), {
    scope: { operation: "listScheduleFirings", spaceId, filters: { scheduleId } },
    ...{ limit, cursor },
    keep: (row) => !isExpired(row, now),
  });
  return { items: await toFirings(page.items as ScheduleFiringRow[]), nextCursor: page.nextCursor };
}

/** Throws `not_found` where the space has no such workflow or version. */
async function checkWorkflow(ctx: Ctx, workflowId: Id<"workflow">, version: string | undefined): Promise<void> {
  await Workflow.get(ctx, { workflowId });
  if (version !== undefined) await getLive(ctx, Workflow.versionTarget(ctx, workflowId, version));
}

function target(ctx: Ctx, scheduleId: ScheduleId) {
  return { entity: ScheduleEntity, key: { spaceId: requireSpace(ctx), scheduleId }, what: "schedule", id: scheduleId };
}
