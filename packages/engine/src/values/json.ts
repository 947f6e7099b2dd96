/** Values nested deeper than this are refused rather than risking the stack. JSON bodies people send stay far below. */
export const MAX_VALUE_DEPTH = 1_000;

/** Sixteen digits in a row: only then can a number in the text be beyond what a double holds exactly. */
const LONG_DIGITS = /\d{16}/;
const WHOLE_NUMBER = /^-?\d+$/;

function keepExact(_key: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
  const source = context?.source;
  return source !== undefined && WHOLE_NUMBER.test(source) ? source : value;
}

/**
 * Parses JSON. A whole number beyond 2^53 comes back as the string of its digits, because ids of other systems are often
 * such numbers and must not be changed by a round trip. Throws SyntaxError, and RangeError when nested too deeply.
 */
export function parseJson(text: string): unknown {
  if (!LONG_DIGITS.test(text)) return JSON.parse(text);
  return JSON.parse(text, keepExact as (key: string, value: unknown) => unknown);
}

/** {@link parseJson}, or undefined when the text is not JSON. */
export function tryParseJson(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

function writeObject(value: Record<string, unknown>, depth: number): string {
  let text = "";
  for (const key of Object.keys(value).sort()) {
    const member = value[key];
    if (member === undefined) continue;
    text += `${text === "" ? "" : ","}${JSON.stringify(key)}:${write(member, depth + 1)}`;
  }
  return `{${text}}`;
}

function write(value: unknown, depth: number): string {
  if (depth > MAX_VALUE_DEPTH) throw new RangeError("value is nested too deeply");
  if (typeof value === "bigint") return value.toString();
  if (value === null || typeof value !== "object") return JSON.stringify(value) ?? "null";
  if (Array.isArray(value)) {
    let text = "";
    for (let i = 0; i < value.length; i++) text += (i === 0 ? "" : ",") + write(value[i], depth + 1);
    return `[${text}]`;
  }
  if (value instanceof Date) return JSON.stringify(value);
  return writeObject(value as Record<string, unknown>, depth);
}

/** Compact JSON with sorted keys: the same text for the same value, whatever order its members were set in. */
export function stableStringify(value: unknown): string {
  return write(value, 0);
}

/** Sets a member as the object's own, also for the one key (`__proto__`) that assignment treats otherwise. */
export function setOwn(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key === "__proto__") {
    Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
  } else {
    target[key] = value;
  }
}

/** Whether the value is an object with members: not null, not a list. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
