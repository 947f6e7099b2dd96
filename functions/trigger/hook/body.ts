import type { IncomingFile } from "@weft/core/trigger/webhook.call";
import { parseXml } from "@weft/engine/data/xml";
import { NodeError } from "@weft/engine/node";
import { setOwn } from "@weft/engine/values/json";
import { FormFile, MULTIPART, readForm } from "@weft/http/form";
import { parseJson } from "@weft/http/parse";
import { AppError, invalidField } from "@weft/kernel/errors";

/** A body by what it is declared to be. Files stand in it once they are kept. */
export interface ParsedBody {
  contentType: string | null;
  value: unknown;
  files: IncomingFile[];
}

const OPAQUE = "application/octet-stream";
/** Charsets that senders of forms and texts still use; what is written in them is read as Unicode. */
const CHARSETS =
  /^(utf-?8|us-ascii|iso-8859-1[05]?|iso-8859-[2-9]|windows-125[0-8]|utf-16(le|be)?|shift_jis|euc-(jp|kr)|gb18030|gbk|big5)$/;
const FORM = "application/x-www-form-urlencoded";
const JSON_TYPE = /^application\/([\w.-]+\+)?json$/;
const XML_TYPE = /^(application|text)\/([\w.-]+\+)?xml$/;
const XML_FORM = { attributePrefix: "@", textName: "#text", alwaysList: false, trim: true, attributes: true };

/**
 * Reads a body strictly by its declared type: nothing is guessed from what is in it, and files come from forms and binary
 * bodies alone. Throws `invalid_input` for what is not what it is declared to be, and `unsupported_media_type`.
 */
export async function parseBody(raw: Buffer, header: string | undefined): Promise<ParsedBody> {
  if (raw.byteLength === 0) return { contentType: header ?? null, value: null, files: [] };
  const { type, charset } = mediaType(header);
  const contentType = header ?? null;
  if (type === MULTIPART) return { contentType, ...(await formOf(raw, header ?? "")) };
  if (JSON_TYPE.test(type))
    return { contentType, value: parseJson(textOf(raw, "utf-8").replace(/^\ufeff/, "")), files: [] };
  if (type === FORM) return { contentType, value: fieldsOf(textOf(raw, charset)), files: [] };
  if (XML_TYPE.test(type)) return { contentType, value: await xmlOf(textOf(raw, charset)), files: [] };
  if (type.startsWith("text/")) return { contentType, value: textOf(raw, charset), files: [] };
  const body: ParsedBody = { contentType, value: null, files: [] };
  body.files.push({
    name: "body",
    contentType: type,
    bytes: raw,
    put: (file) => {
      body.value = file;
    },
  });
  return body;
}

function mediaType(header: string | undefined): { type: string; charset: string } {
  const [type = "", ...parameters] = (header ?? OPAQUE).split(";").map((part) => part.trim());
  if (!/^[\w!#$&^.+-]+\/[\w!#$&^.+-]+$/.test(type)) throw unsupported("the content type cannot be read");
  const given = parameters.find((parameter) => /^charset=/i.test(parameter));
  const charset =
    given
      ?.slice("charset=".length)
      .replace(/^"(.*)"$/, "$1")
      .toLowerCase() ?? "utf-8";
  if (!CHARSETS.test(charset)) throw unsupported(`the charset ${charset.slice(0, 40)} is not known here`);
  return { type: type.toLowerCase(), charset };
}

function textOf(raw: Buffer, charset: string): string {
  try {
    return new TextDecoder(charset, { fatal: true }).decode(raw);
  } catch {
    throw invalidField("body", `is not valid ${charset.toUpperCase()}`);
  }
}

function fieldsOf(text: string): Record<string, unknown> {
  const lists = new Map<string, string[]>();
  for (const [name, value] of new URLSearchParams(text)) lists.set(name, [...(lists.get(name) ?? []), value]);
  return membersOf(lists);
}

/** A field that comes once is its value, one that comes again the list of them. */
function membersOf(lists: ReadonlyMap<string, readonly unknown[]>): Record<string, unknown> {
  const members: Record<string, unknown> = {};
  for (const [name, values] of lists) setOwn(members, name, values.length === 1 ? values[0] : values);
  return members;
}

async function formOf(raw: Buffer, header: string): Promise<Pick<ParsedBody, "value" | "files">> {
  const lists = new Map<string, unknown[]>();
  const files: IncomingFile[] = [];
  const value: Record<string, unknown> = {};
  for (const [field, parts = []] of Object.entries(await readForm(raw, header))) {
    const list: unknown[] = parts.map((part) => (part instanceof FormFile ? null : part));
    lists.set(field, list);
    for (const [index, part] of parts.entries()) {
      if (!(part instanceof FormFile)) continue;
      const { name, contentType, bytes } = part;
      const put: IncomingFile["put"] = (file) => {
        list[index] = file;
        setOwn(value, field, list.length === 1 ? file : list);
      };
      files.push({ name: name === "" ? field : name, contentType, bytes, put });
    }
  }
  Object.assign(value, membersOf(lists));
  return { value, files };
}

async function xmlOf(text: string): Promise<unknown> {
  try {
    return await parseXml(text, XML_FORM);
  } catch (thrown) {
    throw thrown instanceof NodeError ? invalidField("body", thrown.message) : thrown;
  }
}

function unsupported(message: string): AppError {
  return new AppError("unsupported_media_type", message);
}
