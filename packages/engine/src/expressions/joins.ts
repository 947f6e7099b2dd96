import { isRecord, setOwn, stableStringify } from "../values/json.ts";
import { count, itemOf, listOf, merged, read } from "./items.ts";

/** Two lists of items as one: pairs of places first, so that it stays known what each item was made of. */

type Item = Record<string, unknown>;
type PlacePair = [left: number | null, right: number | null];

function positionPairs(left: unknown, right: unknown, keep: unknown): PlacePair[] {
  const [a, b] = [listOf(left).length, listOf(right).length];
  const length = keep === true ? Math.max(a, b) : keep === "left" ? a : Math.min(a, b);
  return Array.from({ length }, (_, at) => [at < a ? at : null, at < b ? at : null]);
}

function everyPair(left: unknown, right: unknown): PlacePair[] {
  const [a, b] = [listOf(left).length, listOf(right).length];
  count(a * b);
  return Array.from({ length: a * b }, (_, at) => [Math.floor(at / b), at % b]);
}

/** Which items of two lists have the same values in some fields: pairs of their places. */
function keyPairs(left: unknown, right: unknown, keys: unknown, join: unknown, isFirst: unknown): PlacePair[] {
  const pairs = listOf(keys).map(itemOf);
  const keyOf = (item: unknown, side: "left" | "right"): string =>
    stableStringify(pairs.map((pair) => String(read(item, pair[side]) ?? "\u0000")));
  const known = new Map<string, number[]>();
  for (const [at, item] of listOf(right).entries()) {
    const key = keyOf(item, "right");
    known.set(key, [...(known.get(key) ?? []), at]);
  }
  const used = new Set<string>();
  const result: PlacePair[] = [];
  for (const [at, item] of listOf(left).entries()) {
    const key = keyOf(item, "left");
    const found = known.get(key);
    if (found) {
      used.add(key);
      count(result.length + found.length);
      const others = isFirst === true ? found.slice(0, 1) : found;
      if (join !== "keepNonMatches") result.push(...others.map((other): PlacePair => [at, other]));
    } else if (join !== "keepMatches" && join !== "enrichInput2") result.push([at, null]);
  }
  if (join === "keepEverything" || join === "enrichInput2" || join === "keepNonMatches") {
    for (const [key, items] of known) if (!used.has(key)) result.push(...items.map((at): PlacePair => [null, at]));
  }
  return result;
}

/** The pairs that have an item on one side, each once. */
function pairsFrom(pairs: unknown, side: unknown): PlacePair[] {
  const at = side === "input2" ? 1 : 0;
  const places = (listOf(pairs) as PlacePair[]).flatMap((pair) => (pair[at] === null ? [] : [pair[at]]));
  return [...new Set(places)].map((place): PlacePair => (at === 0 ? [place, null] : [null, place]));
}

/** Values as one: objects by member, lists by place, else the later one. */
function deep(one: unknown, other: unknown): unknown {
  if (Array.isArray(one) && Array.isArray(other)) {
    const length = Math.max(one.length, other.length);
    return Array.from({ length }, (_, at) => (at in other ? deep(one[at], other[at]) : one[at]));
  }
  if (!isRecord(one) || !isRecord(other)) return other === undefined ? one : other;
  const result = merged(one);
  for (const key of Object.keys(other)) {
    setOwn(result, key, Object.hasOwn(one, key) ? deep(one[key], other[key]) : other[key]);
  }
  return result;
}

/** Two lists as one by pairs of places. `prefer` says whose members win, `isShallow` that objects in them are not merged. */
function ofPairs(left: unknown, right: unknown, pairs: unknown, prefer: unknown, isShallow: unknown): Item[] {
  const [a, b] = [listOf(left), listOf(right)];
  return (listOf(pairs) as PlacePair[]).map(([x, y]) => {
    const one = itemOf(x === null ? undefined : a[x]);
    const other = itemOf(y === null ? undefined : b[y]);
    if (isShallow === true) return prefer === "left" ? merged(one, other, one) : merged(one, other);
    return itemOf(prefer === "left" ? deep(deep(one, other), one) : deep(one, other));
  });
}

/** Of pairs by key: those of one side alone, or of both with the same values or others. Skipped members do not count. */
function compared(
  left: unknown,
  right: unknown,
  pairs: unknown,
  side: unknown,
  skipped: unknown,
  prefer: unknown,
): Item[] {
  const [a, b] = [listOf(left), listOf(right)];
  const names = listOf(skipped);
  const seen = (item: unknown): string =>
    stableStringify(Object.fromEntries(Object.entries(itemOf(item)).filter(([key]) => !names.includes(key))));
  return (listOf(pairs) as PlacePair[]).flatMap(([x, y]) => {
    if (x === null || y === null) {
      if (x !== null && side === "leftOnly") return [merged(a[x])];
      return y !== null && side === "rightOnly" ? [merged(b[y])] : [];
    }
    const isSame = seen(a[x]) === seen(b[y]);
    if (isSame !== (side === "same") || (side !== "same" && side !== "different")) return [];
    return [prefer === "left" || isSame ? merged(a[x]) : merged(b[y])];
  });
}

/** `$items_…` of two lists. */
export const JOIN_FUNCTIONS: Readonly<Record<string, unknown>> = {
  items_position_pairs: positionPairs,
  items_every_pair: everyPair,
  items_key_pairs: keyPairs,
  items_of_pairs: ofPairs,
  items_pairs_from: pairsFrom,
  items_compared: compared,
};
