import { fileIdOf, isFileKey, readFile } from "../data/files.ts";
import { HTTP_FORM_MAX_BYTES } from "../limits.ts";
import { NodeError, type NodeRun } from "../node.ts";
import { toText } from "../values/convert.ts";
import { stableStringify, tryParseJson } from "../values/json.ts";
import { lookup, parseTemplate, renderTemplate } from "../values/template.ts";
import type { Config, Field, Value } from "./config.ts";

export interface RenderedBody {
  body?: string | Uint8Array;
  contentType?: string;
}

/** The text of a value: an input's, or a template's. */
export function valueText(value: Value, inputs: Record<string, unknown>): string {
  if (value.input !== undefined) return toText(inputs[value.input]);
  return renderTemplate(value.value ?? "", inputs);
}

/** Inside a JSON string a value is escaped; elsewhere it is a value of its own, so that data cannot add members. */
function jsonPiece(value: unknown, inString: boolean): string {
  if (inString) return JSON.stringify(toText(value)).slice(1, -1);
  if (typeof value !== "string") return stableStringify(value ?? null);
  return tryParseJson(value) === undefined ? JSON.stringify(value) : value;
}

/** Whether a string is open after this text, given that it was (or was not) before. */
function endsInString(text: string, inString: boolean): boolean {
  let open = inString;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === "\\" && open) i++;
    else if (text[i] === '"') open = !open;
  }
  return open;
}

/** Renders a JSON template. Throws NodeError when the result is not JSON. */
export function renderJson(template: string, inputs: Record<string, unknown>): string {
  let text = "";
  let inString = false;
  for (const part of parseTemplate(template)) {
    if ("text" in part) {
      text += part.text;
      inString = endsInString(part.text, inString);
      continue;
    }
    const found = lookup(part, inputs);
    text += found.known ? jsonPiece(found.value, inString) : part.source;
  }
  if (text.trim() !== "" && tryParseJson(text) === undefined) {
    throw new NodeError("invalid_body", "the body is not JSON once its values are put in", { retryable: false });
  }
  return text;
}

/** A file to send: of the space where its id is given, else from its address. */
async function download(run: NodeRun<Config>, given: string, timeoutMs: number, maxBytes: number) {
  const fileId = fileIdOf(given) ?? (isFileKey(given) && !URL.canParse(given) ? given : undefined);
  if (fileId !== undefined) {
    const { bytes, contentType, name = fileId } = await readFile(run.deps, fileId, maxBytes);
    return { bytes, type: contentType, name };
  }
  const url = given;
  const { http } = run.deps;
  if (!http) throw new NodeError("unavailable", "HTTP requests are not available", { retryable: false });
  const { signal } = run;
  const answer = await http.request({ method: "GET", url, headers: {}, timeoutMs, maxBytes, signal });
  if (answer.status >= 400) {
    throw new NodeError("file_unavailable", `the file to send could not be read: HTTP ${answer.status}`);
  }
  const type = answer.headers["content-type"] ?? "application/octet-stream";
  return { bytes: answer.body, type, name: fileName(url) };
}

function fileName(url: string): string {
  const last = URL.canParse(url) ? new URL(url).pathname.split("/").at(-1) : undefined;
  return last || "file";
}

async function formData(run: NodeRun<Config>, fields: readonly Field[], timeoutMs: number): Promise<RenderedBody> {
  const form = new FormData();
  let left = HTTP_FORM_MAX_BYTES;
  for (const field of fields) {
    const text = valueText(field, run.inputs);
    if (!field.file) {
      form.append(field.name, text);
      continue;
    }
    const { bytes, type, name } = await download(run, text, timeoutMs, left);
    left -= bytes.byteLength;
    if (left < 0)
      throw new NodeError("too_large", "the files of a form have at most 20 MB together", { retryable: false });
    form.append(field.name, new Blob([bytes as Uint8Array<ArrayBuffer>], { type }), name);
  }
  const encoded = new Response(form);
  const body = new Uint8Array(await encoded.arrayBuffer());
  return { body, contentType: encoded.headers.get("content-type") ?? "multipart/form-data" };
}

/** The request body that the configuration and the inputs amount to. */
export async function renderBody(run: NodeRun<Config>, timeoutMs: number): Promise<RenderedBody> {
  const { body } = run.config;
  switch (body.type) {
    case "none":
      return {};
    case "json":
      return { body: renderJson(body.template, run.inputs), contentType: "application/json" };
    case "raw":
      return { body: renderTemplate(body.template, run.inputs), contentType: body.contentType };
    case "urlencoded": {
      const pairs = body.fields.map((field): [string, string] => [field.name, valueText(field, run.inputs)]);
      return { body: new URLSearchParams(pairs).toString(), contentType: "application/x-www-form-urlencoded" };
    }
    case "form_data":
      return formData(run, body.fields, timeoutMs);
    case "binary": {
      const { bytes, type } = await download(run, valueText(body.file, run.inputs), timeoutMs, HTTP_FORM_MAX_BYTES);
      return { body: bytes, contentType: type };
    }
  }
}
