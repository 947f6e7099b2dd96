import type { TransactionCanceledException } from "@aws-sdk/client-dynamodb";
import {
  DeleteCommand,
  type DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  QueryCommand,
  TransactGetCommand,
  TransactWriteCommand,
  type TransactWriteCommandInput,
  UpdateCommand,
} from "@aws-sdk/lib-dynamodb";
import { ManualClock } from "@weft/kernel/clock";
import { type DynamoServer, startDynamo } from "@weft/local/dynamo/server";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { clientFor, createMainTable, documentsOf, TABLE } from "./dynamo-support.ts";

type TransactItems = NonNullable<TransactWriteCommandInput["TransactItems"]>;

const clock = new ManualClock();
let server: DynamoServer;
let db: DynamoDBDocumentClient;

beforeAll(async () => {
  server = await startDynamo({ clock, sweepIntervalMs: 0 });
  const client = clientFor(server.url);
  await createMainTable(client);
  db = documentsOf(client);
});
afterAll(() => server.close());

const key = (pk: string, sk = "s") => ({ pk, sk });
const put = (pk: string, more: object = {}) =>
  db.send(new PutCommand({ TableName: TABLE, Item: { ...key(pk), ...more } }));
const get = async (pk: string) => (await db.send(new GetCommand({ TableName: TABLE, Key: key(pk) }))).Item;
const transact = (TransactItems: TransactItems, ClientRequestToken?: string) =>
  db.send(new TransactWriteCommand({ TransactItems, ClientRequestToken }));
const failure = async (work: Promise<unknown>) => {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(Error);
  return error as TransactionCanceledException;
};

describe("TransactWriteItems", () => {
  it("writes, updates, deletes and checks as one", async () => {
    await put("a-check", { n: 1 });
    await put("a-gone");
    await put("a-count", { n: 1 });
    await transact([
      {
        ConditionCheck: {
          TableName: TABLE,
          Key: key("a-check"),
          ConditionExpression: "n = :n",
          ExpressionAttributeValues: { ":n": 1 },
        },
      },
      { Put: { TableName: TABLE, Item: { ...key("a-new"), gsi1pk: "list", gsi1sk: "1" } } },
      { Delete: { TableName: TABLE, Key: key("a-gone") } },
      {
        Update: {
          TableName: TABLE,
          Key: key("a-count"),
          UpdateExpression: "ADD n :one",
          ExpressionAttributeValues: { ":one": 1 },
        },
      },
    ]);
    expect(await get("a-gone")).toBeUndefined();
    expect(await get("a-count")).toMatchObject({ n: 2 });
    expect(await get("a-check")).toEqual({ ...key("a-check"), n: 1 });
    const listed = await db.send(
      new QueryCommand({
        TableName: TABLE,
        IndexName: "gsi1",
        KeyConditionExpression: "gsi1pk = :pk",
        ExpressionAttributeValues: { ":pk": "list" },
      }),
    );
    expect(listed.Items).toEqual([{ ...key("a-new"), gsi1pk: "list", gsi1sk: "1" }]);
  });

  it("changes nothing and names each reason in order when one condition fails", async () => {
    await put("b-there", { n: 7 });
    const error = await failure(
      transact([
        { Put: { TableName: TABLE, Item: key("b-new") } },
        {
          Put: {
            TableName: TABLE,
            Item: key("b-there"),
            ConditionExpression: "attribute_not_exists(pk)",
            ReturnValuesOnConditionCheckFailure: "ALL_OLD",
          },
        },
        { Delete: { TableName: TABLE, Key: { pk: "b-x" } } },
      ]),
    );
    expect(error.name).toBe("TransactionCanceledException");
    expect(error.message).toContain("[None, ConditionalCheckFailed, ValidationError]");
    expect(error.CancellationReasons?.map(({ Code }) => Code)).toEqual([
      "None",
      "ConditionalCheckFailed",
      "ValidationError",
    ]);
    expect(error.CancellationReasons?.[1]?.Item).toMatchObject({ n: { N: "7" } });
    expect(await get("b-new")).toBeUndefined();
  });

  it("refuses two operations on one item, more than 100 items, none, and mixed entries", async () => {
    const one = { Put: { TableName: TABLE, Item: key("c") } };
    expect((await failure(transact([one, one]))).message).toContain("multiple operations on one item");
    const many = Array.from({ length: 101 }, (_, n) => ({ Put: { TableName: TABLE, Item: key(`c${n}`) } }));
    expect((await failure(transact(many))).name).toBe("ValidationException");
    expect((await failure(transact([]))).name).toBe("ValidationException");
    const mixed = { ...one, Delete: { TableName: TABLE, Key: key("c2") } };
    expect((await failure(transact([mixed]))).message).toContain("only contain one of");
    const missing = { Put: { TableName: "missing", Item: key("c") } };
    expect((await failure(transact([missing]))).name).toBe("ResourceNotFoundException");
    expect(await get("c")).toBeUndefined();
  });

  it("writes 100 items", async () => {
    const items = Array.from({ length: 100 }, (_, n) => ({ Put: { TableName: TABLE, Item: key(`d${n}`) } }));
    await transact(items);
    expect(await get("d99")).toEqual(key("d99"));
  });

  it("answers a repeated token without writing again, for ten minutes", async () => {
    const add: TransactItems = [
      {
        Update: {
          TableName: TABLE,
          Key: key("e"),
          UpdateExpression: "ADD n :one",
          ExpressionAttributeValues: { ":one": 1 },
        },
      },
    ];
    await transact(add, "token-e");
    await transact(add, "token-e");
    expect(await get("e")).toMatchObject({ n: 1 });
    const other = [{ Put: { TableName: TABLE, Item: key("e2") } }];
    expect((await failure(transact(other, "token-e"))).name).toBe("IdempotentParameterMismatchException");
    clock.advance(10 * 60_000 + 1);
    await server.service.sweep();
    await transact(add, "token-e");
    expect(await get("e")).toMatchObject({ n: 2 });
  });

  it("lets a canceled token be tried again", async () => {
    const items: TransactItems = [
      { Put: { TableName: TABLE, Item: key("f") } },
      { ConditionCheck: { TableName: TABLE, Key: key("f-lock"), ConditionExpression: "attribute_exists(pk)" } },
    ];
    expect((await failure(transact(items, "token-f"))).name).toBe("TransactionCanceledException");
    await put("f-lock");
    await transact(items, "token-f");
    expect(await get("f")).toEqual(key("f"));
  });

  it("is ordered with plain writes on the same item", async () => {
    await put("g", { n: 0 });
    const add = {
      TableName: TABLE,
      Key: key("g"),
      UpdateExpression: "ADD n :one",
      ExpressionAttributeValues: { ":one": 1 },
    };
    await Promise.all(
      Array.from({ length: 60 }, (_, n) => (n % 2 ? db.send(new UpdateCommand(add)) : transact([{ Update: add }]))),
    );
    expect(await get("g")).toMatchObject({ n: 60 });
  });
});

