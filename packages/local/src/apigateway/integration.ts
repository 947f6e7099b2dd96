import type { ServerResponse } from "node:http";
import type { HttpPrelude, StreamSink } from "../lambda/types.ts";
import { GatewayFailure } from "./responses.ts";

/** A stream without a byte for this long is closed (API Gateway, regional endpoints). */
const STREAM_IDLE_MS = 5 * 60_000;
/** Headers that API Gateway writes itself. */
const OWN_HEADERS = new Set(["content-length", "transfer-encoding", "connection", "keep-alive"]);

/** Writes status and headers of an integration's answer. */
function writeHead(res: ServerResponse, head: HttpPrelude, requestId: string): void {
  const headers: [string, string[]][] = [["x-amzn-requestid", [requestId]]];
  const add = (name: string, values: readonly unknown[]): void => {
    if (!OWN_HEADERS.has(name.toLowerCase())) headers.push([name, values.map(String)]);
  };
  for (const [name, values] of Object.entries(head.multiValueHeaders ?? {})) add(name, values);
  const many = new Set(headers.map(([name]) => name.toLowerCase()));
  for (const [name, value] of Object.entries(head.headers ?? {})) if (!many.has(name.toLowerCase())) add(name, [value]);
  if (head.cookies?.length) add("set-cookie", head.cookies);
  const hasType = headers.some(([name]) => name.toLowerCase() === "content-type");
  if (!hasType) headers.push(["content-type", ["application/json"]]);
  res.writeHead(
    head.statusCode ?? 200,
    headers.flatMap(([name, values]) => values.flatMap((value) => [name, value])),
  );
}

/**
 * Pipes a streamed answer to the client. A client that leaves stops nothing: what the function still writes is thrown
 * away, as Lambda does not learn of it.
 */
export class ResponseSink implements StreamSink {
  readonly #res: ServerResponse;
  readonly #requestId: string;
  readonly #onFailure: (failure: GatewayFailure) => void;
  readonly #idle: NodeJS.Timeout;
  #broken = false;

  constructor(res: ServerResponse, requestId: string, onFailure: (failure: GatewayFailure) => void) {
    this.#res = res;
    this.#requestId = requestId;
    this.#onFailure = onFailure;
    this.#idle = setTimeout(() => this.abort("INTEGRATION_TIMEOUT"), STREAM_IDLE_MS);
    this.#idle.unref();
  }

  start(prelude: HttpPrelude | undefined): void {
    if (this.#closed) return;
    if (!prelude) {
      this.abort("DEFAULT_5XX");
      return;
    }
    try {
      writeHead(this.#res, prelude, this.#requestId);
    } catch {
      this.abort("DEFAULT_5XX");
      return;
    }
    // A head without a first chunk in the same message must not wait for one.
    queueMicrotask(() => this.#closed || this.#res.flushHeaders());
  }

  write(chunk: string | Uint8Array): Promise<void> | undefined {
    if (this.#closed) return undefined;
    this.#idle.refresh();
    if (this.#res.write(chunk)) return undefined;
    return new Promise((resolve) => {
      const go = (): void => {
        this.#res.off("drain", go).off("close", go);
        resolve();
      };
      this.#res.once("drain", go).once("close", go);
    });
  }

  end(): void {
    clearTimeout(this.#idle);
    if (!this.#closed) this.#res.end();
  }

  /** Nothing more will come from the function. */
  release(): void {
    clearTimeout(this.#idle);
    if (!this.#closed && this.#res.headersSent) this.#res.end();
  }

  /** The answer cannot go on: a gateway response when nothing was sent yet, else a broken connection. */
  abort(type: "DEFAULT_5XX" | "INTEGRATION_TIMEOUT"): void {
    clearTimeout(this.#idle);
    if (this.#closed) return;
    this.#broken = true;
    if (this.#res.headersSent) this.#res.destroy();
    else this.#onFailure(new GatewayFailure(type));
  }

  get #closed(): boolean {
    return this.#broken || this.#res.destroyed || this.#res.writableEnded;
  }
}

/** Answers from the whole result of a buffered proxy integration. */
export function writeBuffered(res: ServerResponse, payload: string, requestId: string): void {
  const answer = JSON.parse(payload) as (HttpPrelude & { body?: unknown; isBase64Encoded?: boolean }) | null;
  if (typeof answer?.statusCode !== "number" || (answer.body != null && typeof answer.body !== "string"))
    throw new GatewayFailure("DEFAULT_5XX");
  const body = Buffer.from(
    (answer.body as string | null | undefined) ?? "",
    answer.isBase64Encoded ? "base64" : "utf8",
  );
  try {
    writeHead(res, answer, requestId);
  } catch {
    throw new GatewayFailure("DEFAULT_5XX");
  }
  res.end(body);
}
