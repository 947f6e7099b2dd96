import * as z from "zod";
import { refuse } from "../items/items.ts";
import { MAX_DATA_BYTES, MAX_STRING } from "../limits.ts";
import type { NodeRun } from "../node.ts";
import { toText } from "../values/convert.ts";
import { renderTemplate } from "../values/template.ts";
import { fromText, toEncoded } from "./encoding.ts";
import { contentType, fileKey, filesOf, readFile } from "./files.ts";

/** Where a node's bytes come from: an input that holds them as text or base64, or the key or id of a file. */
export const bytesFrom = z
  .strictObject({
    input: z.string().min(1).max(128).default("data"),
    as: z.enum(["text", "base64", "file"]).default("text"),
  })
  .default({ input: "data", as: "text" });

/** Where they go: into an output as text or base64, or into a file. */
export const bytesTo = z.discriminatedUnion("as", [
  z.strictObject({ as: z.literal("text") }),
  z.strictObject({ as: z.literal("base64") }),
  z.strictObject({
    as: z.literal("file"),
    key: z.string().min(1).max(MAX_STRING),
    contentType: contentType.optional(),
  }),
]);

/** The bytes of a {@link bytesFrom}. Throws NodeError. */
export async function readBytes(run: NodeRun, from: z.output<typeof bytesFrom>): Promise<Uint8Array> {
  const given = toText(run.inputs[from.input]);
  if (from.as !== "file") return fromText(given, from.as);
  return (await readFile(run.deps, fileKey(given), MAX_DATA_BYTES)).bytes;
}

/** The text of a {@link bytesFrom}, its byte order mark taken off. */
export async function readText(run: NodeRun, from: z.output<typeof bytesFrom>): Promise<string> {
  return toEncoded(await readBytes(run, from), "text").replace(/^\ufeff/, "");
}

/** What a node that made bytes gives: `output`, or the file that it wrote. */
export async function giveBytes(
  run: NodeRun,
  to: z.output<typeof bytesTo>,
  bytes: Uint8Array,
  type: string,
): Promise<Record<string, unknown>> {
  if (bytes.length > MAX_DATA_BYTES) throw refuse("too_large", `data has at most ${MAX_DATA_BYTES} bytes`);
  const size = bytes.length;
  if (to.as !== "file") return { output: toEncoded(bytes, to.as), size };
  const key = fileKey(renderTemplate(to.key, run.inputs));
  await filesOf(run.deps).put(key, { bytes, contentType: to.contentType ?? type });
  return { output: key, size };
}

/** The outputs of {@link giveBytes}. */
export const bytesFields = () => [
  { name: "output", type: { type: "string" as const } },
  { name: "size", type: { type: "integer" as const } },
];
