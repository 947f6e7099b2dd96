import type { ObjectStore } from "./fauxqs.ts";

type List = ObjectStore["listObjects"];

/** S3's limit on one page. */
const PAGE = 1000;

/** Lists in the order of the keys' UTF-8 bytes, as S3 does, so that the next page starts where this one ends. */
export function sortedListing(store: ObjectStore, bucket: string, options: Parameters<List>[1] = {}): ReturnType<List> {
  const held = (store as unknown as { buckets: Map<string, Map<string, never>> }).buckets.get(bucket);
  // fauxqs's own error for a bucket that is not there.
  if (!held) throw missingBucket(store, bucket);
  const { prefix = "", delimiter, maxKeys = PAGE } = options;
  const after = options.startAfter || options.marker || "";
  const objects: ReturnType<List>["objects"] = [];
  const prefixes = new Set<string>();
  const isFull = () => objects.length + prefixes.size >= maxKeys;
  for (const key of [...held.keys()].filter((name) => name.startsWith(prefix)).sort(byBytes)) {
    if (after && byBytes(key, after) <= 0) continue;
    const group = groupOf(key, prefix, delimiter);
    if (group !== undefined && (prefixes.has(group) || (after && byBytes(group, after) <= 0))) continue;
    if (isFull()) return { objects, commonPrefixes: [...prefixes], isTruncated: true };
    if (group === undefined) objects.push(held.get(key) as never);
    else prefixes.add(group);
  }
  return { objects, commonPrefixes: [...prefixes], isTruncated: false };
}

function groupOf(key: string, prefix: string, delimiter: string | undefined): string | undefined {
  const at = delimiter ? key.indexOf(delimiter, prefix.length) : -1;
  return at < 0 ? undefined : key.slice(0, at + (delimiter?.length ?? 0));
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function missingBucket(store: ObjectStore, bucket: string): unknown {
  try {
    store.headObject(bucket, "");
  } catch (error) {
    return error;
  }
  return new Error(`bucket ${bucket} cannot be listed`);
}
