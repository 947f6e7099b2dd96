import { createHash, randomUUID } from "node:crypto";
import jsonata from "jsonata";
import { HASH_ALGORITHMS, seededRandom } from "./numbers.ts";

/** Most items that $range may build; AWS gives 1,000 for States.ArrayRange. */
const MAX_RANGE = 1_000;
const FORMAT_TIME = jsonata("$fromMillis(ms, picture, zone)");

function partition(list: unknown, size: unknown): unknown {
  if (list === undefined) return undefined;
  const items = Array.isArray(list) ? list : [list];
  if (typeof size !== "number" || !Number.isInteger(size) || size < 1) {
    throw { code: "T0410", message: 'Argument 2 of function "partition" must be a positive integer' };
  }
  const chunks: unknown[][] = [];
  for (let i = 0; i < items.length; i += size) chunks.push(items.slice(i, i + size));
  return chunks;
}

function range(first: unknown, last: unknown, step: unknown): unknown {
  if (![first, last, step].every((value) => typeof value === "number") || step === 0) {
    throw { code: "T0410", message: 'The arguments of function "range" must be numbers, and the step not zero' };
  }
  const [from, to, by] = [first, last, step] as [number, number, number];
  const items: number[] = [];
  for (let value = from; by > 0 ? value <= to : value >= to; value += by) {
    if (items.length >= MAX_RANGE) throw { code: "D2015", message: `$range makes at most ${MAX_RANGE} items` };
    items.push(value);
  }
  // AWS answers a sequence here, and a sequence of one is its item.
  return items.length === 1 ? items[0] : items;
}

function hash(data: unknown, algorithm: unknown = "SHA-256"): string {
  const name = HASH_ALGORITHMS[String(algorithm)];
  if (!name) throw { code: "T0410", message: `Unknown hash algorithm ${String(algorithm)}` };
  return createHash(name).update(String(data)).digest("hex");
}

function parse(text: unknown): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(String(text));
  } catch {
    throw { code: "D3000", message: "The argument of $parse is not valid JSON" };
  }
}

function random(seed: unknown): number {
  return typeof seed === "number" ? seededRandom(seed)() : Math.random();
}

/** What AWS adds to JSONata, and what it takes away. */
export const FIXED_FUNCTIONS: Record<string, unknown> = {
  partition,
  range,
  hash,
  parse,
  random,
  uuid: () => randomUUID(),
  eval: undefined,
};

/** $now and $millis with the time of our clock. */
export function timeFunctions(nowMs: number): Record<string, unknown> {
  return {
    millis: () => nowMs,
    now: (picture?: string, zone?: string) =>
      picture === undefined && zone === undefined
        ? new Date(nowMs).toISOString()
        : FORMAT_TIME.evaluate({ ms: nowMs, picture, zone }),
  };
}
