import { APICallError, JSONParseError, TypeValidationError } from "@ai-sdk/provider";
import { retryAfterMs } from "@weft/engine/http/retry";
import { NodeError } from "@weft/engine/node";
import { isRecord } from "@weft/engine/values/json";
import { messageOf } from "@weft/kernel/errors";

/** Of what a provider says of a failure. */
const MAX_MESSAGE = 500;
const TOO_MANY = 429;
/** Answers that say that a later try may go better; 529 is Anthropic's "overloaded". */
const PASSING: ReadonlySet<number> = new Set([408, 409, 425, 429, 500, 502, 503, 504, 529]);

const REASON: Readonly<Record<number, string>> = {
  400: "invalid_request",
  401: "unauthorized",
  402: "payment_required",
  403: "unauthorized",
  404: "unknown_model",
  413: "too_large",
  422: "invalid_request",
};

/** Kinds of errors inside of a stream, which has no status of its own, as the statuses they would be. */
const STATUS_OF_KIND: Readonly<Record<string, number>> = {
  overloaded_error: 529,
  rate_limit_error: 429,
  rate_limit_exceeded: 429,
  throttlingexception: 429,
  api_error: 500,
  server_error: 500,
  internal_error: 500,
  internalserverexception: 500,
  modelstreamerrorexception: 500,
  serviceunavailableexception: 503,
  invalid_request_error: 400,
  validationexception: 400,
  authentication_error: 401,
};

/**
 * What went wrong at a provider, as nodes see it. Causes are left out on purpose: they hold requests with their prompts
 * and headers.
 */
export function modelFailure(thrown: unknown, now: number): NodeError {
  if (thrown instanceof NodeError) return transportFailure(thrown);
  if (APICallError.isInstance(thrown)) {
    if (thrown.statusCode === undefined) return failed("unreachable", thrown.message, { retryable: true });
    // An answer of success that cannot be read.
    if (thrown.statusCode < 400) return failed("invalid_response", "the answer cannot be read", { retryable: true });
    return statusFailure(thrown.statusCode, textOf(thrown), retryAfterOf(thrown.responseHeaders ?? {}, now));
  }
  if (JSONParseError.isInstance(thrown) || TypeValidationError.isInstance(thrown)) {
    return failed("invalid_response", "a piece of the reply cannot be read", { retryable: true });
  }
  const kind = kindOf(thrown);
  const status = kind === undefined ? undefined : STATUS_OF_KIND[kind.toLowerCase()];
  if (status !== undefined) return statusFailure(status, wordsOf(thrown), undefined);
  return failed("provider_error", wordsOf(thrown), { retryable: true });
}

/** The failure of a reply that ended before it was whole. */
export function cutOff(): NodeError {
  return failed("cut_off", "the reply was cut off before its end", { retryable: true });
}

/** An answer with a status that is none of success. */
export function statusFailure(status: number, words: string, retryAfter: number | undefined): NodeError {
  const message = `the model's provider answered ${status}${words ? `: ${words}` : ""}`.slice(0, MAX_MESSAGE);
  const wait = retryAfter === undefined ? {} : { retryAfterMs: retryAfter };
  if (status === TOO_MANY) {
    return new NodeError("rate_limited", message, {
      retryable: true,
      details: { reason: "provider", status },
      ...wait,
    });
  }
  const reason = REASON[status] ?? (status >= 500 ? "unavailable" : "refused");
  const details = { reason, status };
  return new NodeError("model_failed", message, { retryable: PASSING.has(status), details, ...wait });
}

export function failed(reason: string, message: string, options: { retryable: boolean }): NodeError {
  return new NodeError("model_failed", message.slice(0, MAX_MESSAGE), { ...options, details: { reason } });
}

/** Codes of the egress client that are words of the domain too. */
const KEPT: ReadonlySet<string> = new Set(["timeout", "cancelled", "model_failed", "rate_limited"]);

function transportFailure(thrown: NodeError): NodeError {
  if (KEPT.has(thrown.code)) return thrown;
  return failed(thrown.code, thrown.message, { retryable: thrown.retryable });
}

function retryAfterOf(headers: Record<string, string>, now: number): number | undefined {
  const ms = Number(headers["retry-after-ms"]);
  return Number.isFinite(ms) && ms > 0 ? ms : retryAfterMs(headers["retry-after"], now);
}

function textOf(error: APICallError): string {
  return error.message || (error.responseBody ?? "");
}

function kindOf(thrown: unknown): string | undefined {
  if (!isRecord(thrown)) return undefined;
  const inner = isRecord(thrown.error) ? thrown.error : thrown;
  const kind = [inner.type, inner.code, inner.name, inner.status].find((name) => typeof name === "string");
  return kind as string | undefined;
}

function wordsOf(thrown: unknown): string {
  if (isRecord(thrown)) {
    const inner = isRecord(thrown.error) ? thrown.error : thrown;
    if (typeof inner.message === "string") return inner.message;
  }
  return typeof thrown === "string" ? thrown : messageOf(thrown);
}
