import type { HttpRequest } from "@weft/engine/node";
import { type Phase, type TimeLimit, timedOut } from "./failure.ts";

/** The times of one request over all its redirects. `signal` aborts, with the reason, when one is over or the caller stops. */
export interface Watch {
  readonly signal: AbortSignal;
  /** What is to be freed when the request ends, however it does. */
  frees(free: () => void): void;
  /** Waits for a part of the request, for `ms` at most. */
  within<T>(part: { limit: TimeLimit; ms: number | undefined; phase: Phase }, task: Promise<T>): Promise<T>;
  end(): void;
}

/** Starts the clock of a request. It has to be ended. */
export function watch({ signal, timeoutMs }: Pick<HttpRequest, "signal" | "timeoutMs">): Watch {
  const controller = new AbortController();
  let phase: Phase = "resolve";
  const held = new Set<() => void>();
  const total = setTimeout(() => controller.abort(timedOut("total", timeoutMs, phase)), timeoutMs);
  const onAbort = (): void => controller.abort(signal.reason);
  const end = (): void => {
    clearTimeout(total);
    signal.removeEventListener("abort", onAbort);
    for (const free of held) free();
    held.clear();
  };
  controller.signal.addEventListener("abort", end, { once: true });
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  return {
    signal: controller.signal,
    frees: (one) => void held.add(one),
    async within(part, task) {
      // Behind a redirect something was sent, however far the next host is.
      if (phase !== "exchange") phase = part.phase;
      const { limit, ms } = part;
      const timer = ms === undefined ? undefined : setTimeout(() => controller.abort(timedOut(limit, ms, phase)), ms);
      let stop: (() => void) | undefined;
      const stopped = new Promise<never>((_, reject) => {
        stop = () => reject(controller.signal.reason);
        if (controller.signal.aborted) stop();
        else controller.signal.addEventListener("abort", stop, { once: true });
      });
      task.catch(() => undefined);
      try {
        return await Promise.race([stopped, task]);
      } finally {
        clearTimeout(timer);
        if (stop) controller.signal.removeEventListener("abort", stop);
      }
    },
    end,
  };
}
