import { created } from "@weft/db/base";
import { getAny, getLive, restore, softDelete, updateOp, updateWithRevision } from "@weft/db/change";
import { claim, move, ownerOf, release } from "@weft/db/unique";
import { transact, tx, write } from "@weft/db/write";
import { ManualClock } from "@weft/kernel/clock";
import { type Ctx, systemCtx } from "@weft/kernel/ctx";
import { newId } from "@weft/kernel/ids";
import type { DynamoServer } from "@weft/local/dynamo/server";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTable } from "../support/table.ts";
import { Thing } from "./thing.ts";

let server: DynamoServer;
const clock = new ManualClock();
const spaceId = newId("space");
const ctx: Ctx = systemCtx("test", { clock, spaceId });

beforeAll(async () => {
  server = await startTable();
});
afterAll(() => server.close());

const row = (name: string, thingId: string = newId("workflow")) => ({
  spaceId,
  thingId,
  name,
  status: "draft" as const,
  ...created(ctx),
});
const target = (thingId: string) => ({ entity: Thing, key: { spaceId, thingId }, what: "thing", id: thingId });
const unique = (value: string, ownerId: string) => ({ scope: spaceId, kind: "thing_name", value, ownerId });

async function make(name: string): Promise<string> {
  const item = row(name);
  await transact([tx(Thing).create(item).commit(), claim(ctx, unique(name, item.thingId))]);
  return item.thingId;
}

describe("changes of one row", () => {
  it("counts revisions up and keeps who made it", async () => {
    const id = await make("first");
    clock.advance(1000);
    const changed = await updateWithRevision(ctx, target(id), { set: { name: "second" }, expectedRevision: 1 });
    expect(changed).toMatchObject({ name: "second", revision: 2, createdBy: "system:test" });
    expect(changed.updatedAt > changed.createdAt).toBe(true);
  });

  it("removes attributes, ignores undefined ones and moves the row in its index", async () => {
    const id = await make("indexed");
    await updateWithRevision(ctx, target(id), { set: { searchText: " indexed", status: "live" } });
    const changed = await updateWithRevision(ctx, target(id), {
      set: { name: undefined as unknown as string },
      remove: ["searchText"],
    });
    expect(changed.name).toBe("indexed");
    expect(changed.searchText).toBeUndefined();
    const { data } = await Thing.query.byStatus({ spaceId, status: "live" }).go();
    expect(data.map((thing) => thing.thingId)).toEqual([id]);
  });

  it("answers conflict with the current revision, and writes nothing", async () => {
    const id = await make("contested");
    const stale = updateWithRevision(ctx, target(id), { set: { name: "lost" }, expectedRevision: 7 });
    await expect(stale).rejects.toMatchObject({ code: "conflict", details: { revision: 1, expectedRevision: 7 } });
    expect((await getLive(ctx, target(id))).name).toBe("contested");
  });

  it("of many changes of one revision lets one through", async () => {
    const id = await make("raced");
    const tries = Array.from({ length: 12 }, (_, n) =>
      updateWithRevision(ctx, target(id), { set: { name: `n${n}` }, expectedRevision: 1 }),
    );
    const settled = await Promise.allSettled(tries);
    expect(settled.filter((one) => one.status === "fulfilled")).toHaveLength(1);
    expect((await getLive(ctx, target(id))).revision).toBe(2);
  });

  it("answers not_found for what does not exist, and makes no partial row", async () => {
    const id = newId("workflow");
    await expect(updateWithRevision(ctx, target(id), { set: { name: "x" } })).rejects.toMatchObject({
      code: "not_found",
    });
    expect(await getAny(target(id))).toBeNull();
    const other = { ...target(await make("mine")), key: { spaceId: newId("space"), thingId: id } };
    await expect(getLive(ctx, other)).rejects.toMatchObject({ code: "not_found" });
  });

  it("answers conflict for a second row of the same key and too_large for one over 400 KB", async () => {
    const item = row("once");
    await write(() => Thing.create(item).go());
    await expect(write(() => Thing.create(item).go())).rejects.toMatchObject({ code: "conflict" });
    const large = row("x".repeat(410_000));
    await expect(write(() => Thing.create(large).go())).rejects.toMatchObject({ code: "too_large" });
    await expect(transact([tx(Thing).create(large).commit()])).rejects.toMatchObject({ code: "too_large" });
  });
});

