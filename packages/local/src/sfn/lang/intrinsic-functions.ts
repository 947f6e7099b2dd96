import { createHash, randomUUID } from "node:crypto";
import { isObject, type Json, type JsonObject, jsonEquals } from "../json.ts";
import { HASH_ALGORITHMS, seededRandom } from "./numbers.ts";

interface Intrinsic {
  min: number;
  max: number;
  run(args: Json[]): Json;
}

/** Most items of States.ArrayRange. */
const MAX_RANGE = 1_000;
/** Longest text that Base64 and Hash take. */
const MAX_TEXT = 10_000;

function fail(message: string): never {
  throw new Error(message);
}

function list(value: Json | undefined): Json[] {
  return Array.isArray(value) ? value : fail("Invalid arguments: the argument must be an array");
}

function text(value: Json | undefined): string {
  return typeof value === "string" ? value : fail("Invalid arguments: the argument must be a string");
}

/** Java's Math.round: halves go up. */
function whole(value: Json | undefined): number {
  return typeof value === "number"
    ? Math.floor(value + 0.5) + 0
    : fail("Invalid arguments: the argument must be a number");
}

/** States.Format prints values as Java's maps and lists do. */
function print(value: Json): string {
  if (typeof value === "string") return value;
  if (Array.isArray(value)) return `[${value.map(print).join(", ")}]`;
  if (!isObject(value)) return String(value);
  return `{${Object.entries(value)
    .map(([key, item]) => `${key}=${print(item)}`)
    .join(", ")}}`;
}

function format(args: Json[]): string {
  const template = text(args[0]);
  let next = 1;
  const out = template.replaceAll(/\\([{}\\])|\{\}/g, (_whole, escaped: string | undefined) => {
    if (escaped !== undefined) return escaped;
    if (next >= args.length) fail("Invalid arguments: number of arguments do not match the occurrences of {}");
    return print(args[next++]!);
  });
  return next === args.length ? out : fail("Invalid arguments: number of arguments do not match the occurrences of {}");
}

function partition(args: Json[]): Json {
  const items = list(args[0]);
  const size = whole(args[1]);
  if (size < 1) fail("Invalid arguments: the chunk size must be positive");
  const chunks: Json[] = [];
  for (let i = 0; i < items.length; i += size) chunks.push(items.slice(i, i + size));
  return chunks;
}

function range(args: Json[]): Json {
  const [first, last, step] = args.map(whole) as [number, number, number];
  if (step === 0) fail("Invalid arguments: the step must not be 0");
  const items: number[] = [];
  for (let value = first; step > 0 ? value <= last : value >= last; value += step) {
    if (items.push(value) > MAX_RANGE) fail(`Invalid arguments: the range has more than ${MAX_RANGE} items`);
  }
  return items;
}

function randomBetween(args: Json[]): number {
  const [from, to] = [whole(args[0]), whole(args[1])];
  if (to <= from) fail("Invalid arguments: the end must be greater than the start");
  const next = args.length > 2 ? seededRandom(whole(args[2]))() : Math.random();
  return from + Math.floor(next * (to - from));
}

function split(args: Json[]): Json {
  const separators = new Set(text(args[1]));
  const parts: string[] = [];
  let part = "";
  for (const char of text(args[0])) {
    if (!separators.has(char)) part += char;
    else if (part !== "") {
      parts.push(part);
      part = "";
    }
  }
  return part === "" ? parts : [...parts, part];
}

function bounded(value: Json | undefined): string {
  const subject = text(value);
  return subject.length > MAX_TEXT ? fail(`Invalid arguments: the text is over ${MAX_TEXT} characters`) : subject;
}

function parseJson(value: Json | undefined): Json {
  const source = text(value);
  if (source.trim() === "") return null;
  try {
    return JSON.parse(source) as Json;
  } catch {
    return fail("Invalid arguments: the string is not valid JSON");
  }
}

function hash(args: Json[]): string {
  const algorithm = HASH_ALGORITHMS[text(args[1])] ?? fail("Invalid arguments: unknown hash algorithm");
  const subject = typeof args[0] === "string" ? args[0] : JSON.stringify(args[0]);
  return createHash(algorithm).update(bounded(subject)).digest("hex");
}

function merge(args: Json[]): JsonObject {
  if (args[2] !== false) fail("Invalid arguments: deep merge is not supported");
  const [a, b] = args;
  return isObject(a) && isObject(b) ? { ...a, ...b } : fail("Invalid arguments: both must be objects");
}

function getItem(args: Json[]): Json {
  const items = list(args[0]);
  const index = whole(args[1]);
  return (
    items[index] ?? (index >= 0 && index < items.length ? null : fail("Invalid arguments: the index is out of range"))
  );
}

function unique(items: Json[]): Json[] {
  return items.filter((item, i) => items.findIndex((other) => jsonEquals(item, other)) === i);
}

/** The 18 intrinsic functions by name, with how many arguments each takes. */
export const INTRINSICS: Record<string, Intrinsic> = {
  Array: { min: 0, max: Number.POSITIVE_INFINITY, run: (args) => args },
  ArrayPartition: { min: 2, max: 2, run: partition },
  ArrayContains: { min: 2, max: 2, run: ([items, item]) => list(items).some((other) => jsonEquals(other, item)) },
  ArrayRange: { min: 3, max: 3, run: range },
  ArrayGetItem: { min: 2, max: 2, run: getItem },
  ArrayLength: { min: 1, max: 1, run: ([items]) => list(items).length },
  ArrayUnique: { min: 1, max: 1, run: ([items]) => unique(list(items)) },
  Base64Encode: { min: 1, max: 1, run: ([data]) => Buffer.from(bounded(data)).toString("base64") },
  Base64Decode: { min: 1, max: 1, run: ([data]) => Buffer.from(bounded(data), "base64").toString() },
  Hash: { min: 2, max: 2, run: hash },
  JsonMerge: { min: 3, max: 3, run: merge },
  StringToJson: { min: 1, max: 1, run: ([value]) => parseJson(value) },
  JsonToString: { min: 1, max: 1, run: ([value]) => JSON.stringify(value) },
  MathRandom: { min: 2, max: 3, run: randomBetween },
  MathAdd: { min: 2, max: 2, run: ([a, b]) => whole(a) + whole(b) },
  StringSplit: { min: 2, max: 2, run: split },
  UUID: { min: 0, max: 0, run: () => randomUUID() },
  Format: { min: 1, max: Number.POSITIVE_INFINITY, run: format },
};
