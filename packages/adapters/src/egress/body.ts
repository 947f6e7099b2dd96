import type { IncomingMessage } from "node:http";
import { pipeline, Readable, type Transform } from "node:stream";
import * as zlib from "node:zlib";
import { NodeError } from "@weft/engine/node";
import { refused, tooLarge } from "./failure.ts";

/** Codings on top of each other: one is usual, two are seen. */
const MAX_CODINGS = 3;
/** What a coding may add to a body that it does not make smaller. */
const CODING_OVERHEAD = 64 * 1024;
/** Zstandard's window as a power of two: 8 MB, all that HTTP allows (RFC 9659). */
const ZSTD_WINDOW_LOG = 23;
/** The low half of zlib's first byte; raw deflate, which some servers send in its place, has another. */
const ZLIB_METHOD = 8;

export const ACCEPT_ENCODING = "gzip, deflate, br, zstd";

const DECODERS: Readonly<Record<string, (firstByte: number) => Transform>> = {
  gzip: () => zlib.createGunzip(),
  "x-gzip": () => zlib.createGunzip(),
  br: () => zlib.createBrotliDecompress(),
  deflate: (first) => ((first & 0x0f) === ZLIB_METHOD ? zlib.createInflate() : zlib.createInflateRaw()),
  zstd: () => zlib.createZstdDecompress({ params: { [zlib.constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG } }),
};

/**
 * The body of an answer, decoded, as it comes. What is beyond `maxBytes` is not read: neither of what comes over the wire
 * nor of what it becomes. A coding that is not known leaves the body as it is.
 */
export function responseBody(
  incoming: IncomingMessage,
  maxBytes: number,
): { body: AsyncIterable<Uint8Array>; isDecoded: boolean } {
  const codings = (incoming.headers["content-encoding"] ?? "")
    .toLowerCase()
    .split(",")
    .map((coding) => coding.trim())
    .filter((coding) => coding !== "" && coding !== "identity");
  if (codings.length > MAX_CODINGS) throw refused("invalid_response", "the answer is encoded too many times");
  const isDecoded = codings.length > 0 && codings.every((coding) => DECODERS[coding] !== undefined);
  if (!isDecoded) return { body: bounded(incoming, maxBytes, maxBytes), isDecoded };
  let body: AsyncIterable<Uint8Array> = bounded(incoming, maxBytes + CODING_OVERHEAD, maxBytes);
  for (const coding of codings.reverse()) body = bounded(decoded(body, coding), maxBytes, maxBytes);
  return { body, isDecoded };
}

async function* bounded(source: AsyncIterable<Uint8Array>, max: number, named: number): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const chunk of source) {
    size += chunk.length;
    if (size > max) throw tooLarge("response_body", named);
    yield chunk;
  }
}

async function* decoded(source: AsyncIterable<Uint8Array>, coding: string): AsyncGenerator<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]();
  let first = await iterator.next();
  while (!first.done && first.value.length === 0) first = await iterator.next();
  // An answer to HEAD, or one of no bytes, is not an encoded empty body.
  if (first.done) return;
  const { value } = first;
  const whole = async function* () {
    try {
      yield value;
      yield* { [Symbol.asyncIterator]: () => iterator };
    } finally {
      await iterator.return?.();
    }
  };
  const decoder = DECODERS[coding]?.(value[0] ?? 0);
  if (!decoder) return;
  // Errors come out of the iteration.
  pipeline(Readable.from(whole(), { objectMode: false }), decoder, () => undefined);
  try {
    yield* decoder as AsyncIterable<Uint8Array>;
  } catch (cause) {
    const { code } = cause as { code?: string };
    const isCoding = code !== undefined && /^(Z_|ERR_|ZSTD_)/.test(code) && code !== "ERR_STREAM_PREMATURE_CLOSE";
    if (!isCoding) throw cause;
    throw new NodeError("invalid_response", `the answer is not what its encoding says (${coding})`, { cause });
  }
}
