import { BatchGetCommand } from "@aws-sdk/lib-dynamodb";
import { AppError } from "@weft/kernel/errors";
import type { EntityIdentifiers, EntityItem } from "electrodb";
import type { AnyEntity } from "./change.ts";
import { documentClient } from "./table.ts";
import { read } from "./write.ts";

/** DynamoDB's limit on the keys of one batch read. */
const MAX_KEYS = 100;
/** Repeats of what DynamoDB left out of an answer. */
const ATTEMPTS = 5;
const BACKOFF_MS = 20;

/** One row to read: its entity and key. */
export interface RowKey<E extends AnyEntity> {
  entity: E;
  key: EntityIdentifiers<E>;
}

type Items<T extends readonly RowKey<AnyEntity>[]> = {
  -readonly [I in keyof T]: T[I] extends RowKey<infer E> ? EntityItem<E> | null : never;
};

interface Key {
  pk: string;
  sk: string;
}

/**
 * Reads rows of different entities in one strongly consistent request; null where there is none. Deleted and expired rows
 * are returned as they are.
 */
export async function getMany<const T extends readonly RowKey<AnyEntity>[]>(rows: T): Promise<Items<T>> {
  if (rows.length > MAX_KEYS) throw new AppError("too_large", `at most ${MAX_KEYS} rows are read at once`);
  const requests = rows.map(requestOf);
  const found = new Map<string, Record<string, unknown>>();
  const table = requests[0]?.TableName;
  if (table === undefined) return [] as unknown as Items<T>;
  let keys = [...new Map(requests.map(({ Key }) => [keyText(Key), Key])).values()];
  for (let attempt = 1; keys.length > 0; attempt++) {
    if (attempt > ATTEMPTS) throw new AppError("unavailable", "the store is busy, try again", { retryable: true });
    if (attempt > 1) await new Promise((resolve) => setTimeout(resolve, BACKOFF_MS * 2 ** attempt));
    const answer = await read(() =>
      documentClient().send(new BatchGetCommand({ RequestItems: { [table]: { Keys: keys, ConsistentRead: true } } })),
    );
    for (const item of answer.Responses?.[table] ?? []) found.set(keyText(item as Key), item);
    keys = (answer.UnprocessedKeys?.[table]?.Keys ?? []) as Key[];
  }
  return rows.map(({ entity }, index) => {
    const request = requests[index];
    const item = request && found.get(keyText(request.Key));
    return item ? entity.parse({ Item: item }).data : null;
  }) as unknown as Items<T>;
}

interface Request {
  TableName: string;
  Key: Key;
}

/** Requests by entity and key: every call of a route makes the same few, and ElectroDB takes its time over each. */
const requestsOf = new WeakMap<AnyEntity, Map<string, Request>>();
const MAX_REQUESTS = 1_000;

function requestOf({ entity, key }: RowKey<AnyEntity>): Request {
  const known = requestsOf.get(entity) ?? new Map<string, Request>();
  requestsOf.set(entity, known);
  const name = JSON.stringify(key);
  const found = known.get(name);
  if (found) return found;
  const request = entity.get(key).params() as Request;
  if (known.size >= MAX_REQUESTS) known.clear();
  known.set(name, request);
  return request;
}

function keyText({ pk, sk }: Key): string {
  return JSON.stringify([pk, sk]);
}
