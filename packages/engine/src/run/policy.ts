import { messageOf } from "@weft/kernel/errors";
import { MAX_RETRY_DELAY_MS, MAX_TIME_KEPT_MS } from "../limits.ts";
import { NodeError } from "../node.ts";
import type { ErrorPolicy, Field, PlanNode, RetryPolicy } from "../plan.ts";
import { ERROR_PORT } from "../plan.ts";
import type { NodeErrorData, Usage } from "../record.ts";
import { convert } from "../values/convert.ts";
import { isRecord, setOwn, tryParseJson } from "../values/json.ts";
import { zeroValue } from "../values/types.ts";
import { isKind, RunStopped } from "./io.ts";

/** Longest message and details of a failure that are kept: they are shown and stored with the row itself. */
const MAX_MESSAGE = 4_000;
const MAX_DETAILS = 16_000;

/** Anything that a node threw, as data. Whatever it is, the process survives it. */
export function errorData(
  thrown: unknown,
): NodeErrorData & { retryable: boolean; retryAfterMs?: number; usage?: Usage } {
  if (isKind(thrown, NodeError)) {
    return {
      code: thrown.code,
      message: thrown.message.slice(0, MAX_MESSAGE),
      retryable: thrown.retryable,
      ...detailsOf(thrown.details),
      ...(thrown.usage ? { usage: thrown.usage } : {}),
      ...(thrown.retryAfterMs === undefined ? {} : { retryAfterMs: thrown.retryAfterMs }),
    };
  }
  return { code: "node_failed", message: messageOf(thrown).slice(0, MAX_MESSAGE), retryable: true };
}

function detailsOf(details: unknown): { details?: unknown } {
  if (details === undefined) return {};
  try {
    const text = JSON.stringify(details);
    return text !== undefined && text.length <= MAX_DETAILS ? { details } : {};
  } catch {
    return {};
  }
}

/**
 * Milliseconds to wait before try number `attempt + 1`, never less than the other side asked for: the policy's longest
 * pause bounds its own pauses alone.
 */
export function retryDelayMs(
  policy: Omit<RetryPolicy, "retries">,
  attempt: number,
  random: number,
  retryAfterMs = 0,
): number {
  const nominal = Math.min(policy.delayMs * policy.backoffRate ** (attempt - 1), policy.maxDelayMs);
  const delay = policy.jitter ? nominal * random : nominal;
  return Math.min(Math.max(delay, retryAfterMs), MAX_RETRY_DELAY_MS);
}

/** Milliseconds that a process keeps free for a node before it begins it: those of one try. */
export function timeKeptMs({ timeoutMs, attemptTimeoutMs }: ErrorPolicy): number {
  return Math.min(timeoutMs ?? 0, attemptTimeoutMs ?? MAX_TIME_KEPT_MS, MAX_TIME_KEPT_MS);
}

/** How often each of a node's rules was used: by the place of the rule, `other` where none names the failure. */
export type RetryCounts = Record<string, number>;

/** A failure as far as a retry depends on it. */
type Failure = ReturnType<typeof errorData>;

/**
 * Milliseconds until the next try after this failure, counted in `used`; undefined where the failure is final. Of the
 * rules the first that names the failure decides; where none does, the node's own setting for what may pass.
 */
export function nextDelayMs(
  policy: ErrorPolicy,
  error: Failure,
  used: RetryCounts,
  random: () => number,
): number | undefined {
  const codes = codesOf(error);
  const names = (listed: readonly string[]): boolean => listed.some((code) => codes.has(code));
  if (policy.neverRetryOn && names(policy.neverRetryOn)) return undefined;
  const at = policy.retryOn?.findIndex((rule) => names(rule.codes)) ?? -1;
  const rule = at >= 0 ? policy.retryOn?.[at] : error.retryable ? policy.retry : undefined;
  if (!rule) return undefined;
  const key = at >= 0 ? String(at) : "other";
  const count = (used[key] ?? 0) + 1;
  if (count > rule.retries) return undefined;
  used[key] = count;
  return retryDelayMs(rule, count, random(), error.retryAfterMs);
}

/** Names by which rules may speak of a failure: its code, and the status of an answer as itself and by its first digit. */
function codesOf({ code, details }: Failure): ReadonlySet<string> {
  const status = isRecord(details) ? Number(details.statusCode) : Number.NaN;
  if (!Number.isInteger(status)) return new Set([code]);
  return new Set([code, `http_${status}`, `http_${Math.trunc(status / 100)}xx`]);
}

/** The output and port of a node whose failure its policy absorbs; undefined where the execution is to fail. */
export function absorbed(
  node: PlanNode,
  error: NodeErrorData,
): { output: Record<string, unknown>; port?: string } | undefined {
  const { policy } = node;
  if (policy.onError === "throw") return undefined;
  const errorBody = { errorMessage: error.message, errorCode: error.code };
  const output = { ...fallbackOutput(node.outputs, policy.fallback), isSuccess: false, errorBody };
  return policy.onError === "branch" ? { output, port: ERROR_PORT } : { output };
}

/**
 * Declared outputs from the policy's fallback: an object (or its JSON text) by field; other text goes to the string fields,
 * and the rest is zero.
 */
function fallbackOutput(outputs: readonly Field[], fallback: unknown): Record<string, unknown> {
  const data = typeof fallback === "string" ? tryParseJson(fallback) : fallback;
  const isText = typeof fallback === "string" && !isRecord(data);
  const source = isRecord(data) ? data : {};
  const result: Record<string, unknown> = {};
  for (const { name, type } of outputs) {
    const raw = Object.hasOwn(source, name) ? source[name] : undefined;
    if (isText) setOwn(result, name, type.type === "string" ? fallback : zeroValue(type));
    else setOwn(result, name, raw === undefined || raw === null ? null : convert(raw, type, name));
  }
  return result;
}

/**
 * Runs `task` with a signal that aborts when `parent` does or after `ms`. A task that does not heed its signal is left
 * behind and its result dropped. Throws NodeError `timeout`, or RunStopped when the parent aborted.
 */
export async function withTimeout<T>(
  parent: AbortSignal,
  ms: number | undefined,
  task: (signal: AbortSignal) => Promise<T> | T,
): Promise<T> {
  if (parent.aborted) throw stopped(parent);
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let onAbort: (() => void) | undefined;
  const interrupted = new Promise<never>((_, reject) => {
    onAbort = () => {
      reject(stopped(parent));
      controller.abort(parent.reason);
    };
    parent.addEventListener("abort", onAbort, { once: true });
    if (ms !== undefined) {
      timer = setTimeout(() => {
        reject(new NodeError("timeout", "node timeout"));
        controller.abort(new Error("node timeout"));
      }, ms);
    }
  });
  try {
    const running = Promise.resolve(task(controller.signal));
    running.catch(() => undefined);
    return await Promise.race([running, interrupted]);
  } finally {
    clearTimeout(timer);
    if (onAbort) parent.removeEventListener("abort", onAbort);
  }
}

function stopped(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new RunStopped("stopped");
}

/** Waits, or throws at once when the run is stopped. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return withTimeout(signal, undefined, () => new Promise<void>((resolve) => setTimeout(resolve, ms)));
}
