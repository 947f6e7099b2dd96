import * as z from "zod";
import { defineNode } from "../node.ts";

export const noOp = defineNode({
  type: "no_op",
  title: "Do nothing",
  description: "Does nothing but give its inputs: a place where branches meet.",
  category: "flow",
  config: z.strictObject({}),
  effectful: false,
  n8n: ["n8n-nodes-base.noOp"],
  run: ({ inputs }) => ({ output: { ...inputs } }),
});
