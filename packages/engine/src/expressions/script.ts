import { toText } from "../values/convert.ts";
import { isRecord, setOwn, tryParseJson } from "../values/json.ts";
import { BudgetExceeded } from "./budget.ts";
import { MAX_SIZE } from "./limits.ts";
import { LinearRegExp } from "./regexp.ts";

/**
 * The semantics of scripts (truth, `+`, equality, methods of texts and lists) as functions of JSONata, for expressions
 * that were translated from another system and must give the same values. Only data goes in and comes out.
 */

interface Lambda {
  apply(self: unknown, args: unknown[]): unknown;
}
interface Pattern {
  pattern: string;
  flags: string;
}

const isPattern = (value: unknown): value is Pattern =>
  isRecord(value) && typeof value.pattern === "string" && "flags" in value;

function textOf(value: unknown): string {
  if (value === undefined) return "undefined";
  if (value === null) return "null";
  if (Array.isArray(value))
    return value.map((item) => (item === null || item === undefined ? "" : textOf(item))).join(",");
  return isRecord(value) ? "[object Object]" : toText(value);
}

const numberOf = (value: unknown): number => {
  if (value === undefined) return Number.NaN;
  return isRecord(value) ? Number.NaN : Number(Array.isArray(value) ? textOf(value) : value);
};
const truthy = (value: unknown): boolean => Boolean(value);
const nullish = (value: unknown): boolean => value === null || value === undefined;
const finite = (value: number): number | undefined => (Number.isFinite(value) ? value : undefined);

function loosely(a: unknown, b: unknown): boolean {
  if (nullish(a) || nullish(b)) return nullish(a) && nullish(b);
  if (typeof a === typeof b) return a === b;
  if (typeof a === "object" || typeof b === "object") return textOf(a) === textOf(b);
  return Number(a) === Number(b);
}

function get(target: unknown, key: unknown): unknown {
  if (typeof target === "string" || Array.isArray(target)) {
    if (key === "length") return target.length;
    const index = typeof key === "number" ? key : /^\d+$/.test(String(key)) ? Number(key) : -1;
    return index >= 0 ? target[index] : undefined;
  }
  return isRecord(target) && Object.hasOwn(target, String(key)) ? target[String(key)] : undefined;
}

function need(target: unknown, method: string): void {
  if (nullish(target)) throw { code: "no_value", message: `there is no value to call ${method} on` };
}

function reserve(size: number): void {
  if (size > MAX_SIZE) throw new BudgetExceeded(`The expression makes a value of more than ${MAX_SIZE} characters`);
}

function expand(by: string, match: readonly (string | undefined)[]): string {
  return by.replaceAll(/\$(\$|&|\d)/g, (_all, mark: string) =>
    mark === "$" ? "$" : mark === "&" ? (match[0] ?? "") : (match[Number(mark)] ?? ""),
  );
}

function matches(text: string, { pattern, flags }: Pattern, all: boolean): (string[] & { index: number })[] {
  const regexp = new LinearRegExp(new RegExp(pattern, flags.replace(/[^ims]/g, "")));
  const found: (string[] & { index: number })[] = [];
  for (let match = regexp.exec(text); match; match = regexp.exec(text)) {
    found.push(match);
    if (!all) break;
    if (match[0] === "") regexp.lastIndex += 1;
    if (found.length > 100_000) throw new BudgetExceeded("there are too many matches");
  }
  return found;
}

function replaced(target: unknown, what: unknown, by: unknown, all: boolean): string {
  const text = textOf(target);
  const replacement = textOf(by);
  if (!isPattern(what)) {
    const needle = textOf(what);
    reserve(text.length + (all ? Math.ceil(text.length / (needle.length || 1)) + 1 : 1) * replacement.length);
    return all ? text.split(needle).join(replacement) : text.replace(needle, () => replacement);
  }
  let result = "";
  let from = 0;
  for (const match of matches(text, what, all || what.flags.includes("g"))) {
    result += text.slice(from, match.index) + expand(replacement, match);
    reserve(result.length);
    from = match.index + (match[0]?.length ?? 0);
  }
  return result + text.slice(from);
}

