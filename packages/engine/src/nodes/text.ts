import * as z from "zod";
import { fieldsOf, inputParameters, listOf, pick, textOf } from "../coze/read.ts";
import { MAX_STRING } from "../limits.ts";
import { defineNode } from "../node.ts";
import { toText } from "../values/convert.ts";
import { renderTemplate } from "../values/template.ts";

const config = z.discriminatedUnion("method", [
  z.strictObject({
    method: z.literal("concat"),
    template: z.string().max(MAX_STRING),
    /** Stands between the items of a list. */
    joinWith: z.string().max(100).default(""),
  }),
  z.strictObject({
    method: z.literal("split"),
    delimiters: z.array(z.string().min(1).max(100)).min(1).max(50),
    /** The input that is split; the first one where it is not said. */
    input: z.string().optional(),
  }),
]);
type Config = z.output<typeof config>;

function param(inputs: unknown, list: string, name: string): unknown {
  return listOf(inputs, list).find((item) => textOf(item, "name") === name);
}

function readConfig(inputs: unknown): Record<string, unknown> {
  if (textOf(inputs, "method") === "split") {
    const chosen = listOf(param(inputs, "splitParams", "delimiters"), "input", "value", "content");
    const delimiters = chosen.map((item) => (typeof item === "string" ? item : (textOf(item, "value") ?? "")));
    return { method: "split", delimiters };
  }
  const literal = (name: string): string =>
    textOf(param(inputs, "concatParams", name), "input", "value", "content") ?? "";
  return { method: "concat", template: literal("concatResult"), joinWith: literal("arrayItemConcatChar") };
}

function concat(config: Extract<Config, { method: "concat" }>, inputs: Record<string, unknown>): string {
  // A list is joined where it is a whole input; one inside a value is JSON, as the value is.
  return renderTemplate(config.template, inputs, (value, path) =>
    Array.isArray(value) && path.length === 1 ? value.map(toText).join(config.joinWith) : toText(value),
  );
}

function split(config: Extract<Config, { method: "split" }>, inputs: Record<string, unknown>): string[] {
  const name = config.input ?? Object.keys(inputs)[0];
  let pieces = [toText(name === undefined ? "" : inputs[name])];
  for (const delimiter of config.delimiters) pieces = pieces.flatMap((piece) => piece.split(delimiter));
  return pieces;
}

export const text = defineNode({
  type: "text",
  title: "Text",
  description: "Makes one text from a template, or splits a text at delimiters.",
  category: "text",
  config,
  effectful: false,
  zeroInputs: true,
  outputs: ({ method }) => [
    { name: "output", type: method === "split" ? { type: "list", items: { type: "string" } } : { type: "string" } },
  ],
  uses: (config) => (config.method === "split" && config.input !== undefined ? [config.input] : []),
  coze: {
    id: "15",
    key: "TextProcessor",
    displayKey: "Text",
    read: ({ data, inputs }) => ({
      config: readConfig(inputs),
      inputs: inputParameters(inputs),
      outputs: fieldsOf(pick(data, "outputs")),
    }),
  },
  run({ config, inputs }) {
    return { output: { output: config.method === "concat" ? concat(config, inputs) : split(config, inputs) } };
  },
});
