import type { HttpRequest } from "@weft/engine/node";
import { refused, tooLarge } from "./failure.ts";

/** Bytes of all headers of a request: twice what common servers take. */
const MAX_HEADER_BYTES = 32 * 1024;
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** Latin 1 without control characters but the tab: a line end would start another header. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Headers of one connection, which the client sets itself: a caller's value would split or smuggle requests. */
const OWN_HEADERS =
  /^(?:connection|content-length|expect|host|http2-settings|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade)$/;
/** Headers that carry secrets, as their names say. They do not go to another origin. */
const SECRET_HEADERS = /authorization|cookie|token|secret|password|api-?key|access-?key|signature|session|credential/;

/**
 * The headers of a request as they go out: names in lower case, without those that are the client's own. One of these that
 * says what the client would say is left out; another value is refused. Throws NodeError `invalid_header`, `too_large`.
 */
export function outgoingHeaders({ headers, body }: HttpRequest, url: URL): Record<string, string> {
  const kept: Record<string, string> = {};
  const same: Readonly<Record<string, readonly string[]>> = {
    host: [url.host],
    connection: ["close", "keep-alive"],
    "content-length": [String(body === undefined ? 0 : Buffer.byteLength(body))],
  };
  let size = 0;
  for (const [given, value] of Object.entries(headers)) {
    const name = given.toLowerCase();
    size += given.length + value.length + ": \r\n".length;
    if (!NAME.test(given) || !VALUE.test(value)) throw invalid(given, "is not valid", "syntax");
    if (OWN_HEADERS.test(name)) {
      if (!same[name]?.includes(value.trim().toLowerCase())) throw invalid(given, "is set by the client", "own_header");
    } else kept[name] = value;
  }
  if (size > MAX_HEADER_BYTES) throw tooLarge("request_headers", MAX_HEADER_BYTES);
  return kept;
}

function invalid(name: string, what: string, reason: string): Error {
  return refused("invalid_header", `the header ${JSON.stringify(name.slice(0, 100))} ${what}`, reason);
}

/**
 * The request that follows a redirect. Secret headers stay behind on the way to another origin; a request that carries any
 * does not go from HTTPS to HTTP at all. Throws NodeError `redirect_refused`.
 */
export function redirected(request: HttpRequest, from: URL, to: URL, status: number): HttpRequest {
  const { method } = request;
  const isGet =
    (status === 303 && method !== "HEAD" && method !== "GET") ||
    ((status === 301 || status === 302) && method === "POST");
  const isSecret = (name: string) => SECRET_HEADERS.test(name) || request.secretHeaders?.includes(name) === true;
  const names = Object.keys(request.headers);
  if (from.protocol === "https:" && to.protocol === "http:" && names.some(isSecret)) {
    const message = `a request with credentials does not follow a redirect from HTTPS to ${to.origin}`;
    throw refused("redirect_refused", message, "downgrade");
  }
  const headers = Object.entries(request.headers).filter(
    ([name]) => (from.origin === to.origin || !isSecret(name)) && !(isGet && name.startsWith("content-")),
  );
  const { body, ...rest } = request;
  return {
    ...rest,
    method: isGet ? "GET" : method,
    headers: Object.fromEntries(headers),
    ...(isGet || body === undefined ? {} : { body }),
  };
}
