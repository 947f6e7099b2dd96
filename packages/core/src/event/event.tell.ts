import { tryWrite } from "@weft/db/write";
import { type Clock, isoTime } from "@weft/kernel/clock";
import type { EventBus } from "./event.bus.ts";
import { onBus, START_INTERVAL_MS, sweepKeys } from "./event.emit.ts";
import { EVENT_SHARDS, EventEntity, type EventRow, NEVER } from "./event.entity.ts";

export type { EventRow } from "./event.entity.ts";

/** Longer than the function that tells events may run. */
const CLAIM_MS = 5 * 60_000;
/** An event that could not be told to all is given up after so many tries: about a day. */
const MAX_TRIES = 30;
/** The longest pause between two of them. */
const MAX_PAUSE_MS = 60 * 60_000;
/** Events that one sweep looks at in one shard; the next sweep goes on. */
const SWEEP_BATCH = 200;
const MAX_ERROR = 1_000;

interface EventKey {
  spaceId: string;
  eventId: string;
}

/** What filters and mappings read of an event. */
export function viewOf(event: EventRow, data: Record<string, unknown>) {
  const { eventId: id, type, source, time, spaceId } = event;
  return { event: { id, type, source, time, spaceId, data } };
}

/** Takes an event to tell it to those who want it. Null where there is none, all were told, or somebody is at it. */
export async function claim({ spaceId, eventId }: EventKey, clock: Clock): Promise<EventRow | null> {
  const now = clock.now();
  const written = await tryWrite(() =>
    EventEntity.patch({ spaceId, eventId })
      .set({ claimedUntil: now + CLAIM_MS, ...sweepKeys(eventId, isoTime(now + CLAIM_MS)) })
      .where((attr, op) => {
        const isFree = `(${op.notExists(attr.claimedUntil)} OR ${op.lte(attr.claimedUntil, now)})`;
        return `${op.eq(attr.status, "pending")} AND ${isFree}`;
      })
      .go({ response: "all_new" }),
  );
  return written ? (written.data as EventRow) : null;
}

/** Everybody who wants the event was told. */
export async function finish({ spaceId, eventId, claimedUntil }: EventRow): Promise<void> {
  await tryWrite(() =>
    EventEntity.patch({ spaceId, eventId })
      .set({ status: "dispatched", ...sweepKeys(eventId, NEVER) })
      .remove(["claimedUntil", "told", "error"])
      .where((attr, op) => op.eq(attr.claimedUntil, claimedUntil))
      .go(),
  );
}

/** Some could not be told: they are, and they alone, when the event is claimed again. */
export async function leave(
  row: EventRow,
  clock: Clock,
  { told, error }: { told: readonly string[]; error: string },
): Promise<void> {
  const { spaceId, eventId, claimedUntil, tries } = row;
  const next = isoTime(clock.now() + Math.min(START_INTERVAL_MS * 2 ** tries, MAX_PAUSE_MS));
  const isOver = tries + 1 >= MAX_TRIES;
  await tryWrite(() =>
    EventEntity.patch({ spaceId, eventId })
      .set({
        error: error.slice(0, MAX_ERROR),
        ...(isOver ? { status: "failed" as const } : {}),
        ...sweepKeys(eventId, isOver ? NEVER : next),
      })
      .add({ tries: 1, ...(told.length > 0 ? { told: [...told] } : {}) })
      .remove(["claimedUntil"])
      .where((attr, op) => op.eq(attr.claimedUntil, claimedUntil))
      .go(),
  );
}

/** Puts events on the bus again that nobody was told of in time. */
export async function sweepEvents(
  { bus, clock }: { bus: EventBus; clock: Clock },
  deadline: number,
): Promise<{ looked: number; failed: number }> {
  const counts = { looked: 0, failed: 0 };
  for (let shard = 0; shard < EVENT_SHARDS; shard += 1) {
    if (clock.now() >= deadline) break;
    const { data } = await EventEntity.query
      .due({ sweepShard: String(shard) })
      .lte({ sweepAt: `${isoTime(clock.now())}~` })
      .go({ limit: SWEEP_BATCH, order: "asc" });
    for (const row of data) {
      counts.looked += 1;
      try {
        if (await putOff(row, clock.now())) await bus.put([onBus(row)]);
      } catch {
        counts.failed += 1;
      }
    }
  }
  return counts;
}

/** One that is put on the bus again and again and that nobody takes is given up, too. */
async function putOff({ spaceId, eventId, sweepAt, tries }: EventRow, now: number): Promise<boolean> {
  const isOver = tries + 1 >= MAX_TRIES;
  const next = isoTime(now + Math.min(START_INTERVAL_MS * 2 ** tries, MAX_PAUSE_MS));
  const written = await tryWrite(() =>
    EventEntity.patch({ spaceId, eventId })
      .set({
        ...(isOver ? { status: "failed" as const, error: "nobody took the event off the bus" } : {}),
        ...sweepKeys(eventId, isOver ? NEVER : next),
      })
      .add({ tries: 1 })
      .where((attr, op) => `${op.eq(attr.status, "pending")} AND ${op.eq(attr.sweepAt, sweepAt)}`)
      .go(),
  );
  return written !== null && !isOver;
}
