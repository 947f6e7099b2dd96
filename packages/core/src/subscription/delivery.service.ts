import { isExpired } from "@weft/db/base";
import { getLive } from "@weft/db/change";
import { listPage } from "@weft/db/page";
import { tryWrite } from "@weft/db/write";
import { isoTime } from "@weft/kernel/clock";
import { type Ctx, requireSpace } from "@weft/kernel/ctx";
import { conflict, notFound } from "@weft/kernel/errors";
import { type Id, idAt } from "@weft/kernel/ids";
import type { Page } from "@weft/kernel/page";
import { START_INTERVAL_MS, startLane, sweepKeys } from "./delivery.lane.ts";
import type { DeliveryDeps } from "./subscription.deps.ts";
import { DeliveryEntity, type DeliveryRow } from "./subscription.entity.ts";
import {
  type Delivery,
  type ListDeliveries,
  MAX_REPLAYS,
  type ReplayDeliveries,
  type Replayed,
} from "./subscription.schema.ts";
import { target } from "./subscription.service.ts";

const PAGE = 100;

type SubscriptionId = Id<"subscription">;
type DeliveryId = Id<"delivery">;

/** Deliveries of a subscription, newest first. */
export async function list(
  ctx: Ctx,
  input: ListDeliveries & { subscriptionId: SubscriptionId },
): Promise<Page<Delivery>> {
  const spaceId = requireSpace(ctx);
  const { subscriptionId, status, limit, cursor } = input;
  await getLive(ctx, target(ctx, subscriptionId));
  const all = DeliveryEntity.query.bySubscription({ spaceId, subscriptionId });
  const query = status === undefined ? all : all.where((attr, op) => op.eq(attr.status, status));
  const page = await listPage(query as typeof all, {
    scope: { operation: "listDeliveries", spaceId, filters: { subscriptionId, status } },
    ...{ limit, cursor },
    keep: (row) => !isExpired(row, ctx.clock.now()),
  });
  return { items: (page.items as DeliveryRow[]).map(toDelivery), nextCursor: page.nextCursor };
}

export async function get(
  ctx: Ctx,
  { subscriptionId, deliveryId }: { subscriptionId: SubscriptionId; deliveryId: DeliveryId },
): Promise<Delivery> {
  return toDelivery(await rowOf(ctx, subscriptionId, deliveryId));
}

/** Sends one again that is over, whatever became of it. Throws `conflict` for one that is on its way. */
export async function replay(
  ctx: Ctx,
  deps: Pick<DeliveryDeps, "machine">,
  { subscriptionId, deliveryId }: { subscriptionId: SubscriptionId; deliveryId: DeliveryId },
): Promise<Delivery> {
  await requireOn(ctx, subscriptionId);
  const row = await rowOf(ctx, subscriptionId, deliveryId);
  const again = row.status === "pending" ? null : await reopen(ctx, row);
  if (!again) throw conflict(`delivery ${deliveryId} is on its way`);
  await startLane(deps, again);
  return toDelivery(again);
}

/** Sends again, oldest first, what was given up or cancelled since a time. */
export async function replayAll(
  ctx: Ctx,
  deps: Pick<DeliveryDeps, "machine">,
  { subscriptionId, since }: ReplayDeliveries & { subscriptionId: SubscriptionId },
): Promise<Replayed> {
  await requireOn(ctx, subscriptionId);
  const spaceId = requireSpace(ctx);
  const first = idAt("delivery", Math.max(0, Date.parse(since)), "").slice(0, -16);
  let replayed = 0;
  let cursor: string | null = null;
  do {
    const page: { data: DeliveryRow[]; cursor: string | null } = await DeliveryEntity.query
      .bySubscription({ spaceId, subscriptionId })
      .gte({ deliveryId: first })
      .where((attr, op) => `${op.eq(attr.status, "dead")} OR ${op.eq(attr.status, "cancelled")}`)
      .go({ limit: PAGE, order: "asc", cursor });
    for (const row of page.data) {
      if (isExpired(row, ctx.clock.now())) continue;
      if (replayed >= MAX_REPLAYS) return { replayed, hasMore: true };
      const again = await reopen(ctx, row);
      if (!again) continue;
      await startLane(deps, again);
      replayed += 1;
    }
    cursor = page.cursor;
  } while (cursor !== null);
  return { replayed, hasMore: false };
}

/** Null where it was sent again meanwhile. */
async function reopen(ctx: Ctx, row: DeliveryRow): Promise<DeliveryRow | null> {
  const { spaceId, deliveryId } = row;
  const now = ctx.clock.now();
  const written = await tryWrite(() =>
    DeliveryEntity.patch({ spaceId, deliveryId })
      .set({ status: "pending", tries: 0, nextAt: isoTime(now), ...sweepKeys(deliveryId, now + START_INTERVAL_MS) })
      .add({ replays: 1, lanes: 1 })
      .remove(["endedAt", "error"])
      .where((attr, op) => `${op.eq(attr.lanes, row.lanes)} AND ${op.eq(attr.status, row.status)}`)
      .go({ response: "all_new" }),
  );
  return written ? (written.data as DeliveryRow) : null;
}

async function requireOn(ctx: Ctx, subscriptionId: SubscriptionId): Promise<void> {
  const { isEnabled } = await getLive(ctx, target(ctx, subscriptionId));
  if (!isEnabled) throw conflict(`subscription ${subscriptionId} is off`);
}

async function rowOf(ctx: Ctx, subscriptionId: SubscriptionId, deliveryId: DeliveryId): Promise<DeliveryRow> {
  await getLive(ctx, target(ctx, subscriptionId));
  const key = { spaceId: requireSpace(ctx), deliveryId };
  const row = await getLive(ctx, { entity: DeliveryEntity, key, what: "delivery", id: deliveryId });
  if (row.subscriptionId !== subscriptionId) throw notFound("delivery", deliveryId);
  return row;
}

export function toDelivery(row: DeliveryRow): Delivery {
  const { deliveryId, subscriptionId, eventId, type, status, attempts, replays, createdAt } = row;
  return {
    id: deliveryId as DeliveryId,
    subscriptionId: subscriptionId as SubscriptionId,
    eventId: eventId as Delivery["eventId"],
    ...{ type, status, attempts, replays, createdAt },
    nextAttemptAt: status === "pending" ? row.nextAt : null,
    error: row.error ?? null,
    endedAt: row.endedAt ?? null,
  };
}
