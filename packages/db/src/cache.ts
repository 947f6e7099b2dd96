import type { Clock } from "@weft/kernel/clock";

/**
 * What a cached value is of. The scope is part of each key, so that no value crosses spaces; what never changes under
 * its id carries its version or content hash and may be kept long.
 */
export interface CacheKey {
  /** A space's id or `platform`. */
  scope: string;
  kind: string;
  id: string;
  /** Revision, version or content hash. */
  version?: string | number;
}

export interface CacheOptions {
  clock: Clock;
  ttlMs: number;
  maxEntries: number;
}

export type DeepReadonly<T> = T extends (infer E)[]
  ? readonly DeepReadonly<E>[]
  : T extends object
    ? { readonly [K in keyof T]: DeepReadonly<T[K]> }
    : T;

/** A bounded cache in the process's memory. Values are frozen copies: no reader and no writer can change what others get. */
export interface Cache<V> {
  get(key: CacheKey): DeepReadonly<V> | undefined;
  /** Write-through: call it after the store took the value. */
  set(key: CacheKey, value: V): void;
  invalidate(key: CacheKey): void;
  /**
   * The cached value, or the loader's, which runs once for callers at once. Undefined is not cached. A value whose
   * loading began before a {@link set} or {@link invalidate} of its key is returned and not kept.
   */
  load(key: CacheKey, loader: () => Promise<V | undefined>): Promise<DeepReadonly<V> | undefined>;
  clear(): void;
}

interface Entry<V> {
  value: DeepReadonly<V>;
  until: number;
}

/** A cache of its own; oldest use goes first when it is full. */
export function createCache<V>({ clock, ttlMs, maxEntries }: CacheOptions): Cache<V> {
  const entries = new Map<string, Entry<V>>();
  const loading = new Map<string, { run: object; promise: Promise<DeepReadonly<V> | undefined> }>();

  const get = (key: string): DeepReadonly<V> | undefined => {
    const entry = entries.get(key);
    if (!entry) return undefined;
    entries.delete(key);
    if (entry.until <= clock.now()) return undefined;
    entries.set(key, entry);
    return entry.value;
  };
  const store = (key: string, value: DeepReadonly<V>) => {
    entries.delete(key);
    entries.set(key, { value, until: clock.now() + ttlMs });
    if (entries.size <= maxEntries) return;
    for (const oldest of entries.keys()) {
      entries.delete(oldest);
      break;
    }
  };
  const load = (key: string, loader: () => Promise<V | undefined>) => {
    const run = {};
    const promise = loadOnce(key, loader, run);
    loading.set(key, { run, promise });
    return promise;
  };
  const loadOnce = async (
    key: string,
    loader: () => Promise<V | undefined>,
    run: object,
  ): Promise<DeepReadonly<V> | undefined> => {
    // The caller notes the run first, even where the loader throws at once.
    await Promise.resolve();
    try {
      const loaded = await loader();
      if (loaded === undefined) return undefined;
      const value = frozenCopy(loaded);
      if (loading.get(key)?.run === run) store(key, value);
      return value;
    } finally {
      if (loading.get(key)?.run === run) loading.delete(key);
    }
  };

  return {
    get: (key) => get(text(key)),
    set: (key, value) => {
      loading.delete(text(key));
      store(text(key), frozenCopy(value));
    },
    invalidate: (key) => {
      loading.delete(text(key));
      entries.delete(text(key));
    },
    load: async (key, loader) => {
      const name = text(key);
      const cached = get(name);
      return cached !== undefined ? cached : (loading.get(name)?.promise ?? load(name, loader));
    },
    clear: () => {
      loading.clear();
      entries.clear();
    },
  };
}

function text({ scope, kind, id, version }: CacheKey): string {
  return JSON.stringify([scope, kind, id, version ?? null]);
}

function frozenCopy<V>(value: V): DeepReadonly<V> {
  return copyOf(value) as DeepReadonly<V>;
}

/** Lists and plain objects are copied here: a structured clone costs many times as much. */
function copyOf(value: unknown): unknown {
  if (Array.isArray(value)) return Object.freeze(value.map(copyOf));
  if (typeof value !== "function" && (typeof value !== "object" || value === null)) return value;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return deepFreeze(structuredClone(value));
  return Object.freeze(Object.fromEntries(Object.entries(value).map(([name, entry]) => [name, copyOf(entry)])));
}

function deepFreeze(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  // A typed array cannot be frozen.
  if (ArrayBuffer.isView(value)) return value;
  Object.freeze(value);
  for (const entry of Object.values(value)) deepFreeze(entry);
  return value;
}
