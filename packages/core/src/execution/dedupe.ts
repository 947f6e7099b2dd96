import { createHash } from "node:crypto";
import { expiresIn, isExpired } from "@weft/db/base";
import { read, tx, type WriteOp } from "@weft/db/write";
import { RunDedupeEntity } from "./limit.entity.ts";

/** A key by which repeats of a run are known, for so long. */
export interface DedupeKey {
  spaceId: string;
  hash: string;
  ttlMs: number;
}

/** Keys of one kind do not meet those of another: a caller's own are texts, computed ones any values. */
export function dedupeKey(
  spaceId: string,
  workflowId: string,
  kind: "given" | "computed",
  key: string,
  ttlSeconds: number,
): DedupeKey {
  const hash = createHash("sha256")
    .update(JSON.stringify([workflowId, kind, key]))
    .digest("hex");
  return { spaceId, hash, ttlMs: ttlSeconds * 1000 };
}

/** The execution that was started with this key, while it is remembered. */
export async function knownExecution({ spaceId, hash }: DedupeKey, now: number): Promise<string | undefined> {
  const { data } = await read(() => RunDedupeEntity.get({ spaceId, hash }).go({ consistent: true }));
  return data && !isExpired(data, now) ? data.executionId : undefined;
}

/**
 * Remembers the key in the transaction that creates its execution: of repeats at once one is carried out, and a key never
 * stands for an execution that is not there. Refused where the key is remembered already.
 */
export function rememberOp({ spaceId, hash, ttlMs }: DedupeKey, executionId: string, now: number): WriteOp {
  return tx(RunDedupeEntity)
    .put({ spaceId, hash, executionId, expiresAt: expiresIn(ttlMs, now) })
    .where((attr, op) => `${op.notExists(attr.executionId)} OR ${op.lte(attr.expiresAt, Math.floor(now / 1000))}`)
    .commit();
}
