import { createHash, createHmac } from "node:crypto";
import { type Summary, summary } from "../items/summary.ts";
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

export const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
export const itemOf = (value: unknown): Item =>
  isRecord(value) ? value : value === null || value === undefined ? {} : { value };
const partsOf = (path: unknown) => parsePath(String(path)) ?? [String(path)];
export const read = (item: unknown, path: unknown): unknown => {
  const name = String(path);
  // A member may have dots in its name.
  return isRecord(item) && Object.hasOwn(item, name) ? item[name] : readPath(item, partsOf(path));
};
const lastName = (path: unknown): string => String(partsOf(path).at(-1));
const nullish = (value: unknown): boolean => value === null || value === undefined;

export function count(total: number): void {
  if (total > MAX_SEQUENCE) throw new BudgetExceeded(`a list has at most ${MAX_SEQUENCE} items here`);
}

export function merged(...items: unknown[]): Item {
  const result: Item = {};
  for (const item of items) if (isRecord(item)) for (const key of Object.keys(item)) setOwn(result, key, item[key]);
  return result;
}

function joined(...lists: unknown[]): unknown[] {
  count(lists.reduce((sum: number, list) => sum + listOf(list).length, 0));
  return lists.flatMap(listOf);
}

function splitOut(items: unknown, fields: unknown, include: unknown, names: unknown, kept: unknown): Item[] {
  return splitUp(items, fields, include, names, kept).map(([made]) => made);
}

function splitUp(
  items: unknown,
  fields: unknown,
  include?: unknown,
  names?: unknown,
  kept?: unknown,
): [made: Item, place: number][] {
  const paths = listOf(fields).map(String);
  const result: [Item, number][] = [];
  for (const [place, item] of listOf(items).entries()) {
    const lists = paths.map((path) => {
      const value = read(item, path);
      return Array.isArray(value) ? value : isRecord(value) ? Object.values(value) : nullish(value) ? [] : [value];
    });
    const length = Math.max(0, ...lists.map((list) => list.length));
    count(result.length + length);
    for (let at = 0; at < length; at++) {
      const rest: Item = include === "allOtherFields" ? merged(item) : {};
      for (const path of include === "selectedOtherFields" ? listOf(kept) : [])
        setOwn(rest, lastName(path), read(item, path) ?? null);
      for (const path of paths) delete rest[String(partsOf(path)[0])];
      paths.forEach((path, n) => {
        const value = lists[n]?.[at] ?? null;
        const name = String(listOf(names)[n] ?? "");
        if (name === "" && isBare(include) && paths.length === 1 && isRecord(value)) Object.assign(rest, merged(value));
        else setOwn(rest, name || lastName(path), value);
      });
      result.push([rest, place]);
    }
  }
  return result;
}

const isBare = (include: unknown): boolean => include !== "allOtherFields" && include !== "selectedOtherFields";

function aggregated(items: unknown, fields: unknown): Item[] {
  const all = listOf(items);
  if (all.length === 0) return [];
  const result: Item = {};
  for (const field of listOf(fields)) {
    const { path, name, keepMissing, mergeLists } = itemOf(field);
    const values = all.map((item) => read(item, path) ?? null);
    const present = keepMissing === true ? values : values.filter((value) => !nullish(value));
    setOwn(result, String(name), mergeLists === true ? present.flat() : present);
  }
  return [result];
}

function sortPlaces(items: unknown, fields: unknown): number[] {
  const rules = listOf(fields).map(itemOf);
  const rank = (value: unknown): unknown => (typeof value === "string" ? value.toLowerCase() : value);
  const all = listOf(items);
  return [...all.keys()].sort((a, b) => {
    for (const { path, isDescending } of rules) {
      const [x, y] = [rank(read(all[a], path)), rank(read(all[b], path))] as [never, never];
      if (x === y) continue;
      if (nullish(x) || nullish(y)) return nullish(x) ? 1 : -1;
      return (x < y ? -1 : 1) * (isDescending === true ? -1 : 1);
    }
    return 0;
  });
}

