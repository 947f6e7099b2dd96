import { modelOf, ttlAttributes } from "@weft/db/base";
import { ELECTRO } from "@weft/db/table";
import { Entity } from "electrodb";

/**
 * Logins. A session is over when its row is gone, its user's `sessionEpoch` moved on, it idled too long or its
 * `expiresAt`, which never moves, has come.
 *
 * | pattern | index | question |
 * |---|---|---|
 * | primary | table | is this token good? (the id is in the token) |
 * | byUser | gsi2 | where is this person logged in? |
 */
export const SessionEntity = new Entity(
  {
    model: modelOf("session"),
    attributes: {
      scope: { type: "string", required: true },
      sessionId: { type: "string", required: true },
      userId: { type: "string", required: true },
      secretHash: { type: "string", required: true },
      epoch: { type: "number", required: true },
      createdAt: { type: "string", required: true },
      lastSeenAt: { type: "string", required: true },
      ip: { type: "string" },
      userAgent: { type: "string" },
      ...ttlAttributes,
    },
    indexes: {
      primary: { pk: { field: "pk", composite: ["scope", "sessionId"] }, sk: { field: "sk", composite: [] } },
      byUser: {
        index: "gsi2",
        pk: { field: "gsi2pk", composite: ["scope", "userId"] },
        sk: { field: "gsi2sk", composite: ["sessionId"] },
      },
    },
  },
  ELECTRO,
);
