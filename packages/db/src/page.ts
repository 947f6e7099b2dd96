import { AppError } from "@weft/kernel/errors";
import { type CursorScope, DEFAULT_PAGE, decodeCursor, encodeCursor, MAX_PAGE, type Page } from "@weft/kernel/page";
import * as z from "zod";
import { INDEXES, type IndexName, TABLE_KEY } from "./indexes.ts";
import { read } from "./write.ts";

/** The most rows read at once where a filter decides which of them are shown. */
const FILTERED_CHUNK = 200;
/** Requests for one page. What is not found by then is left to the next page, so that no call reads without end. */
const MAX_REQUESTS = 10;

/** A query of an entity, with or without `.where`, as `Entity.query.byOwner({…})` gives it. */
export interface ElectroQuery {
  go(...options: never[]): Promise<{ data: unknown[]; cursor: string | null }>;
  params(...options: never[]): object;
}

type ItemOf<Q extends ElectroQuery> = Awaited<ReturnType<Q["go"]>>["data"][number];

export interface ListOptions<Item> {
  /** What the cursor is good for. Name every filter that changes the list. */
  scope: CursorScope;
  limit?: number | undefined;
  cursor?: string | undefined;
  /** `desc`, the default, is newest first where the sort key ends in an id. */
  order?: "asc" | "desc";
  /** A filter that the store cannot apply. */
  keep?: (item: Item) => boolean;
  consistent?: boolean;
}

type Keys = Record<string, string>;

interface Params {
  IndexName?: string;
  FilterExpression?: string;
  ExpressionAttributeValues?: Record<string, unknown>;
}

/**
 * One page of a query. Pages are full whatever filters apply, as far as {@link MAX_REQUESTS} requests reach; the last
 * one has no cursor. Throws `invalid_cursor` for rubbish, for a cursor of another list, space, partition or filter.
 */
export async function listPage<Q extends ElectroQuery>(
  query: Q,
  options: ListOptions<ItemOf<Q>>,
): Promise<Page<ItemOf<Q>>> {
  const limit = Math.min(Math.max(1, options.limit ?? DEFAULT_PAGE), MAX_PAGE);
  const params = query.params() as Params;
  const keyNames = keyNamesOf(params);
  let start = checkedStart(decodeCursor(options.scope, options.cursor), params, keyNames);
  const isFiltered = params.FilterExpression !== undefined || options.keep !== undefined;
  const kept: { item: ItemOf<Q>; keys: Keys }[] = [];
  for (let request = 0; request < MAX_REQUESTS; request++) {
    const wanted = limit + 1 - kept.length;
    // Most filters keep most rows; the more this one drops, the more is read at once.
    const chunk = isFiltered ? Math.max(wanted, Math.min(FILTERED_CHUNK, wanted * 2 ** (request + 1))) : wanted;
    const response = await fetchRows(query, options, start, chunk);
    for (const row of response.data as Record<string, unknown>[]) {
      const { item, keys } = split(row, keyNames);
      if (!options.keep || options.keep(item as ItemOf<Q>)) kept.push({ item: item as ItemOf<Q>, keys });
    }
    start = response.cursor;
    if (kept.length > limit || start === null) break;
  }
  const shown = kept.slice(0, limit);
  const next = kept.length > limit ? toStorageCursor(shown[shown.length - 1]?.keys) : start;
  return { items: shown.map(({ item }) => item), nextCursor: encodeCursor(options.scope, next) };
}

/**
 * Every row of a query in order, for work that must see them all. Throws `too_large` beyond `max`, so that nothing
 * reads a partition of unknown size into memory.
 */
export async function listAll<Q extends ElectroQuery>(
  query: Q,
  options: { max: number; order?: "asc" | "desc"; consistent?: boolean },
): Promise<ItemOf<Q>[]> {
  const items: ItemOf<Q>[] = [];
  let cursor: string | null = null;
  do {
    const go = query.go as unknown as Go;
    const page = await read(() => go.call(query, { order: "asc", ...options, cursor }));
    items.push(...(page.data as ItemOf<Q>[]));
    if (items.length > options.max) throw new AppError("too_large", `more than ${options.max} items`);
    cursor = page.cursor;
  } while (cursor !== null);
  return items;
}

type Go = (options: object) => Promise<{ data: unknown[]; cursor: string | null }>;

function fetchRows<Item>(query: ElectroQuery, options: ListOptions<Item>, cursor: string | null, limit: number) {
  const go = query.go as unknown as Go;
  const order = options.order ?? "desc";
  const consistent = options.consistent ? { consistent: true } : {};
  return read(() => go.call(query, { cursor, limit, order, data: "includeKeys", ...consistent }));
}

function keyNamesOf(params: Params): { partition: string; all: string[] } {
  const table = [TABLE_KEY.pk, TABLE_KEY.sk];
  if (params.IndexName === undefined) return { partition: TABLE_KEY.pk, all: table };
  const index = INDEXES[params.IndexName as IndexName];
  return { partition: index.pk, all: [...table, index.pk, index.sk] };
}

/** A cursor must name a place in the very partition that the query reads; DynamoDB's own check is the second one. */
function checkedStart(storageCursor: string | null, params: Params, names: { partition: string; all: string[] }) {
  if (storageCursor === null) return null;
  const text = Buffer.from(storageCursor, "base64url").toString("utf8");
  const shape = z.strictObject(Object.fromEntries(names.all.map((name) => [name, z.string().min(1).max(2048)])));
  const keys = shape.safeParse(parseJson(text));
  if (!keys.success || keys.data[names.partition] !== params.ExpressionAttributeValues?.[":pk"]) {
    throw new AppError("invalid_cursor", "cursor is not valid for this list");
  }
  return storageCursor;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const KEY_FIELDS: ReadonlySet<string> = new Set([
  ...Object.values(TABLE_KEY),
  ...Object.values(INDEXES).flatMap((index) => [index.pk, index.sk]),
  "__edb_e__",
  "__edb_v__",
]);

function split(row: Record<string, unknown>, names: { all: string[] }) {
  const keys = Object.fromEntries(names.all.map((name) => [name, row[name] as string]));
  const item = Object.fromEntries(Object.entries(row).filter(([name]) => !KEY_FIELDS.has(name)));
  return { item, keys };
}

/** The form in which ElectroDB takes a place to start from. */
function toStorageCursor(keys: Keys | undefined): string | null {
  return keys ? Buffer.from(JSON.stringify(keys)).toString("base64url") : null;
}
