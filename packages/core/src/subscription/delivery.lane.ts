import { createHash } from "node:crypto";
import { isoTime } from "@weft/kernel/clock";
import type { DeliveryDeps } from "./subscription.deps.ts";
import { DELIVERY_SHARDS, type DeliveryRow, type NEVER } from "./subscription.entity.ts";

/** What was to be sent and was not is looked at after this long. */
export const START_INTERVAL_MS = 60_000;

/** ElectroDB rebuilds an index only when it is given every part of its keys. */
export function sweepKeys(deliveryId: string, at: number | typeof NEVER) {
  const first = createHash("sha256").update(deliveryId).digest()[0] ?? 0;
  return { sweepShard: String(first % DELIVERY_SHARDS), sweepAt: typeof at === "number" ? isoTime(at) : at };
}

export async function startLane(deps: Pick<DeliveryDeps, "machine">, row: DeliveryRow): Promise<void> {
  const { spaceId, deliveryId, lanes } = row;
  await deps.machine.start(laneOf(row), {
    ...{ spaceId, executionId: deliveryId, segmentId: "-", step: 0, epoch: lanes, hops: 0 },
  });
}

export function laneOf({ deliveryId, lanes }: Pick<DeliveryRow, "deliveryId" | "lanes">): string {
  return `${deliveryId}-${lanes}`;
}
