import { request as httpRequest, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { isIP } from "node:net";
import { connect as tlsConnect } from "node:tls";
import { type HttpRequest, NodeError } from "@weft/engine/node";
import { type Phase, tooLarge, unreachable } from "./failure.ts";
import type { Network } from "./network.ts";
import type { Target } from "./target.ts";
import type { Watch } from "./watch.ts";

/** Bytes of all headers of an answer, trailers included. */
const MAX_HEADER_BYTES = 32 * 1024;
const MAX_HEADERS = 500;

/** A connection to a target's checked addresses; with TLS, to a server that proves its name. */
export function openSocket({ url, host, port, addresses }: Target, network: Network, clock: Watch): Promise<Socket> {
  clock.signal.throwIfAborted();
  const raw = network.connect(addresses, port);
  clock.frees(() => raw.destroy());
  const socket =
    url.protocol === "https:"
      ? tlsConnect({
          socket: raw,
          host,
          // An address has no server name.
          servername: isIP(host) ? "" : host,
          ALPNProtocols: ["http/1.1"],
          rejectUnauthorized: true,
        })
      : raw;
  return new Promise((resolve, reject) => {
    const fail = (cause: Error): void => {
      raw.destroy();
      reject(failure(cause, "connect"));
    };
    raw.once("error", fail);
    socket.once("error", fail);
    socket.once("close", () => fail(new Error("closed")));
    socket.once(socket === raw ? "connect" : "secureConnect", () => {
      // Whoever uses the socket now hears of its errors; one more may come while nobody does.
      socket.on("error", () => undefined);
      resolve(socket);
    });
  });
}

/** Sends a request on a connection of its own, which ends with the answer, and gives the answer's head. */
export function exchange(
  { url }: Target,
  { method, headers, body }: Pick<HttpRequest, "method" | "headers" | "body">,
  socket: Socket,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const fail = (cause: Error): void => {
      socket.destroy();
      reject(failure(cause, "exchange"));
    };
    try {
      // Neither an agent nor a proxy has a part in it: no connection serves two requests.
      const outgoing = httpRequest({
        createConnection: () => socket,
        method,
        path: `${url.pathname}${url.search}`,
        setHost: false,
        headers: {
          host: url.host,
          ...headers,
          ...(body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) }),
        },
        maxHeaderSize: MAX_HEADER_BYTES,
        insecureHTTPParser: false,
      });
      outgoing.maxHeadersCount = MAX_HEADERS;
      outgoing.once("response", resolve);
      outgoing.on("error", fail);
      // An answer that changes the protocol has no body to wait for.
      outgoing.once("close", () => fail(new Error("the connection was closed")));
      outgoing.end(body);
    } catch (thrown) {
      fail(thrown as Error);
    }
  });
}

/** A failure as the caller sees it. */
export function failure(cause: unknown, phase: Phase): Error {
  if (cause instanceof NodeError) return cause;
  const { code = "", message = "" } = cause as { code?: string; message?: string };
  if (code === "HPE_HEADER_OVERFLOW") return tooLarge("response_headers", MAX_HEADER_BYTES);
  if (phase === "exchange" && /^ERR_(?:INVALID|HTTP|UNESCAPED)/.test(code)) {
    return new NodeError("invalid_request", message, { retryable: false, cause });
  }
  return unreachable(`the request failed: ${code || message}`, phase, cause);
}
