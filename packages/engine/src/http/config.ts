import * as z from "zod";
import { HTTP_FORM_MAX_BYTES, HTTP_MAX_BYTES, MAX_FIELDS, MAX_STRING } from "../limits.ts";

export const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"] as const;

const value = {
  /** The input that holds it, or a template in its place. */
  input: z.string().optional(),
  value: z.string().max(MAX_STRING).optional(),
};
const Value = z.strictObject(value);
const Pair = z.strictObject({ name: z.string().min(1).max(1_000), ...value });
const Field = z.strictObject({
  name: z.string().min(1).max(1_000),
  ...value,
  /** The value is the URL of a file, whose content is sent. */
  file: z.boolean().optional(),
});
export type Value = z.output<typeof Value>;
export type Pair = z.output<typeof Pair>;
export type Field = z.output<typeof Field>;

const template = z.string().max(MAX_STRING);

/** The configuration of an HTTP request. */
export const config = z.strictObject({
  method: z.enum(METHODS).default("GET"),
  url: z.string().min(1).max(8_000),
  params: z.array(Pair).max(MAX_FIELDS).default([]),
  headers: z.array(Pair).max(MAX_FIELDS).default([]),
  /** A credential of the space, which signs the request on its way out; `auth` is for what is no secret. */
  credentialId: z.string().min(1).max(64).optional(),
  auth: z
    .discriminatedUnion("type", [
      z.strictObject({ type: z.literal("none") }),
      z.strictObject({ type: z.literal("bearer"), token: Value }),
      z.strictObject({ type: z.literal("custom"), addTo: z.enum(["header", "query"]), key: Value, value: Value }),
    ])
    .default({ type: "none" }),
  body: z
    .discriminatedUnion("type", [
      z.strictObject({ type: z.literal("none") }),
      z.strictObject({ type: z.literal("json"), template }),
      z.strictObject({ type: z.literal("raw"), template, contentType: z.string().max(200).default("text/plain") }),
      z.strictObject({ type: z.literal("form_data"), fields: z.array(Field).max(MAX_FIELDS) }),
      z.strictObject({ type: z.literal("urlencoded"), fields: z.array(Pair).max(MAX_FIELDS) }),
      z.strictObject({ type: z.literal("binary"), file: Value }),
    ])
    .default({ type: "none" }),
  /** transient: the policy's retries also follow 408, 429 and 5xx. transport: only failures to get an answer at all. */
  retryOn: z.enum(["transient", "transport"]).default("transient"),
  /** Whether an answer of 400 and above fails the node, or is an answer like others. */
  failOnStatus: z.boolean().default(true),
  /** file: the answer's content becomes a File, in the output `file`. auto: where its type is none of text. */
  answer: z.enum(["text", "file", "auto"]).default("text"),
  maxBytes: z.int().min(1).max(HTTP_FORM_MAX_BYTES).default(HTTP_MAX_BYTES),
});
export type Config = z.output<typeof config>;

/** Names of the inputs that the configuration speaks of. */
export function usedInputs({ params, headers, auth, body }: Config): string[] {
  const values: Value[] = [...params, ...headers];
  if (auth.type === "bearer") values.push(auth.token);
  if (auth.type === "custom") values.push(auth.key, auth.value);
  if (body.type === "form_data" || body.type === "urlencoded") values.push(...body.fields);
  if (body.type === "binary") values.push(body.file);
  return values.flatMap((item) => (item.input === undefined ? [] : [item.input]));
}
