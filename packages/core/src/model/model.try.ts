import type { DeepReadonly } from "@weft/db/cache";
import { NodeError } from "@weft/engine/node";
import { retryDelayMs, sleep } from "@weft/engine/run/policy";
import type { ModelDeps } from "./model.deps.ts";
import type { ModelRow } from "./model.find.ts";

const BACKOFF = { delayMs: 500, backoffRate: 2, maxDelayMs: 8_000, jitter: true };
/** A provider that asks for more is left to a fallback, or to whoever called. */
const MAX_WAIT_MS = 30_000;

/** The signal of one try, which its time ends too. */
export interface TrySignal {
  signal: AbortSignal;
  end(): void;
}

export function trySignal(outer: AbortSignal, timeoutMs: number): TrySignal {
  const controller = new AbortController();
  const timer = setTimeout(() => {
    const message = `the model did not finish within ${timeoutMs} ms`;
    controller.abort(new NodeError("timeout", message, { details: { limit: "model", timeoutMs } }));
  }, timeoutMs);
  return { signal: AbortSignal.any([outer, controller.signal]), end: () => clearTimeout(timer) };
}

/** Waits before the next try of a call; false where there is none. */
export async function mayTryAgain(
  { pause = sleep, random = Math.random }: Pick<ModelDeps, "pause" | "random">,
  { attempts }: Pick<DeepReadonly<ModelRow>, "attempts">,
  failure: NodeError,
  attempt: number,
  signal: AbortSignal,
): Promise<boolean> {
  const asked = failure.retryAfterMs ?? 0;
  if (signal.aborted || !failure.retryable || attempt >= attempts || asked > MAX_WAIT_MS) return false;
  // One's own quota is no passing trouble of the provider.
  if ((failure.details as { reason?: unknown } | undefined)?.reason === "quota") return false;
  await pause(retryDelayMs(BACKOFF, attempt, random(), asked), signal).catch(() => undefined);
  return !signal.aborted;
}

export function cancelled(): NodeError {
  return new NodeError("cancelled", "the call was cancelled", { retryable: false });
}
