import { createCache } from "@weft/db/cache";
import { listAll } from "@weft/db/page";
import { tx, type WriteOp } from "@weft/db/write";
import { systemClock } from "@weft/kernel/clock";
import { type Ctx, requireSpace } from "@weft/kernel/ctx";
import { conflict } from "@weft/kernel/errors";
import { ListenerEntity } from "./event.entity.ts";
import { matchesType } from "./event.types.ts";

/** Triggers and subscriptions of one space that listen at once: each event is held against all of them. */
export const MAX_LISTENERS = 500;
/** How long another process's new listener may go unseen, as with what is published. */
const TTL_MS = 3_000;
const MAX_SPACES = 5_000;

/** Patterns of each space that this process asked for of late. Nobody's listening is remembered, too. */
const patterns = createCache<readonly string[]>({ clock: systemClock, ttlMs: TTL_MS, maxEntries: MAX_SPACES });

const cacheKey = (spaceId: string) => ({ scope: spaceId, kind: "listeners", id: spaceId });

/** Makes a trigger or a subscription hear of these types, as an action of the transaction that makes or changes it. */
export function listenOp(ctx: Ctx, listenerId: string, types: readonly string[]): WriteOp {
  const spaceId = requireSpace(ctx);
  patterns.invalidate(cacheKey(spaceId));
  return tx(ListenerEntity)
    .put({ spaceId, listenerId, types: [...types] })
    .commit();
}

/** The opposite of {@link listenOp}. */
export function unlistenOp(ctx: Ctx, listenerId: string): WriteOp {
  const spaceId = requireSpace(ctx);
  patterns.invalidate(cacheKey(spaceId));
  return tx(ListenerEntity).delete({ spaceId, listenerId }).commit();
}

/** After the transaction: what was read meanwhile is forgotten. */
export function listenersChanged(ctx: Ctx): void {
  patterns.invalidate(cacheKey(requireSpace(ctx)));
}

/** Throws `conflict` where the space has as many listeners as it may. */
export async function requireRoom(ctx: Ctx): Promise<void> {
  const { length } = await all(requireSpace(ctx));
  if (length < MAX_LISTENERS) return;
  throw conflict(`a space has at most ${MAX_LISTENERS} event triggers and subscriptions that listen`);
}

/** Whether anybody in the space wants events of this type: no request where this process asked a moment ago. */
export async function isHeard(spaceId: string, type: string): Promise<boolean> {
  const found = await patterns.load(cacheKey(spaceId), async () => [
    ...new Set((await all(spaceId, false)).flatMap((row) => row.types)),
  ]);
  return (found ?? []).some((pattern) => matchesType(pattern, type));
}

/** The ids of all who want events of this type now. */
export async function listenersOf(spaceId: string, type: string): Promise<string[]> {
  const rows = await all(spaceId);
  return rows.filter(({ types }) => types.some((pattern) => matchesType(pattern, type))).map((row) => row.listenerId);
}

function all(spaceId: string, consistent = true) {
  // One that was let in by two calls at once is no reason to tell nobody.
  return listAll(ListenerEntity.query.primary({ spaceId }), { max: 2 * MAX_LISTENERS, consistent });
}

/** Forgets everything; another process does so when it starts. */
export function clearListeners(): void {
  patterns.clear();
}
