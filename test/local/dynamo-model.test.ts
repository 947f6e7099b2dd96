import { type DynamoDBClient, ScanCommand } from "@aws-sdk/client-dynamodb";
import { type DynamoDBDocumentClient, QueryCommand, TransactWriteCommand, UpdateCommand } from "@aws-sdk/lib-dynamodb";
import { type DynamoServer, startDynamo } from "@weft/local/dynamo/server";
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { clientFor, createMainTable, documentsOf, TABLE } from "./dynamo-support.ts";

const ACCOUNTS = ["a", "b", "c", "d"];
const START = 100;

let server: DynamoServer;
let client: DynamoDBClient;
let db: DynamoDBDocumentClient;
let round = 0;

beforeAll(async () => {
  server = await startDynamo({ sweepIntervalMs: 0 });
  client = clientFor(server.url);
  await createMainTable(client);
  db = documentsOf(client);
});
afterAll(() => server.close());

interface Transfer {
  legs: { from: string; to: string; amount: number }[];
  isPlain: boolean;
}

const transfer: fc.Arbitrary<Transfer> = fc.record({
  legs: fc.array(
    fc.record({
      from: fc.constantFrom(...ACCOUNTS),
      to: fc.constantFrom(...ACCOUNTS),
      amount: fc.integer({ min: 1, max: 60 }),
    }),
    { minLength: 1, maxLength: 3 },
  ),
  isPlain: fc.boolean(),
});

/** What a list of transfers changes on each account it names. */
function netOf(legs: Transfer["legs"]): Map<string, number> {
  const net = new Map<string, number>();
  for (const { from, to, amount } of legs) {
    net.set(from, (net.get(from) ?? 0) - amount);
    net.set(to, (net.get(to) ?? 0) + amount);
  }
  return net;
}

function updateOf(pk: string, change: number) {
  return {
    TableName: TABLE,
    Key: { pk, sk: "account" },
    UpdateExpression: "ADD balance :change, revision :one SET gsi1pk = :list, gsi1sk = :pk",
    ConditionExpression: change < 0 ? "balance >= :needed" : "attribute_exists(pk)",
    ExpressionAttributeValues: {
      ":change": change,
      ":one": 1,
      ":list": `round-${round}`,
      ":pk": pk,
      ...(change < 0 && { ":needed": -change }),
    },
  };
}

async function attempt(work: Promise<unknown>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (error) {
    const names = ["TransactionCanceledException", "ConditionalCheckFailedException"];
    expect(names).toContain((error as Error).name);
    return false;
  }
}

it("transactions under concurrency keep what a simple model keeps", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(transfer, { minLength: 4, maxLength: 24 }), async (transfers) => {
      round++;
      const id = (account: string) => `round-${round}-${account}`;
      const items = ACCOUNTS.map((account) => ({
        Put: { TableName: TABLE, Item: { pk: id(account), sk: "account", balance: START, revision: 0 } },
      }));
      await db.send(new TransactWriteCommand({ TransactItems: items }));
      const expected = new Map(ACCOUNTS.map((account) => [account, { balance: START, revision: 0 }]));
      const apply = (account: string, change: number) => {
        const row = expected.get(account)!;
        row.balance += change;
        row.revision++;
      };
      await Promise.all(
        transfers.map(async ({ legs, isPlain }) => {
          const net = [...netOf(legs)];
          const [only] = net;
          if (isPlain && only) {
            const done = await attempt(db.send(new UpdateCommand(updateOf(id(only[0]), only[1]))));
            if (done) apply(...only);
            return;
          }
          const TransactItems = net.map(([account, change]) => ({ Update: updateOf(id(account), change) }));
          if (await attempt(db.send(new TransactWriteCommand({ TransactItems })))) {
            for (const [account, change] of net) apply(account, change);
          }
        }),
      );
      await expectModel(expected, id);
    }),
    { numRuns: 40 },
  );
});

async function expectModel(expected: Map<string, { balance: number; revision: number }>, id: (a: string) => string) {
  const { Items } = await db.send(
    new QueryCommand({
      TableName: TABLE,
      IndexName: "gsi1",
      KeyConditionExpression: "gsi1pk = :list",
      ExpressionAttributeValues: { ":list": `round-${round}` },
    }),
  );
  for (const [account, row] of expected) {
    expect(row.balance).toBeGreaterThanOrEqual(0);
    const found = Items?.find(({ pk }) => pk === id(account));
    if (row.revision > 0) expect(found).toMatchObject(row);
    else expect(found).toBeUndefined();
  }
}

it("shows two items with the same index key as two, page by page and in both directions", async () => {
  const list = "same-key";
  const pks = Array.from({ length: 25 }, (_, n) => `same-${String(n).padStart(2, "0")}`);
  await db.send(
    new TransactWriteCommand({
      TransactItems: pks.map((pk) => ({ Put: { TableName: TABLE, Item: { pk, sk: "s", gsi2pk: list, gsi2sk: "k" } } })),
    }),
  );
  for (const ScanIndexForward of [true, false]) {
    const seen: string[] = [];
    let ExclusiveStartKey: Record<string, unknown> | undefined;
    do {
      const page = await db.send(
        new QueryCommand({
          TableName: TABLE,
          IndexName: "gsi2",
          KeyConditionExpression: "gsi2pk = :list",
          ExpressionAttributeValues: { ":list": list },
          Limit: 4,
          ScanIndexForward,
          ExclusiveStartKey,
        }),
      );
      seen.push(...(page.Items ?? []).map(({ pk }) => String(pk)));
      ExclusiveStartKey = page.LastEvaluatedKey;
    } while (ExclusiveStartKey);
    expect([...seen].sort()).toEqual(pks);
  }
});

it("scans a table page by page", async () => {
  await createMainTable(client, "scanned");
  for (let n = 0; n < 7; n++) {
    await db.send(
      new UpdateCommand({ TableName: "scanned", Key: { pk: `p${n}`, sk: "s" }, UpdateExpression: "REMOVE x" }),
    );
  }
  const first = await client.send(new ScanCommand({ TableName: "scanned", Limit: 5 }));
  const rest = await client.send(new ScanCommand({ TableName: "scanned", ExclusiveStartKey: first.LastEvaluatedKey }));
  const pks = [...(first.Items ?? []), ...(rest.Items ?? [])].map(({ pk }) => pk?.S).sort();
  expect(pks).toEqual(["p0", "p1", "p2", "p3", "p4", "p5", "p6"]);
});
