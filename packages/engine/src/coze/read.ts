import type { CanvasField, CanvasInput, CanvasType } from "../canvas.ts";
import type { BaseType } from "../plan.ts";
import { isRecord } from "../values/json.ts";
import { formatPath } from "../values/path.ts";
import { CozeProblem } from "./types.ts";

const BASE: Readonly<Record<string, BaseType>> = {
  string: "string",
  integer: "integer",
  float: "number",
  number: "number",
  boolean: "boolean",
  object: "object",
  list: "list",
  time: "string",
  file: "string",
  image: "string",
};

const ASSIST: Readonly<Record<string, string>> = {
  "1": "file",
  "2": "image",
  "3": "doc",
  "4": "code",
  "5": "ppt",
  "6": "txt",
  "7": "excel",
  "8": "audio",
  "9": "zip",
  "10": "video",
  "11": "svg",
  "12": "voice",
  "10000": "time",
};

/** A member by name, whatever the case of its letters: Coze's own reader does not mind, and its data relies on that. */
export function pick(value: unknown, key: string): unknown {
  if (!isRecord(value)) return undefined;
  if (Object.hasOwn(value, key)) return value[key];
  const wanted = key.toLowerCase();
  for (const name of Object.keys(value)) if (name.toLowerCase() === wanted) return value[name];
  return undefined;
}

/** {@link pick} along several names. */
export function dig(value: unknown, ...keys: string[]): unknown {
  return keys.reduce(pick, value);
}

/** A member that is a list, or an empty one. */
export function listOf(value: unknown, ...keys: string[]): unknown[] {
  const found = dig(value, ...keys);
  return Array.isArray(found) ? found : [];
}

/** A member's text; numbers (ids, sizes) as their digits. */
export function textOf(value: unknown, ...keys: string[]): string | undefined {
  const found = dig(value, ...keys);
  if (typeof found === "string") return found;
  return typeof found === "number" ? String(found) : undefined;
}

/** A member's number, which Coze writes as `10` or `"10"`. */
export function numberOf(value: unknown, ...keys: string[]): number | undefined {
  const found = dig(value, ...keys);
  const number = typeof found === "string" && found.trim() !== "" ? Number(found) : found;
  return typeof number === "number" && Number.isFinite(number) ? number : undefined;
}

/** The type of a Variable, a Param or a BlockInput: the three write it alike. */
export function typeOf(value: unknown): CanvasType {
  const input = pick(value, "input");
  const at = pick(value, "type") === undefined && isRecord(input) ? input : value;
  const word = pick(at, "type");
  const base = typeof word === "string" ? (BASE[word] ?? "any") : "any";
  const schema = pick(at, "schema");
  if (base === "list") return isRecord(schema) ? { type: base, items: typeOf(schema) } : { type: base };
  if (base === "object") {
    const fields = Array.isArray(schema) ? fieldsOf(schema) : [];
    return fields.length > 0 ? { type: base, fields } : { type: base };
  }
  const assist = ASSIST[String(pick(at, "assistType") ?? "")] ?? (word === "time" ? "time" : undefined);
  return assist ? { type: base, assist } : base;
}

function defaultOf(value: unknown, type: CanvasType): unknown {
  if (typeof value !== "string" || typeof type === "string" || !type.assist || type.assist === "time") return value;
  // The front end keeps the file's name in its URL; what was uploaded does not have it.
  return value.replace(/([?&])x-wf-file_name=[^&]*(&|$)/, (_all, before, after) => (after === "&" ? before : ""));
}

/** Declared outputs, or the members of an object's schema. */
export function fieldsOf(variables: unknown): CanvasField[] {
  if (!Array.isArray(variables)) return [];
  return variables.filter(isRecord).map((variable) => {
    const type = typeOf(variable);
    const given = pick(variable, "defaultValue");
    const description = textOf(variable, "description");
    return {
      name: textOf(variable, "name") ?? "",
      type,
      ...(pick(variable, "required") === true ? { required: true } : {}),
      ...(given === undefined || given === null || given === "" ? {} : { default: defaultOf(given, type) }),
      ...(description ? { description } : {}),
    };
  });
}

/** Our text for Coze's reference: `block.a.b`. Coze's names hold dots between members and nothing else. */
export function referenceOf(content: unknown): string {
  const block = textOf(content, "blockID") ?? "";
  if (block === "") return "";
  const name = textOf(content, "name") ?? "";
  const path = name === "" ? listOf(content, "path").map(String) : name.split(".");
  return formatPath([block, ...path.filter((part) => part !== "")]);
}

/** A variable's scope and path: `app.name`. */
export function variableOf(content: unknown): string | undefined {
  const source = textOf(content, "source") ?? "";
  if (!source.startsWith("global_variable_")) return undefined;
  const scope = source.slice("global_variable_".length);
  const path = listOf(content, "path").map(String);
  const name = textOf(content, "name") ?? "";
  return formatPath([scope, ...(path.length > 0 ? path : name.split("."))].filter((part) => part !== ""));
}

/** A BlockInput as an input of ours. An absent or empty one is a literal null. */
export function inputOf(name: string, block: unknown): CanvasInput {
  const type = isRecord(block) ? { type: typeOf(block) } : {};
  const value = pick(block, "value");
  const content = pick(value, "content");
  switch (textOf(value, "type")) {
    case "ref": {
      const variable = variableOf(content);
      if (variable !== undefined) return { name, ...type, variable };
      return { name, ...type, ref: referenceOf(content) };
    }
    case "object_ref":
      return { name, type: "object", fields: paramsOf(pick(block, "schema")) };
    default:
      return { name, ...type, value: content === undefined ? null : content };
  }
}

/** Params (`{name, input}`) as inputs. */
export function paramsOf(params: unknown): CanvasInput[] {
  if (!Array.isArray(params)) return [];
  return params.filter(isRecord).map((param) => inputOf(textOf(param, "name") ?? "", pick(param, "input")));
}

/** `data.inputs.inputParameters`. */
export function inputParameters(inputs: unknown): CanvasInput[] {
  return paramsOf(pick(inputs, "inputParameters"));
}

/** The literal that a BlockInput holds; undefined where it is a reference. */
export function literalOf(block: unknown): unknown {
  return textOf(block, "value", "type") === "literal" ? dig(block, "value", "content") : undefined;
}

/** A number that is written in the canvas, or given by an input that this adds. */
export function numberOrInput(
  block: unknown,
  name: string,
  inputs: CanvasInput[],
): number | { input: string } | undefined {
  if (!isRecord(block)) return typeof block === "number" ? block : undefined;
  if (textOf(block, "value", "type") === "ref") {
    inputs.push({ ...inputOf(name, block), type: "integer" });
    return { input: name };
  }
  return numberOf(block, "value", "content");
}

/** A name that no input has yet. */
export function freeName(wanted: string, inputs: readonly CanvasInput[]): string {
  const taken = new Set(inputs.map((input) => input.name));
  let name = wanted;
  for (let i = 2; taken.has(name); i++) name = `${wanted}_${i}`;
  return name;
}

/** The value, or a problem that names where it should be. */
export function required<T>(value: T | undefined, path: string): T {
  if (value === undefined) throw new CozeProblem(path, "is missing");
  return value;
}
