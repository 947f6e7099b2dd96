import { ApiKeyEntity } from "@weft/core/identity/api-key.entity";
import type { SpaceRole } from "@weft/core/identity/permissions";
import { SessionEntity } from "@weft/core/identity/session.entity";
import { PLATFORM } from "@weft/core/identity/settings";
import { MemberEntity, SpaceEntity } from "@weft/core/identity/space.entity";
import { UserEntity } from "@weft/core/identity/user.entity";
import { created } from "@weft/db/base";
import { authorizerContext } from "@weft/http/authenticate";
import { isoTime, systemClock } from "@weft/kernel/clock";
import { type Ctx, systemCtx } from "@weft/kernel/ctx";
import { type Id, newId } from "@weft/kernel/ids";

export interface Person {
  userId: Id<"user">;
  /** What the authorizer says of them. */
  authorizer: Record<string, string>;
}

const ctx: Ctx = systemCtx("test");
const DAY_SECONDS = 86_400;
const endOfDay = () => Math.ceil(systemClock.now() / 1000) + DAY_SECONDS;

/** A user with a session, as signing up and logging in leave them. */
export async function makePerson(name = "ann", roles: string[] = []): Promise<Person> {
  const userId = newId("user");
  const sessionId = newId("session");
  const email = `${name}.${userId}@example.com`;
  const user = {
    scope: PLATFORM,
    userId,
    email,
    userName: `${name}-${userId}`,
    displayName: name,
    passwordHash: "none",
  };
  const rest = {
    passwordVersion: 1,
    sessionEpoch: 1,
    isSingleLogin: false,
    roles,
    personalSpaceId: newId("space"),
  };
  const now = isoTime(systemClock.now());
  await UserEntity.create({ ...user, ...rest, ...created(ctx) }).go();
  const times = { createdAt: now, lastSeenAt: now, expiresAt: endOfDay() };
  await SessionEntity.create({ scope: PLATFORM, sessionId, userId, secretHash: "none", epoch: 1, ...times }).go();
  return { userId, authorizer: authorizerContext({ type: "user", userId, sessionId }) };
}

/** A team space of these people. */
export async function makeSpace(members: readonly { person: Person; role: SpaceRole }[]): Promise<Id<"space">> {
  const spaceId = newId("space");
  const ownerId = members[0]?.person.userId ?? "";
  await SpaceEntity.create({ spaceId, kind: "team", name: "Team", description: "", ownerId, ...created(ctx) }).go();
  for (const { person, role } of members) {
    const row = { spaceId, userId: person.userId, role, createdAt: isoTime(systemClock.now()) };
    await MemberEntity.create(row).go();
  }
  return spaceId;
}

/** The person by one of their keys. */
export async function withKey(person: Person, scopes: string[], spaceIds?: string[]): Promise<Person> {
  const { userId } = person;
  const apiKeyId = newId("apiKey");
  const row = { scope: PLATFORM, apiKeyId, userId, name: "key", prefix: "sk_test", secretHash: "none", scopes };
  const createdAt = isoTime(systemClock.now());
  await ApiKeyEntity.create({ ...row, ...(spaceIds ? { spaceIds } : {}), createdAt, expiresAt: endOfDay() }).go();
  const limits = spaceIds ? { spaceIds } : {};
  return { userId, authorizer: authorizerContext({ type: "apiKey", userId, apiKeyId, scopes, ...limits }) };
}
