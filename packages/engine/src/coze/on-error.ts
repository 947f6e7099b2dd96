import type { CanvasOnError } from "../canvas.ts";
import { MAX_NODE_TIMEOUT_MS, MAX_RETRIES } from "../limits.ts";
import { parseJson } from "../values/json.ts";
import { numberOf, pick, textOf } from "./read.ts";

const SECOND_MS = 1000;

function strategyOf(setting: unknown): NonNullable<CanvasOnError["strategy"]> {
  const kind = numberOf(setting, "processType");
  if (kind === 3) return "branch";
  if (kind === 2) return "default";
  // The first form of the setting has a switch and no type: data means that it is returned.
  const isOn = kind === undefined && pick(setting, "switch") === true;
  return isOn && textOf(setting, "dataOnErr") ? "default" : "throw";
}

function fallbackOf(setting: unknown): { fallback?: unknown } {
  const text = textOf(setting, "dataOnErr");
  if (!text) return {};
  try {
    return { fallback: parseJson(text) };
  } catch {
    // Text that is no JSON goes to the string outputs, which the runner does for a string.
    return { fallback: text };
  }
}

/**
 * Coze's two settings for a failing node as our policy: `settingOnError`, and the HTTP node's `setting`. Coze retries at
 * once; its timeout and its kind hold whether or not the switch is on, and an error branch has no data of its own.
 */
export function onErrorOf(inputs: unknown): CanvasOnError | undefined {
  const setting = pick(inputs, "settingOnError");
  const http = pick(inputs, "setting");
  const strategy = strategyOf(setting);
  const retries = numberOf(setting, "retryTimes") ?? numberOf(http, "retryTimes") ?? 0;
  const timeoutMs = numberOf(setting, "timeoutMs") || (numberOf(http, "timeout") ?? 0) * SECOND_MS;
  const policy: CanvasOnError = {
    ...(strategy === "throw" ? {} : { strategy }),
    ...(strategy === "default" ? fallbackOf(setting) : {}),
    ...(retries > 0 ? { retries: Math.min(Math.trunc(retries), MAX_RETRIES), delayMs: 0, jitter: false } : {}),
    ...(timeoutMs > 0 ? { timeoutMs: Math.min(Math.max(1, Math.trunc(timeoutMs)), MAX_NODE_TIMEOUT_MS) } : {}),
  };
  return Object.keys(policy).length > 0 ? policy : undefined;
}
