import { invalidField } from "@weft/kernel/errors";
import { MAX_VALUE_CHARS, type VariableType } from "./variable.schema.ts";

/** The JSON text of a value of this type. Throws `invalid_input` naming `path`. */
export function valueText(type: VariableType, value: unknown, path: string): string {
  const problem = problemOf(type, value);
  if (problem !== undefined) throw invalidField(path, problem);
  const text = JSON.stringify(value);
  if (text === undefined) throw invalidField(path, "is no JSON value");
  if (text.length > MAX_VALUE_CHARS) throw invalidField(path, `has at most ${MAX_VALUE_CHARS} characters as JSON`);
  return text;
}

function problemOf(type: VariableType, value: unknown): string | undefined {
  switch (type) {
    case "string":
      return typeof value === "string" ? undefined : "must be a text";
    case "secret":
      return typeof value === "string" && value !== "" ? undefined : "must be a text that is not empty";
    case "number":
      return Number.isFinite(value) ? undefined : "must be a number";
    case "boolean":
      return typeof value === "boolean" ? undefined : "must be true or false";
    case "json":
      return value === undefined ? "is required" : undefined;
  }
}
