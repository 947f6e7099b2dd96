import { expiresIn } from "@weft/db/base";
import { requireRate } from "@weft/db/rate-limit";
import { tryWrite } from "@weft/db/write";
import { NodeError } from "@weft/engine/node";
import type { Ctx } from "@weft/kernel/ctx";
import { AppError } from "@weft/kernel/errors";
import { ModelTokensRows } from "./model.entity.ts";
import type { Quota } from "./model.schema.ts";

const MINUTE_MS = 60_000;
/** A call may end long after its minute: what it used is counted there until then. */
const KEPT_MS = 60 * MINUTE_MS;

interface Limited {
  scope: string;
  modelId: string;
  quota: Quota;
}

/** Tokens that are set aside for a call in the minute that it began in. */
export interface Reservation {
  /** Counts what was used in place of what was set aside. */
  settle(tokens: number): Promise<void>;
}

/**
 * Takes one request and an estimate of its tokens of a model's quota. Of calls at once never more get through than the
 * quota holds. Throws NodeError `rate_limited` with `retryAfterMs`.
 */
export async function reserve(ctx: Ctx, { scope, modelId, quota }: Limited, estimate: number): Promise<Reservation> {
  if (quota.requestsPerMinute !== null) {
    const rule = { scope, name: "model", subject: modelId, limit: quota.requestsPerMinute, windowMs: MINUTE_MS };
    await requireRate(ctx.clock, rule).catch((thrown: unknown) => {
      if (!(thrown instanceof AppError) || thrown.code !== "rate_limited") throw thrown;
      const { retryAfterSeconds } = thrown.details as { retryAfterSeconds: number };
      throw exceeded("requests", retryAfterSeconds * 1000);
    });
  }
  const limit = quota.tokensPerMinute;
  if (limit === null) return { settle: async () => undefined };
  const now = ctx.clock.now();
  const key = { scope, modelId, minute: Math.floor(now / MINUTE_MS) };
  // A call that is larger than the quota gets all of a minute.
  const taken = Math.min(estimate, limit);
  const got = await tryWrite(() =>
    ModelTokensRows.upsert(key)
      .add({ tokens: taken })
      .set({ expiresAt: expiresIn(KEPT_MS, now) })
      .where(({ tokens }, op) => `${op.notExists(tokens)} OR ${op.lte(tokens, limit - taken)}`)
      .go(),
  );
  if (!got) throw exceeded("tokens", (key.minute + 1) * MINUTE_MS - now);
  return {
    settle: async (tokens) => {
      if (tokens === taken) return;
      await tryWrite(() =>
        ModelTokensRows.upsert(key)
          .add({ tokens: tokens - taken })
          .go(),
      );
    },
  };
}

function exceeded(what: "requests" | "tokens", retryAfterMs: number): NodeError {
  const message = `the model's quota of ${what} a minute is used up`;
  return new NodeError("rate_limited", message, { retryAfterMs, details: { reason: "quota", what } });
}
