import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { TOLERANCE_SECONDS, type WebhookAuth } from "./webhook.auth.schema.ts";

/** What signatures are made over. */
export interface SignedRequest {
  method: string;
  /** Below the webhook. */
  path: string;
  /** Under which the caller may have known it. */
  urls: readonly string[];
  /** Lower-case names. */
  headers: Readonly<Record<string, string | undefined>>;
  query: Readonly<Record<string, readonly string[]>>;
  rawBody: Uint8Array;
}

type Signed = Extract<WebhookAuth, { type: "github" | "stripe" | "slack" | "shopify" | "twilio" | "hmac" }>;
type Custom = Extract<WebhookAuth, { type: "hmac" }>;

/** A good signature, or why there is none, which is for the webhook's owner and not for the caller. */
export type Verdict = { signature: string } | { refused: string };

/** Signatures of one header that are looked at: rotation needs two. */
const MAX_SIGNATURES = 20;
/** From here on a time is taken to be in milliseconds. */
const MILLISECONDS_FROM = 100_000_000_000;

/** Whether one of the secrets signed this request, near enough to `now` where the scheme signs a time. */
export function verifySignature(
  auth: Signed,
  secrets: readonly string[],
  request: SignedRequest,
  now: number,
): Verdict {
  switch (auth.type) {
    case "github":
      return prefixed(request, secrets, "x-hub-signature-256", "sha256=", "hex");
    case "shopify":
      return prefixed(request, secrets, "x-shopify-hmac-sha256", "", "base64");
    case "stripe":
      return stripe(request, secrets, now);
    case "slack":
      return slack(request, secrets, now);
    case "twilio":
      return twilio(auth.url === undefined ? request : { ...request, urls: [auth.url] }, secrets);
    case "hmac":
      return custom(auth, request, secrets, now);
  }
}

