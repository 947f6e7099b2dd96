import * as z from "zod";
import { defineNode } from "../node.ts";

export const continueLoop = defineNode({
  type: "continue",
  title: "Continue",
  description: "Ends this turn of the loop that it is in and goes on with the next.",
  category: "flow",
  config: z.strictObject({}),
  effectful: false,
  within: ["loop"],
  ports: () => [],
  coze: { id: "29", key: "Continue", displayKey: "Continue", read: () => ({ config: {} }) },
  run: () => ({ output: {}, loop: { control: "continue" } }),
});
