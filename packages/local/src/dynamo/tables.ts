import { runNow, validate } from "./actions.ts";
import { activated, type Database, tableFinder } from "./database.ts";
import { dynamoError, validationError } from "./errors.ts";
import type { Input, Table } from "./types.ts";

const LIST_LIMIT = 100;

type Done = (error: unknown, value?: unknown) => void;

/** dynalite's store for its actions on tables. */
function tableStore(database: Database): object {
  let isStored = false;
  return {
    options: { createTableMs: 0, updateTableMs: 0 },
    tableDb: {
      awsAccountId: database.account.accountId,
      awsRegion: database.account.region,
      lock: (_key: string, run: (release: (done: Done) => Done) => void) => run((done) => done),
      get: (name: string, done: Done) => done(null, structuredClone(database.tables.get(name))),
      put: (_name: string, table: Table, done: Done) => {
        // The second time is dynalite's timer, and the table may be gone by then.
        if (!isStored) database.putTable(activated(table));
        isStored = true;
        done(null);
      },
    },
    getTable: tableFinder((name) => {
      const table = database.tables.get(name);
      if (!table) throw notFound(name);
      return structuredClone(table);
    }),
  };
}

function notFound(name: string): Error {
  return dynamoError("ResourceNotFoundException", `Requested resource not found: Table: ${name} not found`);
}

/** Creates a table that is ready at once. */
export async function createTable(database: Database, input: Input): Promise<Input> {
  const data = validate("createTable", input);
  runNow("createTable", tableStore(database), data);
  await database.commits.settled();
  return { TableDescription: database.tables.get(String(data.TableName)) };
}

export async function updateTable(database: Database, input: Input): Promise<Input> {
  const updates = (input.GlobalSecondaryIndexUpdates ?? []) as Input[];
  if (updates.some((update) => update.Create ?? update.Delete)) {
    throw validationError("The local cloud cannot add or remove an index of an existing table");
  }
  const name = String(input.TableName);
  const inert = ["DeletionProtectionEnabled", "StreamSpecification", "SSESpecification", "TableClass"];
  if (inert.some((field) => input[field] !== undefined) && !input.BillingMode && !input.ProvisionedThroughput) {
    return { TableDescription: database.table(name) };
  }
  runNow("updateTable", tableStore(database), validate("updateTable", input));
  await database.commits.settled();
  return { TableDescription: database.tables.get(name) };
}

export async function deleteTable(database: Database, input: Input): Promise<Input> {
  const name = String(input.TableName);
  const table = database.tables.get(name);
  if (!table) throw notFound(name);
  await database.dropTable(table);
  return { TableDescription: { ...table, TableStatus: "DELETING" } };
}

export function describeTable(database: Database, input: Input): Input {
  const name = String(input.TableName);
  const table = database.tables.get(name);
  if (!table) throw notFound(name);
  return { Table: table };
}

export function listTables(database: Database, input: Input): Input {
  const after = String(input.ExclusiveStartTableName ?? "");
  const limit = Number(input.Limit ?? LIST_LIMIT);
  const names = [...database.tables.keys()].sort().filter((name) => name > after);
  const TableNames = names.slice(0, limit);
  return { TableNames, ...(names.length > limit && { LastEvaluatedTableName: TableNames.at(-1) }) };
}
