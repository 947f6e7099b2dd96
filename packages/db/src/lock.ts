import { createHash, randomUUID } from "node:crypto";
import type { Clock } from "@weft/kernel/clock";
import { conflict } from "@weft/kernel/errors";
import { Entity } from "electrodb";
import { modelOf } from "./base.ts";
import { ELECTRO } from "./table.ts";
import { guarded, tryWrite, tx, type WriteOp } from "./write.ts";

/**
 * One row per lock. It stays when the lock is released, since it carries the fencing number on.
 *
 * | pattern | index | question |
 * |---|---|---|
 * | primary | table | who holds this lock, until when, under which number? |
 */
export const Lock = new Entity(
  {
    model: modelOf("lock"),
    attributes: {
      scope: { type: "string", required: true },
      hash: { type: "string", required: true },
      name: { type: "string" },
      owner: { type: "string" },
      /** Milliseconds since the epoch. */
      heldUntil: { type: "number" },
      fence: { type: "number" },
    },
    indexes: {
      primary: { pk: { field: "pk", composite: ["scope", "hash"] }, sk: { field: "sk", composite: [] } },
    },
  },
  ELECTRO,
);

export interface LockName {
  /** `platform` or a space. */
  scope: string;
  name: string;
}

export interface HeldLock extends LockName {
  owner: string;
  /** Grows with each owner: what a later owner wrote is not overwritten by one who lost the lock. */
  fence: number;
  heldUntil: number;
}

/** Takes a lock that is free or has run out. Null where another holds it. */
export async function acquire(
  clock: Clock,
  lock: LockName,
  options: { ttlMs: number; owner?: string },
): Promise<HeldLock | null> {
  const now = clock.now();
  const owner = options.owner ?? randomUUID();
  const heldUntil = now + options.ttlMs;
  const written = await tryWrite(() =>
    Lock.update(keyOf(lock))
      .set({ owner, heldUntil, name: lock.name })
      .add({ fence: 1 })
      .where((attr, op) => `${op.notExists(attr.owner)} OR ${op.lte(attr.heldUntil, now)}`)
      .go({ response: "all_new" }),
  );
  return written ? { ...lock, owner, heldUntil, fence: written.data.fence ?? 0 } : null;
}

/** Holds on to a lock for longer. Null where it was lost: it ran out, and whoever wants it may have it. */
export async function renew(clock: Clock, held: HeldLock, ttlMs: number): Promise<HeldLock | null> {
  const now = clock.now();
  const heldUntil = now + ttlMs;
  const written = await tryWrite(() =>
    Lock.patch(keyOf(held))
      .set({ heldUntil })
      .where((attr, op) => {
        const isMine = `${op.eq(attr.owner, held.owner)} AND ${op.eq(attr.fence, held.fence)}`;
        return `${isMine} AND ${op.gt(attr.heldUntil, now)}`;
      })
      .go(),
  );
  return written ? { ...held, heldUntil } : null;
}

/** Gives the lock back. False where it is another's by now; that one keeps it. */
export async function unlock(held: HeldLock): Promise<boolean> {
  const written = await tryWrite(() =>
    Lock.patch(keyOf(held))
      .remove(["owner", "heldUntil"])
      .where((attr, op) => `${op.eq(attr.owner, held.owner)} AND ${op.eq(attr.fence, held.fence)}`)
      .go(),
  );
  return written !== null;
}

/** For a transaction: it goes through only if no one has taken the lock since. Fails with `conflict`. */
export function stillHeld(held: HeldLock): WriteOp {
  const op = tx(Lock)
    .check(keyOf(held))
    .where((attr, is) => `${is.eq(attr.owner, held.owner)} AND ${is.eq(attr.fence, held.fence)}`)
    .commit();
  return guarded(op, () => conflict(`lock ${held.name} was lost`));
}

/** How long one who waits for a lock leaves it alone, at most. */
const MAX_POLL_MS = 100;

/**
 * Runs work under a lock and gives it back however the work ends. Throws `conflict` where another holds it, and still
 * holds it after `waitMs`.
 */
export async function withLock<T>(
  clock: Clock,
  lock: LockName,
  options: { ttlMs: number; owner?: string; waitMs?: number },
  work: (held: HeldLock) => Promise<T>,
): Promise<T> {
  let held = await acquire(clock, lock, options);
  for (let waited = 0; !held && waited < (options.waitMs ?? 0); ) {
    // Not in step with the others who wait.
    const pause = Math.ceil(MAX_POLL_MS * (0.5 + Math.random() / 2));
    await new Promise((resolve) => setTimeout(resolve, pause));
    waited += pause;
    held = await acquire(clock, lock, options);
  }
  if (!held) throw conflict(`${lock.name} is busy`, { retryable: true });
  try {
    return await work(held);
  } finally {
    await unlock(held);
  }
}

function keyOf({ scope, name }: LockName) {
  return { scope, hash: createHash("sha256").update(name).digest("hex") };
}
