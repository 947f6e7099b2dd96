import type { SseRun } from "./sse.ts";

/** How the body of a {@link Reply} is sent. */
export type ReplyBody =
  | { kind: "json"; value: unknown }
  | { kind: "text"; text: string; contentType: string }
  | { kind: "bytes"; source: AsyncIterable<Uint8Array | string>; contentType: string }
  | { kind: "sse"; run: SseRun };

/** An answer that says more than its value: another status, headers, another media type, a stream. */
export class Reply<T> {
  /** Types the value for the route's `response`; never set. */
  declare readonly valueType: T;
  readonly body: ReplyBody;
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly after: Promise<unknown> | undefined;

  constructor(body: ReplyBody, options: ReplyOptions = {}) {
    this.body = body;
    this.status = options.status;
    this.headers = options.headers ?? {};
    this.after = options.after;
  }
}

/** What an answer says beside its body. */
export interface ReplyOptions {
  status?: number;
  headers?: Readonly<Record<string, string>>;
  /** Work that goes on when the answer is out; the function ends after it. */
  after?: Promise<unknown>;
}

/** A JSON answer with a status or headers of its own; `value` still passes the route's `response` schema. */
export function json<T>(value: T, options?: ReplyOptions): Reply<T> {
  return new Reply<T>({ kind: "json", value }, options);
}

/** An answer of another media type, such as a page. It bypasses the `response` schema. */
export function text(value: string, contentType: string, options?: ReplyOptions): Reply<never> {
  return new Reply<never>({ kind: "text", text: value, contentType }, options);
}
