import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient } from "@aws-sdk/lib-dynamodb";
import { readEnv } from "@weft/kernel/env";
import * as z from "zod";

/** ElectroDB's service name, the same for every entity: it is the start of each partition key. */
export const SERVICE = "weft";

/** A request that has not been answered by then is tried again; DynamoDB answers in milliseconds. */
const REQUEST_TIMEOUT_MS = 5_000;
const CONNECTION_TIMEOUT_MS = 1_000;
const MAX_ATTEMPTS = 5;

let documents: DynamoDBDocumentClient | undefined;

/** The one client of the process, made at its first use, so that importing an entity costs no client. */
export function documentClient(): DynamoDBDocumentClient {
  documents ??= DynamoDBDocumentClient.from(
    new DynamoDBClient({
      maxAttempts: MAX_ATTEMPTS,
      requestHandler: { requestTimeout: REQUEST_TIMEOUT_MS, connectionTimeout: CONNECTION_TIMEOUT_MS },
    }),
    { marshallOptions: { removeUndefinedValues: true } },
  );
  return documents;
}

/** The table of this deployment. Throws, by name, where TABLE_NAME is not set. */
export function tableName(): string {
  return readEnv({ TABLE_NAME: z.string().min(1) }).TABLE_NAME;
}

/** ElectroDB knows a version 3 client by its `send` alone; this one makes the real client when it is first called. */
const lazyClient = {
  send: (...args: Parameters<DynamoDBDocumentClient["send"]>) => documentClient().send(...args),
} as unknown as DynamoDBDocumentClient;

/**
 * Second argument of every `new Entity(…)`. The name is read when the module loads; an entity of a process without it
 * can be inspected, and fails at its first request.
 */
export const ELECTRO: { client: DynamoDBDocumentClient; table?: string } = {
  client: lazyClient,
  ...(process.env.TABLE_NAME ? { table: process.env.TABLE_NAME } : {}),
};
