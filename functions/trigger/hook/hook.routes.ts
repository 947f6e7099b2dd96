import { runOf } from "@weft/core/trigger/webhook.call";
import { isLinkToken } from "@weft/core/trigger/webhook.link";
import { findWebhook } from "@weft/core/trigger/webhook.lookup";
import { AnnounceUpload, WebhookRun } from "@weft/core/trigger/webhook.schema";
import { rawRoutes } from "@weft/http/raw";
import { route } from "@weft/http/route";
import { systemCtx } from "@weft/kernel/ctx";
import { notFound } from "@weft/kernel/errors";
import type { Id } from "@weft/kernel/ids";
import * as z from "zod";
import { apiDeps } from "../../execution/api-deps.ts";
import { serveHook } from "./serve.ts";

const tags = ["hooks"] as const;
const HOOK = "/hooks/{webhookId}";

export const hookRoutes = [
  ...rawRoutes<{ webhookId: Id<"webhook"> }>(
    {
      path: `${HOOK}/{proxy+}`,
      operationId: "callWebhook",
      summary: "Call a webhook",
      description:
        "Whoever calls proves itself as the webhook's settings say. Bodies are JSON, forms, text, XML or anything else, " +
        "which becomes a file, of up to 4 MiB; larger ones are uploaded first, see `announceWebhookUpload`, and brought " +
        "by `X-Weft-Upload`. `Idempotency-Key`, or what a provider knows its delivery by, gives a repeat within 24 hours " +
        "the same run. `/-/test` in front of the path means the draft, while somebody listens.",
      tags,
      errors: ["unauthenticated", "forbidden", "not_found", "method_not_allowed", "unprocessable", "unavailable"],
    },
    serveHook,
  ),
  ...rawRoutes<{ webhookId: Id<"webhook"> }>(
    {
      method: "POST",
      path: `${HOOK}/-/uploads`,
      operationId: "announceWebhookUpload",
      summary: "Upload a body that is too large for a call",
      description:
        "Answers a signed PUT, and the header with which the call is then made, without a body: it starts the run with " +
        "the uploaded file as its body. A webhook whose calls are signed asks for the file's `sha256`, which the signature " +
        "of this call covers.",
      tags,
      status: 201,
      body: AnnounceUpload,
      errors: ["unauthenticated", "forbidden", "too_large"],
    },
    serveHook,
  ),
  route(
    {
      method: "GET",
      path: `${HOOK}/-/runs/{executionId}`,
      operationId: "getWebhookRun",
      summary: "How the run of a call stands, and its output when it is over",
      description: "For whoever has the link that the call was answered with; no account is needed.",
      tags,
      permission: "public",
      query: { token: z.string().max(100).default("") },
      response: WebhookRun,
    },
    async ({ ctx, params: { webhookId, executionId }, query }) => {
      const row = await findWebhook(webhookId);
      if (!row || !isLinkToken(row, "run", executionId, query.token)) throw notFound("execution", executionId);
      const space = systemCtx("trigger", { spaceId: row.spaceId as Id<"space">, clock: ctx.clock });
      return runOf(space, apiDeps(), executionId);
    },
  ),
];
