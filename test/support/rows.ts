import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient, ScanCommand } from "@aws-sdk/lib-dynamodb";

/** Rows that every call leaves, whether or not it changed anything. */
const LOGS = new Set(["operationlog", "loginlog"]);

/** Everything in the table but logs, in one order: equal before and after a call that must write nothing. */
export async function allRows(): Promise<Record<string, unknown>[]> {
  const client = DynamoDBDocumentClient.from(new DynamoDBClient({}));
  const rows: Record<string, unknown>[] = [];
  let start: Record<string, unknown> | undefined;
  do {
    const input = { TableName: process.env.TABLE_NAME, ConsistentRead: true, ExclusiveStartKey: start };
    const page = await client.send(new ScanCommand(input));
    rows.push(...(page.Items ?? []));
    start = page.LastEvaluatedKey;
  } while (start);
  client.destroy();
  const key = (row: Record<string, unknown>) => `${row.pk} ${row.sk}`;
  return rows
    .filter((row) => !LOGS.has(String(row.__edb_e__).toLowerCase()))
    .sort((a, b) => (key(a) < key(b) ? -1 : 1));
}
