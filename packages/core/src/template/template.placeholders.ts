import { keyOf } from "@weft/engine/items/items";
import { type FieldIssue, invalidInput } from "@weft/kernel/errors";
import * as z from "zod";
import type { Place, TemplateKind } from "./template.kind.ts";
import type { Placeholder, PlaceholderInput } from "./template.schema.ts";

type Type = PlaceholderInput["type"];

const SCHEMAS: Readonly<Record<Type, z.ZodType>> = {
  string: z.string(),
  integer: z.int(),
  number: z.number(),
  boolean: z.boolean(),
  list: z.array(z.unknown()),
  object: z.record(z.string(), z.unknown()),
};
/** What takes the place of a value that is not to be handed on. */
const EMPTY: Readonly<Record<Type, unknown>> = {
  string: "",
  integer: 0,
  number: 0,
  boolean: false,
  list: [],
  object: {},
};

const A: Readonly<Record<Type, string>> = {
  string: "a text",
  integer: "a whole number",
  number: "a number",
  boolean: "true or false",
  list: "a list",
  object: "an object",
};

const fits = (type: Type, value: unknown): boolean => SCHEMAS[type].safeParse(value).success;

/** The places of a placeholder; what is wrong with its targets is added to `issues`. */
function placesOf(
  kind: TemplateKind,
  content: unknown,
  { targets }: PlaceholderInput,
  at: number,
  issues: FieldIssue[],
): Place[] {
  return targets.flatMap((target, index) => {
    const found = kind.place(content, target);
    if (typeof found !== "string") return [found];
    issues.push({ path: `placeholders.${at}.targets.${index}`, message: found });
    return [];
  });
}

/**
 * The placeholders of a new version with the values that stand in its content now. Values that users have to give are
 * taken out of the content. Throws `invalid_input` naming each placeholder that has no place or no value of its type.
 */
export function declare(kind: TemplateKind, content: unknown, declared: readonly PlaceholderInput[]): Placeholder[] {
  const issues: FieldIssue[] = [];
  const all = declared.map((placeholder, at) => {
    const { name, type, required, options } = placeholder;
    const places = placesOf(kind, content, placeholder, at, issues);
    const value = places[0]?.read();
    if (declared.findIndex((other) => other.name === name) < at)
      issues.push({ path: `placeholders.${at}.name`, message: `there are two placeholders "${name}"` });
    if (value !== undefined && !fits(type, value))
      issues.push({ path: `placeholders.${at}.type`, message: `what stands there is not ${A[type]}` });
    if (options?.some((option) => !fits(type, option)))
      issues.push({ path: `placeholders.${at}.options`, message: `every option must be ${A[type]}` });
    if (required) for (const place of places) place.write(EMPTY[type]);
    return { ...placeholder, default: required ? null : (value ?? null) };
  });
  if (issues.length > 0) throw invalidInput(issues);
  return all;
}

/**
 * Puts the values into the content. Throws `invalid_input` naming each that is missing, unknown, of another type or none
 * of the options.
 */
export function fill(
  kind: TemplateKind,
  content: unknown,
  placeholders: readonly Placeholder[],
  values: Readonly<Record<string, unknown>>,
): void {
  const issues: FieldIssue[] = Object.keys(values)
    .filter((name) => !placeholders.some((placeholder) => placeholder.name === name))
    .map((name) => ({ path: `parameters.${name}`, message: "the template asks for no such value" }));
  for (const [at, placeholder] of placeholders.entries()) {
    const { name, type, required, options } = placeholder;
    const path = `parameters.${name}`;
    if (!Object.hasOwn(values, name)) {
      if (required) issues.push({ path, message: "is required" });
      continue;
    }
    const value = values[name];
    if (!fits(type, value)) issues.push({ path, message: `must be ${A[type]}` });
    else if (options && !options.some((option) => keyOf(option) === keyOf(value)))
      issues.push({ path, message: "is none of the values that are allowed" });
    else for (const place of placesOf(kind, content, placeholder, at, issues)) place.write(value);
  }
  if (issues.length > 0) throw invalidInput(issues);
}
