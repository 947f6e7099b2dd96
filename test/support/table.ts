import { CreateTableCommand, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { INDEXES, TABLE_KEY } from "@weft/db/indexes";
import { type DynamoServer, startDynamo } from "@weft/local/dynamo/server";

const KEYS = [TABLE_KEY, ...Object.values(INDEXES)];

const schema = ({ pk, sk }: { pk: string; sk: string }) => [
  { AttributeName: pk, KeyType: "HASH" as const },
  { AttributeName: sk, KeyType: "RANGE" as const },
];

/** A DynamoDB of this test file alone, with the product's table, and the environment that points the SDK to it. */
export async function startTable(): Promise<DynamoServer> {
  const server = await startDynamo({ sweepIntervalMs: 0 });
  process.env.AWS_ENDPOINT_URL_DYNAMODB = server.url;
  const client = new DynamoDBClient({});
  await client.send(
    new CreateTableCommand({
      TableName: process.env.TABLE_NAME,
      BillingMode: "PAY_PER_REQUEST",
      KeySchema: schema(TABLE_KEY),
      AttributeDefinitions: KEYS.flatMap(({ pk, sk }) => [pk, sk]).map((name) => ({
        AttributeName: name,
        AttributeType: "S" as const,
      })),
      GlobalSecondaryIndexes: Object.entries(INDEXES).map(([name, key]) => ({
        IndexName: name,
        KeySchema: schema(key),
        Projection: { ProjectionType: "ALL" as const },
      })),
    }),
  );
  client.destroy();
  return server;
}
