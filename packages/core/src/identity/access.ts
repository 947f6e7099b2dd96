import { createCache } from "@weft/db/cache";
import { read } from "@weft/db/write";
import { systemClock } from "@weft/kernel/clock";
import type { EntityItem } from "electrodb";
import { BUILT_IN_ROLES, type SpaceRole } from "./permissions.ts";
import { RoleEntity } from "./role.entity.ts";
import { ACCESS_CACHE_ENTRIES, ACCESS_CACHE_MS, PLATFORM } from "./settings.ts";
import { MemberEntity, SpaceEntity } from "./space.entity.ts";
import { UserEntity } from "./user.entity.ts";

/** What authorisation needs of a user, a membership and a space: nothing else is cached. */
export interface UserAccess {
  roles: string[];
  sessionEpoch: number;
  isActive: boolean;
}
export interface MemberAccess {
  role: SpaceRole;
}
export interface SpaceAccess {
  isDeleted: boolean;
}

const options = { clock: systemClock, ttlMs: ACCESS_CACHE_MS, maxEntries: ACCESS_CACHE_ENTRIES };
const users = createCache<UserAccess>(options);
const members = createCache<MemberAccess>(options);
const spaces = createCache<SpaceAccess>(options);
const roles = createCache<string[]>(options);

const userKey = (id: string) => ({ scope: PLATFORM, kind: "user", id });
const memberKey = (spaceId: string, id: string) => ({ scope: spaceId, kind: "member", id });
const spaceKey = (spaceId: string) => ({ scope: spaceId, kind: "space", id: spaceId });
const roleKey = (id: string) => ({ scope: PLATFORM, kind: "role", id });

type UserRow = Pick<EntityItem<typeof UserEntity>, "roles" | "sessionEpoch" | "disabledAt" | "deletedAt">;

export function userAccessOf(row: UserRow): UserAccess {
  return { roles: [...row.roles], sessionEpoch: row.sessionEpoch, isActive: !row.disabledAt && !row.deletedAt };
}

/** The user as last read or written here; undefined where there is none. */
export function cachedUser(userId: string) {
  return users.load(userKey(userId), async () => {
    const { data } = await read(() => UserEntity.get({ scope: PLATFORM, userId }).go({ consistent: true }));
    return data ? userAccessOf(data) : undefined;
  });
}

export function cachedMember(spaceId: string, userId: string) {
  return members.load(memberKey(spaceId, userId), async () => {
    const { data } = await read(() => MemberEntity.get({ spaceId, userId }).go({ consistent: true }));
    return data ? { role: data.role } : undefined;
  });
}

export function cachedSpace(spaceId: string) {
  return spaces.load(spaceKey(spaceId), async () => {
    const { data } = await read(() => SpaceEntity.get({ spaceId }).go({ consistent: true }));
    return data ? { isDeleted: data.deletedAt !== undefined } : undefined;
  });
}

/** Write-through: what was stored is what is read here from now on. */
export function storedUser(userId: string, row: UserRow): void {
  users.set(userKey(userId), userAccessOf(row));
}

export function storedMember(spaceId: string, userId: string, role: SpaceRole | undefined): void {
  if (role === undefined) members.invalidate(memberKey(spaceId, userId));
  else members.set(memberKey(spaceId, userId), { role });
}

export function storedSpace(spaceId: string, isDeleted: boolean): void {
  spaces.set(spaceKey(spaceId), { isDeleted });
}

export function storedRole(roleId: string, permissions: string[] | undefined): void {
  if (permissions === undefined) roles.invalidate(roleKey(roleId));
  else roles.set(roleKey(roleId), permissions);
}

/** Forgets everything; another process does so when it starts. */
export function clearAccess(): void {
  for (const cache of [users, members, spaces, roles]) cache.clear();
}

async function permissionsOfRole(roleId: string): Promise<readonly string[]> {
  const builtIn = Object.hasOwn(BUILT_IN_ROLES, roleId) ? BUILT_IN_ROLES[roleId] : undefined;
  if (builtIn) return builtIn.permissions;
  const found = await roles.load(roleKey(roleId), async () => {
    const { data } = await read(() => RoleEntity.get({ scope: PLATFORM, roleId }).go({ consistent: true }));
    return data && !data.deletedAt ? data.permissions : undefined;
  });
  return found ?? [];
}

/** What platform roles grant together. A role that is gone grants nothing. */
export async function permissionsOf(roleIds: readonly string[]): Promise<Set<string>> {
  const lists = await Promise.all(roleIds.map(permissionsOfRole));
  return new Set(lists.flat());
}
