import * as z from "zod";
import { dig, inputParameters, textOf } from "../coze/read.ts";
import { MAX_STRING } from "../limits.ts";
import { defineNode } from "../node.ts";
import { renderTemplate } from "../values/template.ts";

export const outputMessage = defineNode({
  type: "output_message",
  title: "Message",
  description: "Sends a text to whoever follows the run, and goes on.",
  category: "input_output",
  config: z.strictObject({ content: z.string().max(MAX_STRING).default(""), streaming: z.boolean().default(false) }),
  effectful: true,
  zeroInputs: true,
  outputs: () => [{ name: "output", type: { type: "string" } }],
  coze: {
    id: "13",
    key: "OutputEmitter",
    displayKey: "Message",
    read: ({ inputs }) => ({
      config: {
        content: textOf(inputs, "content", "value", "content") ?? "",
        streaming: dig(inputs, "streamingOutput") === true,
      },
      inputs: inputParameters(inputs),
    }),
  },
  dify: ["answer"],
  run({ config, inputs, emitMessage }) {
    const output = renderTemplate(config.content, inputs);
    emitMessage(output);
    return { output: { output } };
  },
});
