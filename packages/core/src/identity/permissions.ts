/** Roles inside one space, strongest first. */
export const SPACE_ROLES = ["owner", "admin", "member"] as const;
export type SpaceRole = (typeof SPACE_ROLES)[number];

/**
 * Everything that can be done in a space, and the weakest role that may. A new noun is a line here: routes name these
 * permissions, and a contract test refuses a route that names none of them.
 */
export const SPACE_PERMISSIONS = {
  "space:read": "member",
  "log:read": "admin",
  "space:write": "admin",
  "space:delete": "owner",
  "space:restore": "owner",
  "space:transfer": "owner",
  "space:leave": "member",
  "member:read": "member",
  "member:write": "admin",
  "invitation:read": "admin",
  "invitation:write": "admin",
  "workflow:read": "member",
  "workflow:write": "member",
  "workflow:publish": "member",
  "workflow:run": "member",
  "workflow:delete": "member",
  "execution:read": "member",
  "execution:write": "member",
  "execution:cancel": "member",
  "approval:read": "member",
  "approval:answer": "member",
  "code:read": "member",
  "code:run": "member",
  "file:read": "member",
  "file:write": "member",
  "file:delete": "member",
  "credential:read": "member",
  "credential:write": "admin",
  "model:read": "member",
  "model:write": "admin",
  /** Who asked which model for what, and what it cost. */
  "usage:read": "admin",
  "variable:read": "member",
  "variable:write": "member",
  "event:read": "member",
  "event:write": "member",
  "subscription:read": "member",
  /** Sends what happens in the space to somewhere else. */
  "subscription:write": "admin",
  "copy:read": "member",
  "copy:write": "member",
  "template:read": "member",
  "template:write": "member",
  "template:publish": "member",
  "template:use": "member",
  /** Show something of the space to everybody with an account. */
  "library:publish": "admin",
} as const satisfies Record<string, SpaceRole>;
export type SpacePermission = keyof typeof SPACE_PERMISSIONS;

/** What concerns the platform as a whole: only platform roles give it. */
export const PLATFORM_PERMISSIONS = [
  "user:read",
  "user:write",
  "user:delete",
  "role:read",
  "role:write",
  "role:assign",
  "job:read",
  "job:run",
  "audit:read",
  /** Models that every space sees, and the list of what models there are. */
  "catalogue:read",
  "catalogue:write",
  /** Be treated as a member of every space. */
  "space:enter",
  /** Say what the library shows first. */
  "library:feature",
] as const;
export type PlatformPermission = (typeof PLATFORM_PERMISSIONS)[number];

/** What every user may do outside of any space, with nobody's leave. */
export const PERSONAL_PERMISSIONS = [
  "account:read",
  "account:write",
  "space:create",
  "space:list",
  "invitation:accept",
  "library:read",
] as const;
export type PersonalPermission = (typeof PERSONAL_PERMISSIONS)[number];

export const PERMISSIONS: readonly string[] = [
  ...Object.keys(SPACE_PERMISSIONS),
  ...PLATFORM_PERMISSIONS,
  ...PERSONAL_PERMISSIONS,
];

const spacePermissions = Object.keys(SPACE_PERMISSIONS) as SpacePermission[];
const reads = spacePermissions.filter((permission) => permission.endsWith(":read"));
const ofNouns = (...nouns: string[]) => spacePermissions.filter((name) => nouns.includes(name.split(":")[0] ?? ""));

/**
 * The platform roles that exist without being made. What they grant in spaces holds in the spaces that the user is a
 * member of; only `space:enter` opens the others.
 */
export const BUILT_IN_ROLES: Readonly<Record<string, { name: string; permissions: readonly string[] }>> = {
  admin: { name: "Administrator", permissions: [...spacePermissions, ...PLATFORM_PERMISSIONS] },
  developer: {
    name: "Developer",
    permissions: [
      ...ofNouns("workflow", "execution", "approval", "code", "file", "copy", "template"),
      "space:read",
      "job:read",
    ],
  },
  analyst: { name: "Analyst", permissions: [...reads, "audit:read"] },
  viewer: { name: "Viewer", permissions: reads },
};

/** Whether a role of a space includes this permission. */
export function spaceRoleGrants(role: SpaceRole, permission: string): boolean {
  if (!Object.hasOwn(SPACE_PERMISSIONS, permission)) return false;
  const weakest = SPACE_PERMISSIONS[permission as SpacePermission];
  return SPACE_ROLES.indexOf(role) <= SPACE_ROLES.indexOf(weakest);
}

/** Whether a key's scopes include this permission: itself, `noun:*` or `*`. */
export function scopesInclude(scopes: readonly string[], permission: string): boolean {
  const noun = permission.split(":")[0];
  return scopes.includes(permission) || scopes.includes("*") || scopes.includes(`${noun}:*`);
}

/** Whether a scope that a key is to be made with means anything. */
export function isScope(scope: string): boolean {
  if (scope === "*" || PERMISSIONS.includes(scope)) return true;
  return scope.endsWith(":*") && PERMISSIONS.some((permission) => permission.startsWith(scope.slice(0, -1)));
}
