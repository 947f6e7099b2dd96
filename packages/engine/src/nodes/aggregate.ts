import * as z from "zod";
import { itemPath, itemsInput, itemsOf, keyReader, lastName, memberName, reader } from "../items/items.ts";
import { SUMMARIES, summary } from "../items/summary.ts";
import { MAX_RULES } from "../limits.ts";
import { defineNode, type NodeDone } from "../node.ts";
import { setOwn } from "../values/json.ts";

const config = z.discriminatedUnion("mode", [
  /** All items as one list. */
  z.strictObject({ mode: z.literal("items"), items: itemsInput, name: memberName.default("data") }),
  /** Of each field the list of its values. */
  z.strictObject({
    mode: z.literal("fields"),
    items: itemsInput,
    fields: z
      .array(z.strictObject({ path: itemPath, name: memberName.optional(), keepMissing: z.boolean().default(false) }))
      .min(1)
      .max(MAX_RULES),
  }),
  /** Sums, counts and the like, for all items or for each group of equal fields. */
  z.strictObject({
    mode: z.literal("summarize"),
    items: itemsInput,
    groupBy: z.array(itemPath).max(MAX_RULES).default([]),
    fields: z
      .array(
        z.strictObject({
          path: itemPath,
          how: z.enum(SUMMARIES),
          name: memberName.optional(),
          separator: z.string().max(100).default(", "),
        }),
      )
      .min(1)
      .max(MAX_RULES),
  }),
]);
type Config = z.output<typeof config>;
type Summarize = Extract<Config, { mode: "summarize" }>;

function groups(items: readonly unknown[], paths: readonly string[]): readonly unknown[][] {
  if (paths.length === 0) return [[...items]];
  const key = keyReader(paths);
  const found = new Map<string, unknown[]>();
  for (const item of items) {
    const at = key(item);
    const group = found.get(at);
    if (group) group.push(item);
    else found.set(at, [item]);
  }
  return [...found.values()];
}

function summarize(config: Summarize, items: readonly unknown[]): NodeDone {
  const rows = groups(items, config.groupBy).map((group) => {
    const row: Record<string, unknown> = {};
    for (const path of config.groupBy) setOwn(row, lastName(path), reader(path)(group[0]) ?? null);
    for (const { path, how, name, separator } of config.fields) {
      setOwn(row, name ?? `${how}_${lastName(path)}`, summary(how, group.map(reader(path)), separator));
    }
    return row;
  });
  return { output: { items: rows, output: rows[0] ?? {} } };
}

function aggregated(config: Exclude<Config, Summarize>, items: readonly unknown[]): NodeDone {
  const output: Record<string, unknown> = {};
  if (config.mode === "items") setOwn(output, config.name, [...items]);
  else {
    for (const { path, name, keepMissing } of config.fields) {
      const values = items.map(reader(path));
      const kept = keepMissing
        ? values.map((value) => value ?? null)
        : values.filter((v) => v !== undefined && v !== null);
      setOwn(output, name ?? lastName(path), kept);
    }
  }
  return { output: { items: [output], output } };
}

export const aggregate = defineNode({
  type: "aggregate",
  title: "Aggregate",
  description:
    "Makes one item of many: all of them as a list, the values of fields as lists, or sums and counts by group.",
  category: "data",
  config,
  effectful: false,
  outputs: () => [
    { name: "items", type: { type: "list" } },
    { name: "output", type: { type: "object" } },
  ],
  uses: ({ items }) => [items],
  n8n: ["n8n-nodes-base.aggregate", "n8n-nodes-base.summarize", "n8n-nodes-base.itemLists:concatenateItems"],
  run({ config, inputs }) {
    const items = itemsOf(inputs, config.items);
    return config.mode === "summarize" ? summarize(config, items) : aggregated(config, items);
  },
});
