import { boundedJsonata } from "@weft/engine/expressions/jsonata";
import { type ErrorInfo, queryFailure } from "../errors.ts";
import { isObject, type Json, type JsonObject, typeName } from "../json.ts";
import { FIXED_FUNCTIONS, timeFunctions } from "./jsonata-functions.ts";

const EXPRESSION = /^\{%([\s\S]*)%\}$/;

const bounded = boundedJsonata(FIXED_FUNCTIONS);

/** What `$states` holds for one evaluation. */
export interface StatesVariable {
  input: Json;
  context: JsonObject;
  result?: Json;
  errorOutput?: Json;
}

export interface JsonataScope {
  states: StatesVariable;
  variables: JsonObject;
  nowMs: number;
}

/** The text inside `{% %}`, or undefined when the value is no expression. */
export function expressionText(value: unknown): string | undefined {
  if (typeof value !== "string" || !value.startsWith("{%")) return undefined;
  return EXPRESSION.exec(value)?.[1]?.trim();
}

/** Why the text is no JSONata expression, or undefined when it is one. */
export function expressionError(text: string): string | undefined {
  try {
    bounded.compile(text);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

function messageOf(error: unknown): string {
  const { code, message } = (error ?? {}) as { code?: string; message?: string };
  return code ? `${code}: ${message}` : String(message ?? error);
}

/** A copy without JSONata's sequences; throws what AWS says of a value that JSON cannot hold. */
function toJson(value: unknown, fail: (reason: string) => never): Json {
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number") return Number.isFinite(value) ? value : fail("returned an unsupported result type.");
  if (Array.isArray(value)) return Array.from(value, (item) => toJson(item === undefined ? null : item, fail));
  if (typeof value === "object" && !("_jsonata_lambda" in value) && !("_jsonata_function" in value)) {
    const present = Object.entries(value).filter(([, item]) => item !== undefined);
    return Object.fromEntries(present.map(([key, item]) => [key, toJson(item, fail)]));
  }
  return fail("returned an unsupported result type.");
}

/** Evaluates one expression; `field` is the path that AWS names in the cause. */
export async function evaluate(text: string, field: string, scope: JsonataScope): Promise<Json> {
  const fail = (reason: string): never => {
    throw queryFailure(`The JSONata expression '${text}' specified for the field '${field}' ${reason}`, field);
  };
  let value: unknown;
  try {
    const bindings: Record<string, unknown> = {
      ...scope.variables,
      states: scope.states,
      ...timeFunctions(scope.nowMs),
    };
    value = await bounded.evaluate(text, undefined, bindings);
  } catch (error) {
    return fail(`threw an error during evaluation. ${messageOf(error)}`);
  }
  if (value === undefined) return fail("returned nothing (undefined).");
  return toJson(value, fail);
}

/** Evaluates every expression inside a value, as Arguments, Output and Assign hold them. */
export async function evaluateTemplate(value: Json, field: string, scope: JsonataScope): Promise<Json> {
  if (typeof value === "string") {
    const text = expressionText(value);
    return text === undefined ? value : evaluate(text, field, scope);
  }
  if (Array.isArray(value)) {
    const items: Json[] = [];
    for (const [i, item] of value.entries()) items.push(await evaluateTemplate(item, `${field}[${i}]`, scope));
    return items;
  }
  if (!isObject(value)) return value;
  const entries: [string, Json][] = [];
  for (const [key, item] of Object.entries(value)) {
    entries.push([key, await evaluateTemplate(item, `${field}/${key}`, scope)]);
  }
  return Object.fromEntries(entries);
}

/** Evaluates a field that must have a certain type. */
export async function evaluateTyped<T extends Json>(
  value: Json,
  field: string,
  scope: JsonataScope,
  expected: { type: string; is: (result: Json) => result is T },
): Promise<T> {
  const result = await evaluateTemplate(value, field, scope);
  if (expected.is(result)) return result;
  const text = expressionText(value);
  const subject =
    text === undefined
      ? `The value specified for the field '${field}'`
      : `The JSONata expression '${text}' specified for the field '${field}'`;
  throw queryFailure(
    `${subject} returned an unexpected result type. Expected '${expected.type}', but was '${typeName(result)}' for value: ${JSON.stringify(result)}`,
    field,
  );
}

export const BOOLEAN = { type: "boolean", is: (v: Json): v is boolean => typeof v === "boolean" };
export const ARRAY = { type: "array", is: (v: Json): v is Json[] => Array.isArray(v) };
export const STRING = { type: "string", is: (v: Json): v is string => typeof v === "string" };
export const NUMBER = { type: "number", is: (v: Json): v is number => typeof v === "number" };

export function errorOutput(info: ErrorInfo): JsonObject {
  const cause = info.cause ?? (info.error === "States.Timeout" ? "" : null);
  return { Error: info.error ?? null, Cause: cause };
}

/** A field that must be a number, whole where `kind` says so. */
export async function jsonataNumber(
  value: Json,
  field: string,
  scope: JsonataScope,
  kind: "integer" | "float",
): Promise<number> {
  const is = (v: Json): v is number => typeof v === "number" && (kind === "float" || Number.isInteger(v));
  return evaluateTyped(value, field, scope, { type: kind === "float" ? "number" : "integer", is });
}
