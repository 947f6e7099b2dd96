import * as z from "zod";
import { MAX_PATTERN, MAX_RULES } from "../limits.ts";
import { compare, OPERATORS, type Operator } from "../values/compare.ts";
import { toText } from "../values/convert.ts";
import { isRecord } from "../values/json.ts";
import { itemPath, reader, refuse } from "./items.ts";

const MORE = [
  "exists",
  "not_exists",
  "starts_with",
  "not_starts_with",
  "ends_with",
  "not_ends_with",
  "matches",
  "not_matches",
  "before",
  "after",
  "is_string",
  "is_number",
  "is_boolean",
  "is_list",
  "is_object",
] as const;
const plain = new Set<string>(OPERATORS);
type More = (typeof MORE)[number];

const condition = z.strictObject({
  /** A path: into the item, or beginning with the name of an input. */
  left: itemPath,
  operator: z.enum([...OPERATORS, ...MORE]),
  /** The input on the right, or a value in its place. */
  right: z.string().max(128).optional(),
  value: z.unknown().optional(),
  ignoreCase: z.boolean().default(false),
});

/** Conditions that hold together, or one of which holds. */
export const conditionsConfig = z.strictObject({
  logic: z.enum(["and", "or"]).default("and"),
  conditions: z.array(condition).min(1).max(MAX_RULES),
});
export type Conditions = z.output<typeof conditionsConfig>;
type Condition = Conditions["conditions"][number];

/** Looks for a pattern anywhere in a text, in time linear in the text. */
export type Matcher = (pattern: string, text: string, ignoreCase: boolean) => boolean;

/** Loads the linear-time regular expressions (RE2 syntax: no look-around, no back references). */
export async function loadMatcher(): Promise<Matcher> {
  const { RE2JS } = await import("re2js");
  const compiled = new Map<string, { test(text: string): boolean }>();
  return (pattern, text, ignoreCase) => {
    const key = `${ignoreCase}${pattern}`;
    let found = compiled.get(key);
    if (!found) {
      if (pattern.length > MAX_PATTERN) throw refuse("bad_pattern", `a pattern has at most ${MAX_PATTERN} characters`);
      try {
        found = RE2JS.compile(pattern, ignoreCase ? RE2JS.CASE_INSENSITIVE : 0);
      } catch (cause) {
        throw refuse("bad_pattern", "the regular expression cannot be read", cause);
      }
      compiled.set(key, found);
    }
    return found.test(text);
  };
}

/** A matcher where one of the conditions needs it. */
export function matcherFor(all: readonly Conditions[]): Promise<Matcher> | undefined {
  const uses = all.some(({ conditions }) => conditions.some(({ operator }) => operator.endsWith("matches")));
  return uses ? loadMatcher() : undefined;
}

const fold = (value: unknown, ignoreCase: boolean): unknown =>
  ignoreCase && typeof value === "string" ? value.toLowerCase() : value;

function timeOf(value: unknown): number {
  return typeof value === "number" ? value : Date.parse(toText(value));
}

function holdsMore(operator: More, left: unknown, right: unknown, test: () => boolean): boolean {
  switch (operator) {
    case "exists":
      return left !== undefined && left !== null;
    case "not_exists":
      return left === undefined || left === null;
    case "starts_with":
      return toText(left).startsWith(toText(right));
    case "not_starts_with":
      return !toText(left).startsWith(toText(right));
    case "ends_with":
      return toText(left).endsWith(toText(right));
    case "not_ends_with":
      return !toText(left).endsWith(toText(right));
    case "matches":
      return test();
    case "not_matches":
      return !test();
    case "before":
      return timeOf(left) < timeOf(right);
    case "after":
      return timeOf(left) > timeOf(right);
    case "is_string":
      return typeof left === "string";
    case "is_number":
      return typeof left === "number";
    case "is_boolean":
      return typeof left === "boolean";
    case "is_list":
      return Array.isArray(left);
    case "is_object":
      return isRecord(left);
  }
}

function holdsOne(
  item: Condition,
  read: (item: unknown) => unknown,
  subject: unknown,
  inputs: Record<string, unknown>,
  matcher: Matcher | undefined,
): boolean {
  const left = read(subject);
  const right = item.right === undefined ? item.value : inputs[item.right];
  const { operator, ignoreCase } = item;
  const a = fold(left, ignoreCase);
  const b = fold(right, ignoreCase);
  if (plain.has(operator)) return compare(operator as Operator, a, b);
  const test = (): boolean => {
    if (!matcher) throw new Error("a pattern is tested before its matcher was loaded");
    return matcher(toText(right), toText(left), ignoreCase);
  };
  return holdsMore(operator as More, a, b, test);
}

/** A test of {@link Conditions}: `subject` is what the paths on the left read. */
export function tester(
  { logic, conditions }: Conditions,
  inputs: Record<string, unknown>,
  matcher: Matcher | undefined,
): (subject: unknown) => boolean {
  const tests = conditions.map((item) => {
    const read = reader(item.left);
    return (subject: unknown) => holdsOne(item, read, subject, inputs, matcher);
  });
  return (subject) => (logic === "or" ? tests.some((test) => test(subject)) : tests.every((test) => test(subject)));
}

/** The inputs on the right sides. */
export function rightInputs(all: readonly Conditions[]): string[] {
  return all.flatMap(({ conditions }) => conditions.flatMap(({ right }) => (right === undefined ? [] : [right])));
}
