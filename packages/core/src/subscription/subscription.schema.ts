import { idSchema } from "@weft/kernel/ids";
import { pageOf, pageQuery } from "@weft/kernel/page";
import * as z from "zod";
import { EventFilter, EventPatterns } from "../event/event.schema.ts";
import { DELIVERY_STATUS } from "./delivery.status.ts";
import { isSecret } from "./subscription.signature.ts";

const MAX_NAME = 255;
const MAX_DESCRIPTION = 4_000;
const MAX_URL = 2_000;
const MAX_HEADERS = 20;
const MAX_HEADER_VALUE = 4_000;
const DAY_SECONDS = 86_400;
/** How long the secret before may go on signing. */
const MAX_OVERLAP_SECONDS = 30 * DAY_SECONDS;
/** Deliveries that one call sends again. */
export const MAX_REPLAYS = 1_000;

/** Names that the request itself or its signature sets. */
const OWN_HEADERS =
  /^(webhook-.*|content-type|content-length|host|connection|transfer-encoding|upgrade|te|trailer|expect|user-agent)$/i;

/** Hosts that only a development machine has. Whether they may be reached is egress's to say. */
const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]"]);

function isEndpoint(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, username, password, hash } = new URL(text);
  if (username !== "" || password !== "" || hash !== "") return false;
  return protocol === "https:" || (protocol === "http:" && LOOPBACK.has(hostname));
}

const Name = z.string().trim().min(1).max(MAX_NAME);
const Description = z.string().max(MAX_DESCRIPTION);
const Url = z
  .string()
  .max(MAX_URL)
  .refine(isEndpoint, "expected an https:// URL without a name or password in it")
  .meta({ description: "Where events are posted", example: "https://example.com/hooks/weft" });
const Headers = z
  .record(
    z
      .string()
      .regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/, "is no name of a header")
      .refine((name) => !OWN_HEADERS.test(name), "is set by the delivery itself"),
    z
      .string()
      .max(MAX_HEADER_VALUE)
      .regex(/^[\t\x20-\x7e]*$/, "expected one line of ASCII"),
  )
  .refine((headers) => Object.keys(headers).length <= MAX_HEADERS, `at most ${MAX_HEADERS} headers`)
  .meta({ description: "Sent with each delivery; kept sealed and never given back" });
const Secret = z
  .string()
  .max(200)
  .refine(isSecret, "expected whsec_ and 24 to 64 bytes in base64")
  .meta({ description: "Signs deliveries (Standard Webhooks); made where it is left out" });

export const CreateSubscription = z
  .object({
    name: Name,
    description: Description.default(""),
    url: Url,
    types: EventPatterns,
    filter: EventFilter.nullable().default(null),
    headers: Headers.default({}),
    secret: Secret.optional(),
    isEnabled: z.boolean().default(true),
  })
  .meta({ id: "CreateSubscription" });
export type CreateSubscription = z.output<typeof CreateSubscription>;

/** Headers are sent elsewhere only by whoever has them: with another host they are given again. */
export const UpdateSubscription = z
  .object({
    expectedRevision: z.int().min(1).optional(),
    name: Name.optional(),
    description: Description.optional(),
    url: Url.optional(),
    types: EventPatterns.optional(),
    filter: EventFilter.nullable().optional(),
    headers: Headers.optional(),
    isEnabled: z.boolean().optional(),
  })
  .meta({ id: "UpdateSubscription" });
export type UpdateSubscription = z.output<typeof UpdateSubscription>;

export const RotateSecret = z
  .object({
    expectedRevision: z.int().min(1).optional(),
    secret: Secret.optional(),
    /** How long the one before signs beside the new one. */
    overlapSeconds: z.int().min(0).max(MAX_OVERLAP_SECONDS).default(DAY_SECONDS),
  })
  .meta({ id: "RotateSubscriptionSecret" });
