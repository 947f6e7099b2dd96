import { expiresIn } from "@weft/db/base";
import { getLive } from "@weft/db/change";
import { read, tryWrite, write } from "@weft/db/write";
import { isoTime } from "@weft/kernel/clock";
import { type Ctx, requireSpace } from "@weft/kernel/ctx";
import { notFound } from "@weft/kernel/errors";
import type { Id } from "@weft/kernel/ids";
import type { EntityItem } from "electrodb";
import { WebhookListenEntity, type WebhookRow } from "./webhook.entity.ts";
import type { Arrived, WebhookListening } from "./webhook.schema.ts";
import { target } from "./webhook.service.ts";

/** How long one call to the draft is awaited. */
const LISTEN_MS = 120_000;
const KEEP_MS = 24 * 60 * 60 * 1000;

type ListenRow = EntityItem<typeof WebhookListenEntity>;

/** Awaits one call to the draft. Asking again begins anew. */
export async function listen(ctx: Ctx, { webhookId }: { webhookId: Id<"webhook"> }): Promise<WebhookListening> {
  const { spaceId } = await getLive(ctx, target(ctx, webhookId));
  const now = ctx.clock.now();
  const row = { spaceId, webhookId, endsAt: isoTime(now + LISTEN_MS), expiresAt: expiresIn(KEEP_MS, now) };
  await write(() => WebhookListenEntity.put(row).go());
  return toListening(ctx, row);
}

/** Whether a call came, and what it brought. Throws `not_found` where nobody listened. */
export async function listening(ctx: Ctx, { webhookId }: { webhookId: Id<"webhook"> }): Promise<WebhookListening> {
  const { spaceId } = await getLive(ctx, target(ctx, webhookId));
  const { data } = await read(() => WebhookListenEntity.get({ spaceId, webhookId }).go({ consistent: true }));
  if (!data) throw notFound("listening");
  return toListening(ctx, data);
}

/** Takes the one call that is awaited. Throws `not_found` where none is. */
export async function takeTest(ctx: Ctx, { webhookId }: WebhookRow, arrived: Arrived): Promise<void> {
  const key = { spaceId: requireSpace(ctx), webhookId };
  const taken = await tryWrite(() =>
    WebhookListenEntity.patch(key)
      .set({ arrived })
      .where((attr, op) => `${op.gt(attr.endsAt, isoTime(ctx.clock.now()))} AND ${op.notExists(attr.arrived)}`)
      .go(),
  );
  if (!taken) throw notFound("webhook", webhookId);
}

/** Says what became of the call to the draft. */
export async function endTest(
  ctx: Ctx,
  { webhookId }: WebhookRow,
  end: { executionId: string } | { error: { code: string; message: string } },
): Promise<void> {
  await tryWrite(() =>
    WebhookListenEntity.patch({ spaceId: requireSpace(ctx), webhookId })
      .set(end)
      .go(),
  );
}

function toListening(ctx: Ctx, row: ListenRow): WebhookListening {
  const isOver = row.endsAt <= isoTime(ctx.clock.now());
  return {
    status: row.arrived ? "arrived" : isOver ? "ended" : "listening",
    path: `/hooks/${row.webhookId}/-/test`,
    endsAt: row.endsAt,
    arrived: row.arrived ?? null,
    executionId: row.executionId ?? null,
    error: row.error ?? null,
  };
}
