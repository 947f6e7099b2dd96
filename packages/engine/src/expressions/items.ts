import { createHash, createHmac } from "node:crypto";
import { numberOf } from "../values/compare.ts";
import { toText } from "../values/convert.ts";
import { isRecord, setOwn, stableStringify, tryParseJson } from "../values/json.ts";
import { parsePath, readPath, withPath } from "../values/path.ts";
import { BudgetExceeded } from "./budget.ts";
import { MAX_SEQUENCE } from "./limits.ts";
import { LinearRegExp } from "./regexp.ts";

/** Lists of items as n8n's nodes treat them, for workflows that were imported: each item is an object. */

type Item = Record<string, unknown>;

const HASHES = new Set(["md5", "sha1", "sha256", "sha384", "sha512", "sha3-256", "sha3-384", "sha3-512"]);

const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const itemOf = (value: unknown): Item =>
  isRecord(value) ? value : value === null || value === undefined ? {} : { value };
const partsOf = (path: unknown) => parsePath(String(path)) ?? [String(path)];
const read = (item: unknown, path: unknown): unknown => {
  const name = String(path);
  // A member may have dots in its name.
  return isRecord(item) && Object.hasOwn(item, name) ? item[name] : readPath(item, partsOf(path));
};
const lastName = (path: unknown): string => String(partsOf(path).at(-1));
const nullish = (value: unknown): boolean => value === null || value === undefined;

function count(total: number): void {
  if (total > MAX_SEQUENCE) throw new BudgetExceeded(`a list has at most ${MAX_SEQUENCE} items here`);
}

function merged(...items: unknown[]): Item {
  const result: Item = {};
  for (const item of items) if (isRecord(item)) for (const key of Object.keys(item)) setOwn(result, key, item[key]);
  return result;
}

function joined(...lists: unknown[]): unknown[] {
  count(lists.reduce((sum: number, list) => sum + listOf(list).length, 0));
  return lists.flatMap(listOf);
}

function splitOut(items: unknown, fields: unknown, include: unknown, names: unknown): Item[] {
  const paths = listOf(fields).map(String);
  const result: Item[] = [];
  for (const item of listOf(items)) {
    const lists = paths.map((path) => {
      const value = read(item, path);
      return Array.isArray(value) ? value : isRecord(value) ? Object.values(value) : nullish(value) ? [] : [value];
    });
    const length = Math.max(0, ...lists.map((list) => list.length));
    count(result.length + length);
    for (let at = 0; at < length; at++) {
      const rest: Item = include === "allOtherFields" ? merged(item) : {};
      for (const path of paths) delete rest[String(partsOf(path)[0])];
      paths.forEach((path, n) => {
        const value = lists[n]?.[at] ?? null;
        const name = String(listOf(names)[n] ?? "");
        if (name === "" && include !== "allOtherFields" && paths.length === 1 && isRecord(value))
          Object.assign(rest, merged(value));
        else setOwn(rest, name || lastName(path), value);
      });
      result.push(rest);
    }
  }
  return result;
}

function aggregated(items: unknown, fields: unknown): Item[] {
  const all = listOf(items);
  if (all.length === 0) return [];
  const result: Item = {};
  for (const field of listOf(fields)) {
    const { path, name, keepMissing } = itemOf(field);
    const values = all.map((item) => read(item, path) ?? null);
    setOwn(result, String(name), keepMissing === true ? values : values.filter((value) => !nullish(value)));
  }
  return [result];
}

function sortBy(items: unknown, fields: unknown): unknown[] {
  const rules = listOf(fields).map(itemOf);
  const rank = (value: unknown): unknown => (typeof value === "string" ? value.toLowerCase() : value);
  return [...listOf(items)].sort((a, b) => {
    for (const { path, isDescending } of rules) {
      const [x, y] = [rank(read(a, path)), rank(read(b, path))] as [never, never];
      if (x === y) continue;
      if (nullish(x) || nullish(y)) return nullish(x) ? 1 : -1;
      return (x < y ? -1 : 1) * (isDescending === true ? -1 : 1);
    }
    return 0;
  });
}

