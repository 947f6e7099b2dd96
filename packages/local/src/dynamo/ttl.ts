import type { Clock } from "@weft/kernel/clock";
import db from "dynalite/db/index.js";
import { validate } from "./actions.ts";
import { type Database, rowKey, underPrefix } from "./database.ts";
import { dynamoError, validationError } from "./errors.ts";
import { planWrite, Recorder } from "./plan.ts";
import type { Input, Item, Table } from "./types.ts";

/** DynamoDB never deletes what expired more than five years ago: such a value is taken for a mistake. */
const OLDEST_EXPIRY_S = 5 * 365 * 24 * 3600;

/** The attribute that holds the expiry time of a table's items, or undefined when its TTL is off. */
export function ttlAttribute(database: Database, table: string): string | undefined {
  return database.commits.latest(rowKey.ttl(table)) || undefined;
}

export async function updateTimeToLive(database: Database, input: Input): Promise<Input> {
  const table = database.table(String(input.TableName));
  const wanted = (input.TimeToLiveSpecification ?? {}) as { AttributeName?: unknown; Enabled?: unknown };
  const { AttributeName, Enabled } = wanted;
  if (typeof AttributeName !== "string" || AttributeName === "" || typeof Enabled !== "boolean") {
    throw validationError("TimeToLiveSpecification needs AttributeName and Enabled");
  }
  const current = ttlAttribute(database, table.TableName);
  if (Enabled && current === AttributeName) throw validationError("TimeToLive is already enabled");
  if (Enabled && current !== undefined) {
    throw validationError(`TimeToLive is active on a different AttributeName: current AttributeName is ${current}`);
  }
  if (!Enabled && current === undefined) throw validationError("TimeToLive is already disabled");
  await database.put(rowKey.ttl(table.TableName), Enabled ? AttributeName : "");
  return { TimeToLiveSpecification: { AttributeName, Enabled } };
}

export function describeTimeToLive(database: Database, input: Input): Input {
  const name = String(input.TableName);
  if (!database.tables.has(name)) {
    throw dynamoError("ResourceNotFoundException", `Requested resource not found: Table: ${name} not found`);
  }
  const AttributeName = ttlAttribute(database, name);
  return {
    TimeToLiveDescription: {
      TimeToLiveStatus: AttributeName === undefined ? "DISABLED" : "ENABLED",
      ...(AttributeName !== undefined && { AttributeName }),
    },
  };
}

/** Deletes the items that are due, as a DeleteItem would; returns how many. */
export async function sweepExpired(database: Database, clock: Clock): Promise<number> {
  let swept = 0;
  for (const table of [...database.tables.values()]) {
    const attribute = ttlAttribute(database, table.TableName);
    if (attribute !== undefined) swept += await sweepTable(database, table, attribute, clock);
  }
  await database.commits.settled();
  return swept;
}

async function sweepTable(database: Database, table: Table, attribute: string, clock: Clock): Promise<number> {
  const mark = `${JSON.stringify(attribute)}:{"N":`;
  let swept = 0;
  for await (const [, value] of database.rows(underPrefix(rowKey.item(table.TableName)))) {
    if (!value.includes(mark)) continue;
    const item = JSON.parse(value) as Item;
    if (isDue(item, attribute, clock) && removeDue(database, table, item, attribute, clock)) swept++;
  }
  return swept;
}

function isDue(item: Item, attribute: string, clock: Clock): boolean {
  const due = Number(item[attribute]?.N);
  const now = Math.floor(clock.now() / 1000);
  return due <= now && due > now - OLDEST_EXPIRY_S;
}

/** Looks again before deleting: the item may have been renewed since its row was read. */
function removeDue(database: Database, table: Table, row: Item, attribute: string, clock: Clock): boolean {
  if (database.tables.get(table.TableName)?.TableStatus !== "ACTIVE") return false;
  const latest = database.latestItem(rowKey.item(table.TableName, db.createKey(row, table)));
  if (!latest || !isDue(latest, attribute, clock)) return false;
  const Key = Object.fromEntries(table.KeySchema.map(({ AttributeName }) => [AttributeName, row[AttributeName]]));
  const data = validate("deleteItem", { TableName: table.TableName, Key });
  database.commits.write(planWrite(new Recorder(database), "deleteItem", data).ops).catch(() => undefined);
  return true;
}