function uniquePlaces(items: unknown, how: unknown, fields: unknown): number[] {
  const names = listOf(fields).map(String);
  const seen = new Set<string>();
  const all = listOf(items);
  return [...all.keys()].filter((place) => {
    const item = all[place];
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

const KINDS: readonly [kind: string, extensions: RegExp][] = [
  ["image", /^(?:jpe?g|png|webp|gif|svg)$/],
  ["document", /^(?:txt|markdown|md|mdx|pdf|html?|xlsx?|docx?|csv|eml|msg|pptx?|xml|epub)$/],
  ["audio", /^(?:mp3|m4a|wav|amr|mpga)$/],
  ["video", /^(?:mp4|mov|mpeg|webm)$/],
];

/** What Dify knows of a file, of a File here (`{id, name, contentType, size}`). */
function filePart(file: unknown, key: unknown): unknown {
  const { id, name, contentType, size, url } = itemOf(file);
  const extension = /\.([A-Za-z0-9]{1,10})$/.exec(toText(name))?.[1]?.toLowerCase() ?? "";
  const type = toText(contentType);
  switch (key) {
    case "type":
      return (
        KINDS.find(([kind, known]) => known.test(extension) || type.startsWith(`${kind}/`))?.[0] ??
        (type === "application/pdf" || type.startsWith("text/") ? "document" : "custom")
      );
    case "name":
      return name;
    case "size":
      return size;
    case "mime_type":
      return contentType;
    case "extension":
      return extension === "" ? "" : `.${extension}`;
    case "url":
      return url;
    case "related_id":
      return id;
    case "transfer_method":
      return "local_file";
    default:
      throw { code: "bad_key", message: `files have no part "${toText(key).slice(0, 50)}"` };
  }
}

/** What was found in HTML, by its names: lists, or the first of each; texts of all that was found are one text. */
function extracted(found: unknown, members: unknown, trims: unknown, isClean: unknown): Item {
  const result: Item = {};
  const neat = (value: unknown): unknown => {
    if (typeof value !== "string") return value;
    const clean = isClean === true ? value.replace(/\s+/g, " ") : value;
    return trims === true || isClean === true ? clean.trim() : clean;
  };
  for (const { key, name, isList, isJoined } of listOf(members).map(itemOf)) {
    const all = listOf(itemOf(found)[String(name)]).filter((value) => !nullish(value));
    const first = isJoined === true ? all.map(toText).join("") : all[0];
    if (isList === true) setOwn(result, String(key), all.map(neat));
    else if (!nullish(first) && first !== "") setOwn(result, String(key), neat(first));
  }
  return result;
}

/** A copy without the member at a path. */
function withoutPath(item: Item, [first, ...rest]: readonly (string | number)[]): Item {
  const result = merged(item);
  const inner = result[String(first)];
  if (rest.length > 0 && isRecord(inner)) setOwn(result, String(first), withoutPath(inner, rest));
  else delete result[String(first)];
  return result;
}

/** `$items_…`: what nodes of n8n do with their items. */
export const ITEM_FUNCTIONS: Readonly<Record<string, unknown>> = {
  items_joined: joined,
  items_split_out: splitOut,
  items_aggregate: aggregated,
  items_split_places: (items: unknown, fields: unknown) => splitUp(items, fields).map(([, place]) => place),
  items_sort_places: sortPlaces,
  items_unique_places: uniquePlaces,
  items_at: (items: unknown, places: unknown) => listOf(places).map((place) => listOf(items)[Number(place)]),
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
  items_read: (item: unknown, path: unknown) => read(item, path),
  items_extracted: extracted,
  /** How n8n tells of an answer that is an error: `404 - "what came"`. */
  items_http_error: (error: unknown) => {
    const { errorMessage, errorCode } = itemOf(error);
    const [, status, body] = /^HTTP (\d{3}): (.*)$/s.exec(toText(errorMessage)) ?? [];
    const message = status === undefined ? errorMessage : `${status} - ${JSON.stringify(body)}`;
    return { message, code: errorCode, ...(status === undefined ? {} : { status: Number(status) }) };
  },
  items_list: (value: unknown) => listOf(value),
  items_unnested: (lists: unknown) => {
    const all = listOf(lists).filter((one) => !nullish(one));
    return all.length > 0 && all.every((one) => Array.isArray(one)) ? all.flat() : lists;
  },
  items_file_part: filePart,
  /** The id of the file that stands beside an item by this name. */
  items_file: (item: unknown, name: unknown) => {
    const files = itemOf(itemOf(item).$binary);
    const file = Object.hasOwn(files, String(name)) ? files[String(name)] : undefined;
    if (!isRecord(file)) throw { code: "no_file", message: `the item has no file "${String(name).slice(0, 100)}"` };
    return file.id;
  },
  /** The item with a File beside it. */
  items_with_file: (item: unknown, name: unknown, file: unknown) => {
    const { id, name: fileName, contentType, size } = itemOf(file);
    const fileExtension = /\.([A-Za-z0-9]{1,10})$/.exec(toText(fileName))?.[1] ?? "";
    const one = { id, fileName, fileExtension, mimeType: contentType, fileSize: size };
    const result = merged(item);
    setOwn(result, "$binary", merged(itemOf(result.$binary), { [String(name)]: one }));
    return result;
  },
  /** Whether the headers of an answer, in JSON, say that it is a text and no JSON. */
  items_is_text: (headers: unknown) => {
    const type = itemOf(tryParseJson(toText(headers)))["content-type"];
    return typeof type === "string" && !/json/i.test(type);
  },
  items_renamed: (item: unknown, names: unknown) => {
    let result = merged(item);
    for (const [from, to] of listOf(names) as [string, string][]) {
      const value = read(result, from);
      if (value === undefined || from === to) continue;
      const kept = Object.hasOwn(result, from) ? [from] : partsOf(from);
      result = withPath(withoutPath(result, kept), partsOf(to), value) as Item;
    }
    return result;
  },
  items_summed: (items: unknown, by: unknown, rules: unknown) => {
    const groups = new Map<string, { key: Item; all: unknown[] }>();
    const paths = listOf(by).map(String);
    for (const item of listOf(items)) {
      const key: Item = {};
      for (const path of paths) setOwn(key, path.replaceAll(".", "_"), read(item, path) ?? null);
      const found = groups.get(stableStringify(key));
      if (found) found.all.push(item);
      else groups.set(stableStringify(key), { key, all: [item] });
    }
    return [...groups.values()].map(({ key, all }) => {
      const result = merged(key);
      for (const rule of listOf(rules).map(itemOf)) {
        const values = all.map((item) => read(item, rule.path));
        setOwn(result, String(rule.name), summary(rule.how as Summary, values, String(rule.separator)));
      }
      return result;
    });
  },
};
