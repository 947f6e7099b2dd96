import { Level } from "level";
import type { ListOptions, SfnStore, Write } from "./store.ts";

/** Between bucket and key; the character after it ends a bucket's range. */
const SEPARATOR = "\u0000";
const AFTER_SEPARATOR = "\u0001";

interface Pending {
  writes: readonly Write[];
  resolve: () => void;
  reject: (error: unknown) => void;
}

/** A store in LevelDB. Commits that arrive while one is being synced go to disk together with one sync. */
export class LevelStore implements SfnStore {
  readonly #level: Level<string, string>;
  #waiting: Pending[] = [];
  #isFlushing = false;

  private constructor(level: Level<string, string>) {
    this.#level = level;
  }

  static async open(directory: string): Promise<LevelStore> {
    const level = new Level<string, string>(directory);
    await level.open();
    return new LevelStore(level);
  }

  commit(writes: readonly Write[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ writes, resolve, reject });
      if (!this.#isFlushing) void this.#flush();
    });
  }

  async #flush(): Promise<void> {
    this.#isFlushing = true;
    // The commits of the same turn of the event loop share the first sync as well.
    await new Promise<void>((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0) {
      const group = this.#waiting;
      this.#waiting = [];
      try {
        const batch = this.#level.batch();
        for (const { writes } of group) {
          for (const { bucket, key, value } of writes) {
            const fullKey = bucket + SEPARATOR + key;
            if (value === undefined) batch.del(fullKey);
            else batch.put(fullKey, value);
          }
        }
        await batch.write({ sync: true });
        for (const { resolve } of group) resolve();
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
    this.#isFlushing = false;
  }

  get(bucket: string, key: string): Promise<string | undefined> {
    return this.#level.get(bucket + SEPARATOR + key) as Promise<string | undefined>;
  }

  async list(bucket: string, options: ListOptions = {}): Promise<[string, string][]> {
    const { after, limit = -1, reverse = false } = options;
    const start = bucket + SEPARATOR;
    const from = after === undefined ? {} : reverse ? { lt: start + after } : { gt: start + after };
    const range = { gte: start, lt: bucket + AFTER_SEPARATOR, ...from };
    const found = await this.#level.iterator({ ...range, limit, reverse }).all();
    return found.map(([key, value]) => [key.slice(start.length), value]);
  }

  async drop(bucket: string): Promise<void> {
    await this.#level.clear({ gte: bucket + SEPARATOR, lt: bucket + AFTER_SEPARATOR });
  }

  async close(): Promise<void> {
    await this.commit([]);
    await this.#level.close();
  }
}
