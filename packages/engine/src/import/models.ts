import type { CanvasField, CanvasType } from "../canvas.ts";
import { MAX_FIELDS } from "../limits.ts";
import { isRecord, tryParseJson } from "../values/json.ts";
import { list, type Notes, record, records, text } from "./builder.ts";

const number = (value: unknown, least: number, most: number): number | undefined => {
  const given = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  return typeof given === "number" && Number.isFinite(given) ? Math.min(Math.max(given, least), most) : undefined;
};
const whole = (value: unknown, most: number): number | undefined => {
  const given = number(value, 1, most);
  return given === undefined ? undefined : Math.trunc(given);
};

/** Settings of a model by the names that providers give them, with underscores or without. */
function settingsOf(params: Record<string, unknown>): Record<string, unknown> {
  const of = (...names: string[]): unknown => names.map((name) => params[name]).find((value) => value !== undefined);
  const stop = list(of("stop", "stopSequences")).filter((one): one is string => typeof one === "string" && one !== "");
  const settings = {
    temperature: number(of("temperature"), 0, 2),
    topP: number(of("top_p", "topP"), 0, 1),
    topK: whole(of("top_k", "topK"), 1_000),
    maxTokens: whole(of("max_tokens", "maxTokens", "maxTokensToSample", "maxOutputTokens", "numPredict"), 1_000_000),
    presencePenalty: number(of("presence_penalty", "presencePenalty"), -2, 2),
    frequencyPenalty: number(of("frequency_penalty", "frequencyPenalty"), -2, 2),
    stop: stop.length > 0 ? stop.slice(0, 16).map((one) => one.slice(0, 200)) : undefined,
    seed: typeof params.seed === "number" && Number.isSafeInteger(params.seed) ? params.seed : undefined,
  };
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}

/** A model of another system as ours: bound by its name, or by its provider and name; else told, and without an id. */
export function boundModel(
  given: { provider: string; name: string; params: Record<string, unknown> },
  models: Readonly<Record<string, string>>,
  notes: Notes,
): Record<string, unknown> {
  const { provider, name } = given;
  const settings = settingsOf(given.params);
  const key = [name || provider, `${provider}/${name}`].find((one) => Object.hasOwn(models, one));
  if (key !== undefined) return { id: models[key], ...settings };
  notes.models.push({ externalId: name || provider, provider });
  notes.change(`the model "${name || provider}" is not bound: name it in \`bindings.models\`, or choose one`);
  return { id: "", name: (name || provider).slice(0, 200), ...settings };
}

const TYPES: Readonly<Record<string, CanvasType>> = {
  string: "string",
  number: "number",
  integer: "integer",
  boolean: "boolean",
};
const MAX_DEPTH = 8;

function typeOf(schema: Record<string, unknown>, depth: number): CanvasType {
  const word = Array.isArray(schema.type) ? schema.type.find((one) => one !== "null") : schema.type;
  if (typeof word !== "string" || depth > MAX_DEPTH) return "any";
  if (word === "object") {
    const fields = schemaFields(schema, depth + 1);
    return fields.length > 0 ? { type: "object", fields } : "object";
  }
  if (word === "array") {
    return isRecord(schema.items) ? { type: "list", items: typeOf(schema.items, depth + 1) } : { type: "list" };
  }
  return Object.hasOwn(TYPES, word) ? (TYPES[word] as CanvasType) : "any";
}

/** The members of an object that a JSON Schema describes. */
export function schemaFields(schema: unknown, depth = 0): CanvasField[] {
  const required = new Set(list(record(schema).required));
  return Object.entries(record(record(schema).properties))
    .slice(0, MAX_FIELDS)
    .filter(([name]) => name !== "" && name.length <= 128 && name !== "__proto__")
    .map(([name, member]) => {
      const description = text(record(member).description);
      return {
        name,
        type: typeOf(record(member), depth),
        ...(required.has(name) ? { required: true } : {}),
        ...(description ? { description: description.slice(0, 4_000) } : {}),
      };
    });
}

function schemaOf(value: unknown): Record<string, unknown> {
  if (Array.isArray(value)) return { type: "array", ...(value.length > 0 ? { items: schemaOf(value[0]) } : {}) };
  if (isRecord(value)) {
    const properties = Object.fromEntries(Object.entries(value).map(([name, member]) => [name, schemaOf(member)]));
    return { type: "object", properties, required: Object.keys(value) };
  }
  return { type: typeof value };
}

/** The members of an object that is given as an example, in JSON. */
export function exampleFields(example: unknown): CanvasField[] {
  const value = typeof example === "string" ? tryParseJson(example) : example;
  return isRecord(value) ? schemaFields(schemaOf(value)) : [];
}

/** The members of an object whose JSON Schema is given as text. */
export function schemaTextFields(given: unknown): CanvasField[] {
  return schemaFields(typeof given === "string" ? tryParseJson(given) : given);
}

/** The list that a JSON Schema describes, given as text, as a field; undefined where it is of something else. */
export function schemaList(given: unknown, name: string): CanvasField | undefined {
  const schema = record(typeof given === "string" ? tryParseJson(given) : given);
  return schema.type === "array" ? { name, type: typeOf(schema, 0) } : undefined;
}

/** Fields that are given one by one, with a name, a type and a description. */
export function listedFields(given: unknown): CanvasField[] {
  return records(given).flatMap((field) => {
    const name = text(field.name) ?? "";
    if (name === "" || name.length > 128 || name === "__proto__") return [];
    const word = text(field.type) ?? "string";
    const description = text(field.description);
    return [
      {
        name,
        type: Object.hasOwn(TYPES, word) ? (TYPES[word] as CanvasType) : ("any" as const),
        ...(field.required === true ? { required: true } : {}),
        ...(description ? { description: description.slice(0, 4_000) } : {}),
      },
    ];
  });
}
