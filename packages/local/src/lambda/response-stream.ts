import { Writable } from "node:stream";
import type { StreamPart } from "./types.ts";

/** Bytes that may be on their way to the receiver before `write` holds the function back. */
const WINDOW_BYTES = 256 * 1024;
export const HTTP_INTEGRATION_TYPE = "application/vnd.awslambda.http-integration-response";

/**
 * The response stream of a streaming handler, in the worker. Writes of one turn of the event loop leave as one message.
 * As in Lambda's runtime, the prelude goes out with the first call of `write`, so a stream that is only ended has none.
 */
export class ResponseStream extends Writable {
  readonly #send: (part: StreamPart) => void;
  #metadata: string | undefined;
  #pending: StreamPart = emptyPart();
  #scheduled = false;
  #outstanding = 0;
  #blocked: (() => void) | undefined;

  constructor(send: (part: StreamPart) => void) {
    super({ decodeStrings: false });
    this.#send = send;
  }

  /** The metadata that the first write will carry. */
  setMetadata(metadata: unknown): void {
    this.#metadata = JSON.stringify(metadata ?? {});
  }

  /** Part of the runtime's own interface; only the integration type set by `from` matters here. */
  setContentType(_type: string): void {}

  // biome-ignore lint/suspicious/noExplicitAny: the overloads of Writable.write
  override write(chunk: any, ...rest: any[]): boolean {
    if (this.#metadata !== undefined) {
      this.#pending.prelude = this.#metadata;
      this.#metadata = undefined;
      this.#schedule();
    }
    const bytes = typeof chunk === "string" || chunk instanceof Uint8Array ? chunk : JSON.stringify(chunk);
    return super.write(bytes, ...(rest as []));
  }

  override _write(chunk: string | Uint8Array, encoding: BufferEncoding, callback: () => void): void {
    const isText = typeof chunk === "string" && (encoding === "utf8" || encoding === "utf-8");
    const data = isText ? chunk : new Uint8Array(typeof chunk === "string" ? Buffer.from(chunk, encoding) : chunk);
    const bytes = typeof data === "string" ? Buffer.byteLength(data) : data.byteLength;
    if (bytes > 0) this.#pending.chunks.push(data);
    this.#pending.bytes += bytes;
    this.#outstanding += bytes;
    this.#schedule();
    if (this.#outstanding <= WINDOW_BYTES) callback();
    else this.#blocked = callback;
  }

  override _final(callback: () => void): void {
    this.#pending.end = true;
    this.#schedule();
    callback();
  }

  /** The receiver took `bytes`. */
  acknowledge(bytes: number): void {
    this.#outstanding -= bytes;
    if (this.#outstanding > WINDOW_BYTES) return;
    const resume = this.#blocked;
    this.#blocked = undefined;
    resume?.();
  }

  /** What has not been sent yet, to go with the end of the invocation. */
  takePending(): StreamPart {
    const part = this.#pending;
    this.#pending = emptyPart();
    return part;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      const part = this.takePending();
      if (part.end || part.bytes > 0 || part.prelude !== undefined) this.#send(part);
    });
  }
}

function emptyPart(): StreamPart {
  return { chunks: [], bytes: 0, end: false };
}
