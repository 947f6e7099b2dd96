import { read, tryWrite } from "@weft/db/write";
import { type Clock, isoTime } from "@weft/kernel/clock";
import type { Actor } from "@weft/kernel/ctx";
import type { Id } from "@weft/kernel/ids";
import { cachedUser } from "./access.ts";
import { ApiKeyEntity } from "./api-key.entity.ts";
import { isKeyGood, isSessionGood } from "./authorize.service.ts";
import { readToken, sameHash, soleId } from "./secret.ts";
import { SessionEntity } from "./session.entity.ts";
import { PLATFORM, TOUCH_MS } from "./settings.ts";

const NOBODY: Actor = { type: "public" };

/**
 * Who holds this token. Never throws for a token, whatever it is: what is not good is nobody. Notes the use of sessions
 * and keys at most once a minute.
 */
export async function identify(clock: Clock, token: string): Promise<Actor> {
  if (token.startsWith("ss_")) return identifySession(clock, token);
  return token.startsWith("sk_") ? identifyKey(clock, token) : NOBODY;
}

async function identifySession(clock: Clock, token: string): Promise<Actor> {
  const found = readToken("session", token);
  if (!found) return NOBODY;
  const key = { scope: PLATFORM, sessionId: soleId<"session">(found) };
  const { data: session } = await read(() => SessionEntity.get(key).go({ consistent: true }));
  if (!session || !sameHash(session.secretHash, found.hash)) return NOBODY;
  const user = await cachedUser(session.userId);
  const now = clock.now();
  if (!user?.isActive || !isSessionGood(session, user, now)) return NOBODY;
  if (now - Date.parse(session.lastSeenAt) >= TOUCH_MS) {
    await tryWrite(() =>
      SessionEntity.patch(key)
        .set({ lastSeenAt: isoTime(now) })
        .go(),
    );
  }
  return { type: "user", userId: session.userId as Id<"user">, sessionId: key.sessionId };
}

async function identifyKey(clock: Clock, token: string): Promise<Actor> {
  const found = readToken("apiKey", token);
  if (!found) return NOBODY;
  const key = { scope: PLATFORM, apiKeyId: soleId<"apiKey">(found) };
  const { data: row } = await read(() => ApiKeyEntity.get(key).go({ consistent: true }));
  const now = clock.now();
  if (!row || !sameHash(row.secretHash, found.hash) || !isKeyGood(row, now)) return NOBODY;
  const user = await cachedUser(row.userId);
  if (!user?.isActive) return NOBODY;
  if (row.lastUsedAt === undefined || now - Date.parse(row.lastUsedAt) >= TOUCH_MS) {
    await tryWrite(() =>
      ApiKeyEntity.patch(key)
        .set({ lastUsedAt: isoTime(now) })
        .go(),
    );
  }
  const { scopes, spaceIds } = row;
  const actor = { type: "apiKey" as const, userId: row.userId as Id<"user">, apiKeyId: key.apiKeyId, scopes };
  return spaceIds ? { ...actor, spaceIds } : actor;
}
