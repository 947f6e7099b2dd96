import { baseAttributes, modelOf, ttlAttributes } from "@weft/db/base";
import { ELECTRO } from "@weft/db/table";
import { Entity } from "electrodb";
import { SPACE_ROLES } from "./permissions.ts";

/**
 * Spaces: what every business object belongs to.
 *
 * | pattern | index | question |
 * |---|---|---|
 * | primary | table | what is this space? |
 */
export const SpaceEntity = new Entity(
  {
    model: modelOf("space"),
    attributes: {
      spaceId: { type: "string", required: true },
      kind: { type: ["personal", "team"] as const, required: true },
      name: { type: "string", required: true },
      description: { type: "string", required: true },
      ownerId: { type: "string", required: true },
      ...baseAttributes,
    },
    indexes: {
      primary: { pk: { field: "pk", composite: ["spaceId"] }, sk: { field: "sk", composite: [] } },
    },
  },
  ELECTRO,
);

/**
 * Who is in which space.
 *
 * | pattern | index | question |
 * |---|---|---|
 * | primary | table | is this person in this space, and as what? who is in it? |
 * | byUser | gsi2 | in which spaces is this person? |
 */
export const MemberEntity = new Entity(
  {
    model: modelOf("spacemember"),
    attributes: {
      spaceId: { type: "string", required: true },
      userId: { type: "string", required: true },
      role: { type: SPACE_ROLES, required: true },
      createdAt: { type: "string", required: true },
    },
    indexes: {
      primary: { pk: { field: "pk", composite: ["spaceId"] }, sk: { field: "sk", composite: ["userId"] } },
      byUser: {
        index: "gsi2",
        pk: { field: "gsi2pk", composite: ["userId"] },
        sk: { field: "gsi2sk", composite: ["spaceId"] },
      },
    },
  },
  ELECTRO,
);

/**
 * Invitations that wait for an answer; an answered one is removed.
 *
 * | pattern | index | question |
 * |---|---|---|
 * | primary | table | is this invitation good? (space and id are in the token) who is invited here? |
 * | byEmail | gsi3 | where is the owner of this address invited? |
 */
export const InvitationEntity = new Entity(
  {
    model: modelOf("invitation"),
    attributes: {
      spaceId: { type: "string", required: true },
      invitationId: { type: "string", required: true },
      email: { type: "string", required: true },
      emailHash: { type: "string", required: true },
      role: { type: ["admin", "member"] as const, required: true },
      secretHash: { type: "string", required: true },
      createdAt: { type: "string", required: true },
      createdBy: { type: "string", required: true },
      ...ttlAttributes,
    },
    indexes: {
      primary: { pk: { field: "pk", composite: ["spaceId"] }, sk: { field: "sk", composite: ["invitationId"] } },
      byEmail: {
        index: "gsi3",
        pk: { field: "gsi3pk", composite: ["emailHash"] },
        sk: { field: "gsi3sk", composite: ["invitationId"] },
      },
    },
  },
  ELECTRO,
);
