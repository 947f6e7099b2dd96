import type { Field, ValueType } from "../plan.ts";
import { setOwn } from "../values/json.ts";

type JsonSchema = Record<string, unknown>;

const WORDS = {
  string: "string",
  integer: "integer",
  number: "number",
  boolean: "boolean",
  object: "object",
  list: "array",
} as const;

function typeSchema(type: ValueType): JsonSchema {
  if (type.type === "any") return {};
  if (type.type === "object") return type.fields?.length ? objectSchema(type.fields) : { type: "object" };
  if (type.type === "list") return { type: "array", items: type.items ? typeSchema(type.items) : {} };
  return { type: WORDS[type.type] };
}

/** JSON Schema of an object with these fields, as models are told of tools and of the replies that are wanted. */
export function objectSchema(fields: readonly Field[]): JsonSchema {
  const properties: JsonSchema = {};
  for (const { name, type, description } of fields) {
    const schema = typeSchema(type);
    const said = [description, type.assist ? `(${type.assist})` : undefined].filter(Boolean).join(" ");
    setOwn(properties, name, said === "" ? schema : { ...schema, description: said });
  }
  const required = fields.filter((field) => field.required).map(({ name }) => name);
  return { type: "object", properties, ...(required.length > 0 ? { required } : {}) };
}
