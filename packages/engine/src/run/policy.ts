import { messageOf } from "@weft/kernel/errors";
import { NodeError } from "../node.ts";
import type { Field, PlanNode, RetryPolicy } from "../plan.ts";
import { ERROR_PORT } from "../plan.ts";
import type { NodeErrorData } from "../record.ts";
import { convert } from "../values/convert.ts";
import { isKind, RunStopped } from "./io.ts";

/** Longest message and details of a failure that are kept: they are shown and stored with the row itself. */
const MAX_MESSAGE = 4_000;
const MAX_DETAILS = 16_000;

/** Anything that a node threw, as data. Whatever it is, the process survives it. */
export function errorData(thrown: unknown): NodeErrorData & { retryable: boolean; retryAfterMs?: number } {
  if (isKind(thrown, NodeError)) {
    return {
      code: thrown.code,
      message: thrown.message.slice(0, MAX_MESSAGE),
      retryable: thrown.retryable,
      ...detailsOf(thrown.details),
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

/** Milliseconds to wait before try number `attempt + 1`, never less than the other side asked for. */
export function retryDelayMs(policy: RetryPolicy, attempt: number, random: number, retryAfterMs = 0): number {
  const nominal = Math.min(policy.delayMs * policy.backoffRate ** (attempt - 1), policy.maxDelayMs);
  const delay = policy.jitter ? nominal * random : nominal;
  return Math.min(Math.max(delay, retryAfterMs), policy.maxDelayMs);
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

/** Declared outputs from the policy's fallback: an object (or its JSON text) by field; other text goes to string fields. */
function fallbackOutput(outputs: readonly Field[], fallback: unknown): Record<string, unknown> {
  let data = fallback;
  if (typeof fallback === "string") {
    try {
      data = JSON.parse(fallback);
    } catch {
      data = Object.fromEntries(outputs.filter((f) => f.type.type === "string").map((f) => [f.name, fallback]));
    }
  }
  const source = typeof data === "object" && data !== null ? (data as Record<string, unknown>) : {};
  const result: Record<string, unknown> = {};
  for (const field of outputs) {
    const raw = Object.hasOwn(source, field.name) ? source[field.name] : undefined;
    result[field.name] = raw === undefined || raw === null ? null : convert(raw, field.type, field.name);
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
