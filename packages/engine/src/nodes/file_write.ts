import * as z from "zod";
import { fromText } from "../data/encoding.ts";
import { contentType, fileKey, filesOf } from "../data/files.ts";
import { MAX_STRING } from "../limits.ts";
import { defineNode } from "../node.ts";
import { toText } from "../values/convert.ts";
import { renderTemplate } from "../values/template.ts";

export const fileWrite = defineNode({
  type: "file_write",
  title: "Write file",
  description: "Writes a text, or bytes in base64, to a file of the space, over one that is there.",
  category: "integration",
  config: z.strictObject({
    /** Template over the inputs: `reports/{{month}}.csv`. */
    key: z.string().min(1).max(MAX_STRING),
    input: z.string().min(1).max(128).default("content"),
    as: z.enum(["text", "base64"]).default("text"),
    contentType: contentType.optional(),
  }),
  effectful: true,
  outputs: () => [
    { name: "key", type: { type: "string" } },
    { name: "contentType", type: { type: "string" } },
    { name: "size", type: { type: "integer" } },
  ],
  uses: ({ input }) => [input],
  n8n: ["n8n-nodes-base.readWriteFile:write", "n8n-nodes-base.writeBinaryFile", "n8n-nodes-base.convertToFile:toText"],
  async run({ config, inputs, deps }) {
    const key = fileKey(renderTemplate(config.key, inputs));
    const bytes = fromText(toText(inputs[config.input]), config.as);
    const type =
      config.contentType ?? (config.as === "text" ? "text/plain; charset=utf-8" : "application/octet-stream");
    await filesOf(deps).put(key, { bytes, contentType: type });
    return { output: { key, contentType: type, size: bytes.length } };
  },
});
