import * as z from "zod";
import { defineNode } from "../node.ts";

export const transform = defineNode({
  type: "transform",
  title: "Transform",
  description: "Gives its inputs as its outputs: values put together, converted or computed by expressions.",
  category: "data",
  config: z.strictObject({}),
  effectful: false,
  run: ({ inputs }) => ({ output: inputs }),
});
