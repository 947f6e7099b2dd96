import { expiresIn } from "@weft/db/base";
import { getAny } from "@weft/db/change";
import { tryWrite } from "@weft/db/write";
import { conditionHolds } from "@weft/engine/expressions/evaluate";
import { isoTime } from "@weft/kernel/clock";
import type { Ctx } from "@weft/kernel/ctx";
import { messageOf } from "@weft/kernel/errors";
import { idAt } from "@weft/kernel/ids";
import { type EventRow, viewOf } from "../event/event.tell.ts";
import { EVENT_DAYS, matchesType } from "../event/event.types.ts";
import { START_INTERVAL_MS, startLane, sweepKeys } from "./delivery.lane.ts";
import type { DeliveryDeps } from "./subscription.deps.ts";
import { DeliveryEntity, type DeliveryRow, SubscriptionEntity } from "./subscription.entity.ts";
import { target } from "./subscription.service.ts";

const DAY_MS = 86_400_000;

/**
 * Prepares the delivery of an event to one subscription, where that is on and wants it, and starts its lane. A repeat
 * prepares nothing. A filter that fails is noted on the subscription.
 */
export async function prepare(
  ctx: Ctx,
  deps: DeliveryDeps,
  subscriptionId: string,
  event: EventRow,
  data: Record<string, unknown>,
): Promise<void> {
  const row = await getAny(target(ctx, subscriptionId));
  if (!row || row.deletedAt || !row.isEnabled) return;
  if (!row.types.some((pattern) => matchesType(pattern, event.type))) return;
  const now = ctx.clock.now();
  try {
    if (row.filter !== undefined && !(await conditionHolds(row.filter, viewOf(event, data), now))) return;
  } catch (thrown) {
    const { spaceId } = row;
    const lastError = { code: "filter_failed", message: messageOf(thrown).slice(0, 500), at: isoTime(now) };
    await tryWrite(() => SubscriptionEntity.patch({ spaceId, subscriptionId }).set({ lastError }).go());
    return;
  }
  const deliveryId = idAt("delivery", Date.parse(event.createdAt), `${event.eventId}:${subscriptionId}`);
  const made: DeliveryRow = {
    ...{ spaceId: row.spaceId, deliveryId, subscriptionId, eventId: event.eventId, type: event.type },
    ...{ status: "pending", attempts: [], tries: 0, nextAt: isoTime(now), replays: 0, lanes: 1 },
    ...sweepKeys(deliveryId, now + START_INTERVAL_MS),
    createdAt: isoTime(now),
    // As long as its event.
    expiresAt: expiresIn(EVENT_DAYS * DAY_MS, now),
  };
  if (await tryWrite(() => DeliveryEntity.create(made).go())) await startLane(deps, made);
}
