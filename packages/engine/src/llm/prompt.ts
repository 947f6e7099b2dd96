import type { ModelPart } from "../model.ts";
import { NodeError, type NodeRun } from "../node.ts";
import type { ValueType } from "../plan.ts";
import { toText } from "../values/convert.ts";
import { isRecord } from "../values/json.ts";
import { lookup, parseTemplate } from "../values/template.ts";

type FileKind = Exclude<ModelPart["type"], "text">;

const KINDS: Readonly<Record<string, FileKind>> = {
  image: "image",
  svg: "image",
  audio: "audio",
  voice: "audio",
  video: "video",
  file: "file",
  doc: "file",
  code: "file",
  ppt: "file",
  txt: "file",
  excel: "file",
  zip: "file",
};
const DATA_URL = /^data:([\w.+-]+\/[\w.+-]+);base64,([A-Za-z0-9+/=\s]*)$/;

/** What kind of file a declared type holds, or holds a list of. */
export function fileKind(type: ValueType | undefined): FileKind | undefined {
  const assist = type?.type === "list" ? type.items?.assist : type?.assist;
  return assist === undefined || !Object.hasOwn(KINDS, assist) ? undefined : KINDS[assist];
}

function kindOf(contentType: string, declared: FileKind): FileKind {
  const [family = ""] = contentType.split("/");
  return declared === "file" && Object.hasOwn(KINDS, family) ? (KINDS[family] as FileKind) : declared;
}

async function filePart(run: NodeRun, value: unknown, kind: FileKind): Promise<ModelPart> {
  const given = isRecord(value) ? (value.url ?? value.id) : value;
  const text = typeof given === "string" ? given.trim() : "";
  if (/^https?:\/\//i.test(text)) return { type: kind, url: text };
  const data = DATA_URL.exec(text);
  if (data) {
    const [, mediaType = "", base64 = ""] = data;
    return { type: kindOf(mediaType, kind), base64, mediaType };
  }
  const link = text === "" ? null : await run.deps.files?.link?.(text);
  if (link)
    return { type: kindOf(link.contentType, kind), url: link.url, mediaType: link.contentType, name: link.name };
  throw new NodeError("file_not_found", `"${text.slice(0, 100)}" is no file that can be given to a model`, {
    retryable: false,
  });
}

const present = (value: unknown): boolean => value !== null && value !== undefined && value !== "";

async function partsOf(run: NodeRun, value: unknown, kind: FileKind): Promise<ModelPart[]> {
  const values = (Array.isArray(value) ? value : [value]).filter(present);
  return Promise.all(values.map((one) => filePart(run, one, kind)));
}

/**
 * What a person asks: the template's text with each file where it is named, and the files that are not named after it.
 * Files are inputs whose declared type says so, and those in `files`. Values are put in and never looked at again.
 */
export async function userContent(
  run: NodeRun,
  template: string,
  files: readonly string[] = [],
): Promise<string | ModelPart[]> {
  const kinds = new Map<string, FileKind>();
  for (const { name, type } of run.node.inputs) {
    const kind = fileKind(type) ?? (files.includes(name) ? "file" : undefined);
    if (kind) kinds.set(name, kind);
  }
  const content: ModelPart[] = [];
  const named = new Set<string>();
  let text = "";
  const flush = (): void => {
    if (text !== "") content.push({ type: "text", text });
    text = "";
  };
  for (const part of parseTemplate(template)) {
    if ("text" in part) {
      text += part.text;
      continue;
    }
    const name = String(part.path[0]);
    const kind = kinds.get(name);
    const { known, value } = lookup(part, run.inputs);
    if (!kind) text += known ? toText(value) : part.source;
    else if (known) {
      named.add(name);
      flush();
      content.push(...(await partsOf(run, value, kind)));
    }
  }
  flush();
  for (const name of files) {
    const kind = kinds.get(name);
    if (kind && !named.has(name)) content.push(...(await partsOf(run, run.inputs[name], kind)));
  }
  if (content.length === 0) return "";
  return content.every((part) => part.type === "text") ? content.map(({ text: said }) => said).join("") : content;
}
