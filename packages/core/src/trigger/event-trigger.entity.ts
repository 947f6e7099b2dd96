import { baseAttributes, modelOf } from "@weft/db/base";
import { ELECTRO } from "@weft/db/table";
import { CustomAttributeType, Entity, type EntityItem } from "electrodb";
import type { Trouble } from "./event-trigger.schema.ts";
import type { TriggerPolicy } from "./trigger.schema.ts";

/*
 * | pattern | index | question |
 * |---|---|---|
 * | primary | table | one event trigger; all of a space, newest first |
 * | byWorkflow | gsi1 | those of a workflow |
 * | byMail | gsi3 | whose is the address that a mail came to? (by hash; sparse) |
 */

/** In place of `mailHash` where no mail is wanted. */
export const NO_MAIL = "-";

export const EventTriggerEntity = new Entity(
  {
    model: modelOf("eventtrigger"),
    attributes: {
      spaceId: { type: "string", required: true },
      eventTriggerId: { type: "string", required: true },
      name: { type: "string", required: true },
      description: { type: "string", required: true },
      types: { type: CustomAttributeType<string[]>("any"), required: true },
      filter: { type: "string" },
      workflowId: { type: "string", required: true },
      version: { type: "string" },
      input: { type: "string" },
      policy: { type: CustomAttributeType<TriggerPolicy>("any"), required: true },
      isEnabled: { type: "boolean", required: true },
      pausedAt: { type: "string" },
      /** The local part of its address. */
      mailToken: { type: "string" },
      mailHash: { type: "string", required: true },
      lastFiredAt: { type: "string" },
      lastExecutionId: { type: "string" },
      lastError: { type: CustomAttributeType<Trouble>("any") },
      ...baseAttributes,
    },
    indexes: {
      primary: { pk: { field: "pk", composite: ["spaceId"] }, sk: { field: "sk", composite: ["eventTriggerId"] } },
      byWorkflow: {
        index: "gsi1",
        pk: { field: "gsi1pk", composite: ["spaceId", "workflowId"] },
        sk: { field: "gsi1sk", composite: ["eventTriggerId"] },
      },
      byMail: {
        index: "gsi3",
        condition: (attributes: { mailHash?: string }) => attributes.mailHash !== NO_MAIL,
        pk: { field: "gsi3pk", composite: ["mailHash"] },
        sk: { field: "gsi3sk", composite: ["eventTriggerId"] },
      },
    },
  },
  ELECTRO,
);

export type EventTriggerRow = EntityItem<typeof EventTriggerEntity>;
