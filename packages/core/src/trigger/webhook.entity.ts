import { baseAttributes, modelOf, ttlAttributes } from "@weft/db/base";
import { ELECTRO } from "@weft/db/table";
import { CustomAttributeType, Entity, type EntityItem } from "electrodb";
import type { TriggerPolicy } from "./trigger.schema.ts";
import type { WebhookAuth } from "./webhook.auth.schema.ts";
import {
  type Arrived,
  DELIVERY_OUTCOME,
  IDEMPOTENCY,
  type SecretInfo,
  type Webhook,
  type WebhookResponseSettings,
  type WebhookRoute,
} from "./webhook.schema.ts";

/*
 * Secrets are in the vault (platform), under the webhook's id.
 *
 * | entity | pattern | index | question |
 * |---|---|---|---|
 * | Webhook | primary | table | one webhook; all of a space, newest first |
 * | Webhook | byWorkflow | gsi1 | those that start a workflow |
 * | Webhook | byId | gsi3 | in which space is the webhook that a call names? |
 * | WebhookDelivery | primary | table | what arrived at it, newest first |
 * | WebhookKey | primary | table | which run was started with this key? |
 * | WebhookListen | primary | table | does somebody wait for a call to its draft, and did one come? |
 */

const webhookKey = {
  spaceId: { type: "string", required: true },
  webhookId: { type: "string", required: true },
} as const;

type Fault = { code: string; message: string };

export const WebhookEntity = new Entity(
  {
    model: modelOf("webhook"),
    attributes: {
      ...webhookKey,
      name: { type: "string", required: true },
      description: { type: "string", required: true },
      workflowId: { type: "string", required: true },
      version: { type: "string" },
      input: { type: "string" },
      policy: { type: CustomAttributeType<TriggerPolicy>("any"), required: true },
      routes: { type: CustomAttributeType<WebhookRoute[]>("any"), required: true },
      auth: { type: CustomAttributeType<WebhookAuth>("any"), required: true },
      secrets: { type: CustomAttributeType<SecretInfo[]>("any"), required: true },
      ipAllow: { type: CustomAttributeType<string[]>("any") },
      cors: { type: CustomAttributeType<NonNullable<Webhook["cors"]>>("any") },
      response: { type: CustomAttributeType<WebhookResponseSettings>("any"), required: true },
      idempotency: { type: IDEMPOTENCY, required: true },
      body: { type: CustomAttributeType<Webhook["body"]>("any"), required: true },
      /** Signs links to its runs and uploads; good for nothing else, and never shown. */
      linkKey: { type: "string", required: true, readOnly: true },
      pausedAt: { type: "string" },
      lastFiredAt: { type: "string" },
      lastExecutionId: { type: "string" },
      lastError: { type: CustomAttributeType<Fault & { at: string }>("any") },
      ...baseAttributes,
    },
    indexes: {
      primary: { pk: { field: "pk", composite: ["spaceId"] }, sk: { field: "sk", composite: ["webhookId"] } },
      byWorkflow: {
        index: "gsi1",
        pk: { field: "gsi1pk", composite: ["spaceId", "workflowId"] },
        sk: { field: "gsi1sk", composite: ["webhookId"] },
      },
      byId: {
        index: "gsi3",
        pk: { field: "gsi3pk", composite: ["webhookId"] },
        sk: { field: "gsi3sk", composite: ["spaceId"] },
      },
    },
  },
  ELECTRO,
);

export type WebhookRow = EntityItem<typeof WebhookEntity>;

export const WebhookDeliveryEntity = new Entity(
  {
    model: modelOf("webhookdelivery"),
    attributes: {
      ...webhookKey,
      webhookDeliveryId: { type: "string", required: true },
      outcome: { type: DELIVERY_OUTCOME, required: true },
      isTest: { type: "boolean", required: true },
      executionId: { type: "string" },
      firingId: { type: "string" },
      error: { type: CustomAttributeType<Fault>("any") },
      arrived: { type: CustomAttributeType<Arrived>("any"), required: true },
      createdAt: { type: "string", required: true },
      ...ttlAttributes,
    },
    indexes: {
      primary: {
        pk: { field: "pk", composite: ["spaceId", "webhookId"] },
        sk: { field: "sk", composite: ["webhookDeliveryId"] },
      },
    },
  },
  ELECTRO,
);

export const WebhookKeyEntity = new Entity(
  {
    model: modelOf("webhookkey"),
    attributes: {
      spaceId: { type: "string", required: true },
      hash: { type: "string", required: true },
      executionId: { type: "string", required: true },
      /** What a repeat has to have in common with the first. */
      mark: { type: "string", required: true },
      ...ttlAttributes,
    },
    indexes: {
      primary: { pk: { field: "pk", composite: ["spaceId", "hash"] }, sk: { field: "sk", composite: [] } },
    },
  },
  ELECTRO,
);

export const WebhookListenEntity = new Entity(
  {
    model: modelOf("webhooklisten"),
    attributes: {
      ...webhookKey,
      endsAt: { type: "string", required: true },
      arrived: { type: CustomAttributeType<Arrived>("any") },
      executionId: { type: "string" },
      error: { type: CustomAttributeType<Fault>("any") },
      ...ttlAttributes,
    },
    indexes: {
      primary: { pk: { field: "pk", composite: ["spaceId", "webhookId"] }, sk: { field: "sk", composite: [] } },
    },
  },
  ELECTRO,
);
