import { Stream } from "node:stream";
import db from "dynalite/db/index.js";
import { DYNALITE_OPTIONS, runAction } from "./actions.ts";
import type { KeyRange } from "./commits.ts";
import { type Database, rowKey, tableFinder } from "./database.ts";
import { asDynamoError } from "./errors.ts";
import type { Input, Item } from "./types.ts";

/** A query reads ahead by this many rows at most. */
const READ_AHEAD = 256;

/** An answer that is JSON already, so that an item need not be parsed to be sent. */
export class RawJson {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** GetItem from what is on disk. `data` is validated. */
export function getItem(database: Database, data: Input): Promise<Input> | RawJson {
  const wantsMore = data._projection ?? data.AttributesToGet ?? data.ReturnConsumedCapacity;
  if (wantsMore !== undefined) return runAction("getItem", new Reader(database, data), data);
  const table = database.table(String(data.TableName));
  const refusal = db.validateKey(data.Key as Item, table);
  if (refusal) throw asDynamoError(refusal);
  const row = database.read(rowKey.item(table.TableName, db.createKey(data.Key as Item, table)));
  return new RawJson(row === undefined ? "{}" : `{"Item":${row}}`);
}

/** dynalite's store for its reading actions. */
export class Reader {
  readonly options = DYNALITE_OPTIONS;
  readonly getTable = tableFinder((name) => this.#database.table(name));
  readonly #database: Database;
  readonly #data: Input;

  constructor(database: Database, data: Input) {
    this.#database = database;
    this.#data = data;
  }

  getItemDb(name: string): object {
    return {
      get: (key: string, done: (error: unknown, item?: Item) => void) => {
        const row = this.#database.read(rowKey.item(name, key));
        done(null, row === undefined ? undefined : (JSON.parse(row) as Item));
      },
      createValueStream: (range: KeyRange) => new RowStream(this.#database, rowKey.item(name), range),
    };
  }

  getIndexDb(_type: string, tableName: string, indexName: string): object {
    const prefix = rowKey.index(tableName, indexName);
    return {
      createValueStream: (range: KeyRange) =>
        new RowStream(this.#database, prefix, this.#afterStart(tableName, indexName, range)),
    };
  }

  /** Our index rows end in the item's key, which the start key that dynalite builds lacks. */
  #afterStart(tableName: string, indexName: string, range: KeyRange): KeyRange {
    const start = this.#data.ExclusiveStartKey as Item | undefined;
    if (!start) return range;
    const table = this.#database.table(tableName);
    const indexes = [...(table.GlobalSecondaryIndexes ?? []), ...(table.LocalSecondaryIndexes ?? [])];
    const index = indexes.find(({ IndexName }) => IndexName === indexName);
    if (!index) return range;
    const begins = db.createIndexKey(start, table, index.KeySchema);
    const whole = `${begins}/${db.createKey(start, table)}`;
    const move = (bound: string | undefined) => (bound === begins ? whole : bound);
    const moved: KeyRange = { ...range };
    for (const side of ["gt", "lt"] as const) {
      const bound = move(range[side]);
      if (bound !== undefined) moved[side] = bound;
    }
    return moved;
  }
}

/** The values of a range as the old-style stream that dynalite's queries are built on. */
class RowStream extends Stream {
  #isDestroyed = false;

  constructor(database: Database, prefix: string, range: KeyRange) {
    super();
    queueMicrotask(() => this.#run(database, absolute(prefix, range)));
  }

  destroy(): void {
    this.#isDestroyed = true;
  }

  async #run(database: Database, range: KeyRange): Promise<void> {
    try {
      const chunk = range.limit !== undefined && range.limit > 0 ? Math.min(range.limit, READ_AHEAD) : READ_AHEAD;
      for await (const [, value] of database.rows(range, chunk)) {
        if (this.#isDestroyed) break;
        this.emit("data", JSON.parse(value));
      }
      this.emit("end");
    } catch (error) {
      this.emit("error", error);
    }
  }
}

function absolute(prefix: string, range: KeyRange): KeyRange {
  const { gt, gte, lt, lte, reverse, limit } = range;
  return {
    ...(gt !== undefined ? { gt: prefix + gt } : { gte: prefix + (gte ?? "") }),
    ...(lt !== undefined ? { lt: prefix + lt } : lte !== undefined ? { lte: prefix + lte } : { lt: `${prefix}\x7f` }),
    ...(reverse !== undefined && { reverse }),
    ...(limit !== undefined && { limit }),
  };
}
