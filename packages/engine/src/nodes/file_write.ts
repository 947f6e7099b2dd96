import * as z from "zod";
import { fromText } from "../data/encoding.ts";
import { contentType, fileIdOf, fileKey, filesOf, readFile } from "../data/files.ts";
import { refuse } from "../items/items.ts";
import { MAX_DATA_BYTES, MAX_STRING } from "../limits.ts";
import { defineNode } from "../node.ts";
import { toText } from "../values/convert.ts";
import { renderTemplate } from "../values/template.ts";

export const fileWrite = defineNode({
  type: "file_write",
  title: "Write file",
  description:
    "Writes a text, or bytes in base64, to a file of the workspace, over one that is there, or as a new File.",
  category: "integration",
  config: z.strictObject({
    /** Template over the inputs: `reports/{{month}}.csv`. Of a new File, its last part is the name. */
    key: z.string().min(1).max(MAX_STRING),
    input: z.string().min(1).max(128).default("content"),
    /** file: the input is the key or id of a file, which is copied. */
    as: z.enum(["text", "base64", "file"]).default("text"),
    contentType: contentType.optional(),
    /** file: a File of its own, with an id, that the API lists and downloads. */
    to: z.enum(["workspace", "file"]).default("workspace"),
  }),
  effectful: true,
  outputs: ({ to }) => [
    { name: "key", type: { type: "string" } },
    { name: "contentType", type: { type: "string" } },
    { name: "size", type: { type: "integer" } },
    ...(to === "file"
      ? [
          { name: "fileId", type: { type: "string" as const, assist: "file" } },
          { name: "name", type: { type: "string" as const } },
        ]
      : []),
  ],
  uses: ({ input }) => [input],
  n8n: ["n8n-nodes-base.readWriteFile:write", "n8n-nodes-base.writeBinaryFile", "n8n-nodes-base.convertToFile:toText"],
  async run({ config, inputs, deps, idempotencyKey }) {
    const key = fileKey(renderTemplate(config.key, inputs));
    const given = inputs[config.input];
    const copied =
      config.as === "file"
        ? await readFile(deps, fileIdOf(given) ?? fileKey(toText(given)), MAX_DATA_BYTES)
        : undefined;
    const bytes = copied?.bytes ?? fromText(toText(given), config.as === "file" ? "base64" : config.as);
    const usual = config.as === "text" ? "text/plain; charset=utf-8" : "application/octet-stream";
    const type = config.contentType ?? copied?.contentType ?? usual;
    const files = filesOf(deps);
    if (config.to === "workspace") {
      await files.put(key, { bytes, contentType: type });
      return { output: { key, contentType: type, size: bytes.length } };
    }
    if (!files.create) throw refuse("unavailable", "making files is not available here");
    const file = await files.create(
      { name: key.split("/").at(-1) ?? key, bytes, contentType: config.contentType ?? "" },
      idempotencyKey,
    );
    return {
      output: { key: file.id, contentType: file.contentType, size: file.size, fileId: file.id, name: file.name },
    };
  },
});
