import * as z from "zod";
import { dig, inputParameters, textOf } from "../coze/read.ts";
import { MAX_STRING } from "../limits.ts";
import { defineNode } from "../node.ts";
import { renderTemplate } from "../values/template.ts";

const config = z.strictObject({
  /** variables: the inputs are the result. answer: one text is. */
  mode: z.enum(["variables", "answer"]).default("variables"),
  content: z.string().max(MAX_STRING).default(""),
  /** Whether followers get the answer as it is written. */
  streaming: z.boolean().default(false),
});

export const end = defineNode({
  type: "end",
  title: "End",
  description: "Gives the result: the inputs as they are, or one text made from a template.",
  category: "input_output",
  config,
  effectful: false,
  zeroInputs: true,
  ports: () => [],
  outputs: ({ mode }) => (mode === "answer" ? [{ name: "output", type: { type: "string" } }] : []),
  coze: {
    id: "2",
    key: "Exit",
    displayKey: "End",
    read: ({ inputs }) => ({
      config: {
        mode: textOf(inputs, "terminatePlan") === "useAnswerContent" ? "answer" : "variables",
        content: textOf(inputs, "content", "value", "content") ?? "",
        streaming: dig(inputs, "streamingOutput") === true,
      },
      inputs: inputParameters(inputs),
    }),
  },
  dify: ["end", "answer"],
  run({ config: { mode, content }, inputs }) {
    return { output: mode === "answer" ? { output: renderTemplate(content, inputs) } : inputs };
  },
});
