/** One change; without a value the entry is removed. */
export interface Write {
  bucket: string;
  key: string;
  value?: string;
}

export interface ListOptions {
  /** Only entries on the far side of this key. */
  after?: string;
  limit?: number;
  reverse?: boolean;
}

/**
 * Where the interpreter keeps what must survive: buckets of entries in key order. Neither names nor keys may contain
 * the NUL character.
 */
export interface SfnStore {
  /** Applies all writes or none, and resolves when they are durable. */
  commit(writes: readonly Write[]): Promise<void>;
  get(bucket: string, key: string): Promise<string | undefined>;
  list(bucket: string, options?: ListOptions): Promise<[key: string, value: string][]>;
  /** Removes a whole bucket. */
  drop(bucket: string): Promise<void>;
  close(): Promise<void>;
}
