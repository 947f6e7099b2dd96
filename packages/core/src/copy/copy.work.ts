import { getLive } from "@weft/db/change";
import { acquire, type HeldLock, renew, unlock } from "@weft/db/lock";
import { isoTime } from "@weft/kernel/clock";
import { type Ctx, systemCtx } from "@weft/kernel/ctx";
import { AppError, conflict, messageOf } from "@weft/kernel/errors";
import type { Id } from "@weft/kernel/ids";
import { authorizeUser } from "../identity/authorize.service.ts";
import { CopyTaskEntity, DUE } from "./copy.entity.ts";
import { copyables } from "./copy.kinds.ts";
import { inSpace } from "./copy.plan.ts";
import type { CopyKind } from "./copy.schema.ts";
import { close, type NextItem, nextItem, postpone, STEP_MS, save, type TaskRow, taskTarget } from "./copy.store.ts";
import type { CopyWay } from "./copyable.ts";

/** Tries that get nowhere, before the task is given up: they failed for what may pass, or their process died. */
const MAX_TRIES = 5;
/** Tasks that one sweep goes on with; the next sweep takes the rest. */
const SWEEP_BATCH = 50;

type Right = { permission: string; spaceId: string };

/** What a task needs: to read there, to write here, and to delete there for a move. The library asks nothing there. */
export function rightsFor(
  spaceId: string,
  sourceSpaceId: string | undefined,
  mode: CopyWay["mode"],
  kinds: Iterable<CopyKind>,
): Right[] {
  return [...new Set(kinds)].flatMap((kind) => {
    const { noun } = copyables[kind];
    const there = sourceSpaceId === undefined ? [] : [{ permission: `${noun}:read`, spaceId: sourceSpaceId }];
    const removal = sourceSpaceId !== undefined && mode === "move";
    const gone = removal ? [{ permission: `${noun}:delete`, spaceId: sourceSpaceId }] : [];
    return [...there, ...gone, { permission: `${noun}:write`, spaceId }];
  });
}

/**
 * Goes on with a task until it is over or the time is, step by step. Each step may be repeated: a worker that died leaves
 * nothing twice. Does nothing where another worker has the task.
 */
export async function work(ctx: Ctx, copyTaskId: string, until: number): Promise<void> {
  const before = await getLive(ctx, taskTarget(ctx, copyTaskId));
  const held = await acquire(ctx.clock, { scope: before.spaceId, name: `copy:${copyTaskId}` }, { ttlMs: STEP_MS });
  if (!held) return;
  let row = before;
  try {
    row = await getLive(ctx, taskTarget(ctx, copyTaskId));
    if (row.status !== "queued" && row.status !== "running") return;
    await checkRights(row);
    if (row.tries >= MAX_TRIES) throw new AppError("internal", "every try ended with its process");
    const startedAt = row.startedAt ?? isoTime(ctx.clock.now());
    row = await save(ctx, held, row, { status: "running", startedAt, tries: row.tries + 1 });
    for (let next = nextItem(row); next; next = nextItem(row)) {
      if (ctx.clock.now() >= until) return await postpone(ctx, row, ctx.clock.now());
      row = await step(ctx, held, row, next);
    }
    await close(ctx, row, { status: "succeeded" });
  } catch (thrown) {
    await failed(ctx, held, row, thrown);
  } finally {
    await unlock(held);
  }
}

async function checkRights(row: TaskRow): Promise<void> {
  const kinds = row.items.map(({ kind }) => kind);
  for (const { permission, spaceId } of rightsFor(row.spaceId, row.sourceSpaceId, row.mode, kinds)) {
    await authorizeUser(row.runAs, permission, spaceId);
  }
}

async function step(ctx: Ctx, held: HeldLock, row: TaskRow, { item, verb }: NextItem): Promise<TaskRow> {
  if (!(await renew(ctx.clock, held, STEP_MS))) throw new Superseded();
  const source = inSpace(ctx, item.spaceId);
  if (verb === "copy") {
    const { from, mode } = row;
    const mapping = Object.fromEntries(row.items.map(({ sourceId, targetId }) => [sourceId, targetId]));
    const { sourceId, targetId, versions } = item;
    await copyables[item.kind].copy({ from, mode, source, target: ctx, sourceId, targetId, versions, mapping });
  } else {
    await refuseUsed(ctx, [item], row.items);
    await copyables[item.kind].remove(source, item.sourceId);
  }
  const change = verb === "copy" ? { status: "succeeded" as const } : { isRemoved: true };
  const items = row.items.map((one) => (one === item ? { ...one, ...change } : one));
  try {
    return await save(ctx, held, row, { items, tries: 0 });
  } catch (thrown) {
    // Cancelled, or another worker has it: what this step did is found there and not done again.
    if (thrown instanceof AppError && thrown.code === "conflict") throw new Superseded();
    throw thrown;
  }
}

/** Throws `conflict`, naming them, where something that does not move along needs an object that is to go. */
export async function refuseUsed(
  ctx: Ctx,
  moved: readonly Pick<TaskRow["items"][number], "kind" | "spaceId" | "sourceId" | "name">[],
  all: readonly Pick<TaskRow["items"][number], "isNamed" | "sourceId">[],
): Promise<void> {
  const goes = new Set(all.filter(({ isNamed }) => isNamed).map(({ sourceId }) => sourceId));
  for (const { kind, spaceId, sourceId, name } of moved) {
    const users = await copyables[kind].users(inSpace(ctx, spaceId), sourceId);
    const left = users.filter(({ id }) => !goes.has(id));
    if (left.length === 0) continue;
    const names = left.map((user) => user.name).join(", ");
    throw conflict(`${name} is needed by what stays: ${names}`, { details: { id: sourceId, users: left } });
  }
}

/** Somebody else decides what becomes of the task. */
class Superseded extends Error {}

async function failed(ctx: Ctx, held: HeldLock, row: TaskRow, thrown: unknown): Promise<void> {
  if (thrown instanceof Superseded || !(await renew(ctx.clock, held, STEP_MS))) return;
  const isCallers = thrown instanceof AppError && thrown.status < 500 && !thrown.retryable;
  if (!isCallers && row.tries < MAX_TRIES) return postpone(ctx, row, ctx.clock.now() + STEP_MS);
  const { code, details } = thrown instanceof AppError ? thrown : { code: "internal", details: undefined };
  const message = isCallers ? messageOf(thrown) : "the copy failed again and again";
  const error = { code, message, ...(isCallers && details !== undefined ? { details } : {}) };
  await close(ctx, row, { status: "failed", error });
}

/** Goes on with every task that is due, each with the rights of its person. */
export async function sweep(ctx: Ctx, until: number): Promise<{ looked: number }> {
  const { data } = await CopyTaskEntity.query
    .due({ due: DUE })
    .lte({ dueAt: `${isoTime(ctx.clock.now())}~` })
    .go({ limit: SWEEP_BATCH, order: "asc" });
  let looked = 0;
  for (const { spaceId, copyTaskId, runAs } of data) {
    if (ctx.clock.now() >= until) break;
    const person = { spaceId: spaceId as Id<"space">, onBehalfOf: runAs as Id<"user"> };
    await work(systemCtx("copy", { ...person, clock: ctx.clock, requestId: ctx.requestId }), copyTaskId, until);
    looked += 1;
  }
  return { looked };
}
