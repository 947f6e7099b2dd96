import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { ObjectRequest, Refusal } from "./requests.ts";

/** The one secret of the local cloud's credentials. */
export const LOCAL_SECRET = "local";

const FORGED: Refusal = {
  status: 403,
  code: "SignatureDoesNotMatch",
  message: "The request signature we calculated does not match the signature you provided.",
};

/**
 * Refuses a presigned address that was changed after it was signed, or a request that is not the signed one: another
 * method, key, length or type. Requests of the SDK itself carry their signature in a header and are let through.
 */
export function refuseForged(request: ObjectRequest & { url: string }): Refusal | undefined {
  const [path = "/", search = ""] = request.url.split("?");
  const query = new URLSearchParams(search);
  const signature = query.get("X-Amz-Signature");
  if (signature === null) return undefined;
  query.delete("X-Amz-Signature");
  const names = query.get("X-Amz-SignedHeaders") ?? "";
  const [, ...scope] = (query.get("X-Amz-Credential") ?? "").split("/");
  const pairs = [...query].map(([name, value]) => `${encode(name)}=${encode(value)}`).sort(byUnits);
  const headers = names.split(";").map((name) => `${name}:${headerText(request, name)}\n`);
  const payload = query.get("X-Amz-Content-Sha256") ?? "UNSIGNED-PAYLOAD";
  const canonical = [request.method, path, pairs.join("&"), headers.join(""), names, payload].join("\n");
  const hash = createHash("sha256").update(canonical).digest("hex");
  const text = ["AWS4-HMAC-SHA256", query.get("X-Amz-Date") ?? "", scope.join("/"), hash].join("\n");
  const key = scope.reduce<Buffer | string>((from, part) => hmac(from, part), `AWS4${LOCAL_SECRET}`);
  const expected = hmac(key, text);
  const given = Buffer.from(signature, "hex");
  return given.length === expected.length && timingSafeEqual(given, expected) ? undefined : FORGED;
}

function hmac(key: Buffer | string, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

function headerText({ headers }: ObjectRequest, name: string): string {
  const value = headers[name];
  return (Array.isArray(value) ? value.join(",") : (value ?? "")).trim().replace(/ +/g, " ");
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

function byUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
