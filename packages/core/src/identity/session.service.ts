import { expiresIn } from "@weft/db/base";
import { getAny, updateWithRevision } from "@weft/db/change";
import { listAll } from "@weft/db/page";
import { tryWrite, write } from "@weft/db/write";
import { isoTime } from "@weft/kernel/clock";
import type { Ctx } from "@weft/kernel/ctx";
import { notFound } from "@weft/kernel/errors";
import { type Id, newId } from "@weft/kernel/ids";
import type { EntityItem } from "electrodb";
import { cachedUser, storedUser } from "./access.ts";
import { isSessionGood, requireSession } from "./authorize.service.ts";
import { newSecret } from "./secret.ts";
import { SessionEntity } from "./session.entity.ts";
import { MAX_SESSIONS, PLATFORM, SESSION_MS } from "./settings.ts";
import { UserEntity } from "./user.entity.ts";
import type { Session } from "./user.schema.ts";

type SessionRow = EntityItem<typeof SessionEntity>;

/** Longest user agent that is kept. */
const MAX_USER_AGENT = 256;

const keyOf = (sessionId: string) => ({ scope: PLATFORM, sessionId });

/** Starts a session. The token is in the answer and nowhere else. */
export async function create(
  ctx: Ctx,
  user: { userId: string; sessionEpoch: number },
): Promise<{ token: string; endsAt: string }> {
  const now = ctx.clock.now();
  const sessionId = newId("session", now);
  const { token, hash } = newSecret("session", sessionId);
  const expiresAt = expiresIn(SESSION_MS, now);
  await write(() =>
    SessionEntity.create({
      ...keyOf(sessionId),
      userId: user.userId,
      secretHash: hash,
      epoch: user.sessionEpoch,
      createdAt: isoTime(now),
      lastSeenAt: isoTime(now),
      ...(ctx.ip ? { ip: ctx.ip } : {}),
      ...(ctx.userAgent ? { userAgent: ctx.userAgent.slice(0, MAX_USER_AGENT) } : {}),
      expiresAt,
    }).go(),
  );
  return { token, endsAt: isoTime(expiresAt * 1000) };
}

/** The caller's sessions that still count, newest first. */
export async function list(ctx: Ctx): Promise<{ items: Session[] }> {
  const { userId, sessionId } = requireSession(ctx);
  const [rows, user] = await Promise.all([rowsOf(userId), cachedUser(userId)]);
  const good = rows.filter((row) => user && isSessionGood(row, user, ctx.clock.now()));
  return { items: good.map((row) => toSession(row, sessionId)) };
}

/** Ends one session of the caller's. */
export async function remove(ctx: Ctx, sessionId: Id<"session">): Promise<void> {
  const { userId } = requireSession(ctx);
  const gone = await tryWrite(() =>
    SessionEntity.remove(keyOf(sessionId))
      .where((attr, op) => op.eq(attr.userId, userId as string))
      .go(),
  );
  if (!gone) throw notFound("session", sessionId);
}

/** Ends every session of the caller's, and keeps the one that asks if told so. */
export async function removeAll(ctx: Ctx, options: { keepCurrent: boolean }): Promise<void> {
  const { userId, sessionId } = requireSession(ctx);
  const epoch = await bumpEpoch(ctx, userId);
  if (options.keepCurrent) await carryOver(sessionId, epoch);
  await dropSessionsOf(userId, options.keepCurrent ? sessionId : undefined);
}

/** Takes a session along when its user's other sessions end. */
export async function carryOver(sessionId: string, epoch: number): Promise<void> {
  await tryWrite(() => SessionEntity.patch(keyOf(sessionId)).set({ epoch }).go());
}

/** Ends the caller's own session. */
export async function logOut(ctx: Ctx): Promise<void> {
  const { sessionId } = requireSession(ctx);
  await tryWrite(() => SessionEntity.delete(keyOf(sessionId)).go());
}

/** Removes the rows of a user's sessions. They are over by the user's epoch or state already: this makes it immediate. */
export async function dropSessionsOf(userId: string, except?: string): Promise<void> {
  const rows = (await rowsOf(userId)).filter((row) => row.sessionId !== except);
  await Promise.all(rows.map((row) => tryWrite(() => SessionEntity.delete(keyOf(row.sessionId)).go())));
}

async function bumpEpoch(ctx: Ctx, userId: string): Promise<number> {
  const target = { entity: UserEntity, key: { scope: PLATFORM, userId }, what: "user", id: userId };
  const user = await getAny(target);
  if (!user) throw notFound("user", userId);
  const after = await updateWithRevision(ctx, target, { set: { sessionEpoch: user.sessionEpoch + 1 } });
  storedUser(userId, after);
  return after.sessionEpoch;
}

function rowsOf(userId: string): Promise<SessionRow[]> {
  const query = SessionEntity.query.byUser({ scope: PLATFORM, userId });
  return listAll(query, { max: MAX_SESSIONS * 100, order: "desc" });
}

function toSession(row: SessionRow, current: string): Session {
  return {
    id: row.sessionId as Id<"session">,
    isCurrent: row.sessionId === current,
    createdAt: row.createdAt,
    lastSeenAt: row.lastSeenAt,
    endsAt: isoTime((row.expiresAt ?? 0) * 1000),
    ip: row.ip ?? null,
    userAgent: row.userAgent ?? null,
  };
}