function split(target: unknown, by: unknown, limit: unknown): string[] {
  const text = textOf(target);
  let pieces: string[];
  if (by === undefined) pieces = [text];
  else if (!isPattern(by)) pieces = text.split(textOf(by));
  else {
    pieces = [];
    let from = 0;
    for (const match of matches(text, by, true)) {
      if (match[0] === "" && (match.index === 0 || match.index >= text.length)) continue;
      pieces.push(text.slice(from, match.index));
      from = match.index + (match[0]?.length ?? 0);
    }
    pieces.push(text.slice(from));
  }
  return typeof limit === "number" ? pieces.slice(0, limit) : pieces;
}

const listOf = (target: unknown, method: string): unknown[] => {
  if (Array.isArray(target)) return target;
  throw { code: "no_list", message: `${method} needs a list` };
};

async function each(list: unknown[], call: Lambda, see: (result: unknown, item: unknown, index: number) => boolean) {
  for (let at = 0; at < list.length; at++) {
    if (see(await call.apply(undefined, [list[at], at, list]), list[at], at)) return;
  }
}

const LIST_METHODS: Record<string, (list: unknown[], ...args: never[]) => unknown> = {
  map: async (list, call: Lambda) => {
    const result: unknown[] = [];
    await each(list, call, (value) => void result.push(value ?? null) as never);
    return result;
  },
  filter: async (list, call: Lambda) => {
    const result: unknown[] = [];
    await each(list, call, (value, item) => void (truthy(value) && result.push(item)) as never);
    return result;
  },
  find: async (list, call: Lambda) => {
    let result: unknown;
    await each(list, call, (value, item) => {
      if (truthy(value)) result = item;
      return truthy(value);
    });
    return result;
  },
  some: async (list, call: Lambda) => {
    let result = false;
    await each(list, call, (value) => {
      result = truthy(value);
      return result;
    });
    return result;
  },
  every: async (list, call: Lambda) => {
    let result = true;
    await each(list, call, (value) => {
      result = truthy(value);
      return !result;
    });
    return result;
  },
  reduce: async (list, call: Lambda, initial: unknown) => {
    let result = initial;
    for (let at = 0; at < list.length; at++) result = await call.apply(undefined, [result, list[at], at, list]);
    return result;
  },
  join: (list, separator: unknown) => {
    const pieces = list.map((item) => (nullish(item) ? "" : textOf(item)));
    const between = separator === undefined ? "," : textOf(separator);
    reserve(pieces.reduce((sum, piece) => sum + piece.length + between.length, 0));
    return pieces.join(between);
  },
  reverse: (list) => [...list].reverse(),
  flat: (list) => list.flat(),
  first: (list) => list[0],
  last: (list) => list.at(-1),
  compact: (list) => list.filter((item) => !nullish(item) && item !== ""),
  unique: (list) => [...new Map(list.map((item) => [JSON.stringify(item), item])).values()],
  sum: (list) => finite(list.reduce((sum: number, item) => sum + numberOf(item), 0)),
  average: (list) => finite(list.reduce((sum: number, item) => sum + numberOf(item), 0) / list.length),
  pluck: (list: unknown[], ...names: unknown[]) =>
    list.map((item) => (names.length === 1 ? (get(item, names[0]) ?? null) : item)),
};

