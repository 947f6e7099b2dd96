import { createCache } from "@weft/db/cache";
import type { RowKey } from "@weft/db/get-many";
import { listAll } from "@weft/db/page";
import { read, tryWrite, tx, type WriteOp } from "@weft/db/write";
import { systemClock } from "@weft/kernel/clock";
import { type Ctx, requireSpace } from "@weft/kernel/ctx";
import { conflict } from "@weft/kernel/errors";
import { ListenerEntity, ListeningEntity } from "./event.entity.ts";
import { matchesType } from "./event.types.ts";

/** Triggers and subscriptions of one space that listen at once: each event is held against all of them. */
export const MAX_LISTENERS = 500;
/** How long another process's new listener may go unseen, as with what is published. */
const TTL_MS = 3_000;
const MAX_SPACES = 5_000;

/** Patterns of each space that this process asked for of late. Nobody's listening is remembered, too. */
const patterns = createCache<readonly string[]>({ clock: systemClock, ttlMs: TTL_MS, maxEntries: MAX_SPACES });

const cacheKey = (spaceId: string) => ({ scope: spaceId, kind: "listening", id: spaceId });

/** Makes a trigger or a subscription hear of these types, as actions of the transaction that makes or changes it. */
export function listenOps(ctx: Ctx, listenerId: string, types: readonly string[]): WriteOp[] {
  const spaceId = requireSpace(ctx);
  const heard = tx(ListeningEntity)
    .upsert({ spaceId })
    .add({ patterns: [...types], revision: 1 })
    .commit();
  return [
    tx(ListenerEntity)
      .put({ spaceId, listenerId, types: [...types] })
      .commit(),
    heard,
  ];
}

/** The opposite of {@link listenOps}. What nobody wants any more is forgotten by {@link listenersChanged}. */
export function unlistenOps(ctx: Ctx, listenerId: string): WriteOp[] {
  return [
    tx(ListenerEntity)
      .delete({ spaceId: requireSpace(ctx), listenerId })
      .commit(),
  ];
}

/** After the transaction: what nobody wants any more costs nothing from then on, and this process knows at once. */
export async function listenersChanged(ctx: Ctx): Promise<void> {
  const spaceId = requireSpace(ctx);
  // Patterns too many cost a little and lose nothing: the next change takes them out.
  await prune(spaceId).catch(() => undefined);
  patterns.invalidate(cacheKey(spaceId));
}

async function prune(spaceId: string): Promise<void> {
  const { data: row } = await read(() => ListeningEntity.get({ spaceId }).go({ consistent: true }));
  if (!row) return;
  const wanted = new Set((await all(spaceId)).flatMap(({ types }) => types));
  if ([...(row.patterns ?? [])].every((pattern) => wanted.has(pattern))) return;
  const patch = ListeningEntity.patch({ spaceId });
  const change = wanted.size > 0 ? patch.set({ patterns: [...wanted] }) : patch.remove(["patterns"]);
  await tryWrite(() => change.where((attr, op) => op.eq(attr.revision, row.revision)).go());
}

/** Throws `conflict` where the space has as many listeners as it may. */
export async function requireRoom(ctx: Ctx): Promise<void> {
  const { length } = await all(requireSpace(ctx));
  if (length < MAX_LISTENERS) return;
  throw conflict(`a space has at most ${MAX_LISTENERS} event triggers and subscriptions that listen`);
}

/** Whether anybody in the space wants events of this type: no request where this process asked a moment ago. */
export async function isHeard(spaceId: string, type: string): Promise<boolean> {
  const found = await patterns.load(cacheKey(spaceId), async () => {
    const { data } = await read(() => ListeningEntity.get({ spaceId }).go());
    return [...(data?.patterns ?? [])];
  });
  return (found ?? []).some((pattern) => matchesType(pattern, type));
}

/** What a caller may read together with a row of its own, so that {@link isHeard} asks for nothing. */
export function listeningKey(spaceId: string): RowKey<typeof ListeningEntity> {
  return { entity: ListeningEntity, key: { spaceId } };
}

/** What came of {@link listeningKey}. */
export function rememberListening(spaceId: string, row: { patterns?: readonly string[] | Set<string> } | null): void {
  patterns.set(cacheKey(spaceId), [...(row?.patterns ?? [])]);
}

/** The ids of all who want events of this type now. */
export async function listenersOf(spaceId: string, type: string): Promise<string[]> {
  const rows = await all(spaceId);
  return rows.filter(({ types }) => types.some((pattern) => matchesType(pattern, type))).map((row) => row.listenerId);
}

function all(spaceId: string) {
  // One that was let in by two calls at once is no reason to tell nobody.
  return listAll(ListenerEntity.query.primary({ spaceId }), { max: 2 * MAX_LISTENERS, consistent: true });
}

/** Forgets everything; another process does so when it starts. */
export function clearListeners(): void {
  patterns.clear();
}
