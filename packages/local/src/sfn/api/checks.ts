import { SfnError } from "../errors.ts";
import { isObject, type JsonObject } from "../json.ts";

/** Characters that names of machines and executions may not have; at most 80 (quota). */
const NAME = /^[^\s<>{}[\]?*"#%\\^|~`$&,;:/\p{Cc}]{1,80}$/u;
const MAX_RESULTS = 1_000;
const DEFAULT_RESULTS = 100;

export type Body = JsonObject;

export function requireBody(body: unknown): Body {
  if (isObject(body)) return body;
  throw new SfnError("SerializationException", "The request body must be a JSON object");
}

export function text(body: Body, field: string): string {
  const value = body[field];
  if (typeof value === "string") return value;
  throw new SfnError(
    "ValidationException",
    `Value at '${field}' failed to satisfy constraint: Member must be a string`,
  );
}

export function optionalText(body: Body, field: string): string | undefined {
  return body[field] === undefined || body[field] === null ? undefined : text(body, field);
}

export function name(value: string): string {
  if (NAME.test(value)) return value;
  throw new SfnError("InvalidName", `Invalid Name: '${value}'`);
}

/** An ARN of the kind: `stateMachine`, `execution`, `activity`, `mapRun`. */
export function arn(value: string, ...kinds: string[]): string {
  const parts = value.split(":");
  if (parts.length >= 7 && parts[0] === "arn" && parts[2] === "states" && kinds.includes(parts[5]!)) return value;
  throw new SfnError("InvalidArn", `Invalid Arn: 'Resource type not valid in this context: ${value}'`);
}

export interface PageRequest {
  limit: number;
  after: string | undefined;
}

export function page(body: Body): PageRequest {
  const limit = body.maxResults ?? DEFAULT_RESULTS;
  if (!Number.isInteger(limit) || (limit as number) < 0 || (limit as number) > MAX_RESULTS) {
    throw new SfnError("ValidationException", `maxResults must be from 0 to ${MAX_RESULTS}`);
  }
  const token = optionalText(body, "nextToken");
  const after = token === undefined ? undefined : Buffer.from(token, "base64url").toString();
  if (after !== undefined && Buffer.from(after).toString("base64url") !== token) {
    throw new SfnError("InvalidToken", "Invalid Token: 'Invalid token'");
  }
  return { limit: limit === 0 ? DEFAULT_RESULTS : (limit as number), after };
}

export function nextToken(key: string | undefined): { nextToken?: string } {
  return key === undefined ? {} : { nextToken: Buffer.from(key).toString("base64url") };
}

/** Times on the wire are seconds since the epoch. */
export function seconds(ms: number): number {
  return ms / 1000;
}
