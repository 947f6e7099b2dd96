import * as z from "zod";
import { fromText } from "../data/encoding.ts";
import { fileIdOf, fileKey, readFile } from "../data/files.ts";
import { refuse } from "../items/items.ts";
import { MAX_FIELDS, MAX_STRING } from "../limits.ts";
import { defineNode, type NodeRun, type WebhookResponse } from "../node.ts";
import { toText } from "../values/convert.ts";
import { renderTemplate } from "../values/template.ts";

const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/;
// Line ends and NUL would start another header.
const HEADER_VALUE = /^[^\r\n\0]*$/;
/** Set by what carries the answer; a workflow's word for them would break the connection. */
const OWN_HEADERS = new Set([
  "connection",
  "content-length",
  "transfer-encoding",
  "upgrade",
  "keep-alive",
  "trailer",
  "te",
]);
/** What a Lambda's answer may have (architecture §6). */
const MAX_BODY = 5 * 1024 * 1024;
/** Bytes whose base64 is no longer than that. */
const MAX_FILE = Math.floor(MAX_BODY / 4) * 3;

const config = z.strictObject({
  status: z.int().min(200).max(599).default(200),
  headers: z
    .array(
      z.strictObject({
        name: z.string().regex(HEADER_NAME, "it is no name of a header"),
        value: z.string().max(8_000),
      }),
    )
    .max(MAX_FIELDS)
    .default([]),
  body: z
    .discriminatedUnion("type", [
      z.strictObject({ type: z.literal("none") }),
      /** An input as JSON. */
      z.strictObject({ type: z.literal("json"), input: z.string().min(1).max(128) }),
      /** A template over the inputs. */
      z.strictObject({
        type: z.literal("text"),
        template: z.string().max(MAX_STRING),
        contentType: z.string().max(200).default("text/plain; charset=utf-8"),
      }),
      /** Bytes that an input holds in base64. */
      z.strictObject({
        type: z.literal("binary"),
        input: z.string().min(1).max(128),
        contentType: z.string().max(200).default("application/octet-stream"),
      }),
      /** A file that an input names, by key or id. */
      z.strictObject({ type: z.literal("file"), input: z.string().min(1).max(128) }),
      z.strictObject({ type: z.literal("redirect"), url: z.string().min(1).max(8_000) }),
    ])
    .default({ type: "none" }),
});
type Config = z.output<typeof config>;

function redirect(url: string): { headers: Record<string, string>; body: string } {
  const isOwn = url.startsWith("/") && !url.startsWith("//");
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (!isOwn && parsed?.protocol !== "https:" && parsed?.protocol !== "http:") {
    throw refuse("invalid_url", "a redirect leads to an http or https address");
  }
  return {
    headers: { location: parsed?.href ?? new URL(url, "http://own").href.slice("http://own".length) },
    body: "",
  };
}

async function bodyOf({ config, inputs, deps }: NodeRun<Config>): Promise<Omit<WebhookResponse, "status">> {
  const { body } = config;
  switch (body.type) {
    case "none":
      return { headers: {}, body: "" };
    case "json":
      return { headers: { "content-type": "application/json" }, body: JSON.stringify(inputs[body.input] ?? null) };
    case "text":
      return { headers: { "content-type": body.contentType }, body: renderTemplate(body.template, inputs) };
    case "binary": {
      const bytes = fromText(toText(inputs[body.input]), "base64");
      return { headers: { "content-type": body.contentType }, body: bytes.toString("base64"), isBase64: true };
    }
    case "file": {
      const named = inputs[body.input];
      const { bytes, contentType } = await readFile(deps, fileIdOf(named) ?? fileKey(toText(named)), MAX_FILE);
      const content = Buffer.from(bytes).toString("base64");
      return { headers: { "content-type": contentType }, body: content, isBase64: true };
    }
    case "redirect":
      return redirect(renderTemplate(body.url, inputs).trim());
  }
}

async function responseOf(run: NodeRun<Config>): Promise<WebhookResponse> {
  const { config, inputs } = run;
  const made = await bodyOf(run);
  if (Buffer.byteLength(made.body) > MAX_BODY) throw refuse("too_large", `an answer has at most ${MAX_BODY} bytes`);
  const headers = new Map(Object.entries(made.headers));
  for (const { name, value } of config.headers) {
    const text = renderTemplate(value, inputs);
    if (OWN_HEADERS.has(name.toLowerCase()) || !HEADER_VALUE.test(text)) {
      throw refuse("invalid_header", `the header "${name}" may not be set to this`);
    }
    headers.set(name.toLowerCase(), text);
  }
  for (const value of headers.values()) {
    if (!HEADER_VALUE.test(value)) throw refuse("invalid_header", "a header has a line end in it");
  }
  const status = config.body.type === "redirect" && (config.status < 300 || config.status > 399) ? 302 : config.status;
  return { ...made, status, headers: Object.fromEntries(headers) };
}

export const respondToWebhook = defineNode({
  type: "respond_to_webhook",
  title: "Respond to webhook",
  description: "Gives the answer for the webhook that began the run: status, headers and body. The run goes on.",
  category: "input_output",
  config,
  // The answer is given once: it is kept, and the same when the run goes on elsewhere.
  effectful: true,
  outputs: () => [
    { name: "status", type: { type: "integer" } },
    { name: "headers", type: { type: "object" } },
    { name: "body", type: { type: "string" } },
    { name: "isBase64", type: { type: "boolean" } },
  ],
  uses: ({ body }) => ("input" in body ? [body.input] : []),
  n8n: ["n8n-nodes-base.respondToWebhook"],
  async run(run) {
    const response = await responseOf(run);
    run.emitResponse(response);
    return { output: { isBase64: false, ...response } };
  },
});