const TEXT_METHODS: Record<string, (text: string, ...args: never[]) => unknown> = {
  trim: (text) => text.trim(),
  trimStart: (text) => text.trimStart(),
  trimEnd: (text) => text.trimEnd(),
  toLowerCase: (text) => text.toLowerCase(),
  toUpperCase: (text) => text.toUpperCase(),
  startsWith: (text, what: unknown) => text.startsWith(textOf(what)),
  endsWith: (text, what: unknown) => text.endsWith(textOf(what)),
  substring: (text, from: number, to?: number) => text.substring(from, to ?? undefined),
  substr: (text, from: number, count?: number) => {
    const start = from < 0 ? Math.max(0, text.length + from) : from;
    return text.slice(start, count === undefined ? undefined : start + count);
  },
  charAt: (text, at: number) => text.charAt(at),
  padStart: (text, width: number, fill?: string) => {
    reserve(Number(width));
    return text.padStart(width, fill ?? " ");
  },
  padEnd: (text, width: number, fill?: string) => {
    reserve(Number(width));
    return text.padEnd(width, fill ?? " ");
  },
  repeat: (text, times: number) => {
    reserve(text.length * Number(times));
    return text.repeat(Math.max(0, times));
  },
  match: (text, what: Pattern) => {
    const found = matches(text, what, what.flags.includes("g"));
    if (found.length === 0) return null;
    return what.flags.includes("g") ? found.map((match) => match[0]) : found[0]?.map((group) => group ?? null);
  },
  test: (text, what: Pattern) => matches(text, what, false).length > 0,
  urlEncode: (text) => encodeURIComponent(text.toWellFormed()),
  parseJson: (text) => tryParseJson(text) ?? null,
  toInt: (text) => finite(Number.parseInt(text, 10)),
  toFloat: (text) => finite(Number.parseFloat(text)),
  toTitleCase: (text) => text.toLowerCase().replaceAll(/(^|\s)\S/g, (letter) => letter.toUpperCase()),
};

/** Methods that texts and lists both have, and those of every value. */
const ANY_METHODS: Record<string, (target: unknown, ...args: never[]) => unknown> = {
  replace: (target, what: unknown, by: unknown) => replaced(target, what, by, false),
  replaceAll: (target, what: unknown, by: unknown) => replaced(target, what, by, true),
  split: (target, by: unknown, limit: unknown) => split(target, by, limit),
  includes: (target, what: unknown) =>
    Array.isArray(target) ? target.some((item) => item === what) : textOf(target).includes(textOf(what)),
  indexOf: (target, what: unknown) =>
    Array.isArray(target) ? target.indexOf(what) : textOf(target).indexOf(textOf(what)),
  lastIndexOf: (target, what: unknown) =>
    Array.isArray(target) ? target.lastIndexOf(what) : textOf(target).lastIndexOf(textOf(what)),
  slice: (target, from?: number, to?: number) =>
    Array.isArray(target) ? target.slice(from ?? 0, to ?? undefined) : textOf(target).slice(from ?? 0, to ?? undefined),
  at: (target, index: number) => (Array.isArray(target) ? target.at(index) : textOf(target).at(index)),
  concat: (target: unknown, ...more: unknown[]) =>
    Array.isArray(target) ? target.concat(...more) : [target, ...more].map(textOf).join(""),
  toString: (target: unknown) => textOf(target),
  toFixed: (target, digits?: number) => numberOf(target).toFixed(Math.min(100, Math.max(0, digits ?? 0))),
  toNumber: (target) => finite(numberOf(target)),
  round: (target, digits?: number) => finite(Number(numberOf(target).toFixed(Math.min(100, Math.max(0, digits ?? 0))))),
  toJsonString: (target: unknown, _names: unknown, indent?: unknown) =>
    JSON.stringify(target, null, typeof indent === "number" || typeof indent === "string" ? indent : undefined),
  isEmpty: (target) =>
    nullish(target) || target === "" || (typeof target === "object" && Object.keys(target as object).length === 0),
  isNotEmpty: (target) => !ANY_METHODS.isEmpty?.(target),
  keys: (target) => (isRecord(target) ? Object.keys(target) : []),
  values: (target) => (isRecord(target) ? Object.values(target) : []),
  hasField: (target, name: unknown) => isRecord(target) && Object.hasOwn(target, textOf(name)),
};

