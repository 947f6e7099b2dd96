import { created } from "@weft/db/base";
import {
  getAny,
  getLive,
  restore as restoreRow,
  softDelete,
  type Target,
  updateOp,
  updateWithRevision,
} from "@weft/db/change";
import { getMany } from "@weft/db/get-many";
import { listPage } from "@weft/db/page";
import { guarded, read, transact, tx, write } from "@weft/db/write";
import { isoTime } from "@weft/kernel/clock";
import { type Ctx, requireSpace, requireUser } from "@weft/kernel/ctx";
import { conflict, forbidden, invalidField, notFound } from "@weft/kernel/errors";
import { type Id, newId } from "@weft/kernel/ids";
import type { Page } from "@weft/kernel/page";
import type { EntityItem } from "electrodb";
import { storedMember, storedSpace } from "./access.ts";
import type { SpaceRole } from "./permissions.ts";
import { MemberEntity, SpaceEntity } from "./space.entity.ts";
import type { CreateSpace, Member, Space, UpdateSpace } from "./space.schema.ts";
import { namesOf } from "./user.service.ts";

type SpaceRow = EntityItem<typeof SpaceEntity>;

export interface PageInput {
  limit?: number | undefined;
  cursor?: string | undefined;
}

/** How to address a space's row. */
export function spaceTarget(spaceId: string): Target<typeof SpaceEntity> {
  return { entity: SpaceEntity, key: { spaceId }, what: "space", id: spaceId };
}

/** Makes a team space that the caller owns. */
export async function create(ctx: Ctx, input: CreateSpace): Promise<Space> {
  const userId = requireUser(ctx);
  const spaceId = newId("space", ctx.clock.now());
  const row = { spaceId, kind: "team" as const, ...input, ownerId: userId, ...created(ctx) };
  const member = { spaceId, userId, role: "owner" as const, createdAt: row.createdAt };
  await transact([tx(SpaceEntity).create(row).commit(), tx(MemberEntity).create(member).commit()]);
  storedSpace(spaceId, false);
  storedMember(spaceId, userId, "owner");
  return toSpace(row, "owner");
}

/** The spaces that the caller is in, newest first; of a key that is limited to some, those. */
export async function list(ctx: Ctx, { limit, cursor }: PageInput): Promise<Page<Space>> {
  const userId = requireUser(ctx);
  const allowed = ctx.actor.type === "apiKey" ? ctx.actor.spaceIds : undefined;
  const page = await listPage(MemberEntity.query.byUser({ userId }), {
    scope: { operation: "listSpaces", filters: { userId, allowed } },
    limit,
    cursor,
    keep: (member) => allowed === undefined || allowed.includes(member.spaceId),
  });
  const keys = page.items.map(({ spaceId }) => ({ entity: SpaceEntity, key: { spaceId } }));
  const rows = await getMany(keys);
  const items = rows.flatMap((row, index) => {
    const role = page.items[index]?.role;
    return row && role && row.deletedAt === undefined ? [toSpace(row, role)] : [];
  });
  return { items, nextCursor: page.nextCursor };
}

export async function get(ctx: Ctx): Promise<Space> {
  const spaceId = requireSpace(ctx);
  return toSpace(await getLive(ctx, spaceTarget(spaceId)), await roleOf(spaceId, requireUser(ctx)));
}

/** Whether the space of the ctx is there: for work that begins by itself, which nobody authorised just now. */
export async function isLive(ctx: Ctx): Promise<boolean> {
  const row = await getAny(spaceTarget(requireSpace(ctx)));
  return row !== null && row.deletedAt === undefined;
}

export async function update(ctx: Ctx, input: UpdateSpace): Promise<Space> {
  const spaceId = requireSpace(ctx);
  const { expectedRevision, ...set } = input;
  const row = await updateWithRevision(ctx, spaceTarget(spaceId), { set, expectedRevision });
  return toSpace(row, await roleOf(spaceId, requireUser(ctx)));
}

/** Deletes a team space and, with it, the way to all that is in it. It can be restored. */
export async function remove(ctx: Ctx): Promise<void> {
  const spaceId = requireSpace(ctx);
  const row = await getLive(ctx, spaceTarget(spaceId));
  if (row.kind === "personal") throw conflict("a personal space cannot be deleted");
  await softDelete(ctx, spaceTarget(spaceId));
  storedSpace(spaceId, true);
}

export async function restore(ctx: Ctx): Promise<Space> {
  const spaceId = requireSpace(ctx);
  const row = await restoreRow(ctx, spaceTarget(spaceId));
  storedSpace(spaceId, false);
  return toSpace(row, await roleOf(spaceId, requireUser(ctx)));
}

