import { isRecord } from "../values/json.ts";
import { listOf } from "./items.ts";

/**
 * Lists of places: for each item of one list the place of the item of another that it was made of. A place is a number,
 * null where there is none, or a list where an item was made of several.
 */

const places = (length: number, from = 0): number[] => Array.from({ length }, (_none, at) => from + at);

/** The places of a list's items, behind those of other lists. */
function placesOf(items: unknown, ...before: unknown[]): number[] {
  return places(
    listOf(items).length,
    before.reduce((sum: number, list) => sum + listOf(list).length, 0),
  );
}

function forebear(place: unknown, up: readonly unknown[] | undefined): unknown {
  if (typeof place === "number") return up === undefined ? place : (up[place] ?? null);
  if (!Array.isArray(place)) return null;
  const found = new Set(place.map((one) => forebear(one, up)).filter((one) => one !== null));
  // An item that was made of several belongs to no single one.
  return found.size === 1 ? [...found][0] : found.size === 0 ? null : [...found];
}

/** The places of items by way of the places of those in between. */
function traced(own: unknown, up?: unknown): unknown[] {
  const between = up === undefined ? undefined : listOf(up);
  return listOf(own).map((place) => forebear(place, between));
}

/** The first list, and where it has no place the others. */
function either(...lists: unknown[]): unknown[] {
  const length = Math.max(0, ...lists.map((list) => listOf(list).length));
  return places(length).map((at) => lists.map((list) => listOf(list)[at] ?? null).find((one) => one !== null) ?? null);
}

function paired(all: unknown, own: unknown, at: unknown): unknown {
  const place = listOf(own)[Number(at)];
  if (Array.isArray(place))
    throw { code: "several_items", message: "the item was made of several of the other node's" };
  return typeof place === "number" ? listOf(all)[place] : undefined;
}

/** Of lists that turns gave: for each item its turn. */
function turnsOf(lists: unknown): number[] {
  return listOf(lists).flatMap((list, turn) => listOf(Array.isArray(list) ? list : [list]).map(() => turn));
}

/** What n8n takes the items of code to be made of: as the code says, the only item, or the one at the same place. */
function codePlaces(items: unknown, said: unknown, given: unknown): unknown[] {
  const all = listOf(items);
  const count = listOf(given).length;
  return all.map((_item, at) => {
    const own = listOf(said)[at];
    const place = isRecord(own) ? own.item : own;
    if (typeof place === "number") return place;
    return count === 1 ? 0 : count === all.length ? at : null;
  });
}

/** `$items_…` of places. */
export const PAIR_FUNCTIONS: Readonly<Record<string, unknown>> = {
  items_places: placesOf,
  items_nowhere: (items: unknown) => listOf(items).map(() => null),
  items_traced: traced,
  items_either: either,
  items_paired: paired,
  items_turns: turnsOf,
  items_code_places: codePlaces,
  /** For one item that was made of all of them. */
  items_together: (items: unknown, made: unknown) => listOf(made).map(() => placesOf(items)),
  /** Of lists put one behind the other, the places in the one of a number. */
  items_append_places: (which: unknown, ...lists: unknown[]) =>
    lists.flatMap((list, at) => (at === which ? placesOf(list) : listOf(list).map(() => null))),
  items_pair_places: (pairs: unknown, side: unknown) => listOf(pairs).map((pair) => listOf(pair)[Number(side)] ?? null),
  /** An empty item where a node that had something to work on gave nothing. */
  items_or_one: (made: unknown, given: unknown) =>
    listOf(made).length === 0 && listOf(given).length > 0 ? [{}] : listOf(made),
  items_or_all: (places: unknown, given: unknown) =>
    listOf(places).length === 0 && listOf(given).length > 0 ? [placesOf(given)] : listOf(places),
};
