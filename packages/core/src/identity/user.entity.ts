import { baseAttributes, modelOf, searchAttributes } from "@weft/db/base";
import { ELECTRO } from "@weft/db/table";
import { Entity } from "electrodb";

/**
 * People. E-mail and user name are unique without regard to case by constraint rows, which also find the user.
 *
 * | pattern | index | question |
 * |---|---|---|
 * | primary | table | who is this? |
 * | all | gsi1 | who is there, newest first? |
 */
export const UserEntity = new Entity(
  {
    model: modelOf("user"),
    attributes: {
      scope: { type: "string", required: true },
      userId: { type: "string", required: true },
      email: { type: "string", required: true },
      userName: { type: "string", required: true },
      displayName: { type: "string", required: true },
      passwordHash: { type: "string", required: true },
      /** Counts passwords; a reset token is good for the one it was made under. */
      passwordVersion: { type: "number", required: true },
      /** Sessions made under an earlier number are over. */
      sessionEpoch: { type: "number", required: true },
      emailVerifiedAt: { type: "string" },
      disabledAt: { type: "string" },
      /** A new login ends the others. */
      isSingleLogin: { type: "boolean", required: true },
      roles: { type: "list", items: { type: "string" }, required: true },
      personalSpaceId: { type: "string", required: true },
      lastLoginAt: { type: "string" },
      ...searchAttributes,
      ...baseAttributes,
    },
    indexes: {
      primary: { pk: { field: "pk", composite: ["scope", "userId"] }, sk: { field: "sk", composite: [] } },
      all: {
        index: "gsi1",
        pk: { field: "gsi1pk", composite: ["scope"] },
        sk: { field: "gsi1sk", composite: ["userId"] },
      },
    },
  },
  ELECTRO,
);
