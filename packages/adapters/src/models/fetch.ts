import type { HttpRequest } from "@weft/engine/node";
import type { Egress } from "../egress/http.ts";

export interface FetchOptions {
  /** The only hosts that it reaches. */
  allowedHosts: readonly string[];
  timeoutMs: number;
  maxBytes: number;
  /** Changes each request before it leaves: signs it, puts a credential on it. */
  prepare?: ((request: HttpRequest) => Promise<HttpRequest>) | undefined;
  /** What libraries give none: no request outlives it. */
  signal: AbortSignal;
}

/** Statuses that have no body by definition: `Response` refuses one. */
const BODILESS: ReadonlySet<number> = new Set([101, 204, 205, 304]);

/**
 * The egress client in the shape of `fetch`, for libraries that take one. It is no browser's: what it cannot do (other
 * modes, caches, cookies) no client of a model's provider asks for. Failures are the client's own NodeErrors.
 */
export function egressFetch(web: Pick<Egress, "stream">, options: FetchOptions): typeof globalThis.fetch {
  const { allowedHosts, timeoutMs, maxBytes, prepare, signal: outer } = options;
  return async (input, init = {}) => {
    const given = input instanceof Request ? input : undefined;
    const headers = new Headers(init.headers ?? given?.headers);
    const body = await bodyOf(init.body ?? (given?.body ? await given.arrayBuffer() : undefined), headers);
    const signal = init.signal ?? given?.signal;
    const request: HttpRequest = {
      method: (init.method ?? given?.method ?? "GET").toUpperCase(),
      url: given ? given.url : String(input),
      headers: Object.fromEntries(headers),
      ...(body === undefined ? {} : { body }),
      timeoutMs,
      maxBytes,
      signal: signal ? AbortSignal.any([signal, outer]) : outer,
      allowedHosts,
    };
    const answer = await web.stream(prepare ? await prepare(request) : request);
    const isEmpty = BODILESS.has(answer.status);
    if (isEmpty) for await (const _ of answer.body);
    return new Response(isEmpty ? null : ReadableStream.from(answer.body as AsyncIterable<Uint8Array<ArrayBuffer>>), {
      status: answer.status,
      headers: answer.headers,
    });
  };
}

type Body = NonNullable<RequestInit["body"]>;

/** A body as bytes or text, with the content type that goes with it where the caller named none. */
async function bodyOf(body: Body | undefined, headers: Headers): Promise<string | Uint8Array | undefined> {
  if (body === undefined || typeof body === "string" || body instanceof Uint8Array) return body;
  const whole = new Response(body);
  const type = whole.headers.get("content-type");
  if (type !== null && !headers.has("content-type")) headers.set("content-type", type);
  return new Uint8Array(await whole.arrayBuffer());
}
