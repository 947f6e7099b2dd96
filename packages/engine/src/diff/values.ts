import { isRecord } from "../values/json.ts";

/** One place where two values differ. `pointer` is a JSON Pointer (RFC 6901) from the value that was compared. */
export interface ValueChange {
  pointer: string;
  /** reordered: a list of the same named things in another order; `from` and `to` are their names. */
  kind: "added" | "removed" | "changed" | "reordered";
  from?: unknown;
  to?: unknown;
}

/** The places where two JSON values differ, in a fixed order: keys by name, items by place, named items by name. */
export function valueChanges(from: unknown, to: unknown, pointer = ""): ValueChange[] {
  const changes: ValueChange[] = [];
  compare(from, to, pointer, changes);
  return changes;
}

function compare(from: unknown, to: unknown, pointer: string, changes: ValueChange[]): void {
  if (from === undefined && to === undefined) return;
  if (from === undefined) changes.push({ pointer, kind: "added", to });
  else if (to === undefined) changes.push({ pointer, kind: "removed", from });
  else if (Array.isArray(from) && Array.isArray(to)) compareLists(from, to, pointer, changes);
  else if (isRecord(from) && isRecord(to)) {
    const keys = [...new Set([...Object.keys(from), ...Object.keys(to)])].sort();
    for (const key of keys) compare(own(from, key), own(to, key), `${pointer}/${escaped(key)}`, changes);
  } else if (!Object.is(from, to)) changes.push({ pointer, kind: "changed", from, to });
}

/** Inputs, outputs and fields are known by their names: one that is put before the others changes none of them. */
function compareLists(from: readonly unknown[], to: readonly unknown[], pointer: string, changes: ValueChange[]): void {
  const before = byName(from);
  const after = byName(to);
  if (!before || !after) {
    const length = Math.max(from.length, to.length);
    for (let at = 0; at < length; at++) compare(from[at], to[at], `${pointer}/${at}`, changes);
    return;
  }
  for (const [name, at] of before) {
    if (!after.has(name)) compare(from[at], undefined, `${pointer}/${at}`, changes);
  }
  for (const [name, at] of after) {
    const old = before.get(name);
    compare(old === undefined ? undefined : from[old], to[at], `${pointer}/${at}`, changes);
  }
  const kept = [...before.keys()].filter((name) => after.has(name));
  const now = [...after.keys()].filter((name) => before.has(name));
  if (kept.some((name, at) => name !== now[at])) changes.push({ pointer, kind: "reordered", from: kept, to: now });
}

/** Where each name stands; undefined for a list of things without names of their own. */
function byName(list: readonly unknown[]): Map<string, number> | undefined {
  const places = new Map<string, number>();
  for (const [at, item] of list.entries()) {
    const name = isRecord(item) ? item.name : undefined;
    if (typeof name !== "string" || places.has(name)) return undefined;
    places.set(name, at);
  }
  return places;
}

function own(record: Record<string, unknown>, key: string): unknown {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

function escaped(key: string): string {
  return key.replaceAll("~", "~0").replaceAll("/", "~1");
}