function uniqueBy(items: unknown, how: unknown, fields: unknown): unknown[] {
  const names = listOf(fields).map(String);
  const seen = new Set<string>();
  return listOf(items).filter((item) => {
    const subject =
      how === "selectedFields"
        ? names.map((name) => read(item, name) ?? null)
        : how === "allFieldsExcept"
          ? Object.fromEntries(Object.entries(itemOf(item)).filter(([key]) => !names.includes(key)))
          : item;
    const key = stableStringify(subject ?? null);
    return !seen.has(key) && Boolean(seen.add(key));
  });
}

function byPosition(left: unknown, right: unknown, keepAll: unknown): Item[] {
  const [a, b] = [listOf(left), listOf(right)];
  const length = keepAll === true ? Math.max(a.length, b.length) : Math.min(a.length, b.length);
  return Array.from({ length }, (_, at) => merged(a[at], b[at]));
}

function everyPair(left: unknown, right: unknown): Item[] {
  const [a, b] = [listOf(left), listOf(right)];
  count(a.length * b.length);
  return a.flatMap((one) => b.map((other) => merged(one, other)));
}

function byKey(left: unknown, right: unknown, keys: unknown, join: unknown): Item[] {
  const pairs = listOf(keys).map(itemOf);
  const keyOf = (item: unknown, side: "left" | "right"): string =>
    stableStringify(pairs.map((pair) => String(read(item, pair[side]) ?? "\u0000")));
  const known = new Map<string, unknown[]>();
  for (const item of listOf(right)) known.set(keyOf(item, "right"), [...(known.get(keyOf(item, "right")) ?? []), item]);
  const used = new Set<string>();
  const result: Item[] = [];
  for (const item of listOf(left)) {
    const key = keyOf(item, "left");
    const found = known.get(key);
    if (found) {
      used.add(key);
      count(result.length + found.length);
      if (join !== "keepNonMatches") result.push(...found.map((other) => merged(item, other)));
    } else if (join !== "keepMatches" && join !== "enrichInput2") result.push(merged(item));
  }
  if (join === "keepEverything" || join === "enrichInput2" || join === "keepNonMatches") {
    for (const [key, items] of known) if (!used.has(key)) result.push(...items.map((item) => merged(item)));
  }
  return result;
}

function typed(type: unknown, value: unknown): unknown {
  if (nullish(value)) return value ?? null;
  switch (type) {
    case "string":
      return isRecord(value) || Array.isArray(value) ? JSON.stringify(value) : toText(value);
    case "number": {
      const number = numberOf(value);
      if (!Number.isFinite(number))
        throw { code: "bad_value", message: `"${toText(value).slice(0, 50)}" is no number` };
      return number;
    }
    case "boolean":
      return typeof value === "string" ? ["true", "1", "yes"].includes(value.trim().toLowerCase()) : Boolean(value);
    case "array":
    case "object":
    case "json": {
      const parsed = typeof value === "string" ? tryParseJson(value) : value;
      if (parsed === undefined) throw { code: "bad_value", message: "the text is not JSON" };
      return parsed;
    }
    default:
      return value;
  }
}

function timeOf(value: unknown): number {
  return typeof value === "number" ? value : Date.parse(toText(value).slice(0, 64));
}

function matches(text: unknown, pattern: unknown): boolean {
  const [, source = toText(pattern), flags = ""] = /^\/(.*)\/([a-z]*)$/s.exec(toText(pattern)) ?? [];
  return new LinearRegExp(new RegExp(source, flags.replace(/[^ims]/g, ""))).exec(toText(text)) !== null;
}

const sizeOf = (value: unknown): number =>
  typeof value === "string" || Array.isArray(value) ? value.length : isRecord(value) ? Object.keys(value).length : 0;
const isEmpty = (value: unknown): boolean =>
  nullish(value) || (typeof value === "object" || typeof value === "string" ? sizeOf(value) === 0 : false);

