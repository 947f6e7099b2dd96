import { idSchema } from "@weft/kernel/ids";
import { pageOf, pageQuery } from "@weft/kernel/page";
import * as z from "zod";
import { MAX_FILE_BYTES } from "../file/file.schema.ts";
import { TriggerPolicy, triggerFields } from "./trigger.schema.ts";
import { HeaderName, WebhookAuth, WebhookAuthInput } from "./webhook.auth.schema.ts";

const MAX_NAME = 255;
const MAX_DESCRIPTION = 4_000;
const MAX_ROUTES = 20;
const MAX_PATH = 500;
const MAX_ALLOWED = 100;
const MAX_ORIGINS = 50;
const MAX_HEADERS = 20;
const MAX_ANSWER = 10_000;
const DAY_SECONDS = 86_400;
/** What reaches a Lambda (architecture §6). */
export const MAX_CALL_BYTES = 4 * 1024 * 1024;
const DEFAULT_UPLOAD_BYTES = 1024 ** 3;
/** A run that is driven here answers within this time or goes on elsewhere (architecture §3). */
export const MAX_ANSWER_SECONDS = 240;
const MAX_OLD_SECRET_SECONDS = 30 * DAY_SECONDS;

export const WEBHOOK_METHOD = ["GET", "POST", "PUT", "PATCH", "DELETE"] as const;
export type WebhookMethod = (typeof WEBHOOK_METHOD)[number];

/** `/orders/{id}`. Below `/-/` is what every webhook has. */
const PATH = /^(?:\/|(?:\/(?:\{[A-Za-z][A-Za-z0-9_]{0,63}\}|[A-Za-z0-9._~!$&'()*+,;=:@-]+))+)$/;

export const WebhookRoute = z
  .strictObject({
    methods: z.array(z.enum(WEBHOOK_METHOD)).min(1).max(WEBHOOK_METHOD.length),
    path: z
      .string()
      .max(MAX_PATH)
      .regex(PATH, "expected a path such as / or /orders/{id}")
      .refine((path) => !path.split("/").some((part) => part === "." || part === ".."), "has no . and ..")
      .refine((path) => path !== "/-" && !path.startsWith("/-/"), "below /-/ is taken"),
  })
  .meta({ id: "WebhookRoute" });
export type WebhookRoute = z.output<typeof WebhookRoute>;

/** Which of two paths a request means cannot be told where they differ in the names of parameters alone. */
const shapeOf = (path: string) => path.replace(/\{[^}]*\}/g, "{}");
const Routes = z
  .array(WebhookRoute)
  .min(1)
  .max(MAX_ROUTES)
  .superRefine((routes, check) => {
    const taken = new Set<string>();
    for (const [at, { methods, path }] of routes.entries()) {
      const names = [...path.matchAll(/\{([^}]*)\}/g)].map((match) => match[1]);
      if (new Set(names).size < names.length) {
        check.addIssue({ code: "custom", path: [at, "path"], message: "has a parameter twice" });
      }
      for (const method of methods) {
        const key = `${method} ${shapeOf(path)}`;
        if (taken.has(key)) check.addIssue({ code: "custom", path: [at], message: `${key} is there already` });
        taken.add(key);
      }
    }
  });

const Address = z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()]);

