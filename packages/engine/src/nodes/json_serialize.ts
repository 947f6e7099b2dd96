import * as z from "zod";
import { fieldsOf, inputParameters, pick } from "../coze/read.ts";
import { defineNode, NodeError } from "../node.ts";
import { stableStringify } from "../values/json.ts";

export const jsonSerialize = defineNode({
  type: "json_serialize",
  title: "Write JSON",
  description: "Writes the value `input` as JSON text, members in alphabetical order.",
  category: "data",
  config: z.strictObject({}),
  effectful: false,
  zeroInputs: true,
  nullOutputs: true,
  outputs: () => [{ name: "output", type: { type: "string" } }],
  uses: () => ["input"],
  coze: {
    id: "58",
    key: "JsonSerialization",
    displayKey: "ToJSON",
    read: ({ data, inputs }) => ({
      config: {},
      inputs: inputParameters(inputs),
      outputs: fieldsOf(pick(data, "outputs")),
    }),
  },
  run({ inputs }) {
    try {
      return { output: { output: stableStringify(inputs.input ?? null) } };
    } catch (cause) {
      throw new NodeError("invalid_value", "the value cannot be written as JSON", { retryable: false, cause });
    }
  },
});
