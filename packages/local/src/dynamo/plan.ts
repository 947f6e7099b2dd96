import db from "dynalite/db/index.js";
import { type ActionName, DYNALITE_OPTIONS, MAX_ITEM_BYTES, runNow } from "./actions.ts";
import { type Database, rowKey, tableFinder } from "./database.ts";
import { validationError } from "./errors.ts";
import { itemBytes } from "./item-size.ts";
import type { Input, Item, KeySchema, Op, Table } from "./types.ts";

/** What a write would do, worked out and not yet done. */
export interface Plan {
  /** The rows to change: the item and its row in every index. */
  ops: Op[];
  result: Input;
}

type Done = (error: unknown, value?: unknown) => void;

/**
 * dynalite's store as its actions know it, turned into a recorder: reads see the latest rows, writes are collected.
 * The action's checks, expressions and index maintenance are thus dynalite's, and the writing is ours.
 */
export class Recorder {
  readonly options = DYNALITE_OPTIONS;
  readonly getTable = tableFinder((name) => this.#database.table(name));
  readonly ops: Op[] = [];
  /** The item that was read last, as it stood before. */
  before: Item | undefined;
  /** True when a row that was read is not on disk yet, so that the answer must wait for it. */
  sawPending = false;
  readonly #database: Database;
  #itemKey = "";

  constructor(database: Database) {
    this.#database = database;
  }

  getItemDb(name: string): object {
    return {
      lock: (_key: string, run: (release: (done: Done) => Done) => void) => run((done) => done),
      get: (key: string, done: Done) => done(null, this.#read(rowKey.item(name, key), key)),
      put: (key: string, item: Item, done: Done) => {
        const value = JSON.stringify(item);
        const refusal = refuse(item, value, this.#database.table(name));
        if (refusal) return done(refusal);
        this.ops.push({ type: "put", key: rowKey.item(name, key), value });
        done(null);
      },
      del: (key: string, done: Done) => {
        this.ops.push({ type: "del", key: rowKey.item(name, key) });
        done(null);
      },
    };
  }

  getIndexDb(_type: string, tableName: string, indexName: string): object {
    // dynalite tells items with equal index keys apart by 24 bits of a hash; the item's own key makes it certain.
    const indexKey = (key: string) => rowKey.index(tableName, indexName, `${key}/${this.#itemKey}`);
    return {
      put: (key: string, item: Item, done: Done) => {
        this.ops.push({ type: "put", key: indexKey(key), value: JSON.stringify(item) });
        done(null);
      },
      del: (key: string, done: Done) => {
        this.ops.push({ type: "del", key: indexKey(key) });
        done(null);
      },
    };
  }

  #read(row: string, key: string): Item | undefined {
    this.#itemKey = key;
    this.sawPending ||= this.#database.commits.isPending(row);
    this.before = this.#database.latestItem(row);
    return this.before;
  }
}

/** What DynamoDB refuses and dynalite lets pass: sizes in bytes, empty index keys after an update. */
function refuse(item: Item, json: string, table: Table): Error | undefined {
  for (const index of [...(table.GlobalSecondaryIndexes ?? []), ...(table.LocalSecondaryIndexes ?? [])]) {
    const empty = index.KeySchema.find(({ AttributeName }) => isEmptyText(item, AttributeName));
    if (empty) return validationError(emptyIndexKey(index.IndexName, empty));
  }
  // Its JSON is never shorter than DynamoDB's own count, and most items end here.
  if (Buffer.byteLength(json) <= MAX_ITEM_BYTES || itemBytes(item) <= MAX_ITEM_BYTES) return;
  return validationError("Item size has exceeded the maximum allowed size");
}

function isEmptyText(item: Item, name: string): boolean {
  const value = item[name];
  return value !== undefined && (value.S === "" || value.B === "");
}

function emptyIndexKey(index: string, key: KeySchema[number]): string {
  return (
    "One or more parameter values are not valid. A value specified for a secondary index key is not supported. " +
    `The AttributeValue for a key attribute cannot contain an empty string value. IndexName: ${index}, IndexKey: ${key.AttributeName}`
  );
}

/** Works out one write over the latest rows. */
export function planWrite(recorder: Recorder, action: ActionName, data: Input): Plan {
  const result = runNow(action, recorder, data);
  return { ops: recorder.ops, result };
}

/** The row of an item by its key or by the item itself; throws DynamoDB's error when the key is not the table's. */
export function itemRow(table: Table, item: Item): string {
  return rowKey.item(table.TableName, db.createKey(item, table));
}
