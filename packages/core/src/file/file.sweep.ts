import { read, tryWrite } from "@weft/db/write";
import { isoTime } from "@weft/kernel/clock";
import { type Ctx, systemCtx } from "@weft/kernel/ctx";
import type { Id } from "@weft/kernel/ids";
import { deleteObject } from "@weft/storage/object";
import { FILE_SHARDS, FileEntity, type FileRow } from "./file.entity.ts";
import { fullKey } from "./file.service.ts";
import { expireUpload } from "./file.upload.ts";

/** Files that one sweep looks at in one shard; the next sweep goes on. */
const BATCH = 200;
/** Between the end of retention and the end of the bytes, so that a restore under way is through and clocks need not agree. */
const MARGIN_MS = 60_000;

/**
 * Ends uploads that nobody completed, and removes the bytes and then the rows of files whose retention is over. A file
 * that cannot be dealt with does not keep the others. Stops before `deadline`.
 */
export async function sweepFiles(
  ctx: Ctx,
  deadline: number,
): Promise<{ expired: number; purged: number; failed: number }> {
  const done = { expired: 0, purged: 0, failed: 0 };
  for (let shard = 0; shard < FILE_SHARDS; shard += 1) {
    for (const row of await dueRows(ctx, String(shard))) {
      if (ctx.clock.now() >= deadline) return done;
      try {
        done[await sweepOne(ctx, row)] += 1;
      } catch {
        done.failed += 1;
      }
    }
  }
  return done;
}

async function dueRows(ctx: Ctx, dueShard: string): Promise<FileRow[]> {
  const dueAt = `${isoTime(ctx.clock.now() - MARGIN_MS)}~`;
  const { data } = await read(() =>
    FileEntity.query.due({ dueShard }).lte({ dueAt }).go({ limit: BATCH, order: "asc" }),
  );
  return data;
}

async function sweepOne(ctx: Ctx, row: FileRow): Promise<"expired" | "purged"> {
  const inSpace = systemCtx("sweep-files", { clock: ctx.clock, spaceId: row.spaceId as Id<"space"> });
  if (row.status === "uploading") {
    await expireUpload(inSpace, row);
    return "expired";
  }
  // In this order a crash leaves a row that is due again, never bytes without a row; what is due cannot be restored.
  await deleteObject(fullKey(inSpace, row));
  const { spaceId, fileId, dueAt } = row;
  await tryWrite(() =>
    FileEntity.remove({ spaceId, fileId })
      .where((attr, op) => op.eq(attr.dueAt, dueAt))
      .go(),
  );
  return "purged";
}
