import { messageOf } from "@weft/kernel/errors";
import * as z from "zod";
import { fieldsOf, inputParameters, pick } from "../coze/read.ts";
import { defineNode, NodeError } from "../node.ts";
import { convert, toText } from "../values/convert.ts";
import { isRecord, parseJson } from "../values/json.ts";

export const jsonDeserialize = defineNode({
  type: "json_deserialize",
  title: "Read JSON",
  description: "Reads the JSON text `input` and converts it to the declared type of `output`.",
  category: "data",
  config: z.strictObject({}),
  effectful: false,
  zeroInputs: true,
  nullOutputs: true,
  outputs: () => [{ name: "output", type: { type: "any" } }],
  uses: () => ["input"],
  coze: {
    id: "59",
    key: "JsonDeserialization",
    displayKey: "FromJSON",
    read: ({ data, inputs }) => ({
      config: {},
      inputs: inputParameters(inputs),
      outputs: fieldsOf(pick(data, "outputs")),
    }),
  },
  run({ inputs, node }) {
    let value: unknown;
    try {
      value = parseJson(toText(inputs.input));
    } catch (cause) {
      throw new NodeError("invalid_json", `the input is not JSON: ${messageOf(cause)}`, { retryable: false, cause });
    }
    const type = node.outputs.find((field) => field.name === "output")?.type ?? { type: "any" };
    const fits = type.type === "list" ? Array.isArray(value) : type.type === "object" ? isRecord(value) : true;
    if (!fits && value !== null) {
      throw new NodeError("invalid_json", `the JSON is no ${type.type}, as the output is declared`, {
        retryable: false,
      });
    }
    return { output: { output: convert(value, type, "output") } };
  },
});
