import type { Field, ValueType } from "../plan.ts";

const WORD: Readonly<Record<string, string>> = { number: "float", any: "object" };

function schemaOf(type: ValueType): Record<string, unknown> {
  const word = { type: WORD[type.type] ?? type.type };
  if (type.type === "list") return { ...word, schema: type.items ? schemaOf(type.items) : { type: "string" } };
  if (type.type === "object") return { ...word, schema: (type.fields ?? []).map(variable) };
  return word;
}

function variable(field: Field): Record<string, unknown> {
  const { type, ...rest } = schemaOf(field.type);
  return { type, name: field.name, ...rest, required: field.required ?? false };
}

/** Fields as Coze's list of variables: what its clients build the form of an input node from. */
export function cozeVariables(fields: readonly Field[]): Record<string, unknown>[] {
  return fields.map(variable);
}
