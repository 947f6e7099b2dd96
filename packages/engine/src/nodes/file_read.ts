import { isId } from "@weft/kernel/ids";
import * as z from "zod";
import { toEncoded } from "../data/encoding.ts";
import { fileIdOf, fileKey, filesOf } from "../data/files.ts";
import { refuse } from "../items/items.ts";
import { MAX_DATA_BYTES, MAX_STRING } from "../limits.ts";
import { defineNode, type NodeRun } from "../node.ts";
import { renderTemplate } from "../values/template.ts";

const config = z.strictObject({
  /** Template over the inputs: `reports/{{month}}.csv`, or the id of a File. */
  key: z.string().min(1).max(MAX_STRING),
  /** url: not the content of a File but a link to it, which anybody who has it may fetch for a while. */
  as: z.enum(["text", "base64", "url"]).default("text"),
  /** What a missing file means: the node fails, or `found` is false. */
  onMissing: z.enum(["fail", "empty"]).default("fail"),
});
type Config = z.output<typeof config>;

async function content({ deps }: NodeRun<Config>, key: string, as: "text" | "base64") {
  const file = await filesOf(deps).get(key, MAX_DATA_BYTES);
  if (!file) return undefined;
  const { bytes, contentType, name = key.split("/").at(-1) ?? key } = file;
  return { content: toEncoded(bytes, as), name, contentType, size: bytes.length, url: "" };
}

async function link({ deps }: NodeRun<Config>, key: string) {
  if (!isId("file", key)) throw refuse("invalid_key", "only a File, named by its id, has a link");
  const { link: linkTo } = filesOf(deps);
  if (!linkTo) throw refuse("unavailable", "links to files are not available here");
  const file = await linkTo(key);
  return file
    ? { content: "", name: file.name, contentType: file.contentType, size: file.size, url: file.url }
    : undefined;
}

export const fileRead = defineNode({
  type: "file_read",
  title: "Read file",
  description: "Reads a file of the space as text or base64, or gives a link to it.",
  category: "integration",
  config,
  effectful: true,
  outputs: () => [
    { name: "content", type: { type: "string" } },
    { name: "found", type: { type: "boolean" } },
    { name: "key", type: { type: "string" } },
    { name: "name", type: { type: "string" } },
    { name: "contentType", type: { type: "string" } },
    { name: "size", type: { type: "integer" } },
    { name: "url", type: { type: "string" } },
  ],
  n8n: ["n8n-nodes-base.readWriteFile:read", "n8n-nodes-base.readBinaryFile", "n8n-nodes-base.extractFromFile:text"],
  async run(run) {
    const { config, inputs } = run;
    const given = renderTemplate(config.key, inputs);
    const key = fileIdOf(given) ?? fileKey(given);
    const file = config.as === "url" ? await link(run, key) : await content(run, key, config.as);
    if (file) return { output: { ...file, found: true, key } };
    if (config.onMissing === "fail") throw refuse("not_found", `there is no file "${key}"`);
    return { output: { content: "", found: false, key, name: "", contentType: "", size: 0, url: "" } };
  },
});
