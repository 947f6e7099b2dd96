import * as z from "zod";
import type { CanvasInput } from "../canvas.ts";
import { dig, inputOf, listOf, pick, textOf } from "../coze/read.ts";
import { MAX_FIELDS } from "../limits.ts";
import { defineNode } from "../node.ts";
import { isRecord, setOwn } from "../values/json.ts";

const config = z.strictObject({
  assignments: z
    .array(z.strictObject({ variable: z.string().min(1).max(128), input: z.string() }))
    .min(1)
    .max(MAX_FIELDS),
});

export const loopSetVariable = defineNode({
  type: "loop_set_variable",
  title: "Set loop variable",
  description: "Sets variables of the loop that it is in, for the rest of the turn and the turns after.",
  category: "flow",
  config,
  effectful: false,
  within: ["loop"],
  uses: ({ assignments }) => assignments.map((item) => item.input),
  check: ({ assignments }, { parent }) => {
    const names = isRecord(parent?.config) ? parent.config.variables : undefined;
    if (!Array.isArray(names)) return [];
    return assignments.flatMap((item, index) =>
      names.includes(item.variable)
        ? []
        : [{ path: `assignments.${index}.variable`, message: `the loop has no variable "${item.variable}"` }],
    );
  },
  coze: {
    id: "20",
    key: "VariableAssignerWithinLoop",
    displayKey: "LoopSetVariable",
    read: ({ inputs: source }) => {
      const inputs: CanvasInput[] = [];
      const assignments = listOf(source, "inputParameters").map((param, index) => {
        const input = `value_${index}`;
        inputs.push(inputOf(input, pick(param, "right") ?? pick(param, "input")));
        return { variable: textOf(dig(param, "left", "value", "content"), "name") ?? "", input };
      });
      return { config: { assignments }, inputs };
    },
  },
  run({ config: { assignments }, inputs }) {
    const set: Record<string, unknown> = {};
    for (const item of assignments) setOwn(set, item.variable, inputs[item.input] ?? null);
    return { output: {}, loop: { set } };
  },
});
