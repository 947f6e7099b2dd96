import {
  DescribeContinuousBackupsCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  type DynamoDBClient,
  ListTablesCommand,
  UpdateTimeToLiveCommand,
} from "@aws-sdk/client-dynamodb";
import { type DynamoDBDocumentClient, GetCommand, PutCommand, QueryCommand } from "@aws-sdk/lib-dynamodb";
import { ManualClock } from "@weft/kernel/clock";
import { type DynamoServer, startDynamo } from "@weft/local/dynamo/server";
import { afterAll, beforeAll, expect, it } from "vitest";
import { clientFor, createMainTable, documentsOf, TABLE } from "./dynamo-support.ts";

const clock = new ManualClock();
let server: DynamoServer;
let client: DynamoDBClient;
let db: DynamoDBDocumentClient;

beforeAll(async () => {
  server = await startDynamo({ clock, sweepIntervalMs: 0 });
  client = clientFor(server.url);
  await createMainTable(client);
  db = documentsOf(client);
});
afterAll(() => server.close());

const put = (pk: string, more: object) =>
  db.send(new PutCommand({ TableName: TABLE, Item: { pk, sk: "s", gsi1pk: "all", gsi1sk: pk, ...more } }));
const exists = async (pk: string) =>
  (await db.send(new GetCommand({ TableName: TABLE, Key: { pk, sk: "s" } }))).Item !== undefined;

it("removes what is due, with its index rows, and nothing else", async () => {
  const now = Math.floor(clock.now() / 1000);
  await put("due", { expiresAt: now + 10 });
  await put("later", { expiresAt: now + 1000 });
  await put("text", { expiresAt: String(now) });
  await put("ancient", { expiresAt: 1 });
  await put("nested", { inner: { expiresAt: now } });
  clock.advance(60_000);
  expect(await server.service.sweep()).toBe(0);
  const TimeToLiveSpecification = { AttributeName: "expiresAt", Enabled: true };
  await client.send(new UpdateTimeToLiveCommand({ TableName: TABLE, TimeToLiveSpecification }));
  const described = await client.send(new DescribeTimeToLiveCommand({ TableName: TABLE }));
  expect(described.TimeToLiveDescription).toEqual({ TimeToLiveStatus: "ENABLED", AttributeName: "expiresAt" });
  expect(await server.service.sweep()).toBe(1);
  expect(await exists("due")).toBe(false);
  for (const pk of ["later", "text", "ancient", "nested"]) expect(await exists(pk)).toBe(true);
  const { Count } = await db.send(
    new QueryCommand({
      TableName: TABLE,
      IndexName: "gsi1",
      KeyConditionExpression: "gsi1pk = :all",
      ExpressionAttributeValues: { ":all": "all" },
    }),
  );
  expect(Count).toBe(4);
});

it("answers what else a deployed table is asked", async () => {
  const table = await client.send(new DescribeTableCommand({ TableName: TABLE }));
  expect(table.Table?.TableStatus).toBe("ACTIVE");
  expect(table.Table?.TableArn).toBe(`arn:aws:dynamodb:us-east-1:000000000000:table/${TABLE}`);
  const backups = await client.send(new DescribeContinuousBackupsCommand({ TableName: TABLE }));
  expect(backups.ContinuousBackupsDescription?.ContinuousBackupsStatus).toBe("ENABLED");
  expect((await client.send(new ListTablesCommand({}))).TableNames).toEqual([TABLE]);
  await expect(client.send(new DescribeTableCommand({ TableName: "missing" }))).rejects.toMatchObject({
    name: "ResourceNotFoundException",
  });
});
