import { baseAttributes, modelOf, ttlAttributes } from "@weft/db/base";
import { ELECTRO } from "@weft/db/table";
import { CustomAttributeType, Entity, type EntityItem } from "electrodb";
import { DELIVERY_STATUS } from "./delivery.status.ts";
import type { Attempt, Trouble } from "./subscription.schema.ts";

/*
 * Secrets and headers are in the vault (platform), under the subscription's id.
 *
 * | entity | pattern | index | question |
 * |---|---|---|---|
 * | Subscription | primary | table | one subscription; all of a space, newest first |
 * | Delivery | primary | table | one delivery |
 * | Delivery | bySubscription | gsi1 | those of a subscription, newest first |
 * | Delivery | due | gsi4 | those whose lane may be gone; sparse, sharded |
 */

/** Shards of the sparse index of deliveries: 1,000 writes a second each. */
export const DELIVERY_SHARDS = 8;
/** In place of `sweepAt` when nobody has to look at the delivery any more. */
export const NEVER = "-";

const texts = CustomAttributeType<string[]>("any");

export const SubscriptionEntity = new Entity(
  {
    model: modelOf("subscription"),
    attributes: {
      spaceId: { type: "string", required: true },
      subscriptionId: { type: "string", required: true },
      name: { type: "string", required: true },
      description: { type: "string", required: true },
      url: { type: "string", required: true },
      types: { type: texts, required: true },
      filter: { type: "string" },
      headerNames: { type: texts, required: true },
      isEnabled: { type: "boolean", required: true },
      pausedAt: { type: "string" },
      disabledReason: { type: "string" },
      failingSince: { type: "string" },
      lastError: { type: CustomAttributeType<Trouble>("any") },
      previousSecretUntil: { type: "string" },
      ...baseAttributes,
    },
    indexes: {
      primary: { pk: { field: "pk", composite: ["spaceId"] }, sk: { field: "sk", composite: ["subscriptionId"] } },
    },
  },
  ELECTRO,
);

export type SubscriptionRow = EntityItem<typeof SubscriptionEntity>;

export const DeliveryEntity = new Entity(
  {
    model: modelOf("delivery"),
    attributes: {
      spaceId: { type: "string", required: true },
      deliveryId: { type: "string", required: true },
      subscriptionId: { type: "string", required: true },
      eventId: { type: "string", required: true },
      type: { type: "string", required: true },
      status: { type: DELIVERY_STATUS, required: true },
      /** The last ones. */
      attempts: { type: CustomAttributeType<Attempt[]>("any"), required: true },
      /** All of them since it was sent (again) by hand: how long the next pause is. */
      tries: { type: "number", required: true },
      nextAt: { type: "string", required: true },
      error: { type: "string" },
      replays: { type: "number", required: true },
      endedAt: { type: "string" },
      /** Lanes that were started for it: each has a name of its own. */
      lanes: { type: "number", required: true },
      sweepShard: { type: "string", required: true },
      sweepAt: { type: "string", required: true },
      createdAt: { type: "string", required: true },
      ...ttlAttributes,
    },
    indexes: {
      primary: { pk: { field: "pk", composite: ["spaceId", "deliveryId"] }, sk: { field: "sk", composite: [] } },
      bySubscription: {
        index: "gsi1",
        pk: { field: "gsi1pk", composite: ["spaceId", "subscriptionId"] },
        sk: { field: "gsi1sk", composite: ["deliveryId"] },
      },
      due: {
        index: "gsi4",
        condition: (attributes: { sweepAt?: string }) => attributes.sweepAt !== NEVER,
        pk: { field: "gsi4pk", composite: ["sweepShard"] },
        sk: { field: "gsi4sk", composite: ["sweepAt", "deliveryId"] },
      },
    },
  },
  ELECTRO,
);

export type DeliveryRow = EntityItem<typeof DeliveryEntity>;
