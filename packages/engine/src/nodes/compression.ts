import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import * as z from "zod";
import { bytesFields, bytesFrom, bytesTo, giveBytes, readBytes } from "../data/bytes.ts";
import { fromText, toEncoded } from "../data/encoding.ts";
import { isFileKey } from "../data/files.ts";
import { loadZip, unzip } from "../data/zip.ts";
import { itemsInput, itemsOf, recordOf, refuse } from "../items/items.ts";
import { MAX_ARCHIVE_ENTRIES, MAX_DATA_BYTES, MAX_UNPACKED_BYTES } from "../limits.ts";
import { defineNode, type NodeRun } from "../node.ts";
import { toText } from "../values/convert.ts";

const to = bytesTo.default({ as: "base64" });
const packed = bytesFrom.default({ input: "data", as: "base64" });
/** 1 January 1980, the first time that ZIP knows: the same files make the same archive. */
const EPOCH = "1980-01-01T00:00:00";

const config = z.discriminatedUnion("operation", [
  z.strictObject({ operation: z.literal("gzip"), from: bytesFrom, to, level: z.int().min(1).max(9).default(6) }),
  z.strictObject({ operation: z.literal("gunzip"), from: packed, to: bytesTo.default({ as: "text" }) }),
  z.strictObject({
    operation: z.literal("zip"),
    /** Items `{name, content}`; `isBase64` where the content is bytes. */
    items: itemsInput,
    to,
    level: z.int().min(0).max(9).default(6),
  }),
  z.strictObject({
    operation: z.literal("unzip"),
    from: packed,
    /** How contents are given. auto: as text where they are UTF-8, else base64. */
    as: z.enum(["auto", "base64"]).default("auto"),
  }),
]);
type Config = z.output<typeof config>;

async function ungzipped(bytes: Uint8Array): Promise<Uint8Array> {
  try {
    return await promisify(gunzip)(bytes, { maxOutputLength: MAX_UNPACKED_BYTES });
  } catch (thrown) {
    const isBomb = (thrown as { code?: string }).code === "ERR_BUFFER_TOO_LARGE";
    if (isBomb) throw refuse("too_large", `unpacked, there are at most ${MAX_UNPACKED_BYTES} bytes`);
    throw refuse("invalid_archive", "the data is not gzip", thrown);
  }
}

async function zipped({ inputs }: NodeRun, config: Extract<Config, { operation: "zip" }>): Promise<Uint8Array> {
  const { zipSync } = await loadZip();
  const entries = new Map<string, Uint8Array>();
  let total = 0;
  for (const item of itemsOf(inputs, config.items)) {
    const { name, content, isBase64 } = recordOf(item);
    if (typeof name !== "string" || !isFileKey(name))
      throw refuse("invalid_name", "an entry's name is a path without . and ..");
    if (entries.has(name)) throw refuse("invalid_name", `there are two entries "${name.slice(0, 100)}"`);
    const bytes = fromText(toText(content), isBase64 === true ? "base64" : "text");
    entries.set(name, bytes);
    total += bytes.length;
    if (entries.size > MAX_ARCHIVE_ENTRIES)
      throw refuse("too_large", `an archive has at most ${MAX_ARCHIVE_ENTRIES} entries`);
    if (total > MAX_DATA_BYTES) throw refuse("too_large", `an archive is made of at most ${MAX_DATA_BYTES} bytes`);
  }
  const level = config.level as 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9;
  return zipSync(Object.fromEntries(entries), { level, mtime: EPOCH });
}

function contentOf(bytes: Uint8Array, as: "auto" | "base64"): { content: string; isBase64: boolean } {
  if (as === "auto") {
    try {
      return { content: toEncoded(bytes, "text"), isBase64: false };
    } catch {
      // Bytes that are no text.
    }
  }
  return { content: toEncoded(bytes, "base64"), isBase64: true };
}

async function unzipped(run: NodeRun, config: Extract<Config, { operation: "unzip" }>) {
  const bytes = await readBytes(run, config.from);
  const entries = unzip(await loadZip(), bytes);
  const total = entries.reduce((sum, entry) => sum + entry.bytes.length, 0);
  if (total > MAX_DATA_BYTES)
    throw refuse("too_large", `entries that are given have at most ${MAX_DATA_BYTES} bytes together`);
  return entries.map((entry) => {
    // Names lead nowhere: they are data here, and checked again where a file is written.
    if (!isFileKey(entry.name))
      throw refuse("invalid_name", `an entry's name is no plain path: "${entry.name.slice(0, 100)}"`);
    return { name: entry.name, size: entry.bytes.length, ...contentOf(entry.bytes, config.as) };
  });
}

export const compression = defineNode({
  type: "compression",
  title: "Compression",
  description: "Packs and unpacks gzip data and ZIP archives, within bounds that stop bombs.",
  category: "data",
  config,
  effectful: true,
  outputs: ({ operation }) =>
    operation === "unzip"
      ? [{ name: "items", type: { type: "list" }, description: "{name, size, content, isBase64}" }]
      : bytesFields(),
  uses: (config) => [config.operation === "zip" ? config.items : config.from.input],
  n8n: ["n8n-nodes-base.compression"],
  async run(run) {
    const { config } = run;
    switch (config.operation) {
      case "gzip": {
        const bytes = await promisify(gzip)(await readBytes(run, config.from), { level: config.level });
        return { output: await giveBytes(run, config.to, bytes, "application/gzip") };
      }
      case "gunzip": {
        const bytes = await ungzipped(await readBytes(run, config.from));
        return { output: await giveBytes(run, config.to, bytes, "application/octet-stream") };
      }
      case "zip":
        return { output: await giveBytes(run, config.to, await zipped(run, config), "application/zip") };
      case "unzip":
        return { output: { items: await unzipped(run, config) } };
    }
  },
});
