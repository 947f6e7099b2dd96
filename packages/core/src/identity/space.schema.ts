import { idSchema } from "@weft/kernel/ids";
import * as z from "zod";
import { SPACE_ROLES } from "./permissions.ts";
import { Email, Token } from "./user.schema.ts";

const Name = z.string().trim().min(1).max(100);
const Description = z.string().max(2000);
/** Roles that are given; ownership is transferred. */
const GivenRole = z.enum(["admin", "member"]);

export const Space = z
  .object({
    id: idSchema("space"),
    kind: z.enum(["personal", "team"]),
    name: z.string(),
    description: z.string(),
    ownerId: idSchema("user"),
    /** The caller's role; null for an administrator who is no member. */
    role: z.enum(SPACE_ROLES).nullable(),
    revision: z.number().int(),
    createdAt: z.string(),
    updatedAt: z.string(),
  })
  .meta({ id: "Space" });
export type Space = z.output<typeof Space>;

export const CreateSpace = z
  .strictObject({ name: Name, description: Description.default("") })
  .meta({ id: "CreateSpace" });
export type CreateSpace = z.output<typeof CreateSpace>;

export const UpdateSpace = z
  .strictObject({
    name: Name.optional(),
    description: Description.optional(),
    expectedRevision: z.number().int().optional(),
  })
  .meta({ id: "UpdateSpace" });
export type UpdateSpace = z.output<typeof UpdateSpace>;

export const TransferSpace = z.strictObject({ userId: idSchema("user") }).meta({ id: "TransferSpace" });

export const Member = z
  .object({
    userId: idSchema("user"),
    userName: z.string(),
    displayName: z.string(),
    role: z.enum(SPACE_ROLES),
    createdAt: z.string(),
  })
  .meta({ id: "Member" });
export type Member = z.output<typeof Member>;

export const UpdateMember = z.strictObject({ role: GivenRole }).meta({ id: "UpdateMember" });

export const Invitation = z
  .object({
    id: idSchema("invitation"),
    spaceId: idSchema("space"),
    email: z.string(),
    role: GivenRole,
    createdAt: z.string(),
    createdBy: z.string(),
    endsAt: z.string(),
  })
  .meta({ id: "Invitation" });
export type Invitation = z.output<typeof Invitation>;

export const MyInvitation = Invitation.extend({ spaceName: z.string() }).meta({ id: "MyInvitation" });
export type MyInvitation = z.output<typeof MyInvitation>;

export const CreateInvitation = z
  .strictObject({ email: Email, role: GivenRole.default("member") })
  .meta({ id: "CreateInvitation" });
export type CreateInvitation = z.output<typeof CreateInvitation>;

export const AcceptInvitation = z.strictObject({ token: Token }).meta({ id: "AcceptInvitation" });
