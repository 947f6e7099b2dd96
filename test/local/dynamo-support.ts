import { CreateTableCommand, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient } from "@aws-sdk/lib-dynamodb";

export const TABLE = "main";

/** A client for a local endpoint; retries are off so that a fault shows. */
export function clientFor(endpoint: string): DynamoDBClient {
  const credentials = { accessKeyId: "local", secretAccessKey: "local" };
  return new DynamoDBClient({ endpoint, region: "us-east-1", credentials, maxAttempts: 1 });
}

export function documentsOf(client: DynamoDBClient): DynamoDBDocumentClient {
  return DynamoDBDocumentClient.from(client, { marshallOptions: { removeUndefinedValues: true } });
}

/** The one table of the product: pk and sk, four string indexes that hold everything. */
export async function createMainTable(client: DynamoDBClient, name = TABLE): Promise<void> {
  const indexes = ["gsi1", "gsi2", "gsi3", "gsi4"];
  const names = ["pk", "sk", ...indexes.flatMap((index) => [`${index}pk`, `${index}sk`])];
  await client.send(
    new CreateTableCommand({
      TableName: name,
      BillingMode: "PAY_PER_REQUEST",
      AttributeDefinitions: names.map((AttributeName) => ({ AttributeName, AttributeType: "S" })),
      KeySchema: [
        { AttributeName: "pk", KeyType: "HASH" },
        { AttributeName: "sk", KeyType: "RANGE" },
      ],
      GlobalSecondaryIndexes: indexes.map((IndexName) => ({
        IndexName,
        Projection: { ProjectionType: "ALL" },
        KeySchema: [
          { AttributeName: `${IndexName}pk`, KeyType: "HASH" },
          { AttributeName: `${IndexName}sk`, KeyType: "RANGE" },
        ],
      })),
    }),
  );
}
