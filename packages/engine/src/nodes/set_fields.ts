import * as z from "zod";
import { itemPath, itemsOf, memberName, recordOf, without } from "../items/items.ts";
import { MAX_RULES, MAX_STRING } from "../limits.ts";
import { defineNode, type NodeRun } from "../node.ts";
import type { BaseType, PathPart } from "../plan.ts";
import { convertStrict } from "../values/convert.ts";
import { parsePath, withPath } from "../values/path.ts";
import { renderTemplate } from "../values/template.ts";

const TYPES = [
  "string",
  "integer",
  "number",
  "boolean",
  "object",
  "list",
  "any",
] as const satisfies readonly BaseType[];

const field = z
  .strictObject({
    /** Where the value goes: `address.city` makes the objects on the way. */
    path: itemPath.refine((path) => path !== "", "name the field that is set"),
    /** The input that holds the value, or a value, or a template over the inputs and the item (`{{item.name}}`). */
    input: z.string().max(128).optional(),
    value: z.unknown().optional(),
    template: z.string().max(MAX_STRING).optional(),
    type: z.enum(TYPES).default("any"),
  })
  .refine((one) => [one.input, one.value, one.template].filter((given) => given !== undefined).length <= 1, {
    message: "give one of input, value and template",
  });

const config = z.strictObject({
  fields: z.array(field).max(MAX_RULES),
  /** The input that holds the object, or the list of them, that the fields are set in. */
  base: z.string().max(128).optional(),
  /** What of the base is kept. */
  include: z.enum(["all", "none", "selected", "except"]).default("all"),
  names: z.array(memberName).max(MAX_RULES).default([]),
});
type Config = z.output<typeof config>;

function kept(record: Record<string, unknown>, { include, names }: Config): Record<string, unknown> {
  if (include === "none") return {};
  const listed = new Set(names);
  if (include === "except") return without(record, listed);
  return include === "all"
    ? without(record, new Set())
    : without(record, new Set(Object.keys(record).filter((n) => !listed.has(n))));
}

function fieldValue(one: Config["fields"][number], values: Record<string, unknown>): unknown {
  if (one.template !== undefined) return renderTemplate(one.template, values);
  return one.input === undefined ? (one.value ?? null) : (values[one.input] ?? null);
}

function setIn({ config, inputs }: NodeRun<Config>, item: unknown): Record<string, unknown> {
  const record = recordOf(item);
  let made: unknown = kept(record, config);
  const values = { ...inputs, item: record };
  for (const one of config.fields) {
    const parts = parsePath(one.path) as PathPart[];
    const value = fieldValue(one, values);
    made = withPath(made, parts, value === null ? null : convertStrict(value, { type: one.type }, one.path));
  }
  return made as Record<string, unknown>;
}

export const setFields = defineNode({
  type: "set_fields",
  title: "Set fields",
  description: "Sets fields of an object, or of each object of a list, and keeps, selects or drops the others.",
  category: "data",
  config,
  effectful: false,
  outputs: () => [{ name: "output", type: { type: "any" } }],
  uses: ({ fields, base }) => [
    ...fields.flatMap(({ input }) => (input === undefined ? [] : [input])),
    ...(base === undefined ? [] : [base]),
  ],
  n8n: ["n8n-nodes-base.set"],
  run(run) {
    const { base } = run.config;
    const given = base === undefined ? {} : run.inputs[base];
    const isList = Array.isArray(given) && base !== undefined;
    return {
      output: { output: isList ? itemsOf(run.inputs, base).map((item) => setIn(run, item)) : setIn(run, given) },
    };
  },
});
