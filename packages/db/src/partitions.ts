import { AppError } from "@weft/kernel/errors";
import { type CursorScope, DEFAULT_PAGE, decodeCursor, encodeCursor, type Page } from "@weft/kernel/page";
import * as z from "zod";
import { type ElectroQuery, listPage } from "./page.ts";

const Place = z.strictObject({ p: z.string().max(64), c: z.string().max(4096).nullable() });

interface Parts {
  scope: CursorScope;
  /** Names of the parts in the order of the list: days, newest first. Each may cost a request. */
  partitions: readonly string[];
  limit?: number | undefined;
  cursor?: string | undefined;
}

export interface PartitionsOptions<Item> extends Parts {
  order?: "asc" | "desc";
  keep?: (item: Item) => boolean;
}

/** What a part is asked for: its own scope, and where in it the page begins. */
export interface PartOptions {
  scope: CursorScope;
  limit: number;
  cursor?: string;
}

type ItemOf<Q extends ElectroQuery> = Awaited<ReturnType<Q["go"]>>["data"][number];

/**
 * One page of a list that lies in several partitions, one after the other, such as a log by days. Like `listPage` it
 * fills its pages, gives the last one no cursor and throws `invalid_cursor`.
 */
export async function listPartitions<Q extends ElectroQuery>(
  queryOf: (partition: string) => Q,
  options: PartitionsOptions<ItemOf<Q>>,
): Promise<Page<ItemOf<Q>>> {
  const { order, keep } = options;
  const more = { ...(order ? { order } : {}), ...(keep ? { keep } : {}) };
  return listParts((partition, part) => listPage(queryOf(partition), { ...part, ...more }), options);
}

/** {@link listPartitions} of parts that are lists of any kind, each with pages of its own. */
export async function listParts<Item>(
  pageOf: (partition: string, part: PartOptions) => Promise<Page<Item>>,
  options: Parts,
): Promise<Page<Item>> {
  const { partitions, limit = DEFAULT_PAGE, scope } = options;
  const page = (partition: string, wanted: number, cursor: string | null) =>
    pageOf(partition, {
      scope: { ...scope, filters: { ...scope.filters, partition } },
      limit: wanted,
      ...(cursor ? { cursor } : {}),
    });
  const start = startOf(options);
  const items: Item[] = [];
  let inner = start.cursor;
  for (const partition of partitions.slice(start.index)) {
    const missing = limit - items.length;
    // A full page asks the rest only whether there is more at all.
    const found = await page(partition, Math.max(missing, 1), inner);
    inner = null;
    if (missing === 0) {
      if (found.items.length > 0 || found.nextCursor) return { items, nextCursor: place(scope, partition, null) };
      continue;
    }
    items.push(...found.items);
    if (found.nextCursor) return { items, nextCursor: place(scope, partition, found.nextCursor) };
  }
  return { items, nextCursor: null };
}

function startOf({ scope, cursor, partitions }: Parts) {
  const text = decodeCursor(scope, cursor);
  if (text === null) return { index: 0, cursor: null };
  const parsed = Place.safeParse(parseJson(text));
  const index = parsed.success ? partitions.indexOf(parsed.data.p) : -1;
  if (!parsed.success || index === -1) throw new AppError("invalid_cursor", "cursor is not valid for this list");
  return { index, cursor: parsed.data.c };
}

function place(scope: CursorScope, partition: string, cursor: string | null): string | null {
  return encodeCursor(scope, JSON.stringify({ p: partition, c: cursor }));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const DAY_MS = 24 * 60 * 60 * 1000;

/** The day of a time in UTC, as `2026-01-31`. */
export function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

/** The days from `to` back to `from`, both included, newest first, at most `max`. */
export function daysBack(from: string, to: string, max: number): string[] {
  const days: string[] = [];
  for (let at = Date.parse(to); at >= Date.parse(from) && days.length < max; at -= DAY_MS) days.push(dayOf(at));
  return days;
}
