import { Commits, type KeyRange, type KeyValue } from "./commits.ts";
import { dynamoError } from "./errors.ts";
import { openLevel, rowsOf } from "./level.ts";
import type { Item, Op, Table } from "./types.ts";

/** Rows of the store by kind. Table and index names hold no `~`, so no kind's range runs into another's. */
export const rowKey = {
  table: (table: string) => `t~${table}`,
  item: (table: string, key = "") => `i~${table}~${key}`,
  index: (table: string, index: string, key = "") => `x~${table}~${index}~${key}`,
  ttl: (table: string) => `l~${table}`,
  token: (token: string) => `k~${token}`,
};

/** Above every character that follows a row kind's prefix. */
const LAST = "\x7f";

/** All rows whose key starts with the prefix. */
export function underPrefix(prefix: string): KeyRange {
  return { gte: prefix, lt: prefix + LAST };
}

/** Whose tables these are, as their ARNs say. */
export interface Account {
  accountId: string;
  region: string;
}

/** The store: tables in memory, rows in LevelDB, every change through {@link Commits}. */
export class Database {
  readonly commits: Commits;
  readonly tables = new Map<string, Table>();
  readonly account: Account;
  readonly #db: KeyValue;

  private constructor(db: KeyValue, account: Account) {
    this.#db = db;
    this.account = account;
    this.commits = new Commits(db);
  }

  /** Opens the folder, or a store in memory without one, and ends what a kill left half done. */
  static async open(path: string | undefined, account: Account): Promise<Database> {
    const db = await openLevel(path);
    const database = new Database(db, account);
    await database.#load();
    return database;
  }

  async #load(): Promise<void> {
    for await (const [, value] of this.rows(underPrefix(rowKey.table("")))) {
      const table = JSON.parse(value) as Table;
      this.tables.set(table.TableName, table);
    }
    for (const table of this.tables.values()) {
      if (table.TableStatus === "DELETING") await this.dropTable(table);
      else this.putTable(activated(table));
    }
    await this.commits.settled();
  }

  async close(): Promise<void> {
    await this.commits.settled();
    await this.#db.close();
  }

  /** A table that takes requests; throws as DynamoDB does for one that is missing or going. */
  table(name: string): Table {
    const table = this.tables.get(name);
    if (table && table.TableStatus !== "CREATING" && table.TableStatus !== "DELETING") return table;
    throw dynamoError("ResourceNotFoundException", "Requested resource not found");
  }

  putTable(table: Table): void {
    this.tables.set(table.TableName, table);
    this.put(rowKey.table(table.TableName), JSON.stringify(table));
  }

  /** Marks first and removes last, so that a kill in between is finished at the next start. */
  async dropTable(table: Table): Promise<void> {
    this.putTable({ ...table, TableStatus: "DELETING" });
    await this.commits.settled();
    await this.#db.clear(underPrefix(rowKey.item(table.TableName)));
    await this.#db.clear(underPrefix(`x~${table.TableName}~`));
    this.tables.delete(table.TableName);
    const ops: Op[] = [rowKey.table(table.TableName), rowKey.ttl(table.TableName)].map((key) => ({ type: "del", key }));
    await this.commits.write(ops);
  }

  put(key: string, value: string): Promise<void> {
    return this.commits.write([{ type: "put", key, value }]);
  }

  /** The row on disk: never shows a write before it is acknowledged. */
  read(key: string): string | undefined {
    return this.#db.getSync(key);
  }

  /** The item with what is still being written: for deciding, see {@link Commits}. */
  latestItem(key: string): Item | undefined {
    const value = this.commits.latest(key);
    return value === undefined ? undefined : (JSON.parse(value) as Item);
  }

  /** The rows of a range as they stood when the iteration began. */
  rows(range: KeyRange, chunk?: number): AsyncGenerator<[string, string], void> {
    return rowsOf(this.#db, range, chunk);
  }
}

type Found = (error: unknown, table?: Table) => void;

/** How dynalite's actions ask for a table; `find` throws what they are to refuse with. */
export function tableFinder(find: (name: string) => Table) {
  return (name: string, checkStatus: unknown, callback?: Found): void => {
    const found = (callback ?? checkStatus) as Found;
    let table: Table;
    try {
      table = find(name);
    } catch (error) {
      found(error);
      return;
    }
    found(null, table);
  };
}

/** The table as it stands when creating or changing it is over. */
export function activated(table: Table): Table {
  const indexes = table.GlobalSecondaryIndexes?.map((index) => ({ ...index, IndexStatus: "ACTIVE" }));
  return { ...table, TableStatus: "ACTIVE", ...(indexes && { GlobalSecondaryIndexes: indexes }) };
}
