import type { HttpRequest } from "@weft/engine/node";
import { NodeError } from "@weft/engine/node";
import * as z from "zod";

/** Characters of one secret: the longest are private keys and tokens with many claims. */
export const MAX_SECRET = 20_000;
const MAX_FIELD = 2_000;
const MAX_HEADER_NAME = 100;

/** One line of text without control characters: it may become a header. */
const LINE = /^[^\p{Cc}]*$/u;

/** A field that anyone who may see the credential may read. */
export const text = (description: string) => z.string().min(1).max(MAX_FIELD).regex(LINE).meta({ description });

/** A field that is sealed and never given back. */
export const secret = (description: string) =>
  z.string().min(1).max(MAX_SECRET).meta({ description, format: "password", writeOnly: true });

/** A secret that becomes part of a header or a URL. */
export const secretLine = (description: string) =>
  z.string().min(1).max(MAX_SECRET).regex(LINE).meta({ description, format: "password", writeOnly: true });

export const httpsUrl = (description: string) =>
  z
    .url({ protocol: /^https?$/ })
    .max(MAX_FIELD)
    .meta({ description });

export const headerName = z
  .string()
  .max(MAX_HEADER_NAME)
  .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, "is no header name");

export const scopes = z
  .array(
    z
      .string()
      .min(1)
      .max(500)
      .regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/),
  )
  .max(100)
  .default([]);

/** A request as the credential sends it. */
export interface Applied {
  request: HttpRequest;
  /** What beside the sealed fields must not be seen: an encoded pair, a token. */
  secrets?: string[];
}

/** What a type may use to sign a request. */
export interface ApplyTools {
  now(): number;
  /** The access token of an OAuth 2 credential, fetched or refreshed where it is needed. */
  accessToken(): Promise<string>;
  signAws: AwsSigner;
  /** Sends a request of the type's own, to these hosts alone. */
  send(request: Pick<HttpRequest, "method" | "url" | "headers" | "body">, hosts: string[]): Promise<TextAnswer>;
}

export interface TextAnswer {
  status: number;
  text: string;
}

export interface AwsKeys {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string | undefined;
}

/** Signature Version 4; implemented outside of the domains. */
export type AwsSigner = (
  request: HttpRequest,
  keys: AwsKeys,
  place: { region: string; service: string; now: number },
) => Promise<HttpRequest>;

/** A kind of credential. Its file is named like `type`; one line in `types/index.ts` makes it known. */
export interface CredentialType<D extends Record<string, unknown> = Record<string, unknown>> {
  type: string;
  title: string;
  description: string;
  /** Every field, strict; the sealed ones too. */
  fields: z.ZodType<D> & { shape: z.ZodRawShape };
  /** Names of the sealed fields. */
  secrets: readonly (keyof D & string)[];
  /** Rules that the schema cannot say. */
  check?(data: D): { path: string; message: string }[];
  /** Where it may be sent when its maker names no hosts. */
  hosts?(data: D): string[];
  /** Puts the credential on a request; absent where no HTTP request takes it. */
  apply?(request: HttpRequest, data: D, tools: ApplyTools): Applied | Promise<Applied>;
  /** How it gets access tokens. */
  grant?: "authorization_code" | "client_credentials";
  /** A call that proves it, where its maker names none. */
  probe?(data: D): { url: string; hosts: string[] };
}

/** Declares a type of credential. */
export function defineCredentialType<D extends Record<string, unknown>>(type: CredentialType<D>): CredentialType {
  return type as unknown as CredentialType;
}

/** The request with these headers in place of its own of the same names; they stay behind on the way to another origin. */
export function withHeaders(request: HttpRequest, headers: Readonly<Record<string, string>>): HttpRequest {
  const names = new Set(Object.keys(headers).map((name) => name.toLowerCase()));
  const others = Object.entries(request.headers).filter(([name]) => !names.has(name.toLowerCase()));
  return {
    ...request,
    headers: { ...Object.fromEntries(others), ...headers },
    secretHeaders: [...(request.secretHeaders ?? []), ...names],
  };
}

/** The request with these query parameters in place of its own of the same names. */
export function withQuery(request: HttpRequest, query: Readonly<Record<string, string>>): HttpRequest {
  const url = new URL(request.url);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  return { ...request, url: url.href };
}

/** The request with these fields in its body, which is JSON or a form. Throws NodeError where it is neither. */
export function withBody(request: HttpRequest, fields: Readonly<Record<string, string>>): HttpRequest {
  const contentType = Object.entries(request.headers).find(([name]) => name.toLowerCase() === "content-type")?.[1];
  const body = typeof request.body === "string" ? request.body : undefined;
  if (body !== undefined && contentType?.startsWith("application/x-www-form-urlencoded")) {
    const form = new URLSearchParams(body);
    for (const [name, value] of Object.entries(fields)) form.set(name, value);
    return { ...request, body: form.toString() };
  }
  const value = body === undefined ? undefined : parseObject(body);
  if (value && contentType?.startsWith("application/json")) {
    return { ...request, body: JSON.stringify({ ...value, ...fields }) };
  }
  const message = "the credential adds fields to the body, which has to be a JSON object or a form";
  throw new NodeError("invalid_body", message, { retryable: false });
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