const CHECKS: Readonly<Record<string, (left: unknown, right: unknown, fold: (value: unknown) => string) => boolean>> = {
  exists: (left) => !nullish(left),
  empty: isEmpty,
  true: (left) => left === true || left === "true",
  false: (left) => left === false || left === "false",
  equals: (left, right, fold) =>
    typeof left === "object" || typeof right === "object"
      ? stableStringify(left ?? null) === stableStringify(right ?? null)
      : fold(left) === fold(right),
  contains: (left, right, fold) =>
    Array.isArray(left) ? left.some((item) => fold(item) === fold(right)) : fold(left).includes(fold(right)),
  startsWith: (left, right, fold) => fold(left).startsWith(fold(right)),
  endsWith: (left, right, fold) => fold(left).endsWith(fold(right)),
  regex: matches,
  gt: (left, right) => numberOf(left) > numberOf(right),
  lt: (left, right) => numberOf(left) < numberOf(right),
  gte: (left, right) => numberOf(left) >= numberOf(right),
  lte: (left, right) => numberOf(left) <= numberOf(right),
  after: (left, right) => timeOf(left) > timeOf(right),
  before: (left, right) => timeOf(left) < timeOf(right),
  afterOrEquals: (left, right) => timeOf(left) >= timeOf(right),
  beforeOrEquals: (left, right) => timeOf(left) <= timeOf(right),
  lengthEquals: (left, right) => sizeOf(left) === numberOf(right),
  lengthGt: (left, right) => sizeOf(left) > numberOf(right),
  lengthLt: (left, right) => sizeOf(left) < numberOf(right),
  lengthGte: (left, right) => sizeOf(left) >= numberOf(right),
  lengthLte: (left, right) => sizeOf(left) <= numberOf(right),
};

/** Comparisons that {@link ITEM_FUNCTIONS} knows. */
export const ITEM_CHECKS: ReadonlySet<string> = new Set(Object.keys(CHECKS));

function check(operation: unknown, left: unknown, right: unknown, ignoreCase: unknown): boolean {
  const fold = (value: unknown): string => (ignoreCase === true ? toText(value).toLowerCase() : toText(value));
  const test = Object.hasOwn(CHECKS, String(operation)) ? CHECKS[String(operation)] : undefined;
  if (!test) throw { code: "bad_operation", message: "the comparison is not known" };
  return test(left, right, fold);
}

function digest(value: unknown, algorithm: unknown, encoding: unknown, secret?: unknown): string {
  const name = String(algorithm).toLowerCase();
  if (!HASHES.has(name)) throw { code: "bad_algorithm", message: "the algorithm is not known" };
  const hash = secret === undefined ? createHash(name) : createHmac(name, toText(secret));
  return hash.update(toText(value)).digest(encoding === "base64" ? "base64" : "hex");
}

/** `$items_…`: what nodes of n8n do with their items. */
export const ITEM_FUNCTIONS: Readonly<Record<string, unknown>> = {
  items_joined: joined,
  items_split_out: splitOut,
  items_aggregate: aggregated,
  items_sort: sortBy,
  items_unique: uniqueBy,
  items_by_position: byPosition,
  items_every_pair: everyPair,
  items_by_key: byKey,
  items_chunks: (items: unknown, size: unknown) => {
    const width = Math.max(1, Math.trunc(Number(size) || 1));
    const all = listOf(items);
    return Array.from({ length: Math.ceil(all.length / width) }, (_, at) => all.slice(at * width, (at + 1) * width));
  },
  items_flat: (lists: unknown) =>
    listOf(lists).flatMap((list) => (Array.isArray(list) ? list : nullish(list) ? [] : [list])),
  items_of: (value: unknown) => (Array.isArray(value) ? value : nullish(value) ? [] : [value]).map(itemOf),
  items_check: check,
  items_case: (cases: unknown) => listOf(cases).indexOf(true),
  items_typed: typed,
  items_set: (item: unknown, path: unknown, value: unknown, isPlain: unknown) =>
    withPath(itemOf(item), isPlain === true ? [String(path)] : partsOf(path), value ?? null),
  items_pick: (item: unknown, names: unknown, isExcept: unknown) =>
    Object.fromEntries(
      Object.entries(itemOf(item)).filter(([key]) => listOf(names).includes(key) !== (isExcept === true)),
    ),
  items_hash: digest,
};
