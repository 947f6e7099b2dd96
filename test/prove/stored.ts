import { DynamoDBClient, ListTablesCommand } from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient, ScanCommand } from "@aws-sdk/lib-dynamodb";
import { startDynamo } from "@weft/local/dynamo/server";

type Item = Record<string, unknown>;

/** Every item in the data of a stack that does not run. */
async function itemsAtRest(folder: string): Promise<Item[]> {
  const server = await startDynamo({ path: folder, sweepIntervalMs: 0 });
  const plain = new DynamoDBClient({
    endpoint: server.url,
    region: "us-east-1",
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
  });
  try {
    const client = DynamoDBDocumentClient.from(plain);
    const items: Item[] = [];
    const { TableNames = [] } = await plain.send(new ListTablesCommand({}));
    for (const TableName of TableNames) {
      let ExclusiveStartKey: Item | undefined;
      do {
        const page = await client.send(
          new ScanCommand({ TableName, ...(ExclusiveStartKey ? { ExclusiveStartKey } : {}) }),
        );
        items.push(...(page.Items ?? []));
        ExclusiveStartKey = page.LastEvaluatedKey;
      } while (ExclusiveStartKey);
    }
    return items;
  } finally {
    plain.destroy();
    await server.close();
  }
}

/** Steps whose checkpoint is stored, as the idempotency keys that they call with. */
export async function checkpointsAtRest(folder: string): Promise<Set<string>> {
  const items = await itemsAtRest(folder);
  const nodes = items.filter((item) => item.__edb_e__ === "nodeexecution" && item.status !== "waiting");
  return new Set(nodes.map((item) => `${item.executionId}:${item.path}`));
}
