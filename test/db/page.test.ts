import { created } from "@weft/db/base";
import { listAll, listPage } from "@weft/db/page";
import { searchFilter, searchText } from "@weft/db/search";
import { write } from "@weft/db/write";
import { ManualClock } from "@weft/kernel/clock";
import { systemCtx } from "@weft/kernel/ctx";
import { newId } from "@weft/kernel/ids";
import { encodeCursor } from "@weft/kernel/page";
import type { DynamoServer } from "@weft/local/dynamo/server";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTable } from "../support/table.ts";
import { Thing } from "./thing.ts";

let server: DynamoServer;
const ctx = systemCtx("test", { clock: new ManualClock() });

beforeAll(async () => {
  server = await startTable();
});
afterAll(() => server.close());

async function fill(count: number, isLive: (n: number) => boolean = () => false): Promise<string> {
  const spaceId = newId("space");
  const rows = Array.from({ length: count }, (_, n) => ({
    spaceId,
    thingId: newId("workflow"),
    name: `thing ${n}`,
    secret: "hidden",
    status: isLive(n) ? ("live" as const) : ("draft" as const),
    searchText: searchText(`thing ${n}`),
    ...created(ctx),
  }));
  for (let n = 0; n < rows.length; n += 25) await write(() => Thing.put(rows.slice(n, n + 25)).go());
  return spaceId;
}

const scopeOf = (spaceId: string, filters = {}) => ({ operation: "listThings", spaceId, filters });

interface Walk {
  names: string[];
  sizes: number[];
}

async function walk(limit: number, page: (cursor?: string) => ReturnType<typeof newest>): Promise<Walk> {
  const result: Walk = { names: [], sizes: [] };
  let cursor: string | undefined;
  do {
    const { items, nextCursor } = await page(cursor);
    expect(items.length).toBeLessThanOrEqual(limit);
    result.sizes.push(items.length);
    result.names.push(...items.map((item) => item.name));
    cursor = nextCursor ?? undefined;
  } while (cursor);
  return result;
}

const newest = (spaceId: string, limit: number, cursor?: string) =>
  listPage(Thing.query.primary({ spaceId }), { scope: scopeOf(spaceId), limit, cursor });

describe("pages of a list", () => {
  it("holds each row once, newest first, and ends without an empty page", async () => {
    const spaceId = await fill(20);
    const { names, sizes } = await walk(5, (cursor) => newest(spaceId, 5, cursor));
    expect(sizes).toEqual([5, 5, 5, 5]);
    expect(names).toEqual(Array.from({ length: 20 }, (_, n) => `thing ${19 - n}`));
  });

  it("is empty without a cursor for an empty partition", async () => {
    expect(await newest(newId("space"), 5)).toEqual({ items: [], nextCursor: null });
  });

  it("shows no keys and no hidden attributes", async () => {
    const { items } = await newest(await fill(1), 5);
    expect(Object.keys(items[0] as object).sort()).toEqual(
      ["spaceId", "thingId", "name", "status", "searchText", "revision", "createdAt", "updatedAt", "createdBy"].sort(),
    );
  });

  it("fills pages when filters apply", async () => {
    const spaceId = await fill(300, (n) => n % 50 === 0);
    const live = (cursor?: string) =>
      listPage(
        Thing.query.primary({ spaceId }).where((attr, op) => op.eq(attr.status, "live")),
        { scope: scopeOf(spaceId, { status: "live" }), limit: 4, cursor },
      );
    const { names, sizes } = await walk(4, live);
    expect(sizes).toEqual([4, 2]);
    expect(names).toEqual([250, 200, 150, 100, 50, 0].map((n) => `thing ${n}`));
  });

  it("holds every matching row once, whatever the sizes and filters (property)", async () => {
    const spaceId = await fill(60, (n) => n % 3 === 0);
    const all = Array.from({ length: 60 }, (_, n) => n).reverse();
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 70 }),
        fc.constantFrom("asc", "desc"),
        fc.constantFrom("none", "store", "keep", "index"),
        async (limit, order, filter) => {
          const byKey = Thing.query.primary({ spaceId });
          const isThird = (item: { name: string }) => Number(item.name.slice(6)) % 3 === 0;
          const query = {
            none: byKey,
            keep: byKey,
            store: Thing.query.primary({ spaceId }).where((attr, op) => op.eq(attr.status, "live")),
            index: Thing.query.byStatus({ spaceId, status: "live" }),
          }[filter] as typeof byKey;
          const keep = filter === "keep" ? { keep: isThird } : {};
          const scope = scopeOf(spaceId, { filter, order });
          const { names } = await walk(limit, (cursor) => listPage(query, { scope, limit, cursor, order, ...keep }));
          const expected = all.filter((n) => filter === "none" || n % 3 === 0);
          if (order === "asc") expected.reverse();
          expect(names).toEqual(expected.map((n) => `thing ${n}`));
        },
      ),
      { numRuns: 40 },
    );
  });

  it("finds by search", async () => {
    const spaceId = await fill(120);
    const filter = searchFilter<{ searchText: unknown }>("THING 11");
    const query = Thing.query.primary({ spaceId }).where((attr, op) => filter?.(attr, op as never) ?? "");
    const { items, nextCursor } = await listPage(query, { scope: scopeOf(spaceId, { q: "THING 11" }), limit: 50 });
    expect(items.map((item) => item.name)).toEqual([
      ...Array.from({ length: 10 }, (_, n) => `thing ${119 - n}`),
      "thing 11",
    ]);
    expect(nextCursor).toBeNull();
  });
});

