import {
  getAny,
  getLive,
  restore as restoreRow,
  softDeleteOp,
  type Target,
  updateOp,
  updateWithRevision,
} from "@weft/db/change";
import { listPage } from "@weft/db/page";
import { searchFilter, searchText } from "@weft/db/search";
import { claim, move, ownerOf, release } from "@weft/db/unique";
import { read, transact, tryWrite } from "@weft/db/write";
import { isoTime } from "@weft/kernel/clock";
import { type Ctx, requireUser } from "@weft/kernel/ctx";
import { conflict } from "@weft/kernel/errors";
import type { Id } from "@weft/kernel/ids";
import type { Page } from "@weft/kernel/page";
import type { EntityItem } from "electrodb";
import { permissionsOf, storedUser } from "./access.ts";
import { revokeKeysOf } from "./api-key.service.ts";
import { assertRoles } from "./role.service.ts";
import { dropSessionsOf } from "./session.service.ts";
import { PLATFORM } from "./settings.ts";
import { UserEntity } from "./user.entity.ts";
import type { UpdateMe, UpdateUser, User } from "./user.schema.ts";

export type UserRow = EntityItem<typeof UserEntity>;

/** How to address one user's row. */
export function userTarget(userId: string): Target<typeof UserEntity> {
  return { entity: UserEntity, key: { scope: PLATFORM, userId }, what: "user", id: userId };
}

export const emailOf = (userId: string, value: string) => ({
  scope: PLATFORM,
  kind: "user_email",
  value,
  ownerId: userId,
});
export const userNameOf = (userId: string, value: string) => ({
  scope: PLATFORM,
  kind: "user_name",
  value,
  ownerId: userId,
});

/** The user with this e-mail address or user name, whatever its state; null where there is none. */
export async function lookUp(kind: "user_email" | "user_name", value: string): Promise<UserRow | null> {
  const userId = await ownerOf({ scope: PLATFORM, kind, value });
  return userId === null ? null : getAny(userTarget(userId));
}

/** What lists search in. */
export function userSearch(row: { userName: string; displayName: string; email: string }): string {
  return searchText(row.userName, row.displayName, row.email);
}

/** The acting user, with platform permissions. */
export async function me(ctx: Ctx): Promise<User & { permissions: string[] }> {
  const row = await getLive(ctx, userTarget(requireUser(ctx)));
  return { ...toUser(row), permissions: [...(await permissionsOf(row.roles))].sort() };
}

export async function updateMe(ctx: Ctx, input: UpdateMe): Promise<User> {
  const target = userTarget(requireUser(ctx));
  const row = await getLive(ctx, target);
  const { expectedRevision, ...given } = input;
  const set = { ...given, searchText: userSearch({ ...row, ...defined(given) }) };
  const renames = given.userName === undefined ? [] : move(ctx, userNameOf(row.userId, row.userName), given.userName);
  // Without the revision just read, two changes at once could leave the claim of a name that the row does not have.
  const expected = expectedRevision ?? (renames.length > 0 ? row.revision : undefined);
  await transact([updateOp(ctx, target, { set, expectedRevision: expected }), ...renames]);
  return toUser(await written(ctx, row.userId));
}

function defined<T extends object>(values: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> };
}

export interface ListUsers {
  limit?: number | undefined;
  cursor?: string | undefined;
  q?: string | undefined;
  status?: "active" | "disabled" | "deleted" | undefined;
}

export async function list(_ctx: Ctx, { limit, cursor, q, status = "active" }: ListUsers): Promise<Page<User>> {
  const matches = searchFilter<{ searchText: string }>(q);
  const query = UserEntity.query.all({ scope: PLATFORM }).where((attr, op) => {
    const state =
      status === "deleted"
        ? op.exists(attr.deletedAt)
        : `${op.notExists(attr.deletedAt)} AND ${status === "disabled" ? op.exists(attr.disabledAt) : op.notExists(attr.disabledAt)}`;
    const found = matches?.(attr as never, op as never);
    return found ? `${state} AND ${found}` : state;
  });
  const scope = { operation: "listUsers", filters: { q, status } };
  const page = await listPage(query, { scope, limit, cursor });
  return { items: page.items.map(toUser), nextCursor: page.nextCursor };
}

/** Any user, deleted ones too. */
export async function get(ctx: Ctx, userId: Id<"user">): Promise<User> {
  const row = await getAny(userTarget(userId));
  return toUser(row ?? (await getLive(ctx, userTarget(userId))));
}

