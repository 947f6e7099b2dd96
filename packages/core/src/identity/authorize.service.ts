import { isExpired } from "@weft/db/base";
import { getMany } from "@weft/db/get-many";
import type { Actor, Ctx } from "@weft/kernel/ctx";
import { AppError, forbidden, notFound, unauthenticated } from "@weft/kernel/errors";
import type { Id } from "@weft/kernel/ids";
import type { EntityItem } from "electrodb";
import {
  cachedMember,
  cachedSpace,
  cachedUser,
  permissionsOf,
  storedMember,
  storedSpace,
  storedUser,
  userAccessOf,
} from "./access.ts";
import { ApiKeyEntity } from "./api-key.entity.ts";
import { PERSONAL_PERMISSIONS, type SpaceRole, scopesInclude, spaceRoleGrants } from "./permissions.ts";
import { SessionEntity } from "./session.entity.ts";
import { idleMs, PLATFORM, TOUCH_MS } from "./settings.ts";
import { MemberEntity, SpaceEntity } from "./space.entity.ts";
import { UserEntity } from "./user.entity.ts";

export interface AuthorizeInput {
  /** `noun:verb`, or `authenticated` for anyone with an identity. */
  permission: string;
  spaceId?: string;
  /** Reads identity, membership and space afresh: what was revoked is refused at once. */
  mutating: boolean;
}

type Person = Extract<Actor, { type: "user" | "apiKey" }>;

interface Standing {
  roles: readonly string[];
  spaceRole: SpaceRole | undefined;
  isSpaceDeleted: boolean | undefined;
}

/** Brings a deleted space back: the one thing that can be done in it. */
const IN_DELETED_SPACE = "space:restore";

/**
 * Resolves when the actor may do this. Throws `unauthenticated` for an identity that is no longer good, `not_found` for a
 * space that is not the actor's, `forbidden` where the role, or the key's scopes, do not include the permission.
 */
export async function authorize(ctx: Ctx, input: AuthorizeInput): Promise<void> {
  const { actor } = ctx;
  if (actor.type === "system") return;
  if (actor.type === "public") throw unauthenticated();
  const { permission, spaceId } = input;
  const isOutside = actor.type === "apiKey" && actor.spaceIds && spaceId && !actor.spaceIds.includes(spaceId);
  if (isOutside) throw notFound("space");
  const standing = input.mutating
    ? await freshStanding(ctx, actor, spaceId)
    : await cachedStanding(actor.userId, spaceId);
  const platform = await permissionsOf(standing.roles);
  if (spaceId) requireSpaceOf(standing, platform, permission);
  if (permission === "authenticated") return;
  if (!grants(standing, platform, permission, spaceId)) throw lacking(permission);
  if (actor.type !== "apiKey") return;
  if (!scopesInclude(actor.scopes, permission)) throw lacking(permission);
  if (actor.spaceIds && !spaceId && input.mutating) throw forbidden("this key is limited to its spaces");
}

/**
 * Resolves when a user may do this in a space now: for work that goes on after the call that began it. Throws as
 * {@link authorize} does. What limits a key was checked when the work began. `isFresh` sees what was revoked at once.
 */
export async function authorizeUser(
  userId: string,
  permission: string,
  spaceId: string,
  { isFresh = false }: { isFresh?: boolean } = {},
): Promise<void> {
  if (isFresh) await refresh(userId, spaceId);
  const standing = await cachedStanding(userId, spaceId);
  const platform = await permissionsOf(standing.roles);
  requireSpaceOf(standing, platform, permission);
  if (!grants(standing, platform, permission, spaceId)) throw lacking(permission);
}

function lacking(permission: string): AppError {
  return new AppError("forbidden", `this needs the permission ${permission}`, { details: { permission } });
}

function requireSpaceOf(standing: Standing, platform: Set<string>, permission: string): void {
  const isMember = standing.spaceRole !== undefined || platform.has("space:enter");
  if (!isMember || standing.isSpaceDeleted === undefined) throw notFound("space");
  if (standing.isSpaceDeleted && permission !== IN_DELETED_SPACE) throw notFound("space");
}

