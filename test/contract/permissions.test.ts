import {
  BUILT_IN_ROLES,
  isScope,
  PERMISSIONS,
  SPACE_PERMISSIONS,
  SPACE_ROLES,
  scopesInclude,
  spaceRoleGrants,
} from "@weft/core/identity/permissions";
import { describe, expect, it } from "vitest";
import { allRoutes } from "../../functions/docs/generate.ts";

const routes = (await allRoutes()).filter((route) => route.permission.includes(":"));

describe("permissions", () => {
  it("are known wherever a route or a role names one", () => {
    const named = [
      ...routes.map((route) => route.permission),
      ...Object.values(BUILT_IN_ROLES).flatMap((role) => role.permissions),
    ];
    expect(named.filter((permission) => !PERMISSIONS.includes(permission))).toEqual([]);
  });

  it("of a space are asked for where the path has one, and nowhere else", () => {
    const isOfSpace = (permission: string) => Object.hasOwn(SPACE_PERMISSIONS, permission);
    const wrong = routes.filter((route) => isOfSpace(route.permission) !== route.paramNames.includes("spaceId"));
    expect(wrong.map((route) => route.operationId)).toEqual([]);
  });

  it("grow with the role", () => {
    const granted = SPACE_ROLES.map((role) => PERMISSIONS.filter((permission) => spaceRoleGrants(role, permission)));
    expect(granted[0]).toEqual(Object.keys(SPACE_PERMISSIONS));
    expect(granted[0]).toEqual(expect.arrayContaining(granted[1] ?? []));
    expect(granted[1]).toEqual(expect.arrayContaining(granted[2] ?? []));
    expect(spaceRoleGrants("owner", "toString")).toBe(false);
  });

  it("are narrowed by scopes of three forms", () => {
    expect(scopesInclude(["workflow:read"], "workflow:read")).toBe(true);
    expect(scopesInclude(["workflow:read"], "workflow:write")).toBe(false);
    expect(scopesInclude(["workflow:*"], "workflow:write")).toBe(true);
    expect(scopesInclude(["work:*"], "workflow:write")).toBe(false);
    expect(scopesInclude(["*"], "user:delete")).toBe(true);
    expect(scopesInclude([], "user:read")).toBe(false);
    expect(["workflow:*", "*", "space:read"].every(isScope)).toBe(true);
    expect(["", ":*", "nothing:*", "workflow:", "toString"].some(isScope)).toBe(false);
  });
});
