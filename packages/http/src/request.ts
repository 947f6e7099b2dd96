import { AppError, invalidField } from "@weft/kernel/errors";
import type { APIGatewayProxyEvent } from "aws-lambda";
import * as z from "zod";
import { MULTIPART, readForm } from "./form.ts";
import { parseJson, queryObject } from "./parse.ts";
import type { Route } from "./route.ts";

/** What reaches a Lambda: a 6 MiB event holds a base64 body of this size and its envelope. */
export const MAX_BODY_BYTES = 4 * 1024 * 1024;

const DEFAULT_CONSUMES = ["application/json"] as const;

/** Request headers by lower-case name. */
export type Headers = Readonly<Record<string, string | undefined>>;

/** Headers by lower-case name; of a repeated header the values are joined as HTTP says. */
export function headersOf(event: APIGatewayProxyEvent): Headers {
  const headers: Record<string, string | undefined> = Object.create(null);
  for (const [name, value] of Object.entries(event.headers ?? {})) headers[name.toLowerCase()] = value;
  for (const [name, values] of Object.entries(event.multiValueHeaders ?? {})) {
    if (values && values.length > 1) headers[name.toLowerCase()] = values.join(", ");
  }
  return headers;
}

/** Query parameters with all their values. */
export function queryOf(event: APIGatewayProxyEvent): Record<string, string[] | undefined> {
  if (event.multiValueQueryStringParameters) return event.multiValueQueryStringParameters;
  const single = Object.entries(event.queryStringParameters ?? {});
  return Object.fromEntries(single.map(([name, value]) => [name, value === undefined ? [] : [value]]));
}

/** Decodes path parameters. Throws `invalid_input` naming the one whose encoding is broken. */
export function decodeParams(raw: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const entries = Object.entries(raw).map(([name, value]): [string, string] => {
    try {
      return [name, decodeURIComponent(value ?? "")];
    } catch {
      throw invalidField(name, "badly encoded");
    }
  });
  return Object.fromEntries(entries);
}

function bytesOf(route: Route, event: APIGatewayProxyEvent): Buffer {
  const text = event.body ?? "";
  // Refuses before decoding: base64 is a third longer than what it holds.
  if (text.length > MAX_BODY_BYTES * 1.4) throw tooLarge(route);
  const bytes = Buffer.from(text, event.isBase64Encoded ? "base64" : "utf8");
  if (bytes.byteLength > MAX_BODY_BYTES) throw tooLarge(route);
  return bytes;
}

function tooLarge({ larger }: Route): AppError {
  const upload = larger ? { upload: { method: "POST", path: larger } } : {};
  return new AppError("too_large", `a body has at most ${MAX_BODY_BYTES} bytes`, {
    details: { maxBytes: MAX_BODY_BYTES, ...upload },
  });
}

function utf8(bytes: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw invalidField("body", "not valid UTF-8");
  }
}

function matches(type: string, accepted: string): boolean {
  if (accepted === "application/json") return type === accepted || /^application\/[\w.-]+\+json$/.test(type);
  return accepted === "*/*" || type === accepted || (accepted.endsWith("/*") && type.startsWith(accepted.slice(0, -1)));
}

function mediaType(header: string | undefined, consumes: readonly string[]): string {
  // A body without a declared type is taken for what the route takes first.
  const [type = "", ...parameters] = (header ?? consumes[0] ?? "").split(";").map((part) => part.trim());
  const charset = parameters.find((parameter) => /^charset=/i.test(parameter));
  const isUtf8 = !charset || /^charset="?utf-?8"?$/i.test(charset);
  if (isUtf8 && consumes.some((accepted) => matches(type.toLowerCase(), accepted))) return type.toLowerCase();
  throw new AppError("unsupported_media_type", `expected ${consumes.join(" or ")} in UTF-8`, {
    details: { accepts: consumes },
  });
}

/**
 * The body by its declared type: JSON and forms as objects, text as a string, anything else as bytes. Throws `too_large`,
 * `unsupported_media_type` and `invalid_input`.
 */
export async function readBody(
  route: Route,
  event: APIGatewayProxyEvent,
  headers: Headers,
): Promise<{ value: unknown; raw: Buffer }> {
  if (!route.mutating) return { value: undefined, raw: Buffer.alloc(0) };
  const raw = bytesOf(route, event);
  if (raw.byteLength === 0) return { value: route.body ? {} : undefined, raw };
  const type = mediaType(headers["content-type"], route.consumes ?? DEFAULT_CONSUMES);
  if (type.endsWith("json")) return { value: parseJson(utf8(raw)), raw };
  if (type === "application/x-www-form-urlencoded") {
    return { value: Object.fromEntries(new URLSearchParams(utf8(raw))), raw };
  }
  if (type === MULTIPART) {
    const fields = await readForm(raw, headers["content-type"] ?? "");
    return { value: queryObject(route.body instanceof z.ZodObject ? route.body : z.object({}), fields), raw };
  }
  return { value: type.startsWith("text/") ? utf8(raw) : new Uint8Array(raw), raw };
}