describe("delete and restore", () => {
  it("hides the row, frees its name, and brings both back", async () => {
    const id = await make("Report");
    await softDelete(ctx, target(id), { also: [release(unique("Report", id))] });
    await expect(getLive(ctx, target(id))).rejects.toMatchObject({ code: "not_found" });
    await expect(updateWithRevision(ctx, target(id), { set: { name: "x" } })).rejects.toMatchObject({
      code: "not_found",
    });
    await expect(softDelete(ctx, target(id))).rejects.toMatchObject({ code: "not_found" });
    expect(await ownerOf(unique("report", id))).toBeNull();
    const back = await restore(ctx, target(id), { also: [claim(ctx, unique("Report", id))] });
    expect(back).toMatchObject({ name: "Report", revision: 3 });
    expect(back.deletedAt).toBeUndefined();
    expect(await ownerOf(unique("REPORT", id))).toBe(id);
  });

  it("answers conflict where the name was taken meanwhile, and stays deleted", async () => {
    const id = await make("Shared name");
    await softDelete(ctx, target(id), { also: [release(unique("Shared name", id))] });
    await make("shared  NAME");
    const again = restore(ctx, target(id), { also: [claim(ctx, unique("Shared name", id))] });
    await expect(again).rejects.toMatchObject({ code: "conflict", details: { field: "thing_name" } });
    await expect(getLive(ctx, target(id))).rejects.toMatchObject({ code: "not_found" });
  });

  it("answers conflict for what is not deleted and not_found for what never was", async () => {
    const id = await make("Alive");
    await expect(restore(ctx, target(id))).rejects.toMatchObject({ code: "conflict" });
    await expect(restore(ctx, target(newId("workflow")))).rejects.toMatchObject({ code: "not_found" });
  });
});

describe("unique values in transactions", () => {
  it("is compared without case, width and accents' form", async () => {
    await make("ﬁle Ünïcode");
    for (const same of ["FILE ÜNÏCODE", "file  u\u0308ni\u0308code", "ｆｉｌｅ ünïcode"]) {
      await expect(make(same)).rejects.toMatchObject({ code: "conflict" });
    }
    await make("file unicode");
  });

  it("writes nothing of a transaction whose name is taken", async () => {
    await make("taken");
    const item = row("Taken");
    const both = transact([tx(Thing).create(item).commit(), claim(ctx, unique("TAKEN", item.thingId))]);
    await expect(both).rejects.toMatchObject({ code: "conflict", details: { field: "thing_name" } });
    expect(await getAny(target(item.thingId))).toBeNull();
  });

  it("moves with its owner, and a change of case alone moves nothing", async () => {
    const id = await make("Before");
    expect(move(ctx, unique("Before", id), "BEFORE")).toEqual([]);
    const change = updateOp(ctx, target(id), { set: { name: "After" }, expectedRevision: 1 });
    await transact([change, ...move(ctx, unique("Before", id), "After")]);
    expect(await ownerOf(unique("before", id))).toBeNull();
    expect(await ownerOf(unique("after", id))).toBe(id);
    const stale = updateOp(ctx, target(id), { set: { name: "Later" }, expectedRevision: 1 });
    await expect(transact([stale, ...move(ctx, unique("After", id), "Later")])).rejects.toMatchObject({
      code: "conflict",
      details: { revision: 2 },
    });
    expect(await ownerOf(unique("later", id))).toBeNull();
  });

  it("is not released by another, and a free value may be released", async () => {
    const id = await make("held");
    await expect(transact([release(unique("held", "someone"))])).rejects.toMatchObject({ code: "conflict" });
    expect(await ownerOf(unique("held", id))).toBe(id);
    await transact([release(unique("never taken", id))]);
  });

  it("goes to one of many who want it at once", async () => {
    const settled = await Promise.allSettled(Array.from({ length: 15 }, () => make("wanted")));
    const won = settled.filter((one) => one.status === "fulfilled");
    expect(won).toHaveLength(1);
    expect(await ownerOf(unique("wanted", ""))).toBe((won[0] as PromiseFulfilledResult<string>).value);
    for (const one of settled) if (one.status === "rejected") expect(one.reason).toMatchObject({ code: "conflict" });
  });

  it("refuses more rows than one transaction takes, before it asks", async () => {
    const ops = Array.from({ length: 101 }, (_, n) => claim(ctx, unique(`many ${n}`, "x")));
    await expect(transact(ops)).rejects.toMatchObject({ code: "too_large" });
    await transact([]);
  });

  it("carries on when transactions meet on a row", async () => {
    const id = await make("busy");
    const change = () => transact([updateOp(ctx, target(id), { set: { name: "b" } })]);
    await Promise.all(Array.from({ length: 10 }, change));
    expect((await getLive(ctx, target(id))).revision).toBe(11);
  });
});
