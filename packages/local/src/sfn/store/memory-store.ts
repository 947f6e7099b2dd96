import type { ListOptions, SfnStore, Write } from "./store.ts";

interface Bucket {
  entries: Map<string, string>;
  /** Keys in order; undefined when an entry came or went since. */
  sorted: string[] | undefined;
}

/** A store for tests and for machines whose executions need not survive. */
export class MemoryStore implements SfnStore {
  readonly #buckets = new Map<string, Bucket>();

  async commit(writes: readonly Write[]): Promise<void> {
    for (const { bucket, key, value } of writes) {
      let place = this.#buckets.get(bucket);
      if (!place) {
        place = { entries: new Map(), sorted: undefined };
        this.#buckets.set(bucket, place);
      }
      if (value === undefined) {
        if (place.entries.delete(key)) place.sorted = undefined;
        if (place.entries.size === 0) this.#buckets.delete(bucket);
      } else {
        if (!place.entries.has(key)) place.sorted = undefined;
        place.entries.set(key, value);
      }
    }
  }

  async get(bucket: string, key: string): Promise<string | undefined> {
    return this.#buckets.get(bucket)?.entries.get(key);
  }

  async list(bucket: string, options: ListOptions = {}): Promise<[string, string][]> {
    const place = this.#buckets.get(bucket);
    if (!place) return [];
    place.sorted ??= [...place.entries.keys()].sort();
    const { after, limit = Number.POSITIVE_INFINITY, reverse = false } = options;
    const keys = reverse ? place.sorted.toReversed() : place.sorted;
    const isBeyond = (key: string): boolean => after === undefined || (reverse ? key < after : key > after);
    const found: [string, string][] = [];
    for (const key of keys) {
      if (found.length >= limit) break;
      if (isBeyond(key)) found.push([key, place.entries.get(key)!]);
    }
    return found;
  }

  async drop(bucket: string): Promise<void> {
    this.#buckets.delete(bucket);
  }

  /** Keeps what it holds, so that a service can be opened again over it. */
  async close(): Promise<void> {}
}
