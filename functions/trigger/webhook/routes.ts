import { listFirings } from "@weft/core/trigger/trigger.firing";
import { Firing } from "@weft/core/trigger/trigger.schema";
import * as Delivery from "@weft/core/trigger/webhook.delivery";
import * as Listen from "@weft/core/trigger/webhook.listen";
import {
  CreateWebhook,
  listWebhooksQuery,
  RotateWebhookSecret,
  UpdateWebhook,
  WebhookDeliveryPage,
  WebhookListening,
  WebhookPage,
  Webhook as WebhookSchema,
  WebhookWithSecret,
} from "@weft/core/trigger/webhook.schema";
import * as Webhook from "@weft/core/trigger/webhook.service";
import { route } from "@weft/http/route";
import { pageOf, pageQuery } from "@weft/kernel/page";
import { sealer } from "../../outbound.ts";
import { hookRoutes } from "../hook/hook.routes.ts";

const ALL = "/api/spaces/{spaceId}/webhooks";
const ONE = `${ALL}/{webhookId}` as const;
const webhooks = { tags: ["webhooks"] } as const;

const managing = [
  route(
    {
      ...webhooks,
      method: "GET",
      path: ALL,
      operationId: "listWebhooks",
      summary: "Webhooks of a space, newest first",
      permission: "workflow:read",
      query: listWebhooksQuery,
      response: WebhookPage,
    },
    ({ ctx, query }) => Webhook.list(ctx, query),
  ),
  route(
    {
      ...webhooks,
      method: "POST",
      path: ALL,
      operationId: "createWebhook",
      summary: "Create a webhook",
      description:
        "Calls of its `path` run the latest published version of the workflow, or the `version` named. Where its way of " +
        "proof has a secret and none is given, one is made: the answer shows it, and nothing ever does again.",
      permission: "workflow:run",
      confidential: true,
      status: 201,
      body: CreateWebhook,
      response: WebhookWithSecret,
    },
    ({ ctx, body }) => Webhook.create(ctx, sealer, body),
  ),
  route(
    {
      ...webhooks,
      method: "GET",
      path: ONE,
      operationId: "getWebhook",
      summary: "Get a webhook",
      permission: "workflow:read",
      response: WebhookSchema,
    },
    ({ ctx, params }) => Webhook.get(ctx, params),
  ),
  route(
    {
      ...webhooks,
      method: "PATCH",
      path: ONE,
      operationId: "updateWebhook",
      summary: "Change a webhook",
      description:
        "A paused webhook stays paused. A way of proof is given whole; its secret stays where none is given.",
      permission: "workflow:run",
      confidential: true,
      body: UpdateWebhook,
      response: WebhookWithSecret,
    },
    ({ ctx, params, body }) => Webhook.update(ctx, sealer, { ...body, webhookId: params.webhookId }),
  ),
  route(
    {
      ...webhooks,
      method: "DELETE",
      path: ONE,
      operationId: "removeWebhook",
      summary: "Delete a webhook; it can be restored",
      permission: "workflow:run",
      response: null,
    },
    async ({ ctx, params }) => {
      await Webhook.remove(ctx, params);
      return undefined;
    },
  ),
  route(
    {
      ...webhooks,
      method: "POST",
      path: `${ONE}/restore`,
      operationId: "restoreWebhook",
      summary: "Bring a deleted webhook back",
      permission: "workflow:run",
      response: WebhookSchema,
    },
    ({ ctx, params }) => Webhook.restore(ctx, params),
  ),
  route(
    {
      ...webhooks,
      method: "POST",
      path: `${ONE}/pause`,
      operationId: "pauseWebhook",
      summary: "Stop a webhook; its callers are told to try again later",
      permission: "workflow:run",
      response: WebhookSchema,
    },
    ({ ctx, params }) => Webhook.pause(ctx, params),
  ),
  route(
    {
      ...webhooks,
      method: "POST",
      path: `${ONE}/resume`,
      operationId: "resumeWebhook",
      summary: "Let a paused webhook go on",
      permission: "workflow:run",
      response: WebhookSchema,
    },
    ({ ctx, params }) => Webhook.resume(ctx, params),
  ),
  route(
    {
      ...webhooks,
      method: "POST",
      path: `${ONE}/rotate`,
      operationId: "rotateWebhookSecret",
      summary: "Give a webhook a new secret",
      description: "The one before stays good for `keepOldSeconds`, so that the provider can be changed meanwhile.",
      permission: "workflow:run",
      confidential: true,
      body: RotateWebhookSecret,
      response: WebhookWithSecret,
    },
    ({ ctx, params, body }) => Webhook.rotate(ctx, sealer, { ...body, webhookId: params.webhookId }),
  ),
];

const watching = [
  route(
    {
      ...webhooks,
      method: "GET",
      path: `${ONE}/deliveries`,
      operationId: "listWebhookDeliveries",
      summary: "What arrived at a webhook in the last seven days, newest first",
      description: "Without what callers proved themselves by, and no more of a body than can be shown.",
      permission: "execution:read",
      query: pageQuery,
      response: WebhookDeliveryPage,
    },
    ({ ctx, params, query }) => Delivery.deliveries(ctx, { ...query, ...params }),
  ),
  route(
    {
      ...webhooks,
      method: "GET",
      path: `${ONE}/firings`,
      operationId: "listWebhookFirings",
      summary: "Starts that a webhook's policy put off, newest first",
      permission: "execution:read",
      query: pageQuery,
      response: pageOf(Firing).meta({ id: "WebhookFiringPage" }),
    },
    async ({ ctx, params, query }) => {
      await Webhook.get(ctx, params);
      return listFirings(ctx, params.webhookId, query);
    },
  ),
  route(
    {
      ...webhooks,
      method: "POST",
      path: `${ONE}/listen`,
      operationId: "listenToWebhook",
      summary: "Await one call to the draft, for two minutes",
      permission: "workflow:run",
      audit: false,
      response: WebhookListening,
    },
    ({ ctx, params }) => Listen.listen(ctx, params),
  ),
  route(
    {
      ...webhooks,
      method: "GET",
      path: `${ONE}/listen`,
      operationId: "getWebhookListening",
      summary: "Whether the call to the draft came, and what it brought",
      permission: "workflow:read",
      response: WebhookListening,
    },
    ({ ctx, params }) => Listen.listening(ctx, params),
  ),
];

export const routes = [...managing, ...watching, ...hookRoutes];
