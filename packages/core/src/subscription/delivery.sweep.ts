import { tryWrite } from "@weft/db/write";
import { isoTime } from "@weft/kernel/clock";
import { laneOf, START_INTERVAL_MS, startLane, sweepKeys } from "./delivery.lane.ts";
import type { DeliveryDeps } from "./subscription.deps.ts";
import { DELIVERY_SHARDS, DeliveryEntity, type DeliveryRow } from "./subscription.entity.ts";

/** A delivery that waits is looked at this often: its lane may be gone. */
const CHECK_INTERVAL_MS = 15 * 60_000;
const SWEEP_BATCH = 200;

type SweepDeps = Pick<DeliveryDeps, "machine" | "clock" | "log">;

/** Starts the lanes of deliveries again whose lanes are gone; one that cannot be dealt with does not keep the others. */
export async function sweepDeliveries(deps: SweepDeps): Promise<{ looked: number; failed: number }> {
  const now = deps.clock.now();
  const counts = { looked: 0, failed: 0 };
  for (let shard = 0; shard < DELIVERY_SHARDS; shard += 1) {
    const { data } = await DeliveryEntity.query
      .due({ sweepShard: String(shard) })
      .lte({ sweepAt: `${isoTime(now)}~` })
      .go({ limit: SWEEP_BATCH, order: "asc" });
    for (const row of data as DeliveryRow[]) {
      counts.looked += 1;
      try {
        await sweepOne(deps, row, now);
      } catch (cause) {
        counts.failed += 1;
        deps.log("could not sweep a delivery", { deliveryId: row.deliveryId, cause: String(cause) });
      }
    }
  }
  return counts;
}

async function sweepOne(deps: SweepDeps, row: DeliveryRow, now: number): Promise<void> {
  const { spaceId, deliveryId } = row;
  const runs = await deps.machine.isRunning(laneOf(row));
  const written = await tryWrite(() =>
    DeliveryEntity.patch({ spaceId, deliveryId })
      .set(sweepKeys(deliveryId, now + (runs ? CHECK_INTERVAL_MS : START_INTERVAL_MS)))
      .add({ lanes: runs ? 0 : 1 })
      .where((attr, op) => `${op.eq(attr.status, "pending")} AND ${op.eq(attr.lanes, row.lanes)}`)
      .go({ response: "all_new" }),
  );
  if (written && !runs) await startLane(deps, written.data as DeliveryRow);
}
