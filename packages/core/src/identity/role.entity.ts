import { baseAttributes, modelOf } from "@weft/db/base";
import { ELECTRO } from "@weft/db/table";
import { Entity } from "electrodb";

/**
 * Platform roles that administrators made; the built-in ones are code.
 *
 * | pattern | index | question |
 * |---|---|---|
 * | primary | table | what does this role grant? |
 * | all | gsi1 | which roles are there? |
 */
export const RoleEntity = new Entity(
  {
    model: modelOf("role"),
    attributes: {
      scope: { type: "string", required: true },
      roleId: { type: "string", required: true },
      name: { type: "string", required: true },
      permissions: { type: "list", items: { type: "string" }, required: true },
      ...baseAttributes,
    },
    indexes: {
      primary: { pk: { field: "pk", composite: ["scope", "roleId"] }, sk: { field: "sk", composite: [] } },
      all: {
        index: "gsi1",
        pk: { field: "gsi1pk", composite: ["scope"] },
        sk: { field: "gsi1sk", composite: ["roleId"] },
      },
    },
  },
  ELECTRO,
);