/** Equal in a time that tells nothing of where two texts differ, nor of how long they are. */
export function isSame(a: string, b: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

type Encoding = "hex" | "base64" | "base64url";
type Part = string | Uint8Array;

function hmac(algorithm: string, key: string | Uint8Array, parts: readonly Part[], encoding: Encoding): string {
  const mac = createHmac(algorithm, key);
  for (const part of parts) mac.update(part);
  return mac.digest(encoding);
}

/** Every candidate is compared with every secret: how long it takes says nothing of which one was near. */
function matching(given: readonly string[], expected: readonly string[]): Verdict {
  let found: string | undefined;
  for (const signature of given.slice(0, MAX_SIGNATURES)) {
    for (const right of expected) if (isSame(signature, right)) found = right;
  }
  return found === undefined ? { refused: "the signature is not the one of this body" } : { signature: found };
}

function prefixed(
  { headers, rawBody }: SignedRequest,
  secrets: readonly string[],
  header: string,
  prefix: string,
  encoding: Encoding,
): Verdict {
  const given = headers[header];
  if (given === undefined) return { refused: `the header ${header} is missing` };
  const expected = secrets.map((secret) => prefix + hmac("sha256", secret, [rawBody], encoding));
  return matching([given.trim()], expected);
}

/** Why a signed time does not do. */
function lateness(timestamp: string | undefined, now: number, tolerance = TOLERANCE_SECONDS): string | undefined {
  if (timestamp === undefined || timestamp === "") return "the signed time is missing";
  const number = /^\d{1,16}$/.test(timestamp) ? Number(timestamp) : Number.NaN;
  const at = Number.isNaN(number) ? Date.parse(timestamp) : number >= MILLISECONDS_FROM ? number : number * 1000;
  if (Number.isNaN(at)) return "the signed time is none";
  const seconds = Math.abs(now - at) / 1000;
  return seconds > tolerance ? `the signed time is ${Math.round(seconds)} s away` : undefined;
}

function stripe({ headers, rawBody }: SignedRequest, secrets: readonly string[], now: number): Verdict {
  const parts = (headers["stripe-signature"] ?? "").split(",").map((part) => {
    const at = part.indexOf("=");
    return [part.slice(0, at).trim(), part.slice(at + 1).trim()] as const;
  });
  const timestamp = parts.find(([name]) => name === "t")?.[1];
  const why = lateness(timestamp, now);
  if (why !== undefined) return { refused: why };
  // v0 is a weaker scheme of test events: a caller must not choose it.
  const given = parts.filter(([name]) => name === "v1").map(([, value]) => value);
  const expected = secrets.map((secret) => hmac("sha256", secret, [`${timestamp}.`, rawBody], "hex"));
  return matching(given, expected);
}

function slack({ headers, rawBody }: SignedRequest, secrets: readonly string[], now: number): Verdict {
  const timestamp = headers["x-slack-request-timestamp"];
  const why = lateness(timestamp, now);
  if (why !== undefined) return { refused: why };
  const given = headers["x-slack-signature"] ?? "";
  const expected = secrets.map((secret) => `v0=${hmac("sha256", secret, [`v0:${timestamp}:`, rawBody], "hex")}`);
  return matching([given], expected);
}

/**
 * Twilio signs the address, and either the form's fields in the order of their names or, of another body, its hash,
 * which stands in the address.
 */
function twilio({ urls, headers, query, rawBody }: SignedRequest, secrets: readonly string[]): Verdict {
  const given = headers["x-twilio-signature"];
  if (given === undefined) return { refused: "the header x-twilio-signature is missing" };
  const bodyHash = query.bodySHA256?.[0];
  const isForm = (headers["content-type"] ?? "").toLowerCase().startsWith("application/x-www-form-urlencoded");
  if (bodyHash !== undefined) {
    const actual = createHash("sha256").update(rawBody).digest("hex");
    if (!isSame(bodyHash.toLowerCase(), actual)) return { refused: "the body is not the one that was signed" };
  } else if (rawBody.byteLength > 0 && !isForm) return { refused: "the body is not signed: bodySHA256 is missing" };
  const fields = bodyHash === undefined && isForm ? formText(Buffer.from(rawBody).toString("utf8")) : "";
  const expected = urls.flatMap((url) => secrets.map((secret) => hmac("sha1", secret, [url + fields], "base64")));
  return matching([given.trim()], expected);
}

function formText(body: string): string {
  const fields = new URLSearchParams(body);
  const names = [...new Set(fields.keys())].sort();
  const text = (name: string) => [...new Set(fields.getAll(name))].sort().map((value) => name + value);
  return names.flatMap(text).join("");
}

function custom(auth: Custom, request: SignedRequest, secrets: readonly string[], now: number): Verdict {
  const { headers, method, path, rawBody } = request;
  const header = headers[auth.header.toLowerCase()];
  if (header === undefined) return { refused: `the header ${auth.header} is missing` };
  const timestamp = auth.timestampHeader && headers[auth.timestampHeader.toLowerCase()];
  const why = auth.timestampHeader === undefined ? undefined : lateness(timestamp, now, auth.toleranceSeconds);
  if (why !== undefined) return { refused: why };
  const id = auth.idHeader && headers[auth.idHeader.toLowerCase()];
  if (auth.template.includes("{id}") && !id) return { refused: `the header ${auth.idHeader} is missing` };
  const values: Record<string, Part> = { body: rawBody, timestamp: timestamp ?? "", id: id ?? "", method, path };
  const parts = auth.template.split(/(\{[a-z]+\})/).map((part) => values[part.slice(1, -1)] ?? part);
  const separators = auth.prefix.includes(",") ? /\s+/ : /[\s,]+/;
  const given = header
    .trim()
    .split(separators)
    .filter((text) => text.startsWith(auth.prefix))
    .map((text) => decoded(text.slice(auth.prefix.length), auth.encoding));
  const keys = secrets.map((secret) => keyOf(secret, auth.secretEncoding));
  return matching(
    given,
    keys.map((key) => decoded(hmac(auth.algorithm, key, parts, auth.encoding), auth.encoding)),
  );
}

/** One writing of a signature: hexadecimal in either case, base64 with or without padding. */
function decoded(text: string, encoding: Encoding): string {
  return encoding === "hex" ? text.toLowerCase() : text.replace(/=+$/, "");
}

function keyOf(secret: string, encoding: Custom["secretEncoding"]): string | Uint8Array {
  if (encoding === "text") return secret;
  // As svix and its kin write them.
  return Buffer.from(secret.replace(/^whsec_/, ""), encoding);
}
