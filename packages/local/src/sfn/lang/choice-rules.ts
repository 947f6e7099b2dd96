import { runtimeFailure } from "../errors.ts";
import type { Json, JsonObject } from "../json.ts";
import { type PathScope, parsePath, readPath } from "./jsonpath.ts";
import { parseTimestamp } from "./time.ts";

type Compare = (order: number) => boolean;

const ORDERS: Record<string, Compare> = {
  Equals: (order) => order === 0,
  LessThan: (order) => order < 0,
  LessThanEquals: (order) => order <= 0,
  GreaterThan: (order) => order > 0,
  GreaterThanEquals: (order) => order >= 0,
};

/** Each kind turns a value into something that can be ordered, or undefined when it is of another kind. */
const KINDS: Record<string, (value: Json) => string | number | undefined> = {
  String: (value) => (typeof value === "string" ? value : undefined),
  Numeric: (value) => (typeof value === "number" ? value : undefined),
  Timestamp: (value) => (typeof value === "string" ? parseTimestamp(value) : undefined),
};

const TYPE_TESTS: Record<string, (value: Json) => boolean> = {
  IsNull: (value) => value === null,
  IsString: (value) => typeof value === "string",
  IsNumeric: (value) => typeof value === "number",
  IsBoolean: (value) => typeof value === "boolean",
  IsTimestamp: (value) => typeof value === "string" && parseTimestamp(value) !== undefined,
};

const COMPARISON = /^(String|Numeric|Timestamp)(Equals|LessThan|LessThanEquals|GreaterThan|GreaterThanEquals)(Path)?$/;
const FIXED_OPERATORS = [
  "BooleanEquals",
  "BooleanEqualsPath",
  "StringMatches",
  "IsPresent",
  ...Object.keys(TYPE_TESTS),
];

/** True when the name is a comparison of a Choice rule. */
export function isChoiceOperator(name: string): boolean {
  return FIXED_OPERATORS.includes(name) || COMPARISON.test(name);
}

/** Whether a JSONPath choice rule holds. */
export function ruleHolds(rule: JsonObject, scope: PathScope): boolean {
  if (Array.isArray(rule.And)) return rule.And.every((inner) => ruleHolds(inner as JsonObject, scope));
  if (Array.isArray(rule.Or)) return rule.Or.some((inner) => ruleHolds(inner as JsonObject, scope));
  if (rule.Not !== undefined) return !ruleHolds(rule.Not as JsonObject, scope);
  const operator = Object.keys(rule).find(isChoiceOperator);
  if (!operator) throw runtimeFailure("A choice rule has no comparison.");
  return compare(operator, rule, scope);
}

function compare(operator: string, rule: JsonObject, scope: PathScope): boolean {
  const path = parsePath(String(rule.Variable));
  const value = path && readPath(path, scope);
  const wanted = rule[operator] as Json;
  if (operator === "IsPresent") return (value !== undefined) === wanted;
  if (value === undefined) {
    throw runtimeFailure(
      `Invalid path '${String(rule.Variable)}': The choice state's condition path references an invalid value.`,
    );
  }
  const test = TYPE_TESTS[operator];
  if (test) return test(value) === wanted;
  const target = operator.endsWith("Path") ? lookUp(String(wanted), scope) : wanted;
  if (operator.startsWith("BooleanEquals")) return typeof value === "boolean" && value === target;
  if (operator === "StringMatches") return typeof value === "string" && matches(value, String(target));
  const [, kind, order] = COMPARISON.exec(operator)!;
  const left = KINDS[kind!]!(value);
  const right = KINDS[kind!]!(target as Json);
  if (left === undefined || right === undefined) return false;
  return ORDERS[order!]!(left < right ? -1 : left > right ? 1 : 0);
}

function lookUp(text: string, scope: PathScope): Json {
  const path = parsePath(text);
  const value = path && readPath(path, scope);
  if (value === undefined) {
    throw runtimeFailure(`Invalid path '${text}': The choice state's condition path references an invalid value.`);
  }
  return value;
}

/** `*` stands for any run of characters; `\\*` is a star and `\\\\` a backslash. Linear in the text. */
function matches(subject: string, pattern: string): boolean {
  const parts: string[] = [];
  let part = "";
  for (let i = 0; i < pattern.length; i++) {
    if (pattern[i] === "*") {
      parts.push(part);
      part = "";
    } else part += pattern[i] === "\\" && i + 1 < pattern.length ? pattern[++i] : pattern[i];
  }
  parts.push(part);
  if (parts.length === 1) return subject === parts[0];
  const first = parts[0]!;
  const last = parts.at(-1)!;
  if (!subject.startsWith(first) || subject.length < first.length + last.length || !subject.endsWith(last))
    return false;
  let at = first.length;
  for (const middle of parts.slice(1, -1)) {
    const found = subject.indexOf(middle, at);
    if (found < 0) return false;
    at = found + middle.length;
  }
  return at <= subject.length - last.length;
}
