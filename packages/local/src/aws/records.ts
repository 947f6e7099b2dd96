import { Commits, type KeyValue } from "../dynamo/commits.ts";
import { underPrefix } from "../dynamo/database.ts";
import { openLevel, rowsOf } from "../dynamo/level.ts";
import type { Op } from "../dynamo/types.ts";

/** A change of one record; without a value the record is removed. */
export interface Change {
  key: string;
  value?: unknown;
}

/** JSON records in LevelDB. The changes of one `write` last together or not at all. */
export class Records {
  readonly #db: KeyValue;
  readonly #commits: Commits;

  private constructor(db: KeyValue) {
    this.#db = db;
    this.#commits = new Commits(db);
  }

  static async open(path: string | undefined): Promise<Records> {
    return new Records(await openLevel(path));
  }

  async all<T>(prefix: string): Promise<T[]> {
    const found: T[] = [];
    for await (const [, value] of rowsOf(this.#db, underPrefix(prefix))) found.push(JSON.parse(value) as T);
    return found;
  }

  /** Resolves when the changes are on disk. */
  write(changes: readonly Change[]): Promise<void> {
    return this.#commits.write(
      changes.map(
        ({ key, value }): Op =>
          value === undefined ? { type: "del", key } : { type: "put", key, value: JSON.stringify(value) },
      ),
    );
  }

  async close(): Promise<void> {
    await this.#commits.settled();
    await this.#db.close();
  }
}
