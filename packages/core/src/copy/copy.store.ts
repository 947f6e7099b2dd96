import { getLive, updateOp } from "@weft/db/change";
import type { HeldLock } from "@weft/db/lock";
import { stillHeld } from "@weft/db/lock";
import { transact, tryWrite } from "@weft/db/write";
import { isoTime } from "@weft/kernel/clock";
import { type Ctx, requireSpace } from "@weft/kernel/ctx";
import type { Id } from "@weft/kernel/ids";
import type { EntityItem } from "electrodb";
import { type CopyItem, CopyTaskEntity, DUE, NEVER } from "./copy.entity.ts";
import type { CopyTask, CopyTaskId } from "./copy.schema.ts";

export type TaskRow = EntityItem<typeof CopyTaskEntity>;

/** One step may take as long before another worker goes on with the task. */
export const STEP_MS = 60_000;

export function taskTarget(ctx: Ctx, copyTaskId: string) {
  const key = { spaceId: requireSpace(ctx), copyTaskId };
  return { entity: CopyTaskEntity, key, what: "copy task", id: copyTaskId };
}

/** When somebody is to look at the task. ElectroDB rebuilds an index only when it is given every part of its keys. */
export function dueAt(ms: number): { due: typeof DUE; dueAt: string } {
  return { due: DUE, dueAt: isoTime(ms) };
}

const OVER = { due: DUE, dueAt: NEVER } as const;

/** Stores what a step did. Throws `conflict` where the task was cancelled or another worker has it. */
export async function save(
  ctx: Ctx,
  held: HeldLock,
  row: TaskRow,
  set: Partial<Pick<TaskRow, "status" | "items" | "startedAt" | "tries">>,
): Promise<TaskRow> {
  const change = { set: { ...set, ...dueAt(ctx.clock.now() + STEP_MS) }, expectedRevision: row.revision };
  await transact([updateOp(ctx, taskTarget(ctx, row.copyTaskId), change), stillHeld(held)]);
  return getLive(ctx, taskTarget(ctx, row.copyTaskId));
}

/** Ends an open task, once. Null where it is over already. */
export async function close(
  ctx: Ctx,
  row: TaskRow,
  end: { status: "succeeded" | "failed" | "cancelled"; error?: NonNullable<CopyTask["error"]> },
): Promise<TaskRow | null> {
  const now = isoTime(ctx.clock.now());
  const written = await tryWrite(() =>
    CopyTaskEntity.patch({ spaceId: row.spaceId, copyTaskId: row.copyTaskId })
      .set({ ...end, ...OVER, endedAt: now, updatedAt: now })
      .add({ revision: 1 })
      .where((attr, op) => `${op.eq(attr.status, "queued")} OR ${op.eq(attr.status, "running")}`)
      .go({ response: "all_new" }),
  );
  return written ? (written.data as TaskRow) : null;
}

/** Opens a task that failed or was cancelled. Null where it is in another state. */
export async function reopen(ctx: Ctx, row: TaskRow, runAs: string): Promise<TaskRow | null> {
  const now = ctx.clock.now();
  const written = await tryWrite(() =>
    CopyTaskEntity.patch({ spaceId: row.spaceId, copyTaskId: row.copyTaskId })
      .set({ status: "queued", tries: 0, runAs, updatedAt: isoTime(now), ...dueAt(now + STEP_MS) })
      .add({ revision: 1 })
      .remove(["error", "endedAt"])
      .where((attr, op) => `${op.eq(attr.status, "failed")} OR ${op.eq(attr.status, "cancelled")}`)
      .go({ response: "all_new" }),
  );
  return written ? (written.data as TaskRow) : null;
}

/** Leaves an open task to whoever comes at that time. */
export async function postpone(ctx: Ctx, row: TaskRow, atMs: number): Promise<void> {
  await tryWrite(() =>
    CopyTaskEntity.patch({ spaceId: row.spaceId, copyTaskId: row.copyTaskId })
      .set({ ...dueAt(atMs), updatedAt: isoTime(ctx.clock.now()) })
      .add({ revision: 1 })
      .where((attr, op) => `${op.eq(attr.status, "queued")} OR ${op.eq(attr.status, "running")}`)
      .go(),
  );
}

/** The API's form of a row. */
export function toTask(row: TaskRow): CopyTask {
  const { from, mode, status, items, error, startedAt, endedAt, revision, createdAt, updatedAt, createdBy } = row;
  const total = items.length + (mode === "move" ? items.filter(({ isNamed }) => isNamed).length : 0);
  const completed =
    items.filter((item) => item.status === "succeeded").length + items.filter((i) => i.isRemoved).length;
  const isOpen = status === "queued" || status === "running";
  return {
    id: row.copyTaskId as CopyTaskId,
    spaceId: row.spaceId as Id<"space">,
    sourceSpaceId: (row.sourceSpaceId as Id<"space"> | undefined) ?? null,
    ...{ from, mode, status, revision, createdAt, updatedAt, createdBy },
    progress: {
      total,
      completed,
      percent: Math.floor((completed / total) * 100),
      current: (isOpen ? nextItem(row)?.item.name : undefined) ?? null,
    },
    objects: items.map(({ spaceId: _space, versions: _versions, ...item }) => item),
    error: error ?? null,
    startedAt: startedAt ?? null,
    endedAt: endedAt ?? null,
  };
}

export interface NextItem {
  verb: "copy" | "remove";
  item: CopyItem;
}

/** What is to be done next: everything is copied before anything is removed. */
export function nextItem(row: Pick<TaskRow, "items" | "mode">): NextItem | undefined {
  const pending = row.items.find((item) => item.status === "pending");
  if (pending) return { verb: "copy", item: pending };
  const moved = row.mode === "move" ? row.items.find((item) => item.isNamed && !item.isRemoved) : undefined;
  return moved && { verb: "remove", item: moved };
}
