import { created } from "@weft/db/base";
import { getLive } from "@weft/db/change";
import { listPage } from "@weft/db/page";
import { write } from "@weft/db/write";
import { type Ctx, requireSpace, requireUser } from "@weft/kernel/ctx";
import { conflict, invalidField } from "@weft/kernel/errors";
import { newId } from "@weft/kernel/ids";
import type { Page } from "@weft/kernel/page";
import { authorize } from "../identity/authorize.service.ts";
import { CopyTaskEntity } from "./copy.entity.ts";
import { copyables } from "./copy.kinds.ts";
import { plan } from "./copy.plan.ts";
import type { CopyKind, CopyTask, CopyTaskId, CreateCopy } from "./copy.schema.ts";
import { close, dueAt, reopen, STEP_MS, type TaskRow, taskTarget, toTask } from "./copy.store.ts";
import { refuseUsed, rightsFor, work } from "./copy.work.ts";

/** How long a call works on its task itself; then the platform goes on with it. */
const CALL_MS = 10_000;

/**
 * Copies objects of another space, or of the library, into this one, with everything that they need and with references
 * rewritten to the copies. The caller needs the rights in both spaces. Throws `conflict` for a move of what others, which
 * stay, still need.
 */
export async function create(ctx: Ctx, input: CreateCopy): Promise<CopyTask> {
  const { mode, from } = input;
  const spaceId = requireSpace(ctx);
  const sourceSpaceId = checkSource(input, spaceId);
  await checkRights(ctx, { spaceId, sourceSpaceId, mode, items: input.objects });
  const now = ctx.clock.now();
  const copyTaskId = newId("copyTask", now);
  const objects = await Promise.all(
    input.objects.map(async ({ kind, id }) => {
      return { kind, id, spaceId: sourceSpaceId ?? (await copyables[kind].publicSpace(ctx, id)) };
    }),
  );
  const items = await plan(ctx, copyTaskId, { from, mode }, objects);
  if (mode === "move") {
    const named = items.filter(({ isNamed }) => isNamed);
    await refuseUsed(ctx, named, items);
  }
  const row: TaskRow = {
    ...{ spaceId, copyTaskId, from, sourceSpaceId, mode, items, status: "queued", tries: 0 },
    ...{ runAs: requireUser(ctx), ...dueAt(now + STEP_MS), ...created(ctx) },
  };
  await write(() => CopyTaskEntity.create(row).go());
  return workOn(ctx, copyTaskId);
}

/** Tasks that copy into this space, newest first. */
export async function list(
  ctx: Ctx,
  { limit, cursor }: { limit?: number | undefined; cursor?: string | undefined },
): Promise<Page<CopyTask>> {
  const spaceId = requireSpace(ctx);
  const scope = { operation: "listCopies", spaceId };
  const page = await listPage(CopyTaskEntity.query.primary({ spaceId }), { scope, limit, cursor });
  return { items: page.items.map(toTask), nextCursor: page.nextCursor };
}

export async function get(ctx: Ctx, { copyTaskId }: { copyTaskId: CopyTaskId }): Promise<CopyTask> {
  return toTask(await getLive(ctx, taskTarget(ctx, copyTaskId)));
}

/** Ends a task where it is: what is copied by then stays. Throws `conflict` for one that is over. */
export async function cancel(ctx: Ctx, { copyTaskId }: { copyTaskId: CopyTaskId }): Promise<CopyTask> {
  const row = await getLive(ctx, taskTarget(ctx, copyTaskId));
  const closed = await close(ctx, row, { status: "cancelled" });
  if (!closed) throw conflict(`the task is ${(await getLive(ctx, taskTarget(ctx, copyTaskId))).status}`);
  return toTask(closed);
}

/** Goes on with a task that failed or was cancelled, with the rights of the caller. Throws `conflict` for any other. */
export async function retry(ctx: Ctx, { copyTaskId }: { copyTaskId: CopyTaskId }): Promise<CopyTask> {
  const row = await getLive(ctx, taskTarget(ctx, copyTaskId));
  await checkRights(ctx, row);
  const opened = await reopen(ctx, row, requireUser(ctx));
  if (!opened) throw conflict(`the task is ${row.status}`);
  return workOn(ctx, copyTaskId);
}

async function workOn(ctx: Ctx, copyTaskId: CopyTaskId): Promise<CopyTask> {
  await work(ctx, copyTaskId, ctx.clock.now() + CALL_MS);
  return get(ctx, { copyTaskId });
}

function checkSource({ from, mode, sourceSpaceId }: CreateCopy, spaceId: string): string | undefined {
  if (from === "library") {
    if (sourceSpaceId !== undefined) throw invalidField("sourceSpaceId", "the library has no space");
    if (mode === "move") throw invalidField("mode", "what is in the library can only be copied");
    return undefined;
  }
  const source = sourceSpaceId ?? spaceId;
  if (mode === "move" && source === spaceId) throw invalidField("sourceSpaceId", "a move goes to another space");
  return source;
}

async function checkRights(
  ctx: Ctx,
  task: { spaceId: string; sourceSpaceId?: string | undefined; mode: CopyTask["mode"]; items: { kind: CopyKind }[] },
): Promise<void> {
  const kinds = task.items.map(({ kind }) => kind);
  if (task.sourceSpaceId === undefined) await authorize(ctx, { permission: "library:read", mutating: false });
  for (const right of rightsFor(task.spaceId, task.sourceSpaceId, task.mode, kinds)) {
    await authorize(ctx, { ...right, mutating: true });
  }
}