/** Makes another member the owner; the owner becomes an administrator. */
export async function transfer(ctx: Ctx, userId: Id<"user">): Promise<Space> {
  const spaceId = requireSpace(ctx);
  const row = await getLive(ctx, spaceTarget(spaceId));
  if (row.kind === "personal") throw conflict("a personal space cannot be transferred");
  if (row.ownerId === userId) throw conflict("this user is the owner");
  const noMember = () => invalidField("userId", "not a member of this space");
  await transact([
    updateOp(ctx, spaceTarget(spaceId), { set: { ownerId: userId }, expectedRevision: row.revision }),
    guarded(roleOp(spaceId, userId, "owner"), noMember),
    roleOp(spaceId, row.ownerId, "admin"),
  ]);
  storedMember(spaceId, userId, "owner");
  storedMember(spaceId, row.ownerId, "admin");
  return toSpace(await getLive(ctx, spaceTarget(spaceId)), await roleOf(spaceId, requireUser(ctx)));
}

function roleOp(spaceId: string, userId: string, role: SpaceRole) {
  return tx(MemberEntity).patch({ spaceId, userId }).set({ role }).commit();
}

/** The members, by user id. */
export async function listMembers(ctx: Ctx, { limit, cursor }: PageInput): Promise<Page<Member>> {
  const spaceId = requireSpace(ctx);
  const page = await listPage(MemberEntity.query.primary({ spaceId }), {
    scope: { operation: "listMembers", spaceId },
    limit,
    cursor,
    order: "asc",
  });
  const names = await namesOf(page.items.map(({ userId }) => userId));
  return { items: page.items.map((row) => toMember(row, names)), nextCursor: page.nextCursor };
}

/** Changes a member's role. Only the owner makes and unmakes administrators. */
export async function setMemberRole(ctx: Ctx, userId: Id<"user">, role: "admin" | "member"): Promise<Member> {
  const spaceId = requireSpace(ctx);
  const current = await memberOf(spaceId, userId);
  if (current.role === "owner") throw conflict("transfer the space before you change its owner's role");
  if (role === "admin" || current.role === "admin") await requireOwner(ctx, spaceId);
  const { data } = await write(
    () =>
      MemberEntity.patch({ spaceId, userId })
        .set({ role })
        .where((attr, op) => op.eq(attr.role, current.role))
        .go({ response: "all_new" }),
    () => conflict("the member was changed by someone else"),
  );
  storedMember(spaceId, userId, role);
  return toMember(data as EntityItem<typeof MemberEntity>, await namesOf([userId]));
}

/** Removes a member. Only the owner removes administrators; nobody removes the owner. */
export async function removeMember(ctx: Ctx, userId: Id<"user">): Promise<void> {
  const spaceId = requireSpace(ctx);
  const current = await memberOf(spaceId, userId);
  if (current.role === "owner") throw conflict("the owner cannot be removed");
  if (current.role === "admin" && requireUser(ctx) !== userId) await requireOwner(ctx, spaceId);
  await dropMember(spaceId, userId, current.role);
}

/** Takes the caller out of a space. An owner transfers it first. */
export async function leave(ctx: Ctx): Promise<void> {
  const spaceId = requireSpace(ctx);
  const userId = requireUser(ctx);
  const current = await memberOf(spaceId, userId);
  if (current.role === "owner") throw conflict("transfer the space before you leave it");
  await dropMember(spaceId, userId, current.role);
}

async function dropMember(spaceId: string, userId: string, role: SpaceRole): Promise<void> {
  await write(
    () =>
      MemberEntity.remove({ spaceId, userId })
        .where((attr, op) => op.eq(attr.role, role))
        .go(),
    () => conflict("the member was changed by someone else"),
  );
  storedMember(spaceId, userId, undefined);
}

/** Adds a member as an action of a transaction. The caller writes it through with `storedMember`. */
export function addMemberOp(ctx: Ctx, spaceId: string, userId: string, role: "admin" | "member") {
  const op = tx(MemberEntity)
    .create({ spaceId, userId, role, createdAt: isoTime(ctx.clock.now()) })
    .commit();
  return guarded(op, () => conflict("you are a member of this space already"));
}

async function memberOf(spaceId: string, userId: string): Promise<EntityItem<typeof MemberEntity>> {
  const { data } = await read(() => MemberEntity.get({ spaceId, userId }).go({ consistent: true }));
  if (!data) throw notFound("member", userId);
  return data;
}

async function roleOf(spaceId: string, userId: string): Promise<SpaceRole | null> {
  const { data } = await read(() => MemberEntity.get({ spaceId, userId }).go({ consistent: true }));
  return data?.role ?? null;
}

async function requireOwner(ctx: Ctx, spaceId: string): Promise<void> {
  const row = await getAny(spaceTarget(spaceId));
  if (row?.ownerId !== requireUser(ctx)) throw forbidden("only the owner makes and removes administrators");
}

function toMember(row: EntityItem<typeof MemberEntity>, names: Awaited<ReturnType<typeof namesOf>>): Member {
  const { userName = "", displayName = "" } = names.get(row.userId) ?? {};
  return { userId: row.userId as Id<"user">, userName, displayName, role: row.role, createdAt: row.createdAt };
}

function toSpace(row: SpaceRow, role: SpaceRole | null): Space {
  return {
    id: row.spaceId as Id<"space">,
    kind: row.kind,
    name: row.name,
    description: row.description,
    ownerId: row.ownerId as Id<"user">,
    role,
    revision: row.revision,
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
  };
}
