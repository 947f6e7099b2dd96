import { createHash } from "node:crypto";
import { listAll } from "@weft/db/page";
import { read, tryWrite, tx, type WriteOp } from "@weft/db/write";
import { isoTime } from "@weft/kernel/clock";
import { type Ctx, requireSpace } from "@weft/kernel/ctx";
import type { EntityItem } from "electrodb";
import type { Sealer } from "./sealer.ts";
import { SEAL_SHARDS, VaultEntity } from "./vault.entity.ts";

/** A secret is sealed anew, under a new data key and the master key's newest material, once it is this old. */
export const RESEAL_AFTER_MS = 90 * 24 * 60 * 60 * 1000;
/** Secrets of one owner: versions and what is derived from each. */
const MAX_VERSIONS = 500;
const RESEAL_BATCH = 50;

/** Which secret: its owner in the ctx's space, and the owner's name for this version of it. */
export interface SecretRef {
  ownerId: string;
  version: string;
}

type Row = EntityItem<typeof VaultEntity>;

/** Seals a JSON value; the action stores it, over what the version held before. */
export async function putSecretOp(ctx: Ctx, sealer: Sealer, ref: SecretRef, value: unknown): Promise<WriteOp> {
  const spaceId = requireSpace(ctx);
  const sealed = await sealer.seal(contextOf(spaceId, ref), JSON.stringify(value));
  const { ownerId, version } = ref;
  const row = { spaceId, ownerId, version, sealed, sealShard: shardOf(ownerId), sealedAt: isoTime(ctx.clock.now()) };
  return tx(VaultEntity).put(row).commit();
}

/** The value of a secret of the ctx's space; undefined where there is none. */
export async function openSecret(ctx: Ctx, sealer: Sealer, ref: SecretRef): Promise<unknown> {
  const spaceId = requireSpace(ctx);
  const { data } = await read(() => VaultEntity.get({ spaceId, ...ref }).go({ consistent: true }));
  return data ? JSON.parse(await sealer.open(contextOf(spaceId, ref), data.sealed)) : undefined;
}

/** Destroys one version of a secret, as an action of a transaction. */
export function removeSecretOp(ctx: Ctx, ref: SecretRef): WriteOp {
  return tx(VaultEntity)
    .delete({ spaceId: requireSpace(ctx), ...ref })
    .commit();
}

/** Destroys every version of an owner's secret. */
export async function removeSecrets(ctx: Ctx, ownerId: string): Promise<void> {
  const spaceId = requireSpace(ctx);
  const rows = await listAll(VaultEntity.query.primary({ spaceId, ownerId }), { max: MAX_VERSIONS, consistent: true });
  for (const { version } of rows) await tryWrite(() => VaultEntity.delete({ spaceId, ownerId, version }).go());
}

/** Seals anew what was sealed before {@link RESEAL_AFTER_MS}, as far as the time reaches; the next run goes on. */
export async function resealOld(
  ctx: Ctx,
  sealer: Sealer,
  deadline: number,
): Promise<{ resealed: number; failed: number }> {
  const before = isoTime(ctx.clock.now() - RESEAL_AFTER_MS);
  let resealed = 0;
  let failed = 0;
  for (let shard = 0; shard < SEAL_SHARDS; shard += 1) {
    let cursor: string | null = null;
    do {
      if (ctx.clock.now() >= deadline) return { resealed, failed };
      const query = VaultEntity.query.bySealTime({ sealShard: String(shard) }).lt({ sealedAt: before });
      const page = await read(() => query.go({ limit: RESEAL_BATCH, order: "asc", cursor }));
      const done = await Promise.allSettled(page.data.map((row) => reseal(ctx, sealer, row)));
      // One that cannot be opened must not keep the others old; the result says that there is one.
      failed += done.filter(({ status }) => status === "rejected").length;
      resealed += done.filter((end) => end.status === "fulfilled" && end.value).length;
      cursor = page.cursor;
    } while (cursor !== null);
  }
  return { resealed, failed };
}

/** False where it was changed or removed meanwhile: then it is new, or needs nothing. */
async function reseal(ctx: Ctx, sealer: Sealer, { spaceId, ownerId, version, sealed, sealShard, sealedAt }: Row) {
  const context = contextOf(spaceId, { ownerId, version });
  const fresh = await sealer.seal(context, await sealer.open(context, sealed));
  const written = await tryWrite(() =>
    VaultEntity.patch({ spaceId, ownerId, version })
      .set({ sealed: fresh, sealShard, sealedAt: isoTime(ctx.clock.now()) })
      .where((attr, op) => op.eq(attr.sealedAt, sealedAt))
      .go(),
  );
  return written !== null;
}

function contextOf(spaceId: string, { ownerId, version }: SecretRef) {
  return { spaceId, credentialId: ownerId, version };
}

function shardOf(ownerId: string): string {
  const first = createHash("sha256").update(ownerId).digest()[0] ?? 0;
  return String(first % SEAL_SHARDS);
}