export type RotateSecret = z.output<typeof RotateSecret>;

const Trouble = z
  .object({ code: z.string(), message: z.string(), at: z.iso.datetime() })
  .meta({ id: "SubscriptionError" });
export type Trouble = z.output<typeof Trouble>;

const shown = {
  id: idSchema("subscription"),
  spaceId: idSchema("space"),
  name: z.string(),
  description: z.string(),
  url: z.string(),
  types: z.array(z.string()),
  filter: z.string().nullable(),
  headerNames: z.array(z.string()),
  isEnabled: z.boolean(),
  /** Since when it is off, and why where nobody turned it off. */
  pausedAt: z.iso.datetime().nullable(),
  disabledReason: z.string().nullable(),
  /** Since when no delivery succeeded, where the last one failed. */
  failingSince: z.iso.datetime().nullable(),
  /** Why the last event could not be held against it. */
  lastError: Trouble.nullable(),
  /** Until when the secret before the last rotation signs, too. */
  previousSecretUntil: z.iso.datetime().nullable(),
  revision: z.int(),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
  createdBy: z.string(),
  deletedAt: z.iso.datetime().optional(),
};

export const Subscription = z.object(shown).meta({ id: "Subscription" });
export type Subscription = z.output<typeof Subscription>;
export const SubscriptionPage = pageOf(Subscription).meta({ id: "SubscriptionPage" });

/** With its signing secret, which is shown this once. */
export const SubscriptionWithSecret = z.object({ ...shown, secret: z.string() }).meta({ id: "SubscriptionWithSecret" });
export type SubscriptionWithSecret = z.output<typeof SubscriptionWithSecret>;

export const ListSubscriptions = z.object({
  state: z.enum(["all", "enabled", "paused", "deleted"]).default("all"),
  ...pageQuery,
});
export type ListSubscriptions = z.output<typeof ListSubscriptions>;

const Attempt = z
  .object({
    at: z.iso.datetime(),
    durationMs: z.number(),
    /** Of the answer; null where there was none. */
    status: z.int().nullable(),
    error: z.string().nullable(),
    /** How the answer began, without secrets. */
    excerpt: z.string(),
  })
  .meta({ id: "DeliveryAttempt" });
export type Attempt = z.output<typeof Attempt>;

export const Delivery = z
  .object({
    id: idSchema("delivery"),
    subscriptionId: idSchema("subscription"),
    eventId: idSchema("event"),
    type: z.string(),
    status: z.enum(DELIVERY_STATUS),
    attempts: z.array(Attempt),
    nextAttemptAt: z.iso.datetime().nullable(),
    error: z.string().nullable(),
    /** How often it was sent again by hand. */
    replays: z.int(),
    createdAt: z.iso.datetime(),
    endedAt: z.iso.datetime().nullable(),
  })
  .meta({ id: "Delivery" });
export type Delivery = z.output<typeof Delivery>;
export const DeliveryPage = pageOf(Delivery).meta({ id: "DeliveryPage" });

export const ListDeliveries = z.object({ status: z.enum(DELIVERY_STATUS).optional(), ...pageQuery });
export type ListDeliveries = z.output<typeof ListDeliveries>;

export const ReplayDeliveries = z
  .object({ since: z.iso.datetime() })
  .meta({ id: "ReplayDeliveries", description: "Sends again what was given up or cancelled since then" });
export type ReplayDeliveries = z.output<typeof ReplayDeliveries>;

export const Replayed = z
  .object({
    replayed: z.int(),
    /** Whether there are more than one call sends again: ask once more. */
    hasMore: z.boolean(),
  })
  .meta({ id: "ReplayedDeliveries" });
export type Replayed = z.output<typeof Replayed>;

export const SubscriptionTest = Attempt.extend({ delivered: z.boolean() }).meta({ id: "SubscriptionTest" });
export type SubscriptionTest = z.output<typeof SubscriptionTest>;
