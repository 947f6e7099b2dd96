import { idSchema } from "@weft/kernel/ids";
import * as z from "zod";
import { MAX_PASSWORD, MIN_PASSWORD } from "./password.ts";

/** RFC 5321's limit on an address. */
const MAX_EMAIL = 254;

export const Email = z.email().max(MAX_EMAIL).meta({ example: "ada@example.com" });
export const Password = z.string().min(MIN_PASSWORD).max(MAX_PASSWORD);
/** A password that is checked and not set: any text, so that its form tells nothing. */
export const GivenPassword = z.string().min(1).max(1024);
export const UserName = z
  .string()
  .regex(/^[\p{L}\p{N}._-]{3,32}$/u, "3 to 32 letters, digits, dots, dashes and underscores");
export const DisplayName = z.string().trim().min(1).max(100);
export const Token = z.string().min(1).max(256);

export const User = z
  .object({
    id: idSchema("user"),
    email: z.string(),
    userName: z.string(),
    displayName: z.string(),
    isEmailVerified: z.boolean(),
    isDisabled: z.boolean(),
    isDeleted: z.boolean(),
    isSingleLogin: z.boolean(),
    roles: z.array(z.string()),
    personalSpaceId: idSchema("space"),
    lastLoginAt: z.string().nullable(),
    revision: z.number().int(),
    createdAt: z.string(),
    updatedAt: z.string(),
  })
  .meta({ id: "User" });
export type User = z.output<typeof User>;

export const Me = User.extend({
  /** Platform permissions, from the roles. */
  permissions: z.array(z.string()),
}).meta({ id: "Me" });

export const Register = z
  .strictObject({
    email: Email,
    password: Password,
    userName: UserName.optional(),
    displayName: DisplayName.optional(),
  })
  .meta({ id: "Register" });
export type Register = z.output<typeof Register>;

export const Login = z
  .strictObject({
    email: z.string().min(1).max(MAX_EMAIL).optional(),
    userName: z.string().min(1).max(64).optional(),
    password: GivenPassword,
  })
  .refine((body) => (body.email === undefined) !== (body.userName === undefined), {
    path: ["email"],
    message: "give either email or userName",
  })
  .meta({ id: "Login" });
export type Login = z.output<typeof Login>;

export const CheckMail = z.object({ status: z.literal("check_your_mail") }).meta({ id: "CheckMail" });

export const Session = z
  .object({
    id: idSchema("session"),
    isCurrent: z.boolean(),
    createdAt: z.string(),
    lastSeenAt: z.string(),
    endsAt: z.string(),
    ip: z.string().nullable(),
    userAgent: z.string().nullable(),
  })
  .meta({ id: "Session" });
export type Session = z.output<typeof Session>;

export const LoggedIn = z
  .object({
    /** Send it as `Authorization: Bearer …`. */
    token: z.string(),
    endsAt: z.string(),
    user: User,
  })
  .meta({ id: "LoggedIn" });
export type LoggedIn = z.output<typeof LoggedIn>;

export const UpdateMe = z
  .strictObject({
    displayName: DisplayName.optional(),
    userName: UserName.optional(),
    isSingleLogin: z.boolean().optional(),
    expectedRevision: z.number().int().optional(),
  })
  .meta({ id: "UpdateMe" });
export type UpdateMe = z.output<typeof UpdateMe>;

export const ChangePassword = z
  .strictObject({ currentPassword: GivenPassword, newPassword: Password })
  .meta({ id: "ChangePassword" });
export const ResetPassword = z.strictObject({ token: Token, password: Password }).meta({ id: "ResetPassword" });

export const UpdateUser = z
  .strictObject({
    isDisabled: z.boolean().optional(),
    displayName: DisplayName.optional(),
    expectedRevision: z.number().int().optional(),
  })
  .meta({ id: "UpdateUser" });
export type UpdateUser = z.output<typeof UpdateUser>;
