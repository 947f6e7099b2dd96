import type { Field, ValueType } from "../plan.ts";
import { type ConversionWarning, convert } from "./convert.ts";
import { isRecord, setOwn } from "./json.ts";
import { isBlank } from "./types.ts";

/** What a caller's parameters become at a start node, and what is wrong with them. */
export interface ReadInput {
  values: Record<string, unknown>;
  /** Required fields that are absent, those of objects by their path. */
  missing: string[];
  /** Values that are not what their field declares; each is null (or an empty list) in `values`. */
  warnings: ConversionWarning[];
}

/** Required members that an object (or one in a list) lacks. Whether the object itself may be missing is its field's matter. */
export function missingMembers(value: unknown, type: ValueType, path: string): string[] {
  if (type.type === "list" && type.items && Array.isArray(value)) {
    const { items } = type;
    return value.flatMap((item, index) => missingMembers(item, items, `${path}[${index}]`));
  }
  if (type.type !== "object" || !type.fields || !isRecord(value)) return [];
  return type.fields.flatMap((field) => {
    const at = `${path}.${field.name}`;
    const member = Object.hasOwn(value, field.name) ? value[field.name] : undefined;
    if (member === undefined) return field.required ? [at] : [];
    return missingMembers(member, field.type, at);
  });
}

function usesDefault(field: Field, value: unknown): boolean {
  if (field.default === undefined) return false;
  if (value === undefined || value === null) return true;
  // Zero and false are answers; an empty text, list or object is not.
  const base = field.type.type;
  return (base === "string" || base === "list" || base === "object" || base === "any") && isBlank(value);
}

/**
 * Reads a caller's parameters as the declared fields: defaults where a value is absent or empty, conversion, and the list
 * of required fields that are missing. Members that are not declared pass through.
 */
export function readInput(fields: readonly Field[], given: Record<string, unknown>): ReadInput {
  const values: Record<string, unknown> = { ...given };
  const missing: string[] = [];
  const warnings: ConversionWarning[] = [];
  for (const field of fields) {
    const value = Object.hasOwn(given, field.name) ? given[field.name] : undefined;
    const parsed =
      typeof value === "string" && (field.type.type === "list" || field.type.type === "object")
        ? convert(value, field.type, field.name, [])
        : value;
    if (usesDefault(field, value === "" ? "" : parsed)) {
      setOwn(values, field.name, convert(field.default, field.type, field.name, []));
    } else if (value === undefined) {
      if (field.required) missing.push(field.name);
    } else {
      const converted = convert(value, field.type, field.name, warnings);
      missing.push(...missingMembers(converted, field.type, field.name));
      setOwn(values, field.name, converted);
    }
  }
  return { values, missing, warnings };
}
