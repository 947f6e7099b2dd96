import { AppError } from "@weft/kernel/errors";
import { checkedType } from "@weft/storage/presign";
import { fileTypeFromBuffer } from "file-type";
import { extensionOf } from "./file.service.ts";

/** Bytes from which a type is told; what file-type asks for at most. */
export const SNIFF_BYTES = 4_100;

const OPAQUE = "application/octet-stream";
/** What a part of a form has whose sender declared nothing (RFC 7578); of bytes that are no text it says nothing. */
const BY_DEFAULT = "text/plain";
/** Declared by clients that do not know. */
const UNKNOWN = new Set(["", OPAQUE, "binary/octet-stream", "application/x-www-form-urlencoded"]);

/** Texts have no signature: their name says what they are. */
const TEXT_TYPES: Readonly<Record<string, string>> = {
  csv: "text/csv",
  tsv: "text/tab-separated-values",
  md: "text/markdown",
  html: "text/html",
  htm: "text/html",
  svg: "image/svg+xml",
  xml: "application/xml",
  json: "application/json",
  jsonl: "application/jsonl",
  yaml: "application/yaml",
  yml: "application/yaml",
  js: "text/javascript",
  css: "text/css",
  eml: "message/rfc822",
};

/** Types whose files always begin in a way that is recognised: without it the declaration is wrong. */
const SIGNED = /^(image\/(png|jpeg|gif|webp|bmp|tiff|avif)|application\/(pdf|zip|gzip|x-7z-compressed|vnd\.rar))$/;
/** What is recognised in the text of a file and is a type of text all the same. */
const FOUND_IN_TEXT = /^(application\/(xml|rtf|pdf|postscript)|text\/)/;
const TEXTUAL =
  /^(text\/|message\/|image\/svg|application\/([\w.-]+\+)?(json|xml|jsonl|x-ndjson|yaml|x-yaml|javascript|rtf|sql|toml|graphql))/;

/** Other names of the same type. */
const ALIASES: Readonly<Record<string, string>> = {
  "image/jpg": "image/jpeg",
  "image/pjpeg": "image/jpeg",
  "image/x-png": "image/png",
  "image/x-ms-bmp": "image/bmp",
  "application/x-pdf": "application/pdf",
  "application/x-zip-compressed": "application/zip",
  "application/x-gzip": "application/gzip",
  "application/x-rar-compressed": "application/vnd.rar",
  "text/rtf": "application/rtf",
};

/** Formats that are an archive or a container of one kind inside. */
const FAMILIES: readonly [name: string, types: RegExp][] = [
  ["zip", /zip$|openxmlformats|opendocument|epub|java-archive|android|vnd\.ms-\w+\.\w*macroenabled|kmz|xpinstall/],
  ["compound", /cfb$|msword|vnd\.ms-|visio|hwp/],
  ["gzip", /gzip|tgz|\btar/],
  ["media", /^(audio|video)\/|^application\/(ogg|mp4|vnd\.rn-realmedia|x-mpegurl)/],
  ["image", /^image\//],
  ["font", /^font\/|font/],
  ["markup", /xml$|html$/],
];

/**
 * The type of a file, from what is declared of it and from how it begins. What is declared stands where it can be true;
 * where nothing is declared, what is found does. Throws `unsupported_media_type` for a file that is something else than
 * its sender says, and `invalid_input` for what is no media type.
 */
export async function contentTypeOf(declared: string, name: string, head: Uint8Array): Promise<string> {
  const given = declared.trim();
  const isText = looksLikeText(head);
  const isUnknown = UNKNOWN.has(given.toLowerCase()) || (given === BY_DEFAULT && !isText);
  const type = isUnknown ? undefined : checkedType(given);
  const found = (await fileTypeFromBuffer(head))?.mime as string | undefined;
  if (type === undefined) {
    if (found && (!isText || FOUND_IN_TEXT.test(found))) return found;
    return isText ? (TEXT_TYPES[extensionOf(name)] ?? BY_DEFAULT) : OPAQUE;
  }
  const bare = bareType(type);
  if (head.length === 0 || (isText && TEXTUAL.test(bare))) return type;
  if (found === undefined) {
    if (SIGNED.test(bare) || (TEXTUAL.test(bare) && head.includes(0))) throw mismatch(bare, isText ? "text" : OPAQUE);
    return type;
  }
  const actual = bareType(found);
  if (actual === bare) return type;
  const family = familyOf(actual);
  if (family === undefined || family !== familyOf(bare)) throw mismatch(bare, actual);
  // One picture format under the name of another: the bytes know better.
  return family === "image" ? found : type;
}

function bareType(type: string): string {
  const bare = (type.split(";")[0] ?? "").trim().toLowerCase();
  return ALIASES[bare] ?? bare;
}

function familyOf(type: string): string | undefined {
  return FAMILIES.find(([, types]) => types.test(type))?.[0];
}

/** UTF-8 without control characters. Its end may be cut inside a character. */
function looksLikeText(head: Uint8Array): boolean {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(head, { stream: true });
    return !/[^\P{Cc}\t\n\r\f]/u.test(text);
  } catch {
    return false;
  }
}

function mismatch(declared: string, found: string): AppError {
  const message = `the file is declared as ${declared} and is ${found}`;
  return new AppError("unsupported_media_type", message, { details: { declared, found } });
}