export async function update(ctx: Ctx, userId: Id<"user">, input: UpdateUser): Promise<User> {
  if (input.isDisabled !== undefined) refuseSelf(ctx, userId, "disable");
  const target = userTarget(userId);
  const row = await getLive(ctx, target);
  const { isDisabled, displayName, expectedRevision } = input;
  const isChanged = isDisabled !== undefined && isDisabled !== (row.disabledAt !== undefined);
  const set = {
    ...(displayName === undefined ? {} : { displayName, searchText: userSearch({ ...row, displayName }) }),
    ...(isChanged && isDisabled ? { disabledAt: isoTime(ctx.clock.now()), sessionEpoch: row.sessionEpoch + 1 } : {}),
  };
  const remove = isChanged && !isDisabled ? { remove: ["disabledAt" as const] } : {};
  const expected = expectedRevision ?? row.revision;
  const after = await updateWithRevision(ctx, target, { set, ...remove, expectedRevision: expected });
  storedUser(userId, after);
  if (isChanged && isDisabled) await dropSessionsOf(userId);
  return toUser(after);
}

export async function setRoles(ctx: Ctx, userId: Id<"user">, roles: string[]): Promise<User> {
  refuseSelf(ctx, userId, "change the roles of");
  await assertRoles(roles);
  const after = await updateWithRevision(ctx, userTarget(userId), { set: { roles: [...new Set(roles)].sort() } });
  storedUser(userId, after);
  return toUser(after);
}

/** Deletes a user, who can be restored; the e-mail address and user name become free. */
export async function remove(ctx: Ctx, userId: Id<"user">): Promise<void> {
  refuseSelf(ctx, userId, "delete");
  const row = await getLive(ctx, userTarget(userId));
  const names = [release(emailOf(userId, row.email)), release(userNameOf(userId, row.userName))];
  await transact([softDeleteOp(ctx, userTarget(userId), row.revision), ...names]);
  const after = await getAny(userTarget(userId));
  if (after) storedUser(userId, after);
  await Promise.all([dropSessionsOf(userId), revokeKeysOf(ctx, userId)]);
}

/** Brings a deleted user back. Throws `conflict` where the address or the name was taken meanwhile. */
export async function restore(ctx: Ctx, userId: Id<"user">): Promise<User> {
  const row = await getAny(userTarget(userId));
  const names = row ? [claim(ctx, emailOf(userId, row.email)), claim(ctx, userNameOf(userId, row.userName))] : [];
  const after = await restoreRow(ctx, userTarget(userId), { also: names });
  storedUser(userId, after);
  return toUser(after);
}

/** Notes a login, and ends all others where the user wants one at a time. Returns the row as it is now. */
export async function noteLogin(ctx: Ctx, user: UserRow): Promise<UserRow> {
  const set = { lastLoginAt: isoTime(ctx.clock.now()) };
  const result = await tryWrite(() => {
    const patch = UserEntity.patch({ scope: PLATFORM, userId: user.userId }).set(set);
    return (user.isSingleLogin ? patch.add({ sessionEpoch: 1 }) : patch).go({ response: "all_new" });
  });
  const after = result ? (result.data as UserRow) : user;
  storedUser(user.userId, after);
  return after;
}

async function written(ctx: Ctx, userId: string): Promise<UserRow> {
  const row = await getLive(ctx, userTarget(userId));
  storedUser(userId, row);
  return row;
}

function refuseSelf(ctx: Ctx, userId: string, verb: string): void {
  if (requireUser(ctx) === userId) throw conflict(`you cannot ${verb} yourself`);
}

/** Names of several users, for lists of people. */
export async function namesOf(
  userIds: readonly string[],
): Promise<Map<string, { userName: string; displayName: string }>> {
  const ids = [...new Set(userIds)];
  if (ids.length === 0) return new Map();
  const { data } = await read(() => UserEntity.get(ids.map((userId) => ({ scope: PLATFORM, userId }))).go());
  return new Map(data.map(({ userId, userName, displayName }) => [userId, { userName, displayName }]));
}

/** The row as the API shows it. */
export function toUser(row: UserRow): User {
  return {
    id: row.userId as Id<"user">,
    email: row.email,
    userName: row.userName,
    displayName: row.displayName,
    isEmailVerified: row.emailVerifiedAt !== undefined,
    isDisabled: row.disabledAt !== undefined,
    isDeleted: row.deletedAt !== undefined,
    isSingleLogin: row.isSingleLogin,
    roles: [...row.roles],
    personalSpaceId: row.personalSpaceId as Id<"space">,
    lastLoginAt: row.lastLoginAt ?? null,
    revision: row.revision,
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
  };
}
