import { sfnMachine } from "@weft/adapters/machine/sfn";
import * as Delivery from "@weft/core/subscription/delivery.service";
import {
  CreateSubscription,
  DeliveryPage,
  Delivery as DeliverySchema,
  ListDeliveries,
  ListSubscriptions,
  ReplayDeliveries,
  Replayed,
  RotateSecret,
  SubscriptionPage,
  Subscription as SubscriptionSchema,
  SubscriptionTest,
  SubscriptionWithSecret,
  UpdateSubscription,
} from "@weft/core/subscription/subscription.schema";
import * as Subscription from "@weft/core/subscription/subscription.service";
import { route } from "@weft/http/route";
import { readEnv } from "@weft/kernel/env";
import * as z from "zod";
import { sealer, web } from "../../outbound.ts";

const ALL = "/api/spaces/{spaceId}/subscriptions";
const ONE = `${ALL}/{subscriptionId}` as const;
const DELIVERIES = `${ONE}/deliveries` as const;
const tags = ["subscriptions"] as const;

const lanes = () => ({ machine: sfnMachine(readEnv({ RUN_WORKFLOW_ARN: z.string() }).RUN_WORKFLOW_ARN) });

const managing = [
  route(
    {
      method: "POST",
      path: ALL,
      operationId: "createSubscription",
      summary: "Have events posted to a URL",
      description:
        "Signed as Standard Webhooks says, tried again over three days, in no promised order and at least once: a " +
        "repeat has the same `webhook-id`. The answer shows the signing secret, this once.",
      tags,
      permission: "subscription:write",
      confidential: true,
      status: 201,
      body: CreateSubscription,
      response: SubscriptionWithSecret,
      errors: ["conflict"],
    },
    ({ ctx, body }) => Subscription.create(ctx, sealer, body),
  ),
  route(
    {
      method: "GET",
      path: ALL,
      operationId: "listSubscriptions",
      summary: "Subscriptions of a space, newest first",
      tags,
      permission: "subscription:read",
      query: ListSubscriptions.shape,
      response: SubscriptionPage,
      errors: ["invalid_cursor"],
    },
    ({ ctx, query }) => Subscription.list(ctx, query),
  ),
  route(
    {
      method: "GET",
      path: ONE,
      operationId: "getSubscription",
      summary: "Get a subscription without its secrets",
      tags,
      permission: "subscription:read",
      response: SubscriptionSchema,
    },
    ({ ctx, params }) => Subscription.get(ctx, params),
  ),
  route(
    {
      method: "PATCH",
      path: ONE,
      operationId: "updateSubscription",
      summary: "Change a subscription, turn it off or on",
      tags,
      permission: "subscription:write",
      confidential: true,
      body: UpdateSubscription,
      response: SubscriptionSchema,
      errors: ["conflict"],
    },
    ({ ctx, params, body }) => Subscription.update(ctx, sealer, { ...body, ...params }),
  ),
  route(
    {
      method: "DELETE",
      path: ONE,
      operationId: "removeSubscription",
      summary: "Delete a subscription; it can be restored",
      tags,
      permission: "subscription:write",
      response: null,
    },
    async ({ ctx, params }) => {
      await Subscription.remove(ctx, params);
      return undefined;
    },
  ),
  route(
    {
      method: "POST",
      path: `${ONE}/restore`,
      operationId: "restoreSubscription",
      summary: "Bring a deleted subscription back",
      tags,
      permission: "subscription:write",
      response: SubscriptionSchema,
      errors: ["conflict"],
    },
    ({ ctx, params }) => Subscription.restore(ctx, params),
  ),
  route(
    {
      method: "POST",
      path: `${ONE}/rotate-secret`,
      operationId: "rotateSubscriptionSecret",
      summary: "Give a subscription another signing secret",
      description: "The one before signs beside it for `overlapSeconds`. The answer shows the new one, this once.",
      tags,
      permission: "subscription:write",
      confidential: true,
      body: RotateSecret,
      response: SubscriptionWithSecret,
      errors: ["conflict"],
    },
    ({ ctx, params, body }) => Subscription.rotate(ctx, sealer, { ...body, ...params }),
  ),
  route(
    {
      method: "POST",
      path: `${ONE}/test`,
      operationId: "testSubscription",
      summary: "Send a ping and see what comes of it",
      tags,
      permission: "subscription:write",
      response: SubscriptionTest,
    },
    ({ ctx, params }) => Subscription.test(ctx, { sealer, http: web }, params),
  ),
];

const deliveries = [
  route(
    {
      method: "GET",
      path: DELIVERIES,
      operationId: "listDeliveries",
      summary: "Deliveries of the last seven days, newest first",
      tags,
      permission: "subscription:read",
      query: ListDeliveries.shape,
      response: DeliveryPage,
      errors: ["invalid_cursor"],
    },
    ({ ctx, params, query }) => Delivery.list(ctx, { ...query, ...params }),
  ),
  route(
    {
      method: "GET",
      path: `${DELIVERIES}/{deliveryId}`,
      operationId: "getDelivery",
      summary: "Get a delivery with its attempts",
      tags,
      permission: "subscription:read",
      response: DeliverySchema,
    },
    ({ ctx, params }) => Delivery.get(ctx, params),
  ),
  route(
    {
      method: "POST",
      path: `${DELIVERIES}/{deliveryId}/replay`,
      operationId: "replayDelivery",
      summary: "Send a delivery again that is over",
      tags,
      permission: "subscription:write",
      status: 202,
      response: DeliverySchema,
      errors: ["conflict"],
    },
    ({ ctx, params }) => Delivery.replay(ctx, lanes(), params),
  ),
  route(
    {
      method: "POST",
      path: `${ONE}/replay`,
      operationId: "replayDeliveries",
      summary: "Send all again that were given up or cancelled since a time",
      tags,
      permission: "subscription:write",
      status: 202,
      body: ReplayDeliveries,
      response: Replayed,
      errors: ["conflict"],
    },
    ({ ctx, params, body }) => Delivery.replayAll(ctx, lanes(), { ...body, ...params }),
  ),
];

export const routes = [...managing, ...deliveries];
