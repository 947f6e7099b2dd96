import { toText } from "./convert.ts";
import { isRecord, stableStringify } from "./json.ts";

/** The operators of a condition, in the order of Coze's numbers 1 to 16. */
export const OPERATORS = [
  "equal",
  "not_equal",
  "length_gt",
  "length_gte",
  "length_lt",
  "length_lte",
  "contains",
  "not_contains",
  "empty",
  "not_empty",
  "is_true",
  "is_false",
  "gt",
  "gte",
  "lt",
  "lte",
] as const;
export type Operator = (typeof OPERATORS)[number];

/** Bytes of a text (as Coze counts), items of a list, members of an object; 0 for everything else. */
export function lengthOf(value: unknown): number {
  if (typeof value === "string") return Buffer.byteLength(value);
  if (Array.isArray(value)) return value.length;
  return isRecord(value) ? Object.keys(value).length : 0;
}

/** The number that a scalar stands for; NaN for the rest. An object is never asked: it may carry a `toString` of its own. */
export function numberOf(value: unknown): number {
  return value !== null && (typeof value === "object" || typeof value === "symbol") ? Number.NaN : Number(value);
}

function equals(left: unknown, right: unknown): boolean {
  const a = left ?? null;
  const b = right ?? null;
  if (a === b) return true;
  if (a === null || b === null) return false;
  if (typeof a === "object" || typeof b === "object") {
    return typeof a === typeof b && stableStringify(a) === stableStringify(b);
  }
  // A number beside its text: what a form or another system gave.
  return typeof a !== typeof b && toText(a) === toText(b);
}

function contains(left: unknown, right: unknown): boolean {
  if (typeof left === "string") return left.includes(toText(right));
  if (Array.isArray(left)) return left.some((item) => equals(item, right));
  return isRecord(left) && Object.hasOwn(left, toText(right));
}

function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined) return true;
  return (typeof value === "string" || typeof value === "object") && lengthOf(value) === 0;
}

/** What is missing is false. */
function isTruth(value: unknown, truth: boolean): boolean {
  if (value === null || value === undefined) return !truth;
  return value === truth || (typeof value === "string" && value.toLowerCase() === String(truth));
}

/**
 * Below, at or above 0; NaN where the two cannot be ordered. Numbers by value, other texts (dates) by their letters, and
 * what is missing below everything (Coze).
 */
function order(left: unknown, right: unknown): number {
  if (left === null || left === undefined) return right === null || right === undefined ? 0 : -1;
  if (right === null || right === undefined) return 1;
  if (typeof left === "object" || typeof right === "object") return Number.NaN;
  const a = left === "" ? Number.NaN : numberOf(left);
  const b = right === "" ? Number.NaN : numberOf(right);
  if (!Number.isNaN(a) && !Number.isNaN(b)) return a < b ? -1 : a > b ? 1 : 0;
  if (typeof left !== "string" || typeof right !== "string") return Number.NaN;
  return left < right ? -1 : left > right ? 1 : 0;
}

/** Whether `left operator right` holds. Never throws for JSON that is not absurdly deep; what cannot be compared does not hold. */
export function compare(operator: Operator, left: unknown, right: unknown): boolean {
  switch (operator) {
    case "equal":
      return equals(left, right);
    case "not_equal":
      return !equals(left, right);
    case "length_gt":
      return lengthOf(left) > numberOf(right);
    case "length_gte":
      return lengthOf(left) >= numberOf(right);
    case "length_lt":
      return lengthOf(left) < numberOf(right);
    case "length_lte":
      return lengthOf(left) <= numberOf(right);
    case "contains":
      return contains(left, right);
    case "not_contains":
      return !contains(left, right);
    case "empty":
      return isEmpty(left);
    case "not_empty":
      return !isEmpty(left);
    case "is_true":
      return isTruth(left, true);
    case "is_false":
      return isTruth(left, false);
    case "gt":
      return order(left, right) > 0;
    case "gte":
      return order(left, right) >= 0;
    case "lt":
      return order(left, right) < 0;
    case "lte":
      return order(left, right) <= 0;
  }
}
