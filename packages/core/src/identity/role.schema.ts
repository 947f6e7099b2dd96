import * as z from "zod";
import { PERMISSIONS } from "./permissions.ts";

const RoleId = z.string().min(1).max(64);
const Permission = z.string().refine((name) => PERMISSIONS.includes(name), "not a permission");

export const Role = z
  .object({
    /** `admin`, `developer`, `analyst`, `viewer`, or the id of one that was made. */
    id: z.string(),
    name: z.string(),
    permissions: z.array(z.string()),
    isBuiltIn: z.boolean(),
    /** Null where it is built in. */
    revision: z.number().int().nullable(),
  })
  .meta({ id: "Role" });
export type Role = z.output<typeof Role>;

export const CreateRole = z
  .strictObject({ name: z.string().trim().min(1).max(64), permissions: z.array(Permission).max(PERMISSIONS.length) })
  .meta({ id: "CreateRole" });
export type CreateRole = z.output<typeof CreateRole>;

export const UpdateRole = z
  .strictObject({
    name: z.string().trim().min(1).max(64).optional(),
    permissions: z.array(Permission).max(PERMISSIONS.length).optional(),
    expectedRevision: z.number().int().optional(),
  })
  .meta({ id: "UpdateRole" });
export type UpdateRole = z.output<typeof UpdateRole>;

/** Roles that one user has. */
export const UserRoles = z.strictObject({ roles: z.array(RoleId).max(20) }).meta({ id: "UserRoles" });
