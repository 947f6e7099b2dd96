import { created } from "@weft/db/base";
import { getAny, getLive, softDeleteOp, type Target, updateOp } from "@weft/db/change";
import { listAll } from "@weft/db/page";
import { claim, move, release } from "@weft/db/unique";
import { transact, tx } from "@weft/db/write";
import type { Ctx } from "@weft/kernel/ctx";
import { conflict, invalidField } from "@weft/kernel/errors";
import { type Id, newId } from "@weft/kernel/ids";
import type { EntityItem } from "electrodb";
import { storedRole } from "./access.ts";
import { BUILT_IN_ROLES } from "./permissions.ts";
import { RoleEntity } from "./role.entity.ts";
import type { CreateRole, Role, UpdateRole } from "./role.schema.ts";
import { PLATFORM } from "./settings.ts";

/** Roles that administrators can make. */
const MAX_ROLES = 200;

const target = (roleId: string): Target<typeof RoleEntity> => ({
  entity: RoleEntity,
  key: { scope: PLATFORM, roleId },
  what: "role",
  id: roleId,
});
const nameOf = (roleId: string, value: string) => ({ scope: PLATFORM, kind: "role_name", value, ownerId: roleId });

/** Every platform role, the built-in ones first. */
export async function list(_ctx: Ctx): Promise<{ items: Role[] }> {
  const builtIn = Object.entries(BUILT_IN_ROLES).map(([id, { name, permissions }]) => ({
    id,
    name,
    permissions: [...permissions].sort(),
    isBuiltIn: true,
    revision: null,
  }));
  return { items: [...builtIn, ...(await liveRows()).map(toRole)] };
}

export async function create(ctx: Ctx, input: CreateRole): Promise<Role> {
  refuseBuiltInName(input.name);
  if ((await liveRows()).length >= MAX_ROLES) throw conflict(`there are at most ${MAX_ROLES} roles`);
  const roleId = newId("role", ctx.clock.now());
  const row = { scope: PLATFORM, roleId, name: input.name, permissions: sorted(input.permissions), ...created(ctx) };
  await transact([tx(RoleEntity).create(row).commit(), claim(ctx, nameOf(roleId, input.name))]);
  storedRole(roleId, row.permissions);
  return toRole(row);
}

export async function update(ctx: Ctx, roleId: Id<"role">, input: UpdateRole): Promise<Role> {
  if (input.name !== undefined) refuseBuiltInName(input.name);
  const row = await getLive(ctx, target(roleId));
  const { name, permissions, expectedRevision = row.revision } = input;
  const set = { ...(name ? { name } : {}), ...(permissions ? { permissions: sorted(permissions) } : {}) };
  const renames = name ? move(ctx, nameOf(roleId, row.name), name) : [];
  await transact([updateOp(ctx, target(roleId), { set, expectedRevision }), ...renames]);
  const after = await getLive(ctx, target(roleId));
  storedRole(roleId, [...after.permissions]);
  return toRole(after);
}

/** Removes a role; who has it loses what it granted. */
export async function remove(ctx: Ctx, roleId: Id<"role">): Promise<void> {
  const row = await getLive(ctx, target(roleId));
  await transact([softDeleteOp(ctx, target(roleId), row.revision), release(nameOf(roleId, row.name))]);
  storedRole(roleId, undefined);
}

/** Throws `invalid_input` naming the first that is no role. */
export async function assertRoles(roles: readonly string[]): Promise<void> {
  for (const [index, roleId] of roles.entries()) {
    if (Object.hasOwn(BUILT_IN_ROLES, roleId)) continue;
    const row = await getAny(target(roleId));
    if (!row || row.deletedAt) throw invalidField(`roles.${index}`, "no such role");
  }
}

function refuseBuiltInName(name: string): void {
  const taken = Object.entries(BUILT_IN_ROLES).flatMap(([id, role]) => [id, role.name.toLowerCase()]);
  if (taken.includes(name.toLowerCase())) throw conflict("role name is already taken");
}

async function liveRows(): Promise<EntityItem<typeof RoleEntity>[]> {
  const rows = await listAll(RoleEntity.query.all({ scope: PLATFORM }), { max: MAX_ROLES * 10 });
  return rows.filter((row) => row.deletedAt === undefined);
}

const sorted = (permissions: readonly string[]): string[] => [...new Set(permissions)].sort();

function toRole(row: EntityItem<typeof RoleEntity>): Role {
  return {
    id: row.roleId,
    name: row.name,
    permissions: [...row.permissions],
    isBuiltIn: false,
    revision: row.revision,
  };
}