const Cors = z
  .strictObject({
    origins: z
      .array(
        z.union([
          z.literal("*"),
          z.string().regex(/^https?:\/\/[^\s/?#*]+$/i, "expected https://app.example.com or *"),
        ]),
      )
      .min(1)
      .max(MAX_ORIGINS),
    headers: z.array(HeaderName).max(MAX_HEADERS).default(["Content-Type", "Authorization", "Idempotency-Key"]),
    maxAgeSeconds: z.int().min(0).max(DAY_SECONDS).default(600),
  })
  .meta({ id: "WebhookCors", description: "Browsers may call from these origins, never with cookies" });

export const RESPONSE_MODE = ["immediate", "last_node", "respond_node", "stream"] as const;

/**
 * immediate: at once, with the execution's id. last_node: the run's output. respond_node: what the `respond_to_webhook`
 * node says. stream: messages as they come.
 */
export const WebhookResponseSettings = z
  .strictObject({
    mode: z.enum(RESPONSE_MODE).default("immediate"),
    status: z.int().min(200).max(599).optional().meta({ description: "Of a success; 202 at once, else 200" }),
    headers: z
      .array(
        z.strictObject({
          name: HeaderName,
          value: z
            .string()
            .max(4_000)
            .regex(/^[^\r\n\0]*$/),
        }),
      )
      .max(MAX_HEADERS)
      .default([]),
    contentType: z
      .string()
      .max(200)
      .regex(/^[\w.+-]+\/[\w.+*-]+(;[ \w="!#$&^.+-]*)?$/)
      .optional()
      .meta({
        description: "Of `body`, of an output that is one text, or text/plain for a stream of nothing but messages",
      }),
    body: z.string().max(MAX_ANSWER).optional().meta({ description: "What is answered at once, in place of the ids" }),
    noBody: z.boolean().default(false),
    timeoutSeconds: z.int().min(1).max(MAX_ANSWER_SECONDS).default(MAX_ANSWER_SECONDS).meta({
      description: "A run that takes longer is answered with 202 and where to ask; it goes on",
    }),
  })
  .refine(({ mode, body }) => body === undefined || mode === "immediate", {
    path: ["body"],
    message: "is for the mode immediate",
  })
  .meta({ id: "WebhookResponse" });
export type WebhookResponseSettings = z.output<typeof WebhookResponseSettings>;

/** header: `Idempotency-Key`. provider: what the provider knows its delivery by. */
export const IDEMPOTENCY = ["header", "provider", "off"] as const;

const Body = z
  .strictObject({
    /** Whether the mapping sees the body as it came, too. */
    keepsRaw: z.boolean().default(false),
    maxBytes: z.int().min(1).max(MAX_CALL_BYTES).default(MAX_CALL_BYTES),
    /** Of bodies that are uploaded. */
    maxUploadBytes: z.int().min(0).max(MAX_FILE_BYTES).default(DEFAULT_UPLOAD_BYTES),
  })
  .meta({ id: "WebhookBody" });

const fields = {
  name: z.string().trim().min(1).max(MAX_NAME),
  description: z.string().max(MAX_DESCRIPTION),
  routes: Routes,
  ipAllow: z
    .array(Address)
    .min(1)
    .max(MAX_ALLOWED)
    .nullable()
    .meta({ description: "Addresses and CIDRs; null for all" }),
  cors: Cors.nullable(),
  response: WebhookResponseSettings,
  idempotency: z.enum(IDEMPOTENCY),
  body: Body,
};

export const CreateWebhook = z
  .strictObject({
    ...triggerFields,
    name: fields.name,
    description: fields.description.default(""),
    routes: fields.routes.default([{ methods: ["POST"], path: "/" }]),
    auth: WebhookAuthInput.default({ type: "none" }),
    ipAllow: fields.ipAllow.default(null),
    cors: fields.cors.default(null),
    response: fields.response.prefault({}),
    idempotency: fields.idempotency.optional().meta({
      description: "Left out: provider for signatures, header for everything else",
    }),
    body: fields.body.prefault({}),
  })
  .meta({ id: "CreateWebhook" });
export type CreateWebhook = z.output<typeof CreateWebhook>;

export const UpdateWebhook = z
  .strictObject({
    expectedRevision: z.int().min(1).optional(),
    workflowId: triggerFields.workflowId.optional(),
    version: triggerFields.version.nullable(),
    input: triggerFields.input.nullable(),
    policy: TriggerPolicy.optional(),
    name: fields.name.optional(),
    description: fields.description.optional(),
    routes: fields.routes.optional(),
    auth: WebhookAuthInput.optional(),
    ipAllow: fields.ipAllow.optional(),
    cors: fields.cors.optional(),
    response: fields.response.optional(),
    idempotency: fields.idempotency.optional(),
    body: fields.body.optional(),
  })
  .meta({ id: "UpdateWebhook" });
export type UpdateWebhook = z.output<typeof UpdateWebhook>;

export const RotateWebhookSecret = z
  .strictObject({
    expectedRevision: z.int().min(1).optional(),
    secret: z.string().min(1).max(4_096).optional(),
    keepOldSeconds: z.int().min(0).max(MAX_OLD_SECRET_SECONDS).default(DAY_SECONDS).meta({
      description: "How long the secret before is good beside the new one",
    }),
  })
  .meta({ id: "RotateWebhookSecret" });
export type RotateWebhookSecret = z.output<typeof RotateWebhookSecret>;

const SecretInfo = z
  .object({ hint: z.string(), createdAt: z.string(), endsAt: z.string().nullable() })
  .meta({ id: "WebhookSecret" });
export type SecretInfo = z.output<typeof SecretInfo>;

export const Webhook = z
  .object({
    id: idSchema("webhook"),
    spaceId: idSchema("space"),
    name: z.string(),
    description: z.string(),
    workflowId: idSchema("workflow"),
    version: z.string().nullable(),
    input: z.string().nullable(),
    policy: TriggerPolicy,
    /** Where it is called, under this API's address. */
    path: z.string(),
    /** The same for the draft, while somebody listens. */
    testPath: z.string(),
    routes: z.array(WebhookRoute),
    auth: WebhookAuth,
    /** Newest first: at most two that are good. */
    secrets: z.array(SecretInfo),
    ipAllow: z.array(z.string()).nullable(),
    cors: Cors.nullable(),
    response: WebhookResponseSettings,
    idempotency: z.enum(IDEMPOTENCY),
    body: Body,
    isEnabled: z.boolean(),
    pausedAt: z.string().nullable(),
    lastFiredAt: z.string().nullable(),
    lastExecutionId: z.string().nullable(),
    lastError: z.object({ code: z.string(), message: z.string(), at: z.string() }).nullable(),
    revision: z.int(),
    createdAt: z.string(),
    updatedAt: z.string(),
    createdBy: z.string(),
    deletedAt: z.string().optional(),
  })
  .meta({ id: "Webhook" });
export type Webhook = z.output<typeof Webhook>;

/** As it is answered where a secret was set. */
export const WebhookWithSecret = Webhook.extend({
  secret: z.string().nullable().meta({ description: "Where one was made: shown now and never again" }),
}).meta({ id: "WebhookWithSecret" });
export type WebhookWithSecret = z.output<typeof WebhookWithSecret>;

export const WebhookPage = pageOf(Webhook).meta({ id: "WebhookPage" });
export const listWebhooksQuery = {
  ...pageQuery,
  workflowId: idSchema("workflow").optional(),
  status: z.enum(["live", "deleted"]).default("live"),
};
export interface ListWebhooks {
  limit: number;
  cursor?: string | undefined;
  workflowId?: string | undefined;
  status: "live" | "deleted";
}

/** What came of a call. refused: it was not let in. failed: the run could not be started. */
export const DELIVERY_OUTCOME = ["started", "repeated", "deferred", "skipped", "refused", "failed"] as const;

/** What arrived, without secrets, and no more of it than fits. */
const Arrived = z
  .object({
    method: z.string(),
    path: z.string(),
    query: z.record(z.string(), z.unknown()),
    headers: z.record(z.string(), z.unknown()),
    contentType: z.string().nullable(),
    size: z.int(),
    body: z.unknown(),
    ip: z.string(),
  })
  .meta({ id: "WebhookArrived" });
export type Arrived = z.output<typeof Arrived>;

export const WebhookDelivery = z
  .object({
    id: idSchema("webhookDelivery"),
    outcome: z.enum(DELIVERY_OUTCOME),
    isTest: z.boolean(),
    executionId: z.string().nullable(),
    firingId: z.string().nullable(),
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
    arrived: Arrived,
    createdAt: z.string(),
  })
  .meta({ id: "WebhookDelivery" });
export type WebhookDelivery = z.output<typeof WebhookDelivery>;
export const WebhookDeliveryPage = pageOf(WebhookDelivery).meta({ id: "WebhookDeliveryPage" });

/** Whether a call to the draft is awaited. */
export const WebhookListening = z
  .object({
    status: z.enum(["listening", "arrived", "ended"]),
    path: z.string(),
    endsAt: z.string(),
    arrived: Arrived.nullable(),
    executionId: z.string().nullable(),
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
  })
  .meta({ id: "WebhookListening" });
export type WebhookListening = z.output<typeof WebhookListening>;

/** What whoever has the link may know of a run. */
export const WebhookRun = z
  .object({
    executionId: z.string(),
    status: z.string(),
    isDone: z.boolean(),
    output: z.unknown(),
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
  })
  .meta({ id: "WebhookRun" });
export type WebhookRun = z.output<typeof WebhookRun>;

/** The body of `POST /hooks/{webhookId}/-/uploads`: parsed by the hook itself, after it knows who calls. */
export const AnnounceUpload = z
  .strictObject({
    name: z.string().min(1).max(255).default("body"),
    contentType: z.string().min(1).max(127),
    size: z.int().min(0).max(MAX_FILE_BYTES),
    sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .optional(),
    expiresInSeconds: z.int().min(30).max(3_600).optional(),
  })
  .meta({ id: "AnnounceWebhookUpload" });
export type AnnounceUpload = z.output<typeof AnnounceUpload>;
