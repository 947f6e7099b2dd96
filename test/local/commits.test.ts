import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Commits, type KeyValue } from "@weft/local/dynamo/commits";
import { Database, rowKey } from "@weft/local/dynamo/database";
import type { Op, Table } from "@weft/local/dynamo/types";
import { expect, it } from "vitest";

/** A store whose batches end when the test says so. */
function slowStore() {
  const rows = new Map<string, string>();
  const batches: { ops: Op[]; finish(): void; fail(error: Error): void }[] = [];
  const store = {
    getSync: (key: string) => rows.get(key),
    batch: (ops: Op[]) =>
      new Promise<void>((resolve, reject) => {
        const finish = () => {
          for (const op of ops) op.type === "put" ? rows.set(op.key, op.value) : rows.delete(op.key);
          resolve();
        };
        batches.push({ ops, finish, fail: reject });
      }),
  };
  return { store: store as unknown as KeyValue, batches };
}

const put = (key: string, value: string): Op => ({ type: "put", key, value });
const turn = () => new Promise((resolve) => setTimeout(resolve, 5));

it("writes what arrives during a batch together as the next one, in order", async () => {
  const { store, batches } = slowStore();
  const commits = new Commits(store);
  const order: string[] = [];
  const write = (name: string, ...ops: Op[]) => commits.write(ops).then(() => order.push(name));
  const first = write("first", put("a", "1"));
  await turn();
  const rest = [write("second", put("a", "2"), put("b", "2")), write("third", put("c", "3"))];
  expect(commits.latest("a")).toBe("2");
  expect(store.getSync("a")).toBeUndefined();
  await turn();
  expect([batches.length, order]).toEqual([1, []]);
  batches[0]!.finish();
  await first;
  await turn();
  expect(batches[1]!.ops).toEqual([put("a", "2"), put("b", "2"), put("c", "3")]);
  expect([order, commits.isPending("a")]).toEqual([["first"], true]);
  batches[1]!.finish();
  await Promise.all(rest);
  expect([order, commits.isPending("a"), commits.latest("a")]).toEqual([["first", "second", "third"], false, "2"]);
});

it("fails with a batch all that was decided on it, and goes on from what is on disk", async () => {
  const { store, batches } = slowStore();
  const commits = new Commits(store);
  const first = commits.write([put("a", "1")]);
  await turn();
  const second = commits.write([put("a", "2")]);
  batches[0]!.fail(new Error("disk full"));
  await expect(first).rejects.toThrow("disk full");
  await expect(second).rejects.toThrow("disk full");
  expect(commits.latest("a")).toBeUndefined();
  const third = commits.write([put("a", "3")]);
  await turn();
  batches[1]!.finish();
  await third;
  expect(commits.latest("a")).toBe("3");
});

it("ends at the next start the removal of a table that a kill broke off", async () => {
  const path = await mkdtemp(join(tmpdir(), "weft-tables-"));
  const account = { accountId: "0", region: "us-east-1" };
  const database = await Database.open(path, account);
  const table: Table = {
    TableName: "gone",
    TableArn: "",
    TableStatus: "DELETING",
    KeySchema: [],
    AttributeDefinitions: [],
  };
  database.putTable(table);
  database.putTable({ ...table, TableName: "gone2", TableStatus: "CREATING" });
  await database.put(rowKey.item("gone", "k"), "{}");
  await database.put(rowKey.item("gone2", "k"), "{}");
  await database.close();
  const again = await Database.open(path, account);
  expect([...again.tables.values()].map(({ TableName, TableStatus }) => [TableName, TableStatus])).toEqual([
    ["gone2", "ACTIVE"],
  ]);
  expect(again.read(rowKey.item("gone", "k"))).toBeUndefined();
  expect(again.read(rowKey.item("gone2", "k"))).toBe("{}");
  await again.close();
  await rm(path, { recursive: true, force: true });
});
