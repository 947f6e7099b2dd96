import { createHash } from "node:crypto";
import { expiresIn } from "@weft/db/base";
import { tryWrite, tx, type WriteOp } from "@weft/db/write";
import { isoTime } from "@weft/kernel/clock";
import { actorId, type Ctx, requireSpace } from "@weft/kernel/ctx";
import { type Id, newId } from "@weft/kernel/ids";
import { offload } from "@weft/storage/blob";
import type { BusEvent, EventBus } from "./event.bus.ts";
import { EVENT_SHARDS, EventEntity, type EventRow } from "./event.entity.ts";
import { isHeard } from "./event.listen.ts";
import { hint, note } from "./event.noted.ts";
import { EVENT_DAYS, EVENT_TYPES, type EventData, type EventType } from "./event.types.ts";

const DAY_MS = 86_400_000;
/** What nobody was told of is looked at after this long. */
export const START_INTERVAL_MS = 60_000;
/** Of an event's data that the bus carries; more of it stays with the row. */
const MAX_CARRIED_CHARS = 64_000;
/** Where events come from that the product tells. */
const OWN_SOURCE = "weft";

/** Something that happened, of the product's own. */
export interface NewEvent<T extends EventType> {
  type: T;
  data: EventData<T>;
  /** Of an event that may be told twice: the same each time. */
  id?: Id<"event">;
  /** The run that it came of. */
  executionId?: string | undefined;
  /** How many events stand above that run. */
  depth?: number | undefined;
}

/** What every row of an event is made of. Its data is stored when this returns. */
export async function eventRow(
  ctx: Ctx,
  given: {
    id?: Id<"event"> | undefined;
    type: string;
    source: string;
    data: unknown;
    time?: string | undefined;
    executionId?: string | undefined;
    depth?: number | undefined;
  },
): Promise<EventRow> {
  const now = ctx.clock.now();
  const eventId = given.id ?? newId("event", now);
  const { type, source, executionId, depth } = given;
  return {
    spaceId: requireSpace(ctx),
    eventId,
    ...{ type, source, time: given.time ?? isoTime(now) },
    data: await offload(ctx, { entity: "events", id: eventId }, given.data),
    ...(executionId === undefined ? {} : { executionId }),
    ...(depth ? { depth } : {}),
    status: "pending",
    tries: 0,
    createdAt: isoTime(now),
    createdBy: actorId(ctx),
    ...sweepKeys(eventId, isoTime(now + START_INTERVAL_MS)),
    expiresAt: expiresIn(EVENT_DAYS * DAY_MS, now),
  };
}

/** ElectroDB rebuilds an index only when it is given every part of its keys. */
export function sweepKeys(eventId: string, sweepAt: string) {
  const first = createHash("sha256").update(eventId).digest()[0] ?? 0;
  return { sweepShard: String(first % EVENT_SHARDS), sweepAt };
}

function ownRow<T extends EventType>(ctx: Ctx, event: NewEvent<T>): Promise<EventRow> {
  const { type, data, ...rest } = event;
  return eventRow(ctx, { type, source: OWN_SOURCE, data: EVENT_TYPES[type].data.parse(data), ...rest });
}

/**
 * An event as an action of the transaction by which it happens, so that neither is without the other; none where nobody
 * listens. Whoever serves the call puts it on the bus afterwards (`takeNoted`), the sweeper where nobody does.
 */
export async function emitOps<T extends EventType>(ctx: Ctx, event: NewEvent<T>): Promise<WriteOp[]> {
  if (!(await isHeard(requireSpace(ctx), event.type))) return [];
  const row = await ownRow(ctx, event);
  note(ctx, onBus(row));
  return [tx(EventEntity).create(row).commit()];
}

/**
 * Tells an event that has happened: its row first, then the bus, whose failure the sweeper makes good. One of a given id
 * is told once. The caller knows that somebody listens.
 */
export async function emit<T extends EventType>(ctx: Ctx, bus: EventBus, event: NewEvent<T>): Promise<void> {
  const row = await ownRow(ctx, event);
  if (await tryWrite(() => EventEntity.create(row).go())) await hint(bus, [onBus(row)]);
}

/** A row as the bus carries it. */
export function onBus(row: EventRow): BusEvent {
  const { eventId: id, spaceId, type, source, time, data } = row;
  const isCarried = "json" in data && data.json.length <= MAX_CARRIED_CHARS;
  return { id, spaceId, type, source, time, ...(isCarried ? { data: JSON.parse(data.json) } : {}) };
}
