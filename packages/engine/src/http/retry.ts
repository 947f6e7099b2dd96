import { type HttpRequest, type HttpResponse, NodeError } from "../node.ts";
import type { RetryPolicy } from "../plan.ts";
import { retryDelayMs, sleep } from "../run/policy.ts";
import { isRecord } from "../values/json.ts";

/** Answers that say that a later try may go better. */
export const TRANSIENT_STATUSES: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);
/** Methods of which a second request does what one does (RFC 9110 §9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]);
/** Failures after which nothing of the request can have arrived. */
const NOT_SENT: ReadonlySet<unknown> = new Set(["resolve", "connect"]);

export interface HttpRetry {
  /** Tries in all. */
  attempts: number;
  backoff: Pick<RetryPolicy, "delayMs" | "backoffRate" | "maxDelayMs" | "jitter">;
  /** Answers that are followed by another try. */
  statuses: ReadonlySet<number>;
  /** Waits as long as `Retry-After` says; where that is longer than the backoff's longest pause, there is no further try. */
  respectRetryAfter: boolean;
  /** The other side takes a repeat of a method that is not idempotent for one. */
  repeatable?: boolean;
}

/** What retries use of the world. */
export interface RetryWorld {
  http: { request(request: HttpRequest): Promise<HttpResponse> };
  now(): number;
  random?(): number;
  pause?(ms: number, signal: AbortSignal): Promise<void>;
}

/**
 * Sends a request, again as the policy says, within the request's own time for all tries together. Without `repeatable`, a
 * method that is not idempotent is sent again only where nothing of it has left. Gives the last answer, or throws the last
 * failure.
 */
export async function requestWithRetries(
  { http, now, random = Math.random, pause = sleep }: RetryWorld,
  request: HttpRequest,
  retry: HttpRetry,
): Promise<HttpResponse> {
  const end = now() + request.timeoutMs;
  const mayRepeat = retry.repeatable === true || IDEMPOTENT.has(request.method);
  for (let attempt = 1; ; attempt += 1) {
    const answer = await settled(http.request({ ...request, timeoutMs: Math.max(1, end - now()) }));
    const again =
      "failure" in answer ? isPassing(answer.failure, mayRepeat) : mayRepeat && retry.statuses.has(answer.status);
    const asked =
      retry.respectRetryAfter && !("failure" in answer) ? (retryAfterMs(answer.headers["retry-after"], now()) ?? 0) : 0;
    const delay = retryDelayMs(retry.backoff, attempt, random(), asked);
    const isInTime = asked <= retry.backoff.maxDelayMs && now() + delay < end;
    if (!again || attempt >= retry.attempts || !isInTime || request.signal.aborted) {
      if ("failure" in answer) throw answer.failure;
      return answer;
    }
    await pause(delay, request.signal);
  }
}

async function settled(asked: Promise<HttpResponse>): Promise<HttpResponse | { failure: unknown }> {
  try {
    return await asked;
  } catch (failure) {
    return { failure };
  }
}

function isPassing(failure: unknown, mayRepeat: boolean): boolean {
  if (!(failure instanceof NodeError) || !failure.retryable) return false;
  return mayRepeat || (isRecord(failure.details) && NOT_SENT.has(failure.details.phase));
}

/** Milliseconds until the time that a `Retry-After` names, in seconds or as a date; undefined where it names none to come. */
export function retryAfterMs(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  const ms = /^\d{1,9}$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - now;
  return Number.isFinite(ms) && ms > 0 ? ms : undefined;
}
