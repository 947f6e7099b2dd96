import type { Field, ValueType } from "../plan.ts";
import { isRecord, setOwn } from "./json.ts";

/** The value that stands for "nothing given" of a type: empty text, 0, false; null where there is no natural one. */
export function zeroValue(type: ValueType): unknown {
  switch (type.type) {
    case "string":
      return "";
    case "integer":
    case "number":
      return 0;
    case "boolean":
      return false;
    default:
      return null;
  }
}

/**
 * The value of an input that must not be missing (Coze's rule before a node runs): null is the zero value of its type, in
 * a list too; an object that is missing has its declared members as null, and so has one that lacks some.
 */
export function zeroFilled(value: unknown, type: ValueType): unknown {
  if (value === undefined && type.type === "object" && type.fields?.length) return fillNull({}, type.fields);
  if (value === undefined || value === null) return zeroValue(type);
  if (type.type === "list" && type.items && Array.isArray(value)) {
    const { items } = type;
    if (!items.fields?.length && !value.includes(null)) return value;
    return value.map((item) => (item === null ? zeroValue(items) : fillType(item, items)));
  }
  return fillType(value, type);
}

function fillType(value: unknown, type: ValueType): unknown {
  if (type.type === "object" && type.fields?.length && isRecord(value)) return fillNull({ ...value }, type.fields);
  if (type.type === "list" && type.items?.type === "object" && type.items.fields?.length && Array.isArray(value)) {
    return value.map((item) => fillType(item, type.items!));
  }
  return value;
}

/**
 * Adds what is declared and missing: null, or for an object with declared members an object of nulls. What is null stays
 * null. Changes the object given and returns it; objects inside are copied first.
 */
export function fillNull(values: Record<string, unknown>, fields: readonly Field[]): Record<string, unknown> {
  for (const field of fields) {
    const value = Object.hasOwn(values, field.name) ? values[field.name] : undefined;
    if (value === null) continue;
    if (value !== undefined) {
      const filled = fillType(value, field.type);
      if (filled !== value) setOwn(values, field.name, filled);
    } else if (field.type.type === "object" && field.type.fields?.length) {
      setOwn(values, field.name, fillNull({}, field.type.fields));
    } else {
      setOwn(values, field.name, null);
    }
  }
  return values;
}

/** Whether a caller left the value out in effect: missing, or an empty text, list or object. Zero and false count as given. */
export function isBlank(value: unknown): boolean {
  if (value === undefined || value === "") return true;
  if (Array.isArray(value)) return value.length === 0;
  return isRecord(value) && Object.keys(value).length === 0;
}