describe("TransactGetItems", () => {
  it("reads items in order, with projections, and a hole for what is missing", async () => {
    await put("h", { a: 1, b: 2 });
    const { Responses } = await db.send(
      new TransactGetCommand({
        TransactItems: [
          { Get: { TableName: TABLE, Key: key("h-missing") } },
          { Get: { TableName: TABLE, Key: key("h"), ProjectionExpression: "b" } },
        ],
      }),
    );
    expect(Responses?.map(({ Item }) => Item)).toEqual([undefined, { b: 2 }]);
  });

  it("never sees half of a transaction", async () => {
    const both = (n: number): TransactItems =>
      ["i1", "i2"].map((pk) => ({ Put: { TableName: TABLE, Item: { ...key(pk), n } } }));
    await transact(both(0));
    const writes = (async () => {
      for (let n = 1; n <= 40; n++) await transact(both(n));
    })();
    const Get = (pk: string) => ({ Get: { TableName: TABLE, Key: key(pk) } });
    for (let n = 0; n < 60; n++) {
      const { Responses } = await db.send(new TransactGetCommand({ TransactItems: [Get("i1"), Get("i2")] }));
      expect(Responses?.[0]?.Item?.n).toBe(Responses?.[1]?.Item?.n);
    }
    await writes;
  });
});

describe("single writes", () => {
  it("return the item that a failed condition met", async () => {
    await put("j", { n: 3 });
    const refused = new DeleteCommand({
      TableName: TABLE,
      Key: key("j"),
      ConditionExpression: "n = :n",
      ExpressionAttributeValues: { ":n": 4 },
      ReturnValuesOnConditionCheckFailure: "ALL_OLD",
    });
    const error = await failure(db.send(refused));
    expect(error).toMatchObject({ name: "ConditionalCheckFailedException", Item: { n: { N: "3" } } });
  });

  it("refuse an empty index key and an item over 400 KB of UTF-8", async () => {
    expect((await failure(put("k", { gsi1pk: "", gsi1sk: "x" }))).name).toBe("ValidationException");
    expect((await failure(put("k", { text: "é".repeat(210_000) }))).message).toContain("Item size");
    await put("k", { text: "é".repeat(200_000) });
  });
});
