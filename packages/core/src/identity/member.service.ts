import { getMany } from "@weft/db/get-many";
import { listAll } from "@weft/db/page";
import { ownerOf } from "@weft/db/unique";
import { isId } from "@weft/kernel/ids";
import { cachedMember, userAccessOf } from "./access.ts";
import { SPACE_ROLES, type SpaceRole } from "./permissions.ts";
import { PLATFORM } from "./settings.ts";
import { MemberEntity } from "./space.entity.ts";
import { UserEntity } from "./user.entity.ts";

/** Users read at once: what one batch read takes. */
const BATCH = 100;

/** Whether a role is the named one or stronger. */
export function isAtLeast(role: SpaceRole, named: SpaceRole): boolean {
  return SPACE_ROLES.indexOf(role) <= SPACE_ROLES.indexOf(named);
}

/** The role that somebody has in a space, as last read by whoever let them in; undefined for others. */
export async function roleIn(spaceId: string, userId: string): Promise<SpaceRole | undefined> {
  return (await cachedMember(spaceId, userId))?.role;
}

/** The member who is meant by a user id or an e-mail address; undefined where nobody in the space is. */
export async function findMember(spaceId: string, who: string): Promise<string | undefined> {
  const userId = isId("user", who) ? who : await ownerOf({ scope: PLATFORM, kind: "user_email", value: who });
  if (!userId) return undefined;
  const [user, member] = await getMany([
    { entity: UserEntity, key: { scope: PLATFORM, userId } },
    { entity: MemberEntity, key: { spaceId, userId } },
  ] as const);
  return user && member && userAccessOf(user).isActive ? userId : undefined;
}

/** Members with one of these roles or a stronger one. Throws `too_large` where a space has more than `max` members. */
export async function membersWith(spaceId: string, roles: readonly SpaceRole[], max: number): Promise<string[]> {
  if (roles.length === 0) return [];
  const members = await listAll(MemberEntity.query.primary({ spaceId }), { max, consistent: true });
  return members.filter(({ role }) => roles.some((named) => isAtLeast(role, named))).map(({ userId }) => userId);
}

/** Addresses of active users who have confirmed theirs. */
export async function addressesOf(userIds: readonly string[]): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (let at = 0; at < userIds.length; at += BATCH) {
    const keys = userIds
      .slice(at, at + BATCH)
      .map((userId) => ({ entity: UserEntity, key: { scope: PLATFORM, userId } }));
    for (const user of await getMany(keys)) {
      if (user?.emailVerifiedAt !== undefined && userAccessOf(user).isActive) found.set(user.userId, user.email);
    }
  }
  return found;
}
