import * as z from "zod";
import {
  checkCount,
  itemPath,
  itemsInput,
  itemsOf,
  lastName,
  memberName,
  reader,
  recordOf,
  without,
} from "../items/items.ts";
import { MAX_RULES } from "../limits.ts";
import { defineNode } from "../node.ts";
import { isRecord, setOwn } from "../values/json.ts";
import { parsePath } from "../values/path.ts";

const config = z.strictObject({
  items: itemsInput,
  /** Lists in the items; each of their members becomes an item. Several are gone through side by side. */
  fields: z
    .array(z.strictObject({ path: itemPath, name: memberName.optional() }))
    .min(1)
    .max(MAX_RULES),
  /** What else of the item goes with each of its parts. */
  include: z.enum(["nothing", "others", "selected"]).default("nothing"),
  selected: z.array(memberName).max(MAX_RULES).default([]),
});
type Config = z.output<typeof config>;

function listOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  if (isRecord(value)) return Object.values(value);
  return value === null || value === undefined ? [] : [value];
}

function rest(item: unknown, { include, selected, fields }: Config): Record<string, unknown> {
  if (include === "nothing") return {};
  const record = recordOf(item);
  if (include === "others")
    return without(record, new Set(fields.map(({ path }) => String(parsePath(path)?.[0] ?? ""))));
  const chosen: Record<string, unknown> = {};
  for (const name of selected) if (Object.hasOwn(record, name)) setOwn(chosen, name, record[name]);
  return chosen;
}

export const splitOut = defineNode({
  type: "split_out",
  title: "Split out",
  description: "Makes one item of each member of a list inside the items.",
  category: "data",
  config,
  effectful: false,
  outputs: () => [{ name: "items", type: { type: "list" } }],
  uses: ({ items }) => [items],
  n8n: ["n8n-nodes-base.splitOut", "n8n-nodes-base.itemLists:splitOutItems"],
  run({ config, inputs }) {
    const { fields, include } = config;
    const readers = fields.map(({ path }) => reader(path));
    // A single list without anything beside it: its members as they are, where they are objects.
    const whole = fields.length === 1 && include === "nothing" && fields[0]?.name === undefined;
    const made: unknown[] = [];
    for (const item of itemsOf(inputs, config.items)) {
      const lists = readers.map((read) => listOf(read(item)));
      const length = Math.max(...lists.map((list) => list.length));
      checkCount(made.length + length);
      for (let at = 0; at < length; at++) {
        if (whole) {
          made.push(lists[0]?.[at] ?? null);
          continue;
        }
        const part = rest(item, config);
        for (const [n, { path, name }] of fields.entries()) {
          setOwn(part, name ?? lastName(path), lists[n]?.[at] ?? null);
        }
        made.push(part);
      }
    }
    return { output: { items: made } };
  },
});
