import { randomBytes } from "node:crypto";
import { createCache } from "@weft/db/cache";
import type { WriteOp } from "@weft/db/write";
import { isoTime, systemClock } from "@weft/kernel/clock";
import type { Ctx } from "@weft/kernel/ctx";
import * as z from "zod";
import type { Sealer } from "../platform/sealer.ts";
import { openSecret, putSecretOp } from "../platform/vault.ts";
import type { WebhookRow } from "./webhook.entity.ts";
import type { SecretInfo } from "./webhook.schema.ts";

const SECRET_BYTES = 32;
/** Shorter secrets are not hinted at: four characters would be too much of them. */
const MIN_HINTED = 12;
const HINT_LENGTH = 4;
const MASK = "••••";
/** How long an opened secret stays in the process: a busy webhook does not ask KMS at every call. */
const OPENED_MS = 60_000;
const MAX_OPENED = 500;
const VERSION = "auth";

/** Secrets of one webhook, newest first, as they are sealed. */
const Sealed = z.array(z.object({ value: z.string(), createdAt: z.string(), endsAt: z.string().optional() }));
export type LiveSecret = z.output<typeof Sealed>[number];

const opened = createCache<LiveSecret[]>({ clock: systemClock, ttlMs: OPENED_MS, maxEntries: MAX_OPENED });

export function newSecret(): string {
  return `whs_${randomBytes(SECRET_BYTES).toString("base64url")}`;
}

export function secretRef(webhookId: string) {
  return { ownerId: webhookId, version: VERSION };
}

/** The action that seals the secrets of a webhook, in place of those before. */
export function sealOp(ctx: Ctx, sealer: Sealer, webhookId: string, secrets: readonly LiveSecret[]): Promise<WriteOp> {
  return putSecretOp(ctx, sealer, secretRef(webhookId), secrets);
}

/** Everything that is sealed for a webhook of the ctx's space. */
export async function openSecrets(ctx: Ctx, sealer: Sealer, webhookId: string): Promise<LiveSecret[]> {
  return Sealed.parse((await openSecret(ctx, sealer, secretRef(webhookId))) ?? []);
}

/** The secrets that are good now, as of this revision of the webhook. */
export async function goodSecrets(ctx: Ctx, sealer: Sealer, row: WebhookRow): Promise<string[]> {
  if (row.secrets.length === 0) return [];
  const key = { scope: row.spaceId, kind: "webhook-secrets", id: row.webhookId, version: row.revision };
  const all = (await opened.load(key, () => openSecrets(ctx, sealer, row.webhookId))) ?? [];
  const now = isoTime(ctx.clock.now());
  return all.filter(({ endsAt }) => endsAt === undefined || endsAt > now).map(({ value }) => value);
}

/** What anybody who may read the webhook may know of its secrets. */
export function infoOf(secrets: readonly LiveSecret[]): SecretInfo[] {
  return secrets.map(({ value, createdAt, endsAt }) => ({
    hint: value.length < MIN_HINTED ? MASK : MASK + value.slice(-HINT_LENGTH),
    createdAt,
    endsAt: endsAt ?? null,
  }));
}