describe("cursors", () => {
  it("serve only the list they were made for", async () => {
    const spaceId = await fill(6);
    const other = await fill(6);
    const { nextCursor } = await newest(spaceId, 2);
    const cursor = nextCursor as string;
    const foreign = [
      newest(other, 2, cursor),
      listPage(Thing.query.primary({ spaceId }), { scope: { operation: "listOthers", spaceId }, cursor }),
      listPage(Thing.query.primary({ spaceId }), { scope: scopeOf(spaceId, { status: "live" }), cursor }),
    ];
    for (const list of foreign) await expect(list).rejects.toMatchObject({ code: "invalid_cursor" });
  });

  it("are refused when forged: another partition, another index, keys of the wrong kind", async () => {
    const spaceId = await fill(6);
    const other = await fill(6);
    const forge = (keys: unknown) =>
      encodeCursor(scopeOf(spaceId), Buffer.from(JSON.stringify(keys)).toString("base64url")) as string;
    const forged = [
      forge({ pk: `$weft#spaceid_${other}`, sk: "$thing_1#thingid_wfl_0" }),
      forge({ pk: `$weft#spaceid_${spaceId}`, sk: 7 }),
      forge({ pk: `$weft#spaceid_${spaceId}` }),
      forge({ pk: `$weft#spaceid_${spaceId}`, sk: "a", gsi1pk: "b", gsi1sk: "c" }),
      forge(null),
      encodeCursor(scopeOf(spaceId), "not json") as string,
    ];
    for (const cursor of forged) {
      await expect(newest(spaceId, 2, cursor)).rejects.toMatchObject({ code: "invalid_cursor" });
    }
  });

  it("are refused as invalid_cursor when they are rubbish (property)", async () => {
    const spaceId = await fill(1);
    const rubbish = fc.oneof(fc.string({ minLength: 1 }), fc.base64String({ minLength: 1 }), fc.json());
    await fc.assert(
      fc.asyncProperty(rubbish, async (cursor) => {
        await expect(newest(spaceId, 2, cursor)).rejects.toMatchObject({ code: "invalid_cursor" });
      }),
    );
  });
});

describe("whole lists", () => {
  it("reads every page, and refuses more than it was told to expect", async () => {
    const spaceId = await fill(30);
    const all = await listAll(Thing.query.primary({ spaceId }), { max: 30 });
    expect(all).toHaveLength(30);
    await expect(listAll(Thing.query.primary({ spaceId }), { max: 29 })).rejects.toMatchObject({ code: "too_large" });
  });
});
