import { checkCount, keyOf, merged, reader, recordOf } from "./items.ts";

/** Which items a join by key gives. */
export const JOINS = ["inner", "left", "right", "outer", "unmatched"] as const;

export interface JoinOptions {
  join: (typeof JOINS)[number];
  left: readonly string[];
  right: readonly string[];
  /** Which side's members win where both have one. */
  prefer: "left" | "right";
  /** all: every pair that matches. first: each left item with its first match. */
  matches: "all" | "first";
}

/** Two records as one. */
export function combine(left: unknown, right: unknown, prefer: "left" | "right"): Record<string, unknown> {
  const a = recordOf(left);
  const b = recordOf(right);
  // The order of members is the left side's in either case.
  return prefer === "right" ? merged(a, b) : merged(merged(a, b), a);
}

function indexed(items: readonly unknown[], key: (item: unknown) => string | undefined): Map<string, number[]> {
  const found = new Map<string, number[]>();
  for (const [at, item] of items.entries()) {
    const name = key(item);
    if (name === undefined) continue;
    const list = found.get(name);
    if (list) list.push(at);
    else found.set(name, [at]);
  }
  return found;
}

/** The key of an item; undefined where one of its fields is missing, which equals nothing. */
function strictKey(paths: readonly string[]): (item: unknown) => string | undefined {
  const readers = paths.map(reader);
  return (item) => {
    const values = readers.map((read) => read(item) ?? null);
    return values.includes(null) ? undefined : keyOf(values);
  };
}

/** Joins two lists by fields. Pairs come in the left list's order, then the right one's; then what has no match. */
export function joinByKey(left: readonly unknown[], right: readonly unknown[], options: JoinOptions): unknown[] {
  const { join, prefer, matches } = options;
  if (join === "right") return rightJoin(left, right, options);
  const index = indexed(right, strictKey(options.right));
  const key = strictKey(options.left);
  const matched = new Set<number>();
  const made: unknown[] = [];
  for (const item of left) {
    const name = key(item);
    const found = (name === undefined ? undefined : index.get(name)) ?? [];
    for (const at of found) matched.add(at);
    if (found.length === 0 && join !== "inner") made.push(item);
    if (join === "unmatched") continue;
    const pairs = matches === "first" ? found.slice(0, 1) : found;
    checkCount(made.length + pairs.length);
    for (const at of pairs) made.push(combine(item, right[at], prefer));
  }
  if (join === "outer" || join === "unmatched") {
    for (const [at, item] of right.entries()) if (!matched.has(at)) made.push(item);
  }
  checkCount(made.length);
  return made;
}

function rightJoin(left: readonly unknown[], right: readonly unknown[], options: JoinOptions): unknown[] {
  const index = indexed(left, strictKey(options.left));
  const key = strictKey(options.right);
  const made: unknown[] = [];
  for (const item of right) {
    const name = key(item);
    const found = (name === undefined ? undefined : index.get(name)) ?? [];
    if (found.length === 0) made.push(item);
    const pairs = options.matches === "first" ? found.slice(0, 1) : found;
    checkCount(made.length + pairs.length);
    for (const at of pairs) made.push(combine(left[at], item, options.prefer));
  }
  return made;
}
