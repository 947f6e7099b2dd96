import * as z from "zod";
import { checkCount, itemPath, itemsOf } from "../items/items.ts";
import { combine, JOINS, joinByKey } from "../items/join.ts";
import { MAX_FIELDS, MAX_RULES } from "../limits.ts";
import { defineNode, type NodeDone, type NodeRun } from "../node.ts";

const names = z.array(z.string().min(1).max(128)).max(MAX_FIELDS).optional();
const two = z.tuple([z.string().min(1).max(128), z.string().min(1).max(128)]).optional();
const prefer = z.enum(["left", "right"]).default("right");

const config = z.discriminatedUnion("mode", [
  /** The items of all inputs, one input after the other. */
  z.strictObject({ mode: z.literal("append"), inputs: names }),
  /** The first input that came, in the order of the names. */
  z.strictObject({ mode: z.literal("any"), inputs: names }),
  /** One input, once all have come. */
  z.strictObject({ mode: z.literal("choose"), input: z.string().min(1).max(128) }),
  z.strictObject({
    mode: z.literal("by_key"),
    inputs: two,
    keys: z
      .array(z.strictObject({ left: itemPath, right: itemPath }))
      .min(1)
      .max(MAX_RULES),
    join: z.enum(JOINS).default("inner"),
    prefer,
    matches: z.enum(["all", "first"]).default("all"),
  }),
  z.strictObject({
    mode: z.literal("by_position"),
    inputs: names,
    /** Goes on to the end of the longest list instead of the shortest. */
    includeUnpaired: z.boolean().default(false),
    prefer,
  }),
  /** Every item of the left with every item of the right. */
  z.strictObject({ mode: z.literal("every_pair"), inputs: two, prefer }),
]);
type Config = z.output<typeof config>;

/**
 * The inputs that came, in order. An input that edges lead to by its name came if one of them is live; any other, if its
 * value is not null.
 */
function arrived(run: NodeRun<Config>): string[] {
  const { config, inputs } = run;
  const chosen = config.mode === "choose" ? undefined : config.inputs;
  const arrivals = run.arrivals();
  return (chosen ?? Object.keys(inputs)).filter((name) => arrivals.get(name) ?? (inputs[name] ?? null) !== null);
}

function position(lists: readonly (readonly unknown[])[], config: Extract<Config, { mode: "by_position" }>): unknown[] {
  const lengths = lists.map((list) => list.length);
  if (lengths.length === 0) return [];
  const length = config.includeUnpaired ? Math.max(...lengths) : Math.min(...lengths);
  return Array.from({ length }, (_none, at) =>
    lists
      .filter((list) => at < list.length)
      .map((list) => list[at])
      .reduce((one, other) => combine(one, other, config.prefer)),
  );
}

function everyPair(left: readonly unknown[], right: readonly unknown[], side: "left" | "right"): unknown[] {
  checkCount(left.length * right.length);
  return left.flatMap((one) => right.map((other) => combine(one, other, side)));
}

function items(run: NodeRun<Config>, came: readonly string[]): unknown[] {
  const { config, inputs } = run;
  const lists = came.map((name) => itemsOf(inputs, name));
  if (config.mode === "append") {
    checkCount(lists.reduce((total, list) => total + list.length, 0));
    return lists.flat();
  }
  if (config.mode === "by_position") return position(lists, config);
  const [first = "", second = ""] = ("inputs" in config ? config.inputs : undefined) ?? Object.keys(inputs);
  const side = (name: string): readonly unknown[] => (came.includes(name) ? itemsOf(inputs, name) : []);
  if (config.mode === "every_pair") return everyPair(side(first), side(second), config.prefer);
  if (config.mode !== "by_key") return [...side(config.mode === "choose" ? config.input : (came[0] ?? ""))];
  const { keys, join, prefer, matches } = config;
  const paths = { left: keys.map((key) => key.left), right: keys.map((key) => key.right) };
  return joinByKey(side(first), side(second), { join, prefer, matches, ...paths });
}

function value(run: NodeRun<Config>, came: readonly string[], made: readonly unknown[]): unknown {
  const { config, inputs } = run;
  if (config.mode === "any") return came[0] === undefined ? null : inputs[came[0]];
  if (config.mode === "choose") return inputs[config.input] ?? null;
  return made;
}

export const merge = defineNode({
  type: "merge",
  title: "Merge",
  description:
    "Brings branches together once each of them has come or can no longer come: appended, the first that came, or joined by key or position.",
  category: "flow",
  config,
  effectful: false,
  outputs: () => [
    { name: "items", type: { type: "list" } },
    { name: "output", type: { type: "any" } },
    { name: "came", type: { type: "list", items: { type: "string" } } },
  ],
  uses: (config) => (config.mode === "choose" ? [config.input] : [...(config.inputs ?? [])]),
  check: (config, { inputs }) =>
    (config.mode === "by_key" || config.mode === "every_pair") && config.inputs === undefined && inputs.length !== 2
      ? [{ path: "inputs", message: "name the two inputs that are joined, or give the node two" }]
      : [],
  n8n: ["n8n-nodes-base.merge"],
  run(run): NodeDone {
    const came = arrived(run);
    const made = items(run, came);
    return { output: { items: made, output: value(run, came, made), came } };
  },
});
