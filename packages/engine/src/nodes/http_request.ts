import { messageOf } from "@weft/kernel/errors";
import { renderBody, valueText } from "../http/body.ts";
import { type Config, config, usedInputs } from "../http/config.ts";
import { readHttp } from "../http/coze.ts";
import { retryAfterMs, TRANSIENT_STATUSES } from "../http/retry.ts";
import { HTTP_TIMEOUT_MS } from "../limits.ts";
import { defineNode, type HttpRequest, type HttpResponse, NodeError, type NodeResult, type NodeRun } from "../node.ts";
import { renderTemplate } from "../values/template.ts";

const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
// Line ends and NUL would start another header.
const HEADER_VALUE = /^[^\r\n\0]*$/;
const SNIPPET = 500;

function urlOf({ config, inputs }: NodeRun<Config>): URL {
  const text = renderTemplate(config.url, inputs).trim();
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw new NodeError("invalid_url", "the URL is not an http or https address", { retryable: false });
  }
  for (const param of config.params) url.searchParams.delete(param.name);
  for (const param of config.params) url.searchParams.append(param.name, valueText(param, inputs));
  if (config.auth.type === "custom" && config.auth.addTo === "query") {
    url.searchParams.set(valueText(config.auth.key, inputs), valueText(config.auth.value, inputs));
  }
  return url;
}

function headersOf({ config, inputs, idempotencyKey }: NodeRun<Config>, contentType: string | undefined) {
  const headers = new Map<string, [name: string, value: string]>();
  const set = (name: string, value: string): void => {
    if (!HEADER_NAME.test(name) || !HEADER_VALUE.test(value)) {
      throw new NodeError("invalid_header", `the header "${name.slice(0, 100)}" is not valid`, { retryable: false });
    }
    headers.set(name.toLowerCase(), [name, value]);
  };
  if (contentType !== undefined) set("Content-Type", contentType);
  set("Idempotency-Key", idempotencyKey);
  for (const header of config.headers) set(header.name, valueText(header, inputs));
  const { auth } = config;
  if (auth.type === "bearer") set("Authorization", `Bearer ${valueText(auth.token, inputs)}`);
  if (auth.type === "custom" && auth.addTo === "header") {
    set(valueText(auth.key, inputs), valueText(auth.value, inputs));
  }
  return Object.fromEntries(headers.values());
}

async function send(run: NodeRun<Config>, request: HttpRequest): Promise<HttpResponse> {
  const { http, credentials } = run.deps;
  const { credentialId } = run.config;
  if (!http) throw new NodeError("unavailable", "HTTP requests are not available", { retryable: false });
  if (credentialId !== undefined && !credentials) {
    throw new NodeError("unavailable", "credentials are not available", { retryable: false });
  }
  try {
    if (credentialId === undefined || !credentials) return await http.request(request);
    const { path, workflowId } = run;
    return await credentials.request(credentialId, request, { path, ...(workflowId ? { workflowId } : {}) });
  } catch (cause) {
    if (cause instanceof NodeError || run.signal.aborted) throw cause;
    throw new NodeError("http_failed", `no answer came: ${messageOf(cause)}`, { cause });
  }
}

/** Content types that are read as text where a node keeps only other answers as files. */
const TEXT_TYPE = /^(?:text\/|application\/(?:[\w.+-]*\+)?(?:json|xml|javascript|x-www-form-urlencoded|yaml)\b)|^$/i;

function nameOf(run: NodeRun<Config>, { headers }: HttpResponse): string {
  const given = /filename="?([^";]+)/i.exec(headers["content-disposition"] ?? "")?.[1];
  const url = renderTemplate(run.config.url, run.inputs).trim();
  const last = URL.canParse(url) ? new URL(url).pathname.split("/").at(-1) : undefined;
  return (given ?? last ?? "").replaceAll(/[\\/\p{Cc}]/gu, "_").slice(0, 200) || "file";
}

/** The answer as a File of the space. */
async function kept(run: NodeRun<Config>, answer: HttpResponse): Promise<NodeResult> {
  const create = run.deps.files?.create;
  if (!create) throw new NodeError("unavailable", "making files is not available here", { retryable: false });
  const { status, headers, body } = answer;
  const contentType = headers["content-type"] ?? "";
  const file = await create({ name: nameOf(run, answer), bytes: body, contentType }, run.idempotencyKey);
  return { output: { body: "", statusCode: status, headers: JSON.stringify(headers), file } };
}

function result(run: NodeRun<Config>, answer: HttpResponse): NodeResult | Promise<NodeResult> {
  const { status, headers, body } = answer;
  const { failOnStatus, answer: as } = run.config;
  const isFile = as === "file" || (as === "auto" && !TEXT_TYPE.test(headers["content-type"] ?? ""));
  if (isFile && status < 400) return kept(run, answer);
  const decoded = new TextDecoder().decode(body);
  // Before it is cut: a secret across the cut could not be found any more.
  const text = run.deps.mask?.(decoded) ?? decoded;
  if (status < 400 || !failOnStatus)
    return { output: { body: text, statusCode: status, headers: JSON.stringify(headers) } };
  const wait = retryAfterMs(headers["retry-after"], run.now());
  throw new NodeError("http_error", `HTTP ${status}: ${text.slice(0, SNIPPET)}`, {
    retryable: run.config.retryOn === "transient" && TRANSIENT_STATUSES.has(status),
    details: { statusCode: status },
    ...(wait === undefined ? {} : { retryAfterMs: wait }),
  });
}

export const httpRequest = defineNode({
  type: "http_request",
  title: "HTTP request",
  description:
    "Calls an address over HTTP and gives its answer. An answer of 400 and above fails the node unless it says otherwise.",
  category: "integration",
  config,
  effectful: true,
  zeroInputs: true,
  nullOutputs: true,
  timeoutMs: HTTP_TIMEOUT_MS,
  outputs: ({ answer }) => [
    { name: "body", type: { type: "string" } },
    { name: "statusCode", type: { type: "integer" } },
    { name: "headers", type: { type: "string" } },
    ...(answer === "text" ? [] : [{ name: "file", type: { type: "object" as const } }]),
  ],
  uses: usedInputs,
  credentials: ({ credentialId }) => (credentialId === undefined ? [] : [credentialId]),
  takesSecrets: true,
  coze: { id: "45", key: "HTTPRequester", displayKey: "Http", read: readHttp },
  n8n: ["n8n-nodes-base.httpRequest"],
  dify: ["http-request"],
  async run(run) {
    const { policy } = run.node;
    const timeoutMs = policy.attemptTimeoutMs ?? policy.timeoutMs ?? HTTP_TIMEOUT_MS;
    const url = urlOf(run);
    const { body, contentType } = await renderBody(run, timeoutMs);
    const { auth } = run.config;
    const isKeyHeader = auth.type === "custom" && auth.addTo === "header";
    const answer = await send(run, {
      method: run.config.method,
      url: url.href,
      headers: headersOf(run, contentType),
      ...(isKeyHeader ? { secretHeaders: [valueText(auth.key, run.inputs).toLowerCase()] } : {}),
      ...(body === undefined ? {} : { body }),
      timeoutMs,
      maxBytes: run.config.maxBytes,
      signal: run.signal,
    });
    return result(run, answer);
  },
});
