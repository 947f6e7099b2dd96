import * as z from "zod";
import { textOf } from "../coze/read.ts";
import { MAX_STRING } from "../limits.ts";
import { defineNode } from "../node.ts";

export const comment = defineNode({
  type: "comment",
  title: "Comment",
  description: "A note on the canvas. It does nothing.",
  category: "note",
  config: z.strictObject({ text: z.string().max(MAX_STRING).default("") }),
  effectful: false,
  coze: {
    id: "31",
    key: "Comment",
    displayKey: "Comment",
    read: ({ inputs }) => ({ config: { text: textOf(inputs, "note") ?? "" } }),
  },
  n8n: ["n8n-nodes-base.stickyNote"],
  run: () => ({ output: {} }),
});
