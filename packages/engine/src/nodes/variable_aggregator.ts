import * as z from "zod";
import type { CanvasInput } from "../canvas.ts";
import { fieldsOf, inputOf, listOf, pick, textOf } from "../coze/read.ts";
import { MAX_FIELDS } from "../limits.ts";
import { defineNode } from "../node.ts";
import { setOwn } from "../values/json.ts";

const config = z.strictObject({
  groups: z
    .array(z.strictObject({ name: z.string().min(1).max(128), inputs: z.array(z.string()).max(MAX_FIELDS) }))
    .min(1)
    .max(MAX_FIELDS),
});

export const variableAggregator = defineNode({
  type: "variable_aggregator",
  title: "Aggregate variables",
  description: "Gives for each group the first of its inputs that is not null.",
  category: "data",
  config,
  effectful: false,
  nullOutputs: true,
  outputs: ({ groups }) => groups.map(({ name }) => ({ name, type: { type: "any" } })),
  uses: ({ groups }) => groups.flatMap((group) => group.inputs),
  coze: {
    id: "32",
    key: "VariableAggregator",
    displayKey: "VariableAggregator",
    read: ({ data, inputs: source }) => {
      const inputs: CanvasInput[] = [];
      const groups = listOf(source, "mergeGroups").map((group, g) => ({
        name: textOf(group, "name") ?? "",
        inputs: listOf(group, "variables").map((variable, v) => {
          const name = `g${g}_${v}`;
          inputs.push(inputOf(name, variable));
          return name;
        }),
      }));
      return { config: { groups }, inputs, outputs: fieldsOf(pick(data, "outputs")) };
    },
  },
  dify: ["variable-aggregator", "variable-assigner"],
  run({ config: { groups }, inputs }) {
    const output: Record<string, unknown> = {};
    for (const group of groups) {
      const name = group.inputs.find((input) => inputs[input] !== null && inputs[input] !== undefined);
      setOwn(output, group.name, name === undefined ? null : inputs[name]);
    }
    return { output };
  },
});
