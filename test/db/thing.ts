import { baseAttributes, modelOf, searchAttributes } from "@weft/db/base";
import { ELECTRO } from "@weft/db/table";
import { Entity } from "electrodb";

/** An entity as a domain makes one: catalogue rows of a space, listed by newest and by status. */
export const Thing = new Entity(
  {
    model: modelOf("thing"),
    attributes: {
      spaceId: { type: "string", required: true },
      thingId: { type: "string", required: true },
      name: { type: "string", required: true },
      status: { type: ["draft", "live"] as const, required: true },
      secret: { type: "string", hidden: true },
      ...searchAttributes,
      ...baseAttributes,
    },
    indexes: {
      primary: { pk: { field: "pk", composite: ["spaceId"] }, sk: { field: "sk", composite: ["thingId"] } },
      byStatus: {
        index: "gsi1",
        pk: { field: "gsi1pk", composite: ["spaceId"] },
        sk: { field: "gsi1sk", composite: ["status", "thingId"] },
      },
    },
  },
  ELECTRO,
);
