import { NodeError } from "../node.ts";
import type { BaseType, Field, ValueType } from "../plan.ts";
import { isRecord, setOwn, stableStringify, tryParseJson } from "./json.ts";

export { zeroValue } from "./types.ts";

/** A value that could not be made what it is declared to be. `path` names the field. */
export interface ConversionWarning {
  path: string;
  message: string;
}

/** Marks a failed conversion inside this file; callers see null, an empty list, or an error. */
const FAILED = Symbol("failed");

const WHOLE = /^[+-]?\d{1,400}$/;
const DECIMAL = /^[+-]?(\d{1,400}(\.\d{0,400})?|\.\d{1,400})([eE][+-]?\d{1,4})?$/;
const TRUE = new Set(["1", "t", "T", "TRUE", "true", "True"]);
const FALSE = new Set(["0", "f", "F", "FALSE", "false", "False"]);

/** A number as people write it: digits, never an exponent. */
export function plainNumber(value: number): string {
  const text = String(value);
  const e = text.indexOf("e");
  if (e < 0 || !Number.isFinite(value)) return text;
  const negative = value < 0;
  const [whole = "", fraction = ""] = text.slice(negative ? 1 : 0, e).split(".");
  const digits = whole + fraction;
  const point = whole.length + Number(text.slice(e + 1));
  const plain =
    point <= 0
      ? `0.${"0".repeat(-point)}${digits}`
      : point >= digits.length
        ? digits + "0".repeat(point - digits.length)
        : `${digits.slice(0, point)}.${digits.slice(point)}`;
  return negative ? `-${plain}` : plain;
}

/** The text of any value: text as it is, nothing for null, plain numbers, compact JSON with sorted keys. */
export function toText(value: unknown): string {
  if (typeof value === "string") return value;
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return plainNumber(value);
  if (typeof value === "boolean" || typeof value === "bigint") return String(value);
  return stableStringify(value);
}

function asText(value: unknown): unknown {
  try {
    return toText(value);
  } catch {
    return FAILED;
  }
}

function toInteger(value: unknown): unknown {
  // Adding 0 makes one zero of two: JSON has no other.
  if (typeof value === "number") return Number.isFinite(value) ? Math.trunc(value) + 0 : FAILED;
  if (typeof value !== "string" || !WHOLE.test(value)) return FAILED;
  const parsed = Number(value);
  // An id of another system: the digits are worth more than the type.
  return Number.isSafeInteger(parsed) ? parsed + 0 : value;
}

function toNumber(value: unknown): unknown {
  if (typeof value === "number") return Number.isFinite(value) ? value + 0 : FAILED;
  if (typeof value !== "string" || !DECIMAL.test(value)) return FAILED;
  const parsed = Number(value);
  return Number.isFinite(parsed) ? parsed + 0 : FAILED;
}

function toBoolean(value: unknown): unknown {
  if (typeof value === "boolean") return value;
  if (typeof value !== "string") return FAILED;
  if (TRUE.has(value)) return true;
  return FALSE.has(value) ? false : FAILED;
}

function toObject(value: unknown, type: ValueType, path: string, warnings: ConversionWarning[]): unknown {
  const record = typeof value === "string" ? tryParseJson(value) : value;
  if (!isRecord(record)) return FAILED;
  const fields = type.fields;
  if (!fields?.length) return record;
  const result: Record<string, unknown> = { ...record };
  for (const field of fields) {
    if (!Object.hasOwn(record, field.name) || record[field.name] === undefined) continue;
    setOwn(result, field.name, convertAt(record[field.name], field.type, `${path}.${field.name}`, warnings));
  }
  return result;
}

function toList(value: unknown, type: ValueType, path: string, warnings: ConversionWarning[]): unknown {
  const list = typeof value === "string" ? tryParseJson(value) : value;
  if (!Array.isArray(list)) return FAILED;
  const items = type.items;
  if (items === undefined || items.type === "any") return list;
  const result: unknown[] = [];
  for (let i = 0; i < list.length; i++) {
    const at = `${path}[${i}]`;
    const before = warnings.length;
    const item = list[i] === undefined || list[i] === null ? null : attempt(list[i], items, at, warnings);
    if (item === FAILED) warnings.push(failure(list[i], items.type, at));
    if (items.type === "object") result.push(item === FAILED ? null : item);
    else if (warnings.length === before) result.push(item);
  }
  return result;
}

function attempt(value: unknown, type: ValueType, path: string, warnings: ConversionWarning[]): unknown {
  switch (type.type) {
    case "string":
      return asText(value);
    case "integer":
      return toInteger(value);
    case "number":
      return toNumber(value);
    case "boolean":
      return toBoolean(value);
    case "object":
      return toObject(value, type, path, warnings);
    case "list":
      return toList(value, type, path, warnings);
    default:
      return value;
  }
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return "list";
  return value === null ? "null" : typeof value;
}

function failure(value: unknown, type: BaseType, path: string): ConversionWarning {
  return { path, message: `a ${kindOf(value)} cannot be read as ${type}` };
}

function convertAt(value: unknown, type: ValueType, path: string, warnings: ConversionWarning[]): unknown {
  if (value === null || value === undefined) return null;
  const result = attempt(value, type, path, warnings);
  if (result !== FAILED) return result;
  warnings.push(failure(value, type.type, path));
  return type.type === "list" ? [] : null;
}

/**
 * Makes a value what it is declared to be, never throwing: what cannot be converted becomes null, a list that cannot be
 * read becomes empty, and list items that cannot be converted are left out (objects among them become null). Each such
 * loss is pushed to `warnings`. Members that an object type does not declare are kept.
 */
export function convert(value: unknown, type: ValueType, path = "", warnings: ConversionWarning[] = []): unknown {
  return convertAt(value, type, path, warnings);
}

/** {@link convert} with what was lost, if anything, in one sentence. */
export function convertValue(value: unknown, type: ValueType): { value: unknown; warning?: string } {
  if (value === null || value === undefined) return { value: null };
  const warnings: ConversionWarning[] = [];
  const result = convertAt(value, type, "", warnings);
  const first = warnings[0];
  if (!first) return { value: result };
  return { value: result, warning: first.path ? `${first.path}: ${first.message}` : first.message };
}

/** {@link convert} that throws `conversion_failed` naming the first field which cannot be converted. */
export function convertStrict(value: unknown, type: ValueType, path: string): unknown {
  const warnings: ConversionWarning[] = [];
  const result = convertAt(value, type, path, warnings);
  const first = warnings[0];
  if (first) {
    throw new NodeError("conversion_failed", `${first.path}: ${first.message}`, {
      retryable: false,
      details: { path: first.path },
    });
  }
  return result;
}

/** Converts the declared members of a record; members that are absent stay absent and undeclared ones are kept. */
export function convertFields(
  values: Record<string, unknown>,
  fields: readonly Field[],
  warnings: ConversionWarning[] = [],
): Record<string, unknown> {
  const result: Record<string, unknown> = { ...values };
  for (const field of fields) {
    if (!Object.hasOwn(values, field.name) || values[field.name] === undefined) continue;
    setOwn(result, field.name, convertAt(values[field.name], field.type, field.name, warnings));
  }
  return result;
}
