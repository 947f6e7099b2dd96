import type { Op } from "./types.ts";

/** What the store below must do: LevelDB on disk, or its twin in memory. */
export interface KeyValue {
  open(): Promise<void>;
  close(): Promise<void>;
  getSync(key: string): string | undefined;
  batch(ops: Op[], options: { sync: boolean }): Promise<void>;
  iterator(range: KeyRange): RowIterator;
  clear(range: KeyRange): Promise<void>;
}

export interface KeyRange {
  gt?: string;
  gte?: string;
  lt?: string;
  lte?: string;
  reverse?: boolean;
  limit?: number;
}

export interface RowIterator {
  nextv(size: number): Promise<[string, string][]>;
  close(): Promise<void>;
}

interface Pending {
  value: string | undefined;
  batch: number;
}

/**
 * Group commit: what arrives while one synced batch is being written goes out together as the next. Writes are
 * acknowledged only when their batch is on disk, batches never overtake one another, and the changes of one `write`
 * always share a batch, so a kill leaves each call wholly done or wholly undone.
 *
 * `latest` also sees what is not written yet. A caller that reads with it, decides and calls `write` without awaiting
 * in between therefore needs no lock: the event loop runs such callers one after the other.
 */
export class Commits {
  readonly #db: KeyValue;
  readonly #pending = new Map<string, Pending>();
  #queued: Op[] = [];
  #next: PromiseWithResolvers<void> | undefined;
  #inFlight: Promise<void> | undefined;
  #batch = 0;

  constructor(db: KeyValue) {
    this.#db = db;
  }

  /** The row's value, written or still on its way. */
  latest(key: string): string | undefined {
    const pending = this.#pending.get(key);
    return pending ? pending.value : this.#db.getSync(key);
  }

  isPending(key: string): boolean {
    return this.#pending.has(key);
  }

  /** Queues the changes as one unit; resolves when they are on disk. */
  write(ops: readonly Op[]): Promise<void> {
    for (const op of ops) {
      this.#queued.push(op);
      this.#pending.set(op.key, { value: op.type === "put" ? op.value : undefined, batch: this.#batch });
    }
    return this.settled();
  }

  /** Resolves when everything that was queued before this call is on disk. */
  settled(): Promise<void> {
    if (this.#queued.length === 0) return this.#inFlight ?? Promise.resolve();
    if (!this.#next) {
      this.#next = Promise.withResolvers<void>();
      this.#next.promise.catch(() => undefined);
      if (!this.#inFlight) setImmediate(() => this.#flush());
    }
    return this.#next.promise;
  }

  async #flush(): Promise<void> {
    while (this.#next) {
      const done = this.#next;
      const ops = this.#queued;
      const batch = this.#batch++;
      this.#queued = [];
      this.#next = undefined;
      this.#inFlight = done.promise;
      try {
        await this.#db.batch(ops, { sync: true });
        for (const op of ops) if (this.#pending.get(op.key)?.batch === batch) this.#pending.delete(op.key);
        done.resolve();
      } catch (error) {
        this.#fail(done, error);
      }
    }
    this.#inFlight = undefined;
  }

  /** What is queued behind a failed batch was decided on rows that now never came to be. */
  #fail(done: PromiseWithResolvers<void>, error: unknown): void {
    done.reject(error);
    this.#next?.reject(error);
    this.#next = undefined;
    this.#queued = [];
    this.#pending.clear();
  }
}
