import * as z from "zod";
import { defineNode } from "../node.ts";

export const breakLoop = defineNode({
  type: "break",
  title: "Break",
  description: "Ends the loop that it is in after this turn.",
  category: "flow",
  config: z.strictObject({}),
  effectful: false,
  within: ["loop"],
  ports: () => [],
  coze: { id: "19", key: "Break", displayKey: "Break", read: () => ({ config: {} }) },
  run: () => ({ output: {}, loop: { control: "break" } }),
});
