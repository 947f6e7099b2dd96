import type { Field } from "../plan.ts";
import type { NodeErrorData } from "../record.ts";
import { type ConversionWarning, convertFields } from "../values/convert.ts";
import { isRecord, setOwn, tryParseJson } from "../values/json.ts";

const FENCED = /```[a-zA-Z0-9]{0,10}\s*\n([\s\S]*?)\n?\s*```/;

/** The text from the first bracket of a kind to its last counterpart. */
function between(text: string, open: string, close: string): string | undefined {
  const from = text.indexOf(open);
  const to = text.lastIndexOf(close);
  return from < 0 || to < from ? undefined : text.slice(from, to + 1);
}

/** The JSON value in a reply: the whole of it, or what stands in a code block or between other words. */
export function jsonIn(text: string): unknown {
  const whole = tryParseJson(text.trim());
  if (whole !== undefined) return whole;
  const fenced = FENCED.exec(text)?.[1];
  const pieces = [fenced, between(text, "{", "}"), between(text, "[", "]")];
  for (const piece of pieces) {
    const value = piece === undefined ? undefined : tryParseJson(piece);
    if (value !== undefined) return value;
  }
  return undefined;
}

/** {@link jsonIn} where it is an object. */
export function recordIn(text: string): Record<string, unknown> | undefined {
  const value = jsonIn(text);
  return isRecord(value) ? value : undefined;
}

/** The members of an object that are declared. */
function declared(value: Record<string, unknown>, fields: readonly Field[]): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const { name } of fields) if (Object.hasOwn(value, name)) setOwn(values, name, value[name]);
  return values;
}

/**
 * The declared fields in a reply, converted. What is no JSON goes to a single string field as it is; otherwise there are
 * no fields, and a warning. A single list field takes a list without a name.
 */
export function fieldsIn(
  text: string,
  fields: readonly Field[],
): { values: Record<string, unknown>; warning?: NodeErrorData } {
  const value = jsonIn(text);
  const given = isRecord(value) ? declared(value, fields) : {};
  const [only] = fields;
  const isSingle = fields.length === 1 && only !== undefined && Object.keys(given).length === 0;
  if (isSingle && only.type.type === "string") return { values: { [only.name]: text } };
  if (isSingle && only.type.type === "list" && Array.isArray(value)) setOwn(given, only.name, value);
  if (value === undefined || !(isRecord(value) || isSingle)) {
    return { values: {}, warning: { code: "not_json", message: "the reply is no JSON object: every field is empty" } };
  }
  const warnings: ConversionWarning[] = [];
  const values = convertFields(given, fields, warnings);
  const [first] = warnings;
  if (!first) return { values };
  return { values, warning: { code: "conversion_failed", message: `${first.path}: ${first.message}` } };
}
