import { createCache } from "@weft/db/cache";
import { getAny } from "@weft/db/change";
import { read } from "@weft/db/write";
import { systemClock } from "@weft/kernel/clock";
import type { Id } from "@weft/kernel/ids";
import { WebhookEntity, type WebhookRow } from "./webhook.entity.ts";

/** How long another process's change, pause or removal may go unseen. */
const HOOK_TTL_MS = 2_000;
const MAX_HOOKS = 2_000;

const hooks = createCache<WebhookRow>({ clock: systemClock, ttlMs: HOOK_TTL_MS, maxEntries: MAX_HOOKS });
/** Where a webhook is never changes. */
const spaces = createCache<string>({ clock: systemClock, ttlMs: 3_600_000, maxEntries: MAX_HOOKS });

const key = (kind: string, webhookId: string) => ({ scope: "platform", kind, id: webhookId });

/**
 * The live webhook that a call names by its id alone; undefined where there is none. The space is looked up by the id, and
 * the row is then read in that space.
 */
export async function findWebhook(webhookId: Id<"webhook">): Promise<WebhookRow | undefined> {
  const found = await hooks.load(key("webhook", webhookId), async () => {
    const spaceId = await spaces.load(key("webhook-space", webhookId), () => spaceOf(webhookId));
    if (spaceId === undefined) return undefined;
    const row = await getAny({ entity: WebhookEntity, key: { spaceId, webhookId }, what: "webhook" });
    return row && !row.deletedAt ? row : undefined;
  });
  return found as WebhookRow | undefined;
}

/** Forgets a webhook that this process changed. */
export function forgetWebhook(webhookId: string): void {
  hooks.invalidate(key("webhook", webhookId));
}

async function spaceOf(webhookId: string): Promise<string | undefined> {
  const { data } = await read(() => WebhookEntity.query.byId({ webhookId }).go({ limit: 1 }));
  return data[0]?.spaceId;
}
