import * as z from "zod";
import { itemPath, itemsOf, keyOf, keyReader, recordOf, without } from "../items/items.ts";
import { MAX_RULES } from "../limits.ts";
import { defineNode } from "../node.ts";

const config = z.strictObject({
  left: z.string().min(1).max(128).default("left"),
  right: z.string().min(1).max(128).default("right"),
  keys: z
    .array(z.strictObject({ left: itemPath, right: itemPath }))
    .min(1)
    .max(MAX_RULES),
  /** Members that do not count when two items of one key are compared. */
  ignore: z.array(z.string().min(1).max(128)).max(MAX_RULES).default([]),
});

function queues(items: readonly unknown[], key: (item: unknown) => string): Map<string, unknown[]> {
  const found = new Map<string, unknown[]>();
  for (const item of items) {
    const name = key(item);
    const list = found.get(name);
    if (list) list.push(item);
    else found.set(name, [item]);
  }
  return found;
}

export const compareDatasets = defineNode({
  type: "compare_datasets",
  title: "Compare lists",
  description: "Matches the items of two lists by key and says which are only in one, the same in both, or different.",
  category: "data",
  config,
  effectful: false,
  outputs: () =>
    ["onlyLeft", "same", "different", "onlyRight"].map((name) => ({ name, type: { type: "list" as const } })),
  uses: ({ left, right }) => [left, right],
  n8n: ["n8n-nodes-base.compareDatasets"],
  run({ config, inputs }) {
    const ignored = new Set(config.ignore);
    const content = (item: unknown): string => keyOf(without(recordOf(item), ignored));
    const keyRight = keyReader(config.keys.map(({ right }) => right));
    const keyLeft = keyReader(config.keys.map(({ left }) => left));
    const waiting = queues(itemsOf(inputs, config.right), keyRight);
    const onlyLeft: unknown[] = [];
    const same: unknown[] = [];
    const different: unknown[] = [];
    for (const list of waiting.values()) list.reverse();
    for (const left of itemsOf(inputs, config.left)) {
      const list = waiting.get(keyLeft(left));
      if (!list || list.length === 0) onlyLeft.push(left);
      else {
        const right = list.pop();
        if (content(left) === content(right)) same.push(left);
        else different.push({ left, right });
      }
    }
    const onlyRight = [...waiting.values()].flatMap((list) => list.reverse());
    return { output: { onlyLeft, same, different, onlyRight } };
  },
});
