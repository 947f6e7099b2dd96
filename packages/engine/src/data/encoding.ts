import { refuse } from "../items/items.ts";
import { MAX_DATA_BYTES } from "../limits.ts";

/** How bytes stand in a text. */
export const ENCODINGS = ["text", "hex", "base64", "base64url"] as const;
export type Encoding = (typeof ENCODINGS)[number];

const HEX = /^[0-9a-fA-F]*$/;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;
const BASE64URL = /^[A-Za-z0-9_-]*={0,2}$/;
const SPACE = /[ \t\r\n]+/g;

/** The bytes of a text. Throws NodeError where it is not what it is said to be, or too long. */
export function fromText(text: string, encoding: Encoding): Buffer {
  // Four characters of base64 are three bytes; hex takes two a byte.
  if (text.length > MAX_DATA_BYTES * 2) throw refuse("too_large", `data has at most ${MAX_DATA_BYTES} bytes`);
  const bytes = decode(text, encoding);
  if (bytes.length > MAX_DATA_BYTES) throw refuse("too_large", `data has at most ${MAX_DATA_BYTES} bytes`);
  return bytes;
}

function decode(text: string, encoding: Encoding): Buffer {
  if (encoding === "text") return Buffer.from(text, "utf8");
  const packed = text.replace(SPACE, "");
  const form = encoding === "hex" ? HEX : encoding === "base64" ? BASE64 : BASE64URL;
  if (!form.test(packed) || (encoding === "hex" && packed.length % 2 > 0))
    throw refuse("invalid_encoding", `the value is not ${encoding}`);
  return Buffer.from(packed, encoding);
}

/** The text that bytes are written as; `text` throws NodeError where they are not UTF-8. */
export function toEncoded(bytes: Uint8Array, encoding: Encoding): string {
  if (encoding !== "text") return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString(encoding);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw refuse("invalid_encoding", "the bytes are not UTF-8 text", cause);
  }
}
