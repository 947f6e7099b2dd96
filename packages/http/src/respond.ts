import { Readable } from "node:stream";
import { AppError, type ErrorCode, messageOf } from "@weft/kernel/errors";
import type { SseEvent } from "./sse.ts";

/** What middy's streaming mode takes: a prelude and a body. */
export interface LambdaAnswer {
  statusCode: number;
  headers: Record<string, string>;
  body: string | Readable;
}

/** How an API words its failures. The native API's is {@link nativeDialect}; compatible APIs bring their own. */
export interface Dialect {
  renderError(error: AppError, requestId: string): { status: number; body: unknown };
  /** The last event of a stream that failed after it began. */
  errorEvent(error: AppError, requestId: string): SseEvent;
}

/** The error envelope of the native API. */
export interface ErrorEnvelope {
  error: { code: ErrorCode; message: string; requestId: string; details?: unknown };
}

function envelope(error: AppError, requestId: string): ErrorEnvelope {
  const { code, message, details } = error;
  return { error: { code, message, requestId, ...(details === undefined ? {} : { details }) } };
}

/** The wording of the native API. */
export const nativeDialect: Dialect = {
  renderError: (error, requestId) => ({ status: error.status, body: envelope(error, requestId) }),
  errorEvent: (error, requestId) => ({ event: "error", data: envelope(error, requestId) }),
};

/** Strings above this are sent as one buffer: the streaming mode cuts strings there, between the halves of a character. */
const MAX_STRING_CHUNK = 16_384;

function baseHeaders(requestId: string): Record<string, string> {
  return { "cache-control": "no-store", "x-content-type-options": "nosniff", "x-request-id": requestId };
}

/** An answer of text. */
export function textAnswer(
  status: number,
  text: string,
  contentType: string,
  requestId: string,
  headers: Readonly<Record<string, string>> = {},
): LambdaAnswer {
  const body = text.length > MAX_STRING_CHUNK ? Readable.from([Buffer.from(text)], { objectMode: false }) : text;
  return { statusCode: status, headers: { ...baseHeaders(requestId), "content-type": contentType, ...headers }, body };
}

/** An answer of JSON; undefined is an empty body. */
export function jsonAnswer(
  status: number,
  value: unknown,
  requestId: string,
  headers: Readonly<Record<string, string>> = {},
): LambdaAnswer {
  if (value === undefined) return { statusCode: status, headers: { ...baseHeaders(requestId), ...headers }, body: "" };
  return textAnswer(status, JSON.stringify(value), "application/json; charset=utf-8", requestId, headers);
}

/** A streamed answer. */
export function streamAnswer(
  status: number,
  body: Readable,
  contentType: string,
  requestId: string,
  headers: Readonly<Record<string, string>> = {},
): LambdaAnswer {
  return { statusCode: status, headers: { ...baseHeaders(requestId), "content-type": contentType, ...headers }, body };
}

/** Anything thrown as an `AppError`: what is not one becomes `internal`, or `timeout` when the function's time ran out. */
export function toAppError(thrown: unknown): AppError {
  // What an internal error says is for the log.
  if (thrown instanceof AppError && thrown.code !== "internal") return thrown;
  if (thrown instanceof Error && thrown.name === "TimeoutError") {
    return new AppError("timeout", "the request took too long", { cause: thrown });
  }
  return new AppError("internal", "internal error", { cause: thrown });
}

/** Headers that an error carries beside its body. */
function errorHeaders(error: AppError): Record<string, string> {
  const details = error.details as { allow?: string[]; retryAfterSeconds?: number } | undefined;
  if (error.code === "method_not_allowed" && details?.allow) return { allow: details.allow.join(", ") };
  if (error.code === "unauthenticated") return { "www-authenticate": "Bearer" };
  const seconds = details?.retryAfterSeconds;
  return typeof seconds === "number" ? { "retry-after": String(Math.ceil(seconds)) } : {};
}

/** The answer of a failure, in the words of `dialect`. */
export function errorAnswer(error: AppError, requestId: string, dialect: Dialect): LambdaAnswer {
  const { status, body } = dialect.renderError(error, requestId);
  return jsonAnswer(status, body, requestId, errorHeaders(error));
}

/** What the log keeps of something thrown. */
export function errorLog(thrown: unknown): Record<string, unknown> {
  if (!(thrown instanceof Error)) return { message: messageOf(thrown) };
  const cause = thrown.cause === undefined ? {} : { cause: causeLog(thrown.cause) };
  return { name: thrown.name, message: thrown.message, stack: thrown.stack, ...cause };
}

function causeLog(cause: unknown): Record<string, unknown> {
  return cause instanceof Error
    ? { name: cause.name, message: cause.message, stack: cause.stack }
    : { message: messageOf(cause) };
}
