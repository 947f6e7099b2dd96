import { expiresIn } from "@weft/db/base";
import { listAll } from "@weft/db/page";
import { tryWrite, write } from "@weft/db/write";
import { isoTime } from "@weft/kernel/clock";
import type { Ctx } from "@weft/kernel/ctx";
import { conflict, invalidField, notFound } from "@weft/kernel/errors";
import { type Id, newId } from "@weft/kernel/ids";
import type { EntityItem } from "electrodb";
import { cachedMember } from "./access.ts";
import { ApiKeyEntity } from "./api-key.entity.ts";
import type { ApiKey, CreateApiKey, NewApiKey } from "./api-key.schema.ts";
import { isKeyGood, requireSession } from "./authorize.service.ts";
import { newSecret, shownPrefix } from "./secret.ts";
import { KEY_HISTORY_MS, MAX_KEYS, PLATFORM } from "./settings.ts";

type Row = EntityItem<typeof ApiKeyEntity>;

const DAY_MS = 24 * 60 * 60 * 1000;

/** Makes a key of the caller's. The key is in the answer and nowhere else. */
export async function create(ctx: Ctx, input: CreateApiKey): Promise<NewApiKey> {
  const { userId } = requireSession(ctx);
  const now = ctx.clock.now();
  for (const [index, spaceId] of (input.spaceIds ?? []).entries()) {
    if (!(await cachedMember(spaceId, userId))) throw invalidField(`spaceIds.${index}`, `space ${spaceId} not found`);
  }
  const held = (await rowsOf(userId)).filter((row) => isKeyGood(row, now));
  if (held.length >= MAX_KEYS) throw conflict(`a user has at most ${MAX_KEYS} keys`);
  const apiKeyId = newId("apiKey", now);
  const { token, hash } = newSecret("apiKey", apiKeyId);
  const lifeMs = input.expiresInDays === undefined ? undefined : input.expiresInDays * DAY_MS;
  const row = {
    scope: PLATFORM,
    apiKeyId,
    userId,
    name: input.name,
    prefix: shownPrefix(token),
    secretHash: hash,
    scopes: [...new Set(input.scopes)],
    createdAt: isoTime(now),
    ...(input.spaceIds ? { spaceIds: [...new Set<string>(input.spaceIds)] } : {}),
    ...(lifeMs === undefined
      ? {}
      : { endsAt: isoTime(now + lifeMs), expiresAt: expiresIn(lifeMs + KEY_HISTORY_MS, now) }),
  };
  await write(() => ApiKeyEntity.create(row).go());
  return { ...toApiKey(row), key: token };
}

/** The caller's keys, newest first, those revoked of late too. */
export async function list(ctx: Ctx): Promise<{ items: ApiKey[] }> {
  const { userId } = requireSession(ctx);
  return { items: (await rowsOf(userId)).map(toApiKey) };
}

/** Ends a key of the caller's. */
export async function revoke(ctx: Ctx, apiKeyId: Id<"apiKey">): Promise<void> {
  const { userId } = requireSession(ctx);
  if (!(await end(ctx, apiKeyId, userId))) throw notFound("API key", apiKeyId);
}

/** Ends every key of a user. */
export async function revokeKeysOf(ctx: Ctx, userId: string): Promise<void> {
  const rows = (await rowsOf(userId)).filter((row) => row.revokedAt === undefined);
  await Promise.all(rows.map((row) => end(ctx, row.apiKeyId, userId)));
}

async function end(ctx: Ctx, apiKeyId: string, userId: string): Promise<boolean> {
  const now = ctx.clock.now();
  const result = await tryWrite(() =>
    ApiKeyEntity.patch({ scope: PLATFORM, apiKeyId })
      .set({ revokedAt: isoTime(now), expiresAt: expiresIn(KEY_HISTORY_MS, now) })
      .where((attr, op) => `${op.eq(attr.userId, userId)} AND ${op.notExists(attr.revokedAt)}`)
      .go(),
  );
  return result !== null;
}

function rowsOf(userId: string): Promise<Row[]> {
  const query = ApiKeyEntity.query.byUser({ scope: PLATFORM, userId });
  return listAll(query, { max: MAX_KEYS * 100, order: "desc" });
}

function toApiKey(row: Row): ApiKey {
  return {
    id: row.apiKeyId as Id<"apiKey">,
    name: row.name,
    prefix: row.prefix,
    scopes: [...row.scopes],
    spaceIds: row.spaceIds ? (row.spaceIds as Id<"space">[]) : null,
    createdAt: row.createdAt,
    endsAt: row.endsAt ?? null,
    revokedAt: row.revokedAt ?? null,
    lastUsedAt: row.lastUsedAt ?? null,
  };
}
