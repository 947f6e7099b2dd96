import { modelOf, ttlAttributes } from "@weft/db/base";
import { ELECTRO } from "@weft/db/table";
import { Entity } from "electrodb";

/**
 * One-time tokens that are sent by mail.
 *
 * | pattern | index | question |
 * |---|---|---|
 * | primary | table | is this token good, and for what? (the id is in the token) |
 */
export const MailTokenEntity = new Entity(
  {
    model: modelOf("mailtoken"),
    attributes: {
      scope: { type: "string", required: true },
      mailTokenId: { type: "string", required: true },
      purpose: { type: ["verify_email", "reset_password"] as const, required: true },
      userId: { type: "string", required: true },
      /** The address it was sent to. */
      email: { type: "string", required: true },
      secretHash: { type: "string", required: true },
      passwordVersion: { type: "number", required: true },
      ...ttlAttributes,
    },
    indexes: {
      primary: { pk: { field: "pk", composite: ["scope", "mailTokenId"] }, sk: { field: "sk", composite: [] } },
    },
  },
  ELECTRO,
);