function grants(standing: Standing, platform: Set<string>, permission: string, spaceId: string | undefined): boolean {
  if (platform.has(permission)) return true;
  if (spaceId) return standing.spaceRole !== undefined && spaceRoleGrants(standing.spaceRole, permission);
  return (PERSONAL_PERMISSIONS as readonly string[]).includes(permission);
}

async function cachedStanding(userId: string, spaceId: string | undefined): Promise<Standing> {
  const [user, member, space] = await Promise.all([
    cachedUser(userId),
    spaceId ? cachedMember(spaceId, userId) : undefined,
    spaceId ? cachedSpace(spaceId) : undefined,
  ]);
  if (!user?.isActive) throw unauthenticated();
  return { roles: user.roles, spaceRole: member?.role, isSpaceDeleted: space?.isDeleted };
}

/** One strongly consistent request for everything that the decision rests on. */
async function freshStanding(ctx: Ctx, actor: Person, spaceId: string | undefined): Promise<Standing> {
  const { userId } = actor;
  const credential =
    actor.type === "user"
      ? { entity: SessionEntity, key: { scope: PLATFORM, sessionId: actor.sessionId } }
      : { entity: ApiKeyEntity, key: { scope: PLATFORM, apiKeyId: actor.apiKeyId } };
  const rows = await getMany([
    credential as { entity: typeof SessionEntity; key: { scope: string; sessionId: string } },
    { entity: UserEntity, key: { scope: PLATFORM, userId } },
    ...(spaceId
      ? ([
          { entity: MemberEntity, key: { spaceId, userId } },
          { entity: SpaceEntity, key: { spaceId } },
        ] as const)
      : []),
  ]);
  const [held, user, member, space] = rows as [
    EntityItem<typeof SessionEntity> | EntityItem<typeof ApiKeyEntity> | null,
    EntityItem<typeof UserEntity> | null,
    EntityItem<typeof MemberEntity> | null | undefined,
    EntityItem<typeof SpaceEntity> | null | undefined,
  ];
  if (user) storedUser(userId, user);
  if (!held || !user || held.userId !== userId || !userAccessOf(user).isActive) throw unauthenticated();
  const isGood = "sessionId" in held ? isSessionGood(held, user, ctx.clock.now()) : isKeyGood(held, ctx.clock.now());
  if (!isGood) throw unauthenticated();
  if (spaceId) storedMember(spaceId, userId, member?.role);
  if (spaceId && space) storedSpace(spaceId, space.deletedAt !== undefined);
  const isSpaceDeleted = space ? space.deletedAt !== undefined : undefined;
  return { roles: user.roles, spaceRole: member?.role, isSpaceDeleted };
}

/** Reads what is known of a user in a space anew. */
async function refresh(userId: string, spaceId: string): Promise<void> {
  const [user, member, space] = await getMany([
    { entity: UserEntity, key: { scope: PLATFORM, userId } },
    { entity: MemberEntity, key: { spaceId, userId } },
    { entity: SpaceEntity, key: { spaceId } },
  ] as const);
  if (!user || !space) throw notFound("space");
  storedUser(userId, user);
  storedMember(spaceId, userId, member?.role);
  storedSpace(spaceId, space.deletedAt !== undefined);
}

type SessionRow = Pick<EntityItem<typeof SessionEntity>, "epoch" | "lastSeenAt" | "expiresAt">;
type KeyRow = Pick<EntityItem<typeof ApiKeyEntity>, "revokedAt" | "endsAt">;

/** Whether a session still counts for its user. */
export function isSessionGood(session: SessionRow, user: { sessionEpoch: number }, now: number): boolean {
  const isIdle = now >= Date.parse(session.lastSeenAt) + idleMs() + TOUCH_MS;
  // What is known of the user may be older than the session.
  return session.epoch >= user.sessionEpoch && !isIdle && !isExpired(session, now);
}

/** Whether a key is neither revoked nor over. */
export function isKeyGood(key: KeyRow, now: number): boolean {
  return key.revokedAt === undefined && (key.endsAt === undefined || now < Date.parse(key.endsAt));
}

/** The person who acts in person: what concerns the account itself is not for keys. Throws `forbidden`. */
export function requireSession(ctx: Ctx): { userId: Id<"user">; sessionId: Id<"session"> } {
  if (ctx.actor.type === "user") return ctx.actor;
  throw forbidden("this needs a session, not an API key");
}