function merge(...records: unknown[]): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const record of records) {
    if (isRecord(record)) for (const key of Object.keys(record)) setOwn(result, key, record[key]);
  }
  return result;
}

/** Elements of a list literal in which `...x` stands as `{"spread": x}`. */
function spread(parts: unknown): unknown[] {
  return (Array.isArray(parts) ? parts : [parts]).flatMap((part) => {
    const inner = isRecord(part) && Object.hasOwn(part, "spread") ? part.spread : undefined;
    return inner === undefined ? [get(part, "item") ?? null] : Array.isArray(inner) ? inner : [];
  });
}

function methods(): Record<string, unknown> {
  const named: Record<string, unknown> = {};
  for (const [name, method] of Object.entries(TEXT_METHODS)) {
    named[`js_${name}`] = (target: unknown, ...args: never[]) => {
      need(target, name);
      return method(textOf(target), ...args);
    };
  }
  for (const [name, method] of Object.entries(LIST_METHODS)) {
    named[`js_${name}`] = (target: unknown, ...args: never[]) => method(listOf(target, name), ...args);
  }
  for (const [name, method] of Object.entries(ANY_METHODS)) {
    named[`js_${name}`] = (target: unknown, ...args: never[]) => {
      if (name !== "isEmpty" && name !== "isNotEmpty") need(target, name);
      return method(target, ...args);
    };
  }
  return named;
}

/** Methods that a translated expression may call, without their prefix. */
export const SCRIPT_METHODS: ReadonlySet<string> = new Set([
  ...Object.keys(TEXT_METHODS),
  ...Object.keys(LIST_METHODS),
  ...Object.keys(ANY_METHODS),
]);

/** `$js_…`: see the top of this file. */
export const SCRIPT_FUNCTIONS: Readonly<Record<string, unknown>> = {
  ...methods(),
  js_get: get,
  js_truthy: truthy,
  js_text: textOf,
  js_number: (value: unknown) => finite(numberOf(value)),
  js_add: (a: unknown, b: unknown) => {
    const isText = [a, b].some((side) => typeof side === "string" || (typeof side === "object" && side !== null));
    return isText ? textOf(a) + textOf(b) : finite(numberOf(a) + numberOf(b));
  },
  js_math: (operator: string, a: unknown, b: unknown) => {
    const [x, y] = [numberOf(a), numberOf(b)];
    const results: Record<string, number> = { "-": x - y, "*": x * y, "/": x / y, "%": x % y };
    return finite(results[operator] ?? Number.NaN);
  },
  js_less: (a: unknown, b: unknown) =>
    typeof a === "string" && typeof b === "string" ? a < b : numberOf(a) < numberOf(b),
  js_at_most: (a: unknown, b: unknown) =>
    typeof a === "string" && typeof b === "string" ? a <= b : numberOf(a) <= numberOf(b),
  js_same: (a: unknown, b: unknown) => a === b,
  js_equal: loosely,
  js_nullish: nullish,
  /** A value that is put into a text: nothing where there is none. */
  js_put: (value: unknown) => (nullish(value) ? "" : textOf(value)),
  /** The item of another node that belongs to this one: the only one there is, else the one at the same place. */
  js_paired: (items: unknown, index: unknown) =>
    Array.isArray(items) ? (items.length === 1 ? items[0] : items[Number(index)]) : undefined,
  js_wrapped: (items: unknown) => (Array.isArray(items) ? items.map((json) => ({ json })) : []),
  js_if_empty: (a: unknown, b: unknown) => (ANY_METHODS.isEmpty?.(a) ? b : a),
  js_merge: merge,
  js_member: (name: unknown, value: unknown) => {
    const made: Record<string, unknown> = {};
    setOwn(made, textOf(name), value ?? null);
    return made;
  },
  js_list: spread,
  js_type: (value: unknown) => (value === null ? "object" : typeof value),
};
