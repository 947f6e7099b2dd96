import { AwsError, type Json } from "./wire.ts";

/** An event pattern of EventBridge: nested objects whose leaves are lists of values and matchers. */
export type Pattern = Json;

const MATCHERS = ["prefix", "suffix", "anything-but", "exists", "numeric", "equals-ignore-case", "wildcard"];

/** Refuses what EventBridge refuses, and by name what is not supported here: a rule never matches wrongly. */
export function checkPattern(pattern: unknown, path = ""): asserts pattern is Pattern {
  if (!isObject(pattern)) throw invalid(path, "must be an object");
  if (Object.keys(pattern).length === 0) throw invalid(path, "must not be empty");
  for (const [name, value] of Object.entries(pattern)) {
    const at = path ? `${path}.${name}` : name;
    if (name === "$or") checkOr(value, path);
    else if (Array.isArray(value)) for (const leaf of value) checkLeaf(leaf, at);
    else checkPattern(value, at);
    if (Array.isArray(value) && value.length === 0) throw invalid(at, "must not be an empty list");
  }
}

function checkOr(value: unknown, path: string): void {
  if (!Array.isArray(value) || value.length < 2) throw invalid(path, "$or takes a list of at least two patterns");
  for (const branch of value) checkPattern(branch, path);
}

function checkLeaf(leaf: unknown, path: string): void {
  if (!isObject(leaf)) return;
  const [name, ...more] = Object.keys(leaf);
  if (name === undefined || more.length > 0) throw invalid(path, "a matcher has one name");
  if (!MATCHERS.includes(name)) throw invalid(path, `${name} is not a matcher of the local EventBridge`);
  const { numeric, exists, "anything-but": but } = leaf;
  if (name === "exists" && typeof exists !== "boolean") throw invalid(path, "exists takes true or false");
  if (name === "numeric") numericTests(numeric, path);
  if (name === "anything-but" && isObject(but)) {
    const [inner = ""] = Object.keys(but);
    if (!["prefix", "suffix", "equals-ignore-case", "wildcard"].includes(inner)) {
      throw invalid(path, `anything-but does not take ${inner}`);
    }
  }
}

function invalid(path: string, message: string): AwsError {
  const where = path ? ` at ${path}` : "";
  return new AwsError("InvalidEventPatternException", `Event pattern is not valid. Reason: ${message}${where}`);
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether the event fits the pattern: every named field has one of the listed values. */
export function matches(pattern: Pattern, event: unknown): boolean {
  // In a list of objects, all fields must be met by the same one of them.
  if (Array.isArray(event)) return event.some((member) => matches(pattern, member));
  const fields = isObject(event) ? event : {};
  return Object.entries(pattern).every(([name, wanted]) => {
    if (name === "$or") return (wanted as Pattern[]).some((branch) => matches(branch, event));
    const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
    return Array.isArray(wanted) ? wanted.some((leaf) => leafMatches(leaf, value)) : matches(wanted as Pattern, value);
  });
}

function leafMatches(leaf: unknown, value: unknown): boolean {
  if (isObject(leaf) && typeof leaf.exists === "boolean") return isLeaf(value) === leaf.exists;
  if (value === undefined) return false;
  const values = Array.isArray(value) ? value : [value];
  return values.some((one) => valueMatches(leaf, one));
}

/** EventBridge asks for existence of leaves only: an object in between is none. */
function isLeaf(value: unknown): boolean {
  return value !== undefined && !isObject(value) && !(Array.isArray(value) && value.length === 0);
}

function valueMatches(leaf: unknown, value: unknown): boolean {
  if (!isObject(leaf)) return leaf === value;
  const [name = "", given] = Object.entries(leaf)[0] ?? [];
  if (name === "anything-but") return isScalar(value) && !excluded(given, value);
  if (name === "numeric") return typeof value === "number" && numericTests(given, "").every((test) => test(value));
  return typeof value === "string" && textMatches(name, given, value);
}

function isScalar(value: unknown): boolean {
  return typeof value !== "object" || value === null;
}

function excluded(given: unknown, value: unknown): boolean {
  if (Array.isArray(given)) return given.includes(value);
  if (!isObject(given)) return given === value;
  const [name = "", inner] = Object.entries(given)[0] ?? [];
  const unwanted = Array.isArray(inner) ? inner : [inner];
  return typeof value === "string" && unwanted.some((text) => textMatches(name, text, value));
}

function textMatches(name: string, given: unknown, value: string): boolean {
  if (isObject(given)) {
    const folded = String(given["equals-ignore-case"] ?? "").toLowerCase();
    return textMatches(name, folded, value.toLowerCase());
  }
  const text = String(given);
  switch (name) {
    case "prefix":
      return value.startsWith(text);
    case "suffix":
      return value.endsWith(text);
    case "equals-ignore-case":
      return value.toLowerCase() === text.toLowerCase();
    case "wildcard":
      return wildcardMatches(text, value);
    default:
      return false;
  }
}

/** `*` stands for any text: each piece is sought after the one before, so the time is linear. */
function wildcardMatches(pattern: string, value: string): boolean {
  const [first = "", ...rest] = pattern.split("*");
  const last = rest.pop();
  if (last === undefined) return value === pattern;
  if (!value.startsWith(first)) return false;
  let from = first.length;
  for (const piece of rest) {
    const at = value.indexOf(piece, from);
    if (at < 0) return false;
    from = at + piece.length;
  }
  return value.length - last.length >= from && value.endsWith(last);
}

type NumericTest = (value: number) => boolean;

const COMPARISONS: Record<string, (bound: number) => NumericTest> = {
  "=": (bound) => (value) => value === bound,
  "<": (bound) => (value) => value < bound,
  "<=": (bound) => (value) => value <= bound,
  ">": (bound) => (value) => value > bound,
  ">=": (bound) => (value) => value >= bound,
};

/** `[">", 0, "<=", 5]`: pairs of a comparison and a number, all of which must hold. */
function numericTests(given: unknown, path: string): NumericTest[] {
  const list = Array.isArray(given) ? given : [];
  const tests: NumericTest[] = [];
  for (let at = 0; at < list.length; at += 2) {
    const comparison = Object.hasOwn(COMPARISONS, String(list[at])) ? COMPARISONS[String(list[at])] : undefined;
    const bound = list[at + 1];
    if (!comparison || typeof bound !== "number") throw invalid(path, "numeric takes comparisons and numbers");
    tests.push(comparison(bound));
  }
  if (tests.length === 0 || tests.length > 2) throw invalid(path, "numeric takes one or two comparisons");
  return tests;
}
