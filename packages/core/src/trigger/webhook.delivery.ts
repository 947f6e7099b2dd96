import { expiresIn, isExpired } from "@weft/db/base";
import { getLive } from "@weft/db/change";
import { listPage } from "@weft/db/page";
import { tryWrite, write } from "@weft/db/write";
import { isoTime } from "@weft/kernel/clock";
import { type Ctx, requireSpace } from "@weft/kernel/ctx";
import type { AppError } from "@weft/kernel/errors";
import { type Id, newId } from "@weft/kernel/ids";
import type { Page } from "@weft/kernel/page";
import { REDACTED, redact, redactText } from "@weft/kernel/redact";
import { proofNames } from "./webhook.auth.ts";
import { WebhookDeliveryEntity, WebhookEntity, type WebhookRow } from "./webhook.entity.ts";
import type { Arrived, DELIVERY_OUTCOME, WebhookDelivery } from "./webhook.schema.ts";
import { target } from "./webhook.service.ts";

const DAY_MS = 86_400_000;
const KEEP_MS = 7 * DAY_MS;
/** What is kept of a body. */
const MAX_BODY_CHARS = 8_000;
const BODY_LIMITS = { depth: 8, text: 1_000, entries: 100 };
const HEADER_LIMITS = { depth: 2, text: 500, entries: 60 };
const MAX_PATH = 1_000;
/** Refusals of one webhook that one process notes in a minute: whoever calls without leave must not fill the table. */
const MAX_REFUSALS = 10;
const MINUTE_MS = 60_000;
/** The last call is shown this exactly, so that a busy webhook's row is not written by every call. */
const LAST_CALL_MS = MINUTE_MS;
const MAX_MESSAGE = 500;

/** What came, as it is given to a note of it. */
export interface Incoming {
  method: string;
  path: string;
  query: Readonly<Record<string, unknown>>;
  headers: Readonly<Record<string, string | undefined>>;
  contentType: string | null;
  size: number;
  body: unknown;
  ip: string;
}

/** What arrived, without what the caller proved itself by, without what looks like a secret, and not too much of it. */
export function arrivedOf({ auth }: WebhookRow, incoming: Incoming): Arrived {
  const { method, path, query, headers, contentType, size, body, ip } = incoming;
  const names = proofNames(auth);
  const without = (values: object, hidden: ReadonlySet<string>) =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, hidden.has(name) ? REDACTED : value]));
  const shown = redact(body ?? null, BODY_LIMITS);
  const text = JSON.stringify(shown) ?? "null";
  return {
    ...{ method, contentType, size, ip },
    path: redactText(path).slice(0, MAX_PATH),
    query: redact(without(query, names.query), HEADER_LIMITS) as Record<string, unknown>,
    headers: redact(without(headers, names.headers), HEADER_LIMITS) as Record<string, unknown>,
    body: text.length > MAX_BODY_CHARS ? `${text.slice(0, MAX_BODY_CHARS)}…` : shown,
  };
}

export interface Note {
  outcome: (typeof DELIVERY_OUTCOME)[number];
  isTest: boolean;
  executionId?: string | undefined;
  firingId?: string | undefined;
  error?: { code: string; message: string } | undefined;
  arrived: Arrived;
}

/** Notes what came and what became of it, and on the webhook when it was last called. */
export async function note(ctx: Ctx, row: WebhookRow, { error, ...given }: Note): Promise<void> {
  const now = ctx.clock.now();
  const { spaceId, webhookId } = row;
  const short = error && { code: error.code, message: redactText(error.message).slice(0, MAX_MESSAGE) };
  const delivery = {
    ...given,
    ...{ spaceId, webhookId, webhookDeliveryId: newId("webhookDelivery", now), createdAt: isoTime(now) },
    ...(short ? { error: short } : {}),
    expiresAt: expiresIn(KEEP_MS, now),
  };
  await Promise.all([
    write(() => WebhookDeliveryEntity.create(delivery).go()),
    given.isTest || given.outcome === "refused" ? undefined : noteCall(row, now, given.executionId, short),
  ]);
}

async function noteCall(
  row: WebhookRow,
  now: number,
  executionId: string | undefined,
  error: { code: string; message: string } | undefined,
): Promise<void> {
  const isFresh = row.lastFiredAt !== undefined && now - Date.parse(row.lastFiredAt) < LAST_CALL_MS;
  if (isFresh && row.lastError?.code === error?.code) return;
  const { spaceId, webhookId } = row;
  await tryWrite(() => {
    const patch = WebhookEntity.patch({ spaceId, webhookId }).set({
      lastFiredAt: isoTime(now),
      ...(executionId === undefined ? {} : { lastExecutionId: executionId }),
      ...(error ? { lastError: { ...error, at: isoTime(now) } } : {}),
    });
    return (error ? patch : patch.remove(["lastError"])).go();
  });
}

const refusals = new Map<string, { since: number; count: number }>();

/** Notes a call that was not let in, as long as there are not too many of them. */
export async function noteRefusal(ctx: Ctx, row: WebhookRow, error: AppError, incoming: Incoming): Promise<void> {
  const now = ctx.clock.now();
  const known = refusals.get(row.webhookId);
  const window = known && now - known.since < MINUTE_MS ? known : { since: now, count: 0 };
  window.count += 1;
  refusals.set(row.webhookId, window);
  for (const oldest of refusals.keys()) {
    if (refusals.size <= 1_000) break;
    refusals.delete(oldest);
  }
  if (window.count > MAX_REFUSALS) return;
  const { code, message, cause } = error;
  const why = cause instanceof Error ? `${message}: ${cause.message}` : message;
  // What a caller sends that nobody let in is not kept.
  const arrived = arrivedOf(row, { ...incoming, body: null });
  await note(ctx, row, { outcome: "refused", isTest: false, error: { code, message: why }, arrived });
}

/** What arrived at a webhook lately, newest first. */
export async function deliveries(
  ctx: Ctx,
  { webhookId, limit, cursor }: { webhookId: Id<"webhook">; limit: number; cursor?: string | undefined },
): Promise<Page<WebhookDelivery>> {
  const spaceId = requireSpace(ctx);
  await getLive(ctx, target(ctx, webhookId));
  const now = ctx.clock.now();
  const scope = { operation: "listWebhookDeliveries", spaceId, filters: { webhookId } };
  const query = WebhookDeliveryEntity.query.primary({ spaceId, webhookId });
  const page = await listPage(query, { scope, limit, cursor, keep: (row) => !isExpired(row, now) });
  const items = page.items.map((row) => ({
    id: row.webhookDeliveryId as WebhookDelivery["id"],
    ...{ outcome: row.outcome, isTest: row.isTest, arrived: row.arrived, createdAt: row.createdAt },
    executionId: row.executionId ?? null,
    firingId: row.firingId ?? null,
    error: row.error ?? null,
  }));
  return { items, nextCursor: page.nextCursor };
}
