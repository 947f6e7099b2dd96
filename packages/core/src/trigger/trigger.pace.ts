import { createHash } from "node:crypto";
import { expiresIn } from "@weft/db/base";
import { read, tryWrite } from "@weft/db/write";
import { evaluateExpression } from "@weft/engine/expressions/evaluate";
import { stableStringify } from "@weft/engine/values/json";
import { AppError, messageOf } from "@weft/kernel/errors";
import { TriggerPaceEntity } from "./trigger.entity.ts";
import type { TriggerPolicy } from "./trigger.schema.ts";

/** Tries at a place in the line that others take first. */
const ATTEMPTS = 20;

export interface PaceKey {
  spaceId: string;
  hash: string;
}

/** Where what belongs together under a rule of a trigger is counted. */
export function paceKey(spaceId: string, triggerId: string, rule: "debounce" | "throttle", value: unknown): PaceKey {
  const text = value === undefined ? "" : stableStringify(value);
  return {
    spaceId,
    hash: createHash("sha256")
      .update(JSON.stringify([triggerId, rule, text]))
      .digest("hex"),
  };
}

/** What a key of a trigger's policy gives for a run's input. Throws `unprocessable` naming the rule. */
export async function keyValue(
  rule: "dedupe" | "debounce" | "throttle",
  text: string | undefined,
  input: Record<string, unknown>,
  now: number,
): Promise<unknown> {
  if (text === undefined) return undefined;
  try {
    return await evaluateExpression("jsonata", text, input, now);
  } catch (thrown) {
    const message = `policy.${rule}.key gives no value for this input: ${messageOf(thrown)}`;
    throw new AppError("unprocessable", message, { cause: thrown });
  }
}

/**
 * Takes the next start of a throttle (the generic cell rate algorithm: even spacing, after a burst) and gives its time,
 * which is now where one is free. Throws `rate_limited` where it lies beyond `maxDelayMs`.
 */
export async function takeStart(
  key: PaceKey,
  { limit, periodSeconds, burst }: NonNullable<TriggerPolicy["throttle"]>,
  now: number,
  maxDelayMs: number,
): Promise<number> {
  const spacing = (periodSeconds * 1000) / limit;
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const { data } = await read(() => TriggerPaceEntity.get(key).go({ consistent: true }));
    const known = data?.nextAt;
    const at = Math.max(now, (known ?? now) - (burst - 1) * spacing);
    if (at - now > maxDelayMs) {
      const details = { retryAfterSeconds: Math.ceil((at - now - maxDelayMs) / 1000) };
      throw new AppError("rate_limited", "more runs wait for their start than the throttle can let in", { details });
    }
    const nextAt = Math.max(now, known ?? now) + spacing;
    const written = await tryWrite(() =>
      TriggerPaceEntity.put({ ...key, nextAt, expiresAt: expiresIn(nextAt - now + periodSeconds * 1000, now) })
        .where((attr, op) => (known === undefined ? op.notExists(attr.nextAt) : op.eq(attr.nextAt, known)))
        .go(),
    );
    if (written) return Math.ceil(at);
  }
  throw new AppError("unavailable", "too many events at once, try again", { retryable: true });
}
