import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import {
  DeleteCommand,
  type DynamoDBDocumentClient,
  PutCommand,
  QueryCommand,
  ScanCommand,
  TransactWriteCommand,
} from "@aws-sdk/lib-dynamodb";
import { afterAll, beforeAll, expect, it } from "vitest";
import { clientFor, createMainTable, documentsOf, TABLE } from "./dynamo-support.ts";

/** `npm run prove` kills more often. */
const ROUNDS = Number(process.env.WEFT_STORE_ROUNDS ?? 12);
const WRITERS = 8;
const PAIR = ["left", "right"];

interface Running {
  child: ChildProcess;
  db: DynamoDBDocumentClient;
}

let folder: string;
const children: ChildProcess[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "weft-dynamo-"));
});
afterAll(async () => {
  for (const child of children) child.kill("SIGKILL");
  await rm(folder, { recursive: true, force: true });
});

async function start(): Promise<Running> {
  const script = new URL("dynamo-child.ts", import.meta.url).pathname;
  const child = spawn(process.execPath, [script, folder], { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  const [url] = (await once(createInterface({ input: child.stdout! }), "line")) as [string];
  return { child, db: documentsOf(clientFor(url)) };
}

async function kill({ child }: Running): Promise<void> {
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}

/** Per writer: the number whose write was acknowledged last, and the one that was tried last. */
interface Progress {
  acked: number;
  tried: number;
}

/** Writes rising numbers until the server dies: pairs in transactions, single items, and their index rows. */
async function writer(db: DynamoDBDocumentClient, name: string, progress: Progress): Promise<void> {
  for (;;) {
    const n = ++progress.tried;
    const item = (side: string) => ({ pk: `${name}-${side}`, sk: "s", n, gsi1pk: name, gsi1sk: `${side}-${n}` });
    try {
      const TransactItems = PAIR.map((side) => ({ Put: { TableName: TABLE, Item: item(side) } }));
      await db.send(new TransactWriteCommand({ TransactItems }));
      await db.send(new PutCommand({ TableName: TABLE, Item: { ...item("single"), gsi1pk: `${name}-single` } }));
      await db.send(new DeleteCommand({ TableName: TABLE, Key: { pk: `${name}-single`, sk: "s" } }));
      await db.send(new PutCommand({ TableName: TABLE, Item: { ...item("single"), gsi1pk: `${name}-single` } }));
    } catch {
      return;
    }
    progress.acked = n;
  }
}

async function verify(db: DynamoDBDocumentClient, name: string, progress: Progress): Promise<void> {
  const list = async (gsi1pk: string) => {
    const { Items } = await db.send(
      new QueryCommand({
        TableName: TABLE,
        IndexName: "gsi1",
        KeyConditionExpression: "gsi1pk = :pk",
        ExpressionAttributeValues: { ":pk": gsi1pk },
      }),
    );
    return Items ?? [];
  };
  const { Items = [] } = await db.send(
    new ScanCommand({
      TableName: TABLE,
      FilterExpression: "begins_with(pk, :name)",
      ExpressionAttributeValues: { ":name": `${name}-` },
    }),
  );
  const find = (side: string) => Items.find(({ pk }) => pk === `${name}-${side}`);
  const [left, right, single] = [find("left"), find("right"), find("single")];
  if (progress.acked > 0) expect(left?.n).toBeGreaterThanOrEqual(progress.acked);
  expect(left?.n).toBe(right?.n);
  expect(await list(name)).toEqual([left, right].filter(Boolean));
  expect(await list(`${name}-single`)).toEqual([single].filter(Boolean));
  progress.acked = 0;
}

it("a kill at any moment loses no acknowledged write and halves no transaction", async () => {
  let running = await start();
  await createMainTable(running.db as never);
  const writers = Array.from({ length: WRITERS }, (_, n) => ({ name: `w${n}`, progress: { acked: 0, tried: 0 } }));
  let acknowledged = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const working = writers.map(({ name, progress }) => writer(running.db, name, progress));
    await sleep(60 + ((round * 37) % 150));
    await kill(running);
    await Promise.all(working);
    running = await start();
    for (const { name, progress } of writers) {
      acknowledged += progress.acked;
      await verify(running.db, name, progress);
    }
  }
  await kill(running);
  expect(acknowledged).toBeGreaterThan(0);
});
