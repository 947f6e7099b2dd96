import { lookup } from "node:dns/promises";
import { type IncomingMessage, request as plainRequest, type RequestOptions } from "node:http";
import { request as tlsRequest } from "node:https";
import { isIP } from "node:net";
import { isAllowedHost } from "@weft/engine/http/hosts";
import { type HttpRequest, type HttpResponse, NodeError } from "@weft/engine/node";
import { isLoopback, isPublicAddress } from "./address.ts";

const MAX_REDIRECTS = 5;
const MAX_URL = 8192;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** Not carried to another origin on a redirect. */
const SECRET_HEADERS: ReadonlySet<string> = new Set(["authorization", "cookie", "proxy-authorization", "x-api-key"]);
/** Set by the client itself; a caller's value would split or smuggle requests. */
const OWN_HEADERS: ReadonlySet<string> = new Set([
  "host",
  "connection",
  "content-length",
  "transfer-encoding",
  "upgrade",
  "te",
  "trailer",
  "expect",
]);

export interface EgressOptions {
  /** Lets requests reach this machine: development and tests only. */
  allowLoopback?: boolean;
}

/**
 * The one way out for requests that a user's data decides. Each hop's host is resolved once, every address of it is
 * checked, and the connection goes to the address that was checked. Bodies are bounded, redirects too. Throws NodeError
 * `invalid_url`, `host_not_allowed`, `address_refused`, `too_large`, `too_many_redirects`, `unreachable`.
 */
export function egress(options: EgressOptions = {}): { request(request: HttpRequest): Promise<HttpResponse> } {
  return {
    async request(given) {
      let current = given;
      let url = parseUrl(given.url);
      for (let hop = 0; hop <= MAX_REDIRECTS; hop += 1) {
        const response = await send(url, current, options);
        const { location } = response.headers;
        const isFollowed = REDIRECTS.has(response.status) && given.redirect !== "manual";
        if (!isFollowed || location === undefined) return response;
        const next = parseUrl(new URL(location, url).href);
        current = redirected(current, url, next, response.status);
        url = next;
      }
      throw new NodeError("too_many_redirects", `more than ${MAX_REDIRECTS} redirects`, { retryable: false });
    },
  };
}

function parseUrl(text: string): URL {
  if (text.length > MAX_URL || !URL.canParse(text)) throw invalidUrl("not a URL");
  const url = new URL(text);
  if (url.protocol !== "http:" && url.protocol !== "https:") throw invalidUrl(`scheme ${url.protocol} is not allowed`);
  if (url.username !== "" || url.password !== "") throw invalidUrl("credentials in a URL are not allowed");
  return url;
}

function invalidUrl(message: string): NodeError {
  return new NodeError("invalid_url", message, { retryable: false });
}

function redirected(request: HttpRequest, from: URL, to: URL, status: number): HttpRequest {
  const isGet = status === 303 || ((status === 301 || status === 302) && request.method === "POST");
  const isSecret = (name: string) => SECRET_HEADERS.has(name) || request.secretHeaders?.includes(name);
  const headers = Object.entries(request.headers).filter(
    ([name]) => (from.origin === to.origin || !isSecret(name.toLowerCase())) && !(isGet && /^content-/i.test(name)),
  );
  const { body, ...rest } = request;
  const keepsBody = !isGet && body !== undefined;
  return {
    ...rest,
    method: isGet ? "GET" : request.method,
    headers: Object.fromEntries(headers),
    ...(keepsBody ? { body } : {}),
  };
}

async function resolve(url: URL, options: EgressOptions): Promise<{ address: string; family: 4 | 6 }> {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const found = isIP(host)
    ? [{ address: host, family: isIP(host) }]
    : await lookup(host, { all: true }).catch((cause) => {
        throw new NodeError("unreachable", `${host} cannot be resolved`, { cause });
      });
  for (const { address } of found) {
    if (isPublicAddress(address) || (options.allowLoopback && isLoopback(address))) continue;
    throw new NodeError("address_refused", `${host} is not a public address`, { retryable: false });
  }
  const [first] = found;
  if (!first) throw new NodeError("unreachable", `${host} has no address`);
  return { address: first.address, family: first.family === 6 ? 6 : 4 };
}

async function send(url: URL, request: HttpRequest, options: EgressOptions): Promise<HttpResponse> {
  if (request.allowedHosts && !isAllowedHost(url, request.allowedHosts)) {
    throw new NodeError("host_not_allowed", `${url.origin} is not an allowed host`, { retryable: false });
  }
  const { address, family } = await resolve(url, options);
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (!OWN_HEADERS.has(name.toLowerCase())) headers[name] = value;
  }
  if (request.body !== undefined) headers["content-length"] = String(Buffer.byteLength(request.body));
  const requestOptions: RequestOptions = {
    method: request.method,
    headers,
    agent: false,
    signal: AbortSignal.any([request.signal, AbortSignal.timeout(request.timeoutMs)]),
    // The name is resolved already; the connection goes where the check looked.
    lookup: (_host, lookupOptions, done) => {
      if (lookupOptions.all)
        (done as (error: null, all: { address: string; family: number }[]) => void)(null, [{ address, family }]);
      else done(null, address, family);
    },
  };
  const sendRequest = url.protocol === "https:" ? tlsRequest : plainRequest;
  return new Promise<HttpResponse>((resolveResponse, reject) => {
    const fail = (cause: Error): void => reject(failure(cause, request));
    try {
      const outgoing = sendRequest(url, requestOptions, (incoming) => {
        collect(incoming, request.maxBytes).then(resolveResponse, fail);
      });
      outgoing.on("error", fail);
      outgoing.end(request.body);
    } catch (thrown) {
      fail(thrown as Error);
    }
  });
}

function failure(cause: Error, request: HttpRequest): Error {
  if (cause instanceof NodeError) return cause;
  if (request.signal.aborted) return request.signal.reason instanceof Error ? request.signal.reason : cause;
  if (cause.name === "TimeoutError" || cause.name === "AbortError") {
    return new NodeError("timeout", `no answer within ${request.timeoutMs} ms`, { cause });
  }
  const code = (cause as { code?: string }).code ?? "";
  if (code.startsWith("ERR_")) return new NodeError("invalid_request", cause.message, { retryable: false, cause });
  return new NodeError("unreachable", `the request failed: ${code || cause.message}`, { cause });
}

async function collect(incoming: IncomingMessage, maxBytes: number): Promise<HttpResponse> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) {
      incoming.destroy();
      throw new NodeError("too_large", `the answer is larger than ${maxBytes} bytes`, { retryable: false });
    }
    chunks.push(chunk);
  }
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(incoming.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? (value.at(-1) ?? "") : value;
  }
  return { status: incoming.statusCode ?? 0, headers, body: Buffer.concat(chunks) };
}
