import * as z from "zod";
import { itemPath, itemsInput, itemsOf, keyOf, keyReader, recordOf, without } from "../items/items.ts";
import { MAX_RULES } from "../limits.ts";
import { defineNode } from "../node.ts";

const fields = z.array(itemPath).min(1).max(MAX_RULES);
const config = z.discriminatedUnion("compare", [
  z.strictObject({ compare: z.literal("all"), items: itemsInput, keep: z.enum(["first", "last"]).default("first") }),
  z.strictObject({
    compare: z.literal("fields"),
    items: itemsInput,
    keep: z.enum(["first", "last"]).default("first"),
    fields,
  }),
  z.strictObject({
    compare: z.literal("all_except"),
    items: itemsInput,
    keep: z.enum(["first", "last"]).default("first"),
    /** Members of the items that do not count; names, not paths. */
    fields: z.array(z.string().min(1).max(128)).min(1).max(MAX_RULES),
  }),
]);
type Config = z.output<typeof config>;

function keyBy(config: Config): (item: unknown) => string {
  if (config.compare === "all") return keyOf;
  if (config.compare === "fields") return keyReader(config.fields);
  const names = new Set(config.fields);
  return (item) => keyOf(without(recordOf(item), names));
}

export const removeDuplicates = defineNode({
  type: "remove_duplicates",
  title: "Remove duplicates",
  description: "Keeps one of the items that are equal, whole or in some fields, and gives the others apart.",
  category: "data",
  config,
  effectful: false,
  outputs: () => [
    { name: "items", type: { type: "list" } },
    { name: "duplicates", type: { type: "list" } },
  ],
  uses: ({ items }) => [items],
  n8n: ["n8n-nodes-base.removeDuplicates", "n8n-nodes-base.itemLists:removeDuplicates"],
  run({ config, inputs }) {
    const all = itemsOf(inputs, config.items);
    const key = keyBy(config);
    const chosen = new Map<string, number>();
    for (const [at, item] of all.entries()) {
      const found = key(item);
      if (config.keep === "last" || !chosen.has(found)) chosen.set(found, at);
    }
    const kept = new Set(chosen.values());
    const items = all.filter((_item, at) => kept.has(at));
    return { output: { items, duplicates: all.filter((_item, at) => !kept.has(at)) } };
  },
});
