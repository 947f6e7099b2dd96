import * as z from "zod";
import { itemsInput, itemsOf } from "../items/items.ts";
import { MAX_ITEMS } from "../limits.ts";
import { defineNode } from "../node.ts";
import { countConfig, countOf } from "./collect.ts";

const config = z.strictObject({
  items: itemsInput,
  count: countConfig(MAX_ITEMS).default(1),
  keep: z.enum(["first", "last"]).default("first"),
  /** Items left out before counting, from the same end. */
  skip: countConfig(MAX_ITEMS).default(0),
});

export const limit = defineNode({
  type: "limit",
  title: "Limit",
  description: "Keeps the first or last items of a list.",
  category: "data",
  config,
  effectful: false,
  outputs: () => [
    { name: "items", type: { type: "list" } },
    { name: "total", type: { type: "integer" } },
  ],
  uses: ({ items, count, skip }) => [
    items,
    ...[count, skip].flatMap((number) => (typeof number === "object" ? [number.input] : [])),
  ],
  n8n: ["n8n-nodes-base.limit", "n8n-nodes-base.itemLists:limit"],
  dify: ["list-operator"],
  run({ config, inputs }) {
    const items = itemsOf(inputs, config.items);
    const count = countOf(config.count, inputs, MAX_ITEMS) ?? 0;
    const skip = countOf(config.skip, inputs, MAX_ITEMS) ?? 0;
    const end = Math.max(0, items.length - skip);
    const kept = config.keep === "first" ? items.slice(skip, skip + count) : items.slice(Math.max(0, end - count), end);
    return { output: { items: kept, total: items.length } };
  },
});
