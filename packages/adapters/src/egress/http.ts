import type { IncomingMessage } from "node:http";
import { isAllowedHost } from "@weft/engine/http/hosts";
import { type HttpRequest, type HttpResponse, NodeError } from "@weft/engine/node";
import { ACCEPT_ENCODING, responseBody } from "./body.ts";
import { exchange, failure, openSocket } from "./exchange.ts";
import { afterSending, refused, tooLarge } from "./failure.ts";
import { outgoingHeaders, redirected } from "./headers.ts";
import { internet, type Network } from "./network.ts";
import { parseUrl, resolveTarget } from "./target.ts";
import { type Watch, watch } from "./watch.ts";

const MAX_REDIRECTS = 5;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** The longest that resolving, connecting and TLS may take together. */
const CONNECT_TIMEOUT_MS = 10_000;
/** Bytes of a body to send: a form's files (20 MB) and its texts. */
const MAX_REQUEST_BYTES = 32 * 1024 * 1024;
const METHOD = /^[A-Z]{1,20}$/;
/** Methods that open tunnels or echo what was sent. */
const REFUSED_METHODS: ReadonlySet<string> = new Set(["CONNECT", "TRACE", "TRACK"]);

export interface EgressOptions {
  /** Lets requests reach this machine: development and tests only. */
  allowLoopback?: boolean;
  network?: Network;
}

/** An answer whose body is read as it comes. Reading it to its end, leaving its loop or aborting frees the connection. */
export interface HttpStream extends Omit<HttpResponse, "body"> {
  body: AsyncIterable<Uint8Array>;
}

export interface Egress {
  request(request: HttpRequest): Promise<HttpResponse>;
  /** As `request`, with the body as it comes; `timeoutMs` and `maxBytes` hold until its end. */
  stream(request: HttpRequest): Promise<HttpStream>;
}

/**
 * The one way out for requests that a user's data decides. Each hop's host is resolved once, every address of it is
 * checked, and the connection goes to an address that was checked; it serves this one request. The environment's proxies
 * have no part in it. Throws NodeError `invalid_url`, `invalid_header`, `invalid_request`, `host_not_allowed`,
 * `address_refused`, `redirect_refused` (each with `details.reason` where there are several), `too_large` and `timeout`
 * (`details.limit` says which), `too_many_redirects`, `unreachable` (`details.phase`) and `invalid_response`.
 */
export function egress({ allowLoopback = false, network = internet }: EgressOptions = {}): Egress {
  const stream = async (given: HttpRequest): Promise<HttpStream> => {
    const clock = watch(given);
    try {
      return opened(await follow(given, { allowLoopback, network }, clock), given, clock);
    } catch (thrown) {
      clock.end();
      throw clock.signal.aborted ? clock.signal.reason : thrown;
    }
  };
  return {
    stream,
    async request(given) {
      const { body, ...head } = await stream(given);
      const chunks: Uint8Array[] = [];
      for await (const chunk of body) chunks.push(chunk);
      return { ...head, body: Buffer.concat(chunks) };
    },
  };
}

/** Sends a request, and again for each redirect, until there is an answer. */
async function follow(
  given: HttpRequest,
  { allowLoopback, network }: Required<EgressOptions>,
  clock: Watch,
): Promise<IncomingMessage> {
  let url = parseUrl(given.url);
  let current = checked(given, url);
  for (let hop = 0; hop <= MAX_REDIRECTS; hop += 1) {
    if (current.allowedHosts && !isAllowedHost(url, current.allowedHosts)) {
      throw refused("host_not_allowed", `${url.origin} is not an allowed host`);
    }
    const incoming = await hopTo(url, current, { allowLoopback, network }, clock).catch((thrown: unknown) => {
      throw hop === 0 ? thrown : afterSending(thrown);
    });
    const { location } = incoming.headers;
    const isFollowed = REDIRECTS.has(incoming.statusCode ?? 0) && given.redirect !== "manual";
    if (!isFollowed || location === undefined) return incoming;
    incoming.destroy();
    const next = parseUrl(location, url);
    current = redirected(current, url, next, incoming.statusCode ?? 0);
    url = next;
  }
  const details = { limit: "redirects", max: MAX_REDIRECTS };
  throw new NodeError("too_many_redirects", `more than ${MAX_REDIRECTS} redirects`, { retryable: false, details });
}

async function hopTo(
  url: URL,
  request: HttpRequest,
  { allowLoopback, network }: Required<EgressOptions>,
  clock: Watch,
): Promise<IncomingMessage> {
  const connectMs = Math.min(request.connectTimeoutMs ?? CONNECT_TIMEOUT_MS, request.timeoutMs);
  const connecting = resolveTarget(url, network, allowLoopback).then(async (target) => ({
    target,
    socket: await openSocket(target, network, clock),
  }));
  const { target, socket } = await clock.within({ limit: "connect", ms: connectMs, phase: "connect" }, connecting);
  const answering = exchange(target, request, socket);
  return clock.within({ limit: "first_byte", ms: request.firstByteTimeoutMs, phase: "exchange" }, answering);
}

/** The request as it goes out. */
function checked(request: HttpRequest, url: URL): HttpRequest {
  if (!METHOD.test(request.method) || REFUSED_METHODS.has(request.method)) {
    throw refused("invalid_request", "the method is not allowed", "method");
  }
  if (request.body !== undefined && Buffer.byteLength(request.body) > MAX_REQUEST_BYTES) {
    throw tooLarge("request_body", MAX_REQUEST_BYTES);
  }
  return { ...request, headers: { "accept-encoding": ACCEPT_ENCODING, ...outgoingHeaders(request, url) } };
}

function opened(incoming: IncomingMessage, { maxBytes }: HttpRequest, clock: Watch): HttpStream {
  const { body, isDecoded } = responseBody(incoming, maxBytes);
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(incoming.headers)) {
    // They speak of the body as it was sent.
    if (isDecoded && (name === "content-encoding" || name === "content-length")) continue;
    if (value !== undefined) headers[name] = Array.isArray(value) ? (value.at(-1) ?? "") : value;
  }
  return { status: incoming.statusCode ?? 0, headers, body: whole(body, clock) };
}

async function* whole(body: AsyncIterable<Uint8Array>, clock: Watch): AsyncGenerator<Uint8Array> {
  try {
    clock.signal.throwIfAborted();
    yield* body;
  } catch (thrown) {
    throw clock.signal.aborted ? clock.signal.reason : failure(thrown, "exchange");
  } finally {
    clock.end();
  }
}
