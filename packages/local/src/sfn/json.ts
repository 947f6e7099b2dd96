export type Json = null | boolean | number | string | Json[] | JsonObject;
export type JsonObject = { [key: string]: Json };

/** Largest input or output of a task, state or execution, in UTF-8 bytes (Step Functions quota, hard). */
export const MAX_PAYLOAD_BYTES = 262_144;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** True when the text is over the payload quota; counts bytes only when the length alone cannot decide. */
export function isOversized(text: string): boolean {
  if (text.length > MAX_PAYLOAD_BYTES) return true;
  if (text.length * 3 <= MAX_PAYLOAD_BYTES) return false;
  return Buffer.byteLength(text) > MAX_PAYLOAD_BYTES;
}

/** Equality of JSON values, without regard to the order of keys. */
export function jsonEquals(a: Json | undefined, b: Json | undefined): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (a === undefined || b === undefined) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    return a.every((item, i) => jsonEquals(item, b[i]));
  }
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => key in b && jsonEquals(a[key], b[key]));
}

export function typeName(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}
