import * as z from "zod";
import { itemPath, itemsInput, itemsOf, keyOf, reader } from "../items/items.ts";
import { MAX_RULES } from "../limits.ts";
import { defineNode } from "../node.ts";

const config = z.discriminatedUnion("by", [
  z.strictObject({
    by: z.literal("fields"),
    items: itemsInput,
    /** The first field that differs decides. */
    fields: z
      .array(
        z.strictObject({
          path: itemPath.default(""),
          order: z.enum(["ascending", "descending"]).default("ascending"),
          /** number: texts that are numbers count as such. text: everything by its letters. auto: by what it is. */
          as: z.enum(["auto", "number", "text"]).default("auto"),
          ignoreCase: z.boolean().default(false),
        }),
      )
      .min(1)
      .max(MAX_RULES),
  }),
  z.strictObject({ by: z.literal("random"), items: itemsInput }),
]);
type Field = Extract<z.output<typeof config>, { by: "fields" }>["fields"][number];

/** What a value counts as: its rank among kinds, then its number or text. What is missing comes last in either order. */
type SortKey = readonly [rank: number, number: number, text: string];

const MISSING: SortKey = [9, 0, ""];

function sortKey(value: unknown, { as, ignoreCase }: Field): SortKey {
  if (value === null || value === undefined) return MISSING;
  if (as !== "text") {
    const number = typeof value === "string" && as === "number" && value.trim() !== "" ? Number(value) : value;
    if (typeof number === "number") return Number.isNaN(number) ? MISSING : [0, number, ""];
    if (as === "number") return MISSING;
    if (typeof value === "boolean") return [1, Number(value), ""];
  }
  const text = typeof value === "string" ? value : keyOf(value);
  return [typeof value === "object" ? 3 : 2, 0, ignoreCase ? text.toLowerCase() : text];
}

function order(a: SortKey, b: SortKey, sign: number): number {
  if (a[0] === MISSING[0] || b[0] === MISSING[0]) return a[0] === b[0] ? 0 : a[0] === MISSING[0] ? 1 : -1;
  if (a[0] !== b[0]) return sign * (a[0] - b[0]);
  if (a[1] !== b[1]) return a[1] < b[1] ? -sign : sign;
  return a[2] === b[2] ? 0 : a[2] < b[2] ? -sign : sign;
}

function sorted(items: readonly unknown[], fields: readonly Field[]): unknown[] {
  const readers = fields.map(({ path }) => reader(path));
  const signs = fields.map((field) => (field.order === "descending" ? -1 : 1));
  const keyed = items.map((item) => ({
    item,
    keys: fields.map((field, at) => sortKey(readers[at]?.(item), field)),
  }));
  keyed.sort((a, b) => {
    for (let at = 0; at < fields.length; at++) {
      const found = order(a.keys[at] ?? MISSING, b.keys[at] ?? MISSING, signs[at] ?? 1);
      if (found !== 0) return found;
    }
    return 0;
  });
  return keyed.map(({ item }) => item);
}

function shuffled(items: readonly unknown[]): unknown[] {
  const copy = [...items];
  for (let at = copy.length - 1; at > 0; at--) {
    const other = Math.floor(Math.random() * (at + 1));
    [copy[at], copy[other]] = [copy[other], copy[at]];
  }
  return copy;
}

export const sort = defineNode({
  type: "sort",
  title: "Sort",
  description: "Puts the items of a list in order; equal ones keep theirs. Or shuffles them.",
  category: "data",
  config,
  // A shuffled list must be the same when the run goes on elsewhere.
  effectful: ({ by }) => by === "random",
  outputs: () => [{ name: "items", type: { type: "list" } }],
  uses: ({ items }) => [items],
  n8n: ["n8n-nodes-base.sort", "n8n-nodes-base.itemLists:sort"],
  dify: ["list-operator"],
  run({ config, inputs }) {
    const items = itemsOf(inputs, config.items);
    return { output: { items: config.by === "random" ? shuffled(items) : sorted(items, config.fields) } };
  },
});
