import * as z from "zod";
import { toEncoded } from "../data/encoding.ts";
import { fileKey, filesOf } from "../data/files.ts";
import { refuse } from "../items/items.ts";
import { MAX_DATA_BYTES, MAX_STRING } from "../limits.ts";
import { defineNode } from "../node.ts";
import { renderTemplate } from "../values/template.ts";

export const fileRead = defineNode({
  type: "file_read",
  title: "Read file",
  description: "Reads a file of the space as text or base64.",
  category: "integration",
  config: z.strictObject({
    /** Template over the inputs: `reports/{{month}}.csv`. */
    key: z.string().min(1).max(MAX_STRING),
    as: z.enum(["text", "base64"]).default("text"),
    /** What a missing file means: the node fails, or `found` is false. */
    onMissing: z.enum(["fail", "empty"]).default("fail"),
  }),
  effectful: true,
  outputs: () => [
    { name: "content", type: { type: "string" } },
    { name: "found", type: { type: "boolean" } },
    { name: "key", type: { type: "string" } },
    { name: "contentType", type: { type: "string" } },
    { name: "size", type: { type: "integer" } },
  ],
  n8n: ["n8n-nodes-base.readWriteFile:read", "n8n-nodes-base.readBinaryFile", "n8n-nodes-base.extractFromFile:text"],
  async run({ config, inputs, deps }) {
    const key = fileKey(renderTemplate(config.key, inputs));
    const file = await filesOf(deps).get(key, MAX_DATA_BYTES);
    if (!file) {
      if (config.onMissing === "fail") throw refuse("not_found", `there is no file "${key}"`);
      return { output: { content: "", found: false, key, contentType: "", size: 0 } };
    }
    const { bytes, contentType } = file;
    return { output: { content: toEncoded(bytes, config.as), found: true, key, contentType, size: bytes.length } };
  },
});
