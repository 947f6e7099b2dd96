import * as z from "zod";
import { fieldsOf, pick } from "../coze/read.ts";
import { defineNode, NodeError } from "../node.ts";
import { readInput } from "../values/input.ts";

export const start = defineNode({
  type: "start",
  title: "Start",
  description: "Takes in what the caller passes, as the declared fields.",
  category: "input_output",
  config: z.strictObject({}),
  effectful: false,
  begins: true,
  nullOutputs: true,
  coze: {
    id: "1",
    key: "Entry",
    displayKey: "Start",
    read: ({ data }) => ({ config: {}, outputs: fieldsOf(pick(data, "outputs")) }),
  },
  dify: ["start"],
  n8n: ["n8n-nodes-base.manualTrigger", "n8n-nodes-base.executeWorkflowTrigger"],
  run({ node, graphInput }) {
    const { values, missing } = readInput(node.outputs, graphInput);
    if (missing.length > 0) {
      throw new NodeError("missing_required", `Missing required parameters: ${missing.join(", ")}`, {
        retryable: false,
        details: { missing },
      });
    }
    return { output: values };
  },
});
