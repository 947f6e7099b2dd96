import { modelOf, ttlAttributes } from "@weft/db/base";
import { ELECTRO } from "@weft/db/table";
import { Entity } from "electrodb";

/**
 * Keys for programs. A row outlives its key by a while, so that lists show what was revoked.
 *
 * | pattern | index | question |
 * |---|---|---|
 * | primary | table | is this key good? (the id is in the key) |
 * | byUser | gsi2 | which keys has this person? |
 */
export const ApiKeyEntity = new Entity(
  {
    model: modelOf("apikey"),
    attributes: {
      scope: { type: "string", required: true },
      apiKeyId: { type: "string", required: true },
      userId: { type: "string", required: true },
      name: { type: "string", required: true },
      prefix: { type: "string", required: true },
      secretHash: { type: "string", required: true },
      scopes: { type: "list", items: { type: "string" }, required: true },
      /** Absent: every space of the user. */
      spaceIds: { type: "list", items: { type: "string" } },
      createdAt: { type: "string", required: true },
      endsAt: { type: "string" },
      revokedAt: { type: "string" },
      lastUsedAt: { type: "string" },
      ...ttlAttributes,
    },
    indexes: {
      primary: { pk: { field: "pk", composite: ["scope", "apiKeyId"] }, sk: { field: "sk", composite: [] } },
      byUser: {
        index: "gsi2",
        pk: { field: "gsi2pk", composite: ["scope", "userId"] },
        sk: { field: "gsi2sk", composite: ["apiKeyId"] },
      },
    },
  },
  ELECTRO,
);
