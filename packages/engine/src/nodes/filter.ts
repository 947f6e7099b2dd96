import type * as z from "zod";
import { conditionsConfig, type Matcher, matcherFor, rightInputs, tester } from "../items/condition.ts";
import { itemsInput, itemsOf } from "../items/items.ts";
import { defineNode, type NodeDone, type NodeRun } from "../node.ts";

const config = conditionsConfig.extend({ items: itemsInput });
type Config = z.output<typeof config>;

function split({ config, inputs }: NodeRun<Config>, matcher: Matcher | undefined): NodeDone {
  const test = tester(config, inputs, matcher);
  const items: unknown[] = [];
  const rejected: unknown[] = [];
  for (const item of itemsOf(inputs, config.items)) (test(item) ? items : rejected).push(item);
  return { output: { items, rejected } };
}

export const filter = defineNode({
  type: "filter",
  title: "Filter",
  description: "Keeps the items of a list for which the conditions hold, and gives the others apart.",
  category: "data",
  config,
  effectful: false,
  outputs: () => [
    { name: "items", type: { type: "list" } },
    { name: "rejected", type: { type: "list" } },
  ],
  uses: (config) => [config.items, ...rightInputs([config])],
  n8n: ["n8n-nodes-base.filter"],
  dify: ["list-operator"],
  run(run) {
    const matcher = matcherFor([run.config]);
    return matcher ? matcher.then((loaded) => split(run, loaded)) : split(run, undefined);
  },
});
