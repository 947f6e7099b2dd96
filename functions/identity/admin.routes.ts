import { PERMISSIONS } from "@weft/core/identity/permissions";
import { CreateRole, Role as RoleView, UpdateRole, UserRoles } from "@weft/core/identity/role.schema";
import * as Role from "@weft/core/identity/role.service";
import { UpdateUser, User as UserView } from "@weft/core/identity/user.schema";
import * as User from "@weft/core/identity/user.service";
import { route } from "@weft/http/route";
import { pageOf, pageQuery } from "@weft/kernel/page";
import * as z from "zod";

const users = { tags: ["users"] } as const;
const roles = { tags: ["roles"] } as const;

/** Users and platform roles, for administrators. */
export const adminRoutes = [
  route(
    {
      ...users,
      method: "GET",
      path: "/api/users",
      operationId: "listUsers",
      summary: "Users",
      permission: "user:read",
      query: {
        ...pageQuery,
        q: z.string().max(200).optional(),
        status: z.enum(["active", "disabled", "deleted"]).default("active"),
      },
      response: pageOf(UserView),
    },
    ({ ctx, query }) => User.list(ctx, query),
  ),
  route(
    {
      ...users,
      method: "GET",
      path: "/api/users/{userId}",
      operationId: "getUser",
      summary: "A user",
      permission: "user:read",
      response: UserView,
    },
    ({ ctx, params }) => User.get(ctx, params.userId),
  ),
  route(
    {
      ...users,
      method: "PATCH",
      path: "/api/users/{userId}",
      operationId: "updateUser",
      summary: "Rename, disable or enable a user",
      permission: "user:write",
      body: UpdateUser,
      response: UserView,
    },
    ({ ctx, params, body }) => User.update(ctx, params.userId, body),
  ),
  route(
    {
      ...users,
      method: "PUT",
      path: "/api/users/{userId}/roles",
      operationId: "setUserRoles",
      summary: "Set a user's platform roles",
      permission: "role:assign",
      body: UserRoles,
      response: UserView,
    },
    ({ ctx, params, body }) => User.setRoles(ctx, params.userId, body.roles),
  ),
  route(
    {
      ...users,
      method: "DELETE",
      path: "/api/users/{userId}",
      operationId: "removeUser",
      summary: "Delete a user; sessions and keys end, and it can be restored",
      permission: "user:delete",
      response: null,
    },
    ({ ctx, params }) => User.remove(ctx, params.userId).then(() => undefined),
  ),
  route(
    {
      ...users,
      method: "POST",
      path: "/api/users/{userId}/restore",
      operationId: "restoreUser",
      summary: "Bring a deleted user back",
      permission: "user:delete",
      response: UserView,
    },
    ({ ctx, params }) => User.restore(ctx, params.userId),
  ),
  route(
    {
      ...roles,
      method: "GET",
      path: "/api/roles",
      operationId: "listRoles",
      summary: "Platform roles",
      permission: "role:read",
      response: z.object({ items: z.array(RoleView) }),
    },
    ({ ctx }) => Role.list(ctx),
  ),
  route(
    {
      ...roles,
      method: "GET",
      path: "/api/roles/permissions",
      operationId: "listPermissions",
      summary: "Everything that a role or a key's scopes can name",
      permission: "account:read",
      response: z.object({ items: z.array(z.string()) }),
    },
    async () => ({ items: [...PERMISSIONS].sort() }),
  ),
  route(
    {
      ...roles,
      method: "POST",
      path: "/api/roles",
      operationId: "createRole",
      summary: "Make a platform role",
      permission: "role:write",
      body: CreateRole,
      response: RoleView,
      status: 201,
    },
    ({ ctx, body }) => Role.create(ctx, body),
  ),
  route(
    {
      ...roles,
      method: "PATCH",
      path: "/api/roles/{roleId}",
      operationId: "updateRole",
      summary: "Change a platform role that is not built in",
      permission: "role:write",
      body: UpdateRole,
      response: RoleView,
    },
    ({ ctx, params, body }) => Role.update(ctx, params.roleId, body),
  ),
  route(
    {
      ...roles,
      method: "DELETE",
      path: "/api/roles/{roleId}",
      operationId: "removeRole",
      summary: "Remove a platform role that is not built in",
      permission: "role:write",
      response: null,
    },
    ({ ctx, params }) => Role.remove(ctx, params.roleId).then(() => undefined),
  ),
];
