import { tryWrite } from "@weft/db/write";
import { isoTime } from "@weft/kernel/clock";
import type { EntityItem } from "electrodb";
import type { EndDeps } from "../execution/deps.ts";
import { FIRING_SHARDS, FiringEntity, type NEVER } from "./trigger.entity.ts";

type FiringRow = EntityItem<typeof FiringEntity>;

/** What was to be started and was not is looked at after this long. */
export const START_INTERVAL_MS = 60_000;
/** A firing that waits is looked at this often: its lane may be gone. */
export const CHECK_INTERVAL_MS = 15 * 60_000;
/** Firings that one sweep looks at in one shard; the next sweep goes on. */
const SWEEP_BATCH = 200;

/** ElectroDB rebuilds an index only when it is given every part of its keys. */
export function sweepKeys(row: Pick<FiringRow, "sweepShard">, at: number | typeof NEVER) {
  return { sweepShard: row.sweepShard, sweepAt: typeof at === "number" ? isoTime(at) : at };
}

/** Starts the lane of a firing under its name: one of each count of lanes. */
export async function startLane(deps: Pick<EndDeps, "machine">, row: FiringRow, hops = 0): Promise<void> {
  const { spaceId, firingId, lanes } = row;
  const input = { spaceId, executionId: firingId, segmentId: "-", step: 0, epoch: lanes, hops };
  await deps.machine.start(laneOf(row), input);
}

const laneOf = ({ firingId, lanes }: Pick<FiringRow, "firingId" | "lanes">) => `${firingId}-${lanes}`;

/** Starts the lanes of firings again whose lanes are gone; one that cannot be dealt with does not keep the others. */
export async function sweepFirings(deps: EndDeps): Promise<{ looked: number; failed: number }> {
  const now = deps.clock.now();
  const counts = { looked: 0, failed: 0 };
  for (let shard = 0; shard < FIRING_SHARDS; shard += 1) {
    const { data } = await FiringEntity.query
      .due({ sweepShard: String(shard) })
      .lte({ sweepAt: `${isoTime(now)}~` })
      .go({ limit: SWEEP_BATCH, order: "asc" });
    for (const row of data as FiringRow[]) {
      counts.looked += 1;
      try {
        await sweepOne(deps, row, now);
      } catch (cause) {
        counts.failed += 1;
        deps.log("could not sweep a firing", { firingId: row.firingId, cause: String(cause) });
      }
    }
  }
  return counts;
}

async function sweepOne(deps: EndDeps, row: FiringRow, now: number): Promise<void> {
  const runs = await deps.machine.isRunning(laneOf(row));
  const next = runs ? CHECK_INTERVAL_MS : START_INTERVAL_MS;
  const written = await tryWrite(() =>
    FiringEntity.patch({ spaceId: row.spaceId, firingId: row.firingId })
      .set(sweepKeys(row, now + next))
      .add({ lanes: runs ? 0 : 1 })
      .where((attr, op) => `${op.eq(attr.status, "pending")} AND ${op.eq(attr.lanes, row.lanes)}`)
      .go({ response: "all_new" }),
  );
  if (written && !runs) await startLane(deps, written.data as FiringRow);
}
