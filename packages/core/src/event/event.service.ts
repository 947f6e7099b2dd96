import { createHash } from "node:crypto";
import { expiresIn, isExpired } from "@weft/db/base";
import { getLive } from "@weft/db/change";
import { listPage } from "@weft/db/page";
import { guarded, read, tryTransact, tx } from "@weft/db/write";
import { type Ctx, requireSpace } from "@weft/kernel/ctx";
import { AppError } from "@weft/kernel/errors";
import type { Id } from "@weft/kernel/ids";
import type { Page } from "@weft/kernel/page";
import { load } from "@weft/storage/blob";
import * as z from "zod";
import type { BusEvent, EventBus } from "./event.bus.ts";
import { eventRow, onBus } from "./event.emit.ts";
import { EventEntity, EventKeyEntity, type EventRow } from "./event.entity.ts";
import { hint } from "./event.noted.ts";
import type { Event, EventHead, EventTypeList, ListEvents, PostEvents, PostedEvents } from "./event.schema.ts";
import { EVENT_TYPES, MAX_EVENT_BYTES } from "./event.types.ts";

/** How long a sender's id stands for its event. */
const KEY_MS = 24 * 60 * 60 * 1000;
/** Events that are written side by side. */
const AT_ONCE = 10;
const ATTEMPTS = 3;

/** The types that the product itself tells of, with the JSON Schema of their data. */
export function types(): EventTypeList {
  const items = Object.entries(EVENT_TYPES).map(([type, { description, data }]) => ({
    type,
    description,
    schema: z.toJSONSchema(data, { io: "output" }) as Record<string, unknown>,
  }));
  return { items };
}

/**
 * Takes events from outside. Each is stored before the call answers and told afterwards, once, to all who want it; one
 * with the id of an earlier one of its source is that one. Throws `too_large` naming the event, before any is stored.
 */
export async function post(ctx: Ctx, bus: EventBus | undefined, input: PostEvents): Promise<PostedEvents> {
  const events = "events" in input ? input.events : [input];
  for (const [index, { data }] of events.entries()) {
    if (Buffer.byteLength(JSON.stringify(data)) <= MAX_EVENT_BYTES) continue;
    const message = `events.${index}.data: has more than ${MAX_EVENT_BYTES} bytes`;
    throw new AppError("too_large", message, { details: { field: `events.${index}.data`, maxBytes: MAX_EVENT_BYTES } });
  }
  const items: PostedEvents["items"] = [];
  const told: BusEvent[] = [];
  for (let at = 0; at < events.length; at += AT_ONCE) {
    const stored = await Promise.all(
      events
        .slice(at, at + AT_ONCE)
        .map(({ id, ...event }) => store(ctx, event, id && JSON.stringify([event.source, id]))),
    );
    for (const { row, eventId, isRepeat } of stored) {
      items.push({ id: eventId as Id<"event">, type: events[items.length]?.type ?? "", isRepeat });
      if (row) told.push(onBus(row));
    }
  }
  if (bus) await hint(bus, told);
  return { items };
}

/** What became of an event that was to be stored; `row` where it is new. */
export interface StoredEvent {
  eventId: string;
  isRepeat: boolean;
  row?: EventRow;
}

/** Stores an event once for each key, for a day. */
export async function store(
  ctx: Ctx,
  event: { type: string; source: string; data: unknown; time?: string | undefined },
  key: string | undefined,
): Promise<StoredEvent> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const known = key === undefined ? undefined : await keyedEvent(ctx, key);
    if (known !== undefined) return { eventId: known, isRepeat: true };
    const row = await eventRow(ctx, event);
    const refused = await tryTransact([
      tx(EventEntity).create(row).commit(),
      ...(key === undefined ? [] : [keyOp(ctx, key, row.eventId)]),
    ]);
    if (!refused) return { eventId: row.eventId, isRepeat: false, row };
  }
  throw new AppError("unavailable", "the event was not stored, try again", { retryable: true });
}

/** The event that has this key; undefined where none has, or its day is over. */
export async function keyedEvent(ctx: Ctx, key: string): Promise<string | undefined> {
  const { data } = await read(() => EventKeyEntity.get(keyOf(ctx, key)).go({ consistent: true }));
  return data && !isExpired(data, ctx.clock.now()) ? data.eventId : undefined;
}

function keyOp(ctx: Ctx, key: string, eventId: string) {
  const now = ctx.clock.now();
  const op = tx(EventKeyEntity)
    .put({ ...keyOf(ctx, key), eventId, expiresAt: expiresIn(KEY_MS, now) })
    .where((attr, is) => `${is.notExists(attr.eventId)} OR ${is.lte(attr.expiresAt, Math.floor(now / 1000))}`)
    .commit();
  return guarded(op, () => new AppError("conflict", "the event is there already"));
}

function keyOf(ctx: Ctx, key: string) {
  return { spaceId: requireSpace(ctx) as string, hash: createHash("sha256").update(key).digest("hex") };
}

/** Newest first; with `after`, oldest first from there. */
export async function list(ctx: Ctx, input: ListEvents): Promise<Page<EventHead>> {
  const spaceId = requireSpace(ctx);
  const { type, status, after, limit, cursor } = input;
  const all = EventEntity.query.bySpace({ spaceId });
  const from = after === undefined ? all : all.gt({ eventId: after });
  const filtered = from.where((attr, op) =>
    [
      ...(type === undefined || type === "*" ? [] : [ofType(attr, op, type)]),
      ...(status ? [op.eq(attr.status, status)] : []),
    ].join(" AND "),
  );
  const page = await listPage(filtered as typeof all, {
    scope: { operation: "listEvents", spaceId, filters: { type, status, after } },
    ...{ limit, cursor, order: after === undefined ? ("desc" as const) : ("asc" as const) },
    keep: (row) => !isExpired(row, ctx.clock.now()),
  });
  return { items: (page.items as EventRow[]).map(toHead), nextCursor: page.nextCursor };
}

interface Ops {
  eq(attribute: unknown, value: unknown): string;
  begins(attribute: unknown, value: unknown): string;
}

function ofType(attr: { type: unknown }, op: unknown, type: string): string {
  const { eq, begins } = op as Ops;
  return type.endsWith(".*") ? begins(attr.type, type.slice(0, -1)) : eq(attr.type, type);
}

/** One event with its data. Throws `not_found`. */
export async function get(ctx: Ctx, { eventId }: { eventId: Id<"event"> }): Promise<Event> {
  const key = { spaceId: requireSpace(ctx), eventId };
  const row = await getLive(ctx, { entity: EventEntity, key, what: "event", id: eventId });
  return { ...toHead(row), data: await dataOf(ctx, row) };
}

export type KeptEvent = Event;

/** What an event says. */
export async function dataOf(ctx: Ctx, row: EventRow): Promise<Record<string, unknown>> {
  return (await load(ctx, row.data)) as Record<string, unknown>;
}

function toHead(row: EventRow): EventHead {
  const { eventId, spaceId, type, source, time, status, createdAt, createdBy } = row;
  return {
    id: eventId as EventHead["id"],
    spaceId: spaceId as EventHead["spaceId"],
    ...{ type, source, time, status },
    executionId: row.executionId ?? null,
    error: row.error ?? null,
    ...{ createdAt, createdBy },
  };
}
