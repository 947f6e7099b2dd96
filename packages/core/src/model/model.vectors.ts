import type { ModelScene } from "@weft/engine/model";
import { NodeError } from "@weft/engine/node";
import type { Usage } from "@weft/engine/record";
import type { Ctx } from "@weft/kernel/ctx";
import { SecretMask } from "@weft/kernel/mask";
import type { ModelDeps } from "./model.deps.ts";
import { callable } from "./model.find.ts";
import { openTarget } from "./model.open.ts";
import type { ProviderTarget, Ranking } from "./model.provider.ts";
import { CallRecord, callFailure } from "./model.record.ts";
import { cancelled, mayTryAgain, trySignal } from "./model.try.ts";
import { estimateTokens } from "./params.ts";
import { reserve } from "./quota.ts";

/** Texts of one call; more are the caller's to part. */
export const MAX_TEXTS = 2_048;

interface Asked {
  modelId: string;
  scene: ModelScene;
}

/**
 * Vectors of texts, one each, in their order. Throws NodeError as calls of language models do. Embedding models have no
 * fallback: another one's vectors mean something else.
 */
export async function embed(
  ctx: Ctx,
  deps: ModelDeps,
  asked: Asked & { texts: readonly string[] },
  signal: AbortSignal,
): Promise<{ vectors: number[][]; usage: Usage; requestId: string }> {
  requireFew(asked.texts);
  const work = { ...asked, type: "embedding" as const, operation: "embed" as const };
  return oneCall(ctx, deps, work, signal, async (target, ends) => {
    const { vectors, tokens } = await deps.providers.embed(target, asked.texts, ends);
    return { result: { vectors }, tokens };
  });
}

/** The documents that fit a query best, best first. Throws NodeError as calls of language models do. */
export async function rerank(
  ctx: Ctx,
  deps: ModelDeps,
  asked: Asked & { query: string; texts: readonly string[]; topN: number },
  signal: AbortSignal,
): Promise<Ranking & { usage: Usage; requestId: string }> {
  requireFew(asked.texts);
  const work = { ...asked, type: "rerank" as const, operation: "rerank" as const };
  return oneCall(ctx, deps, work, signal, async (target, ends) => ({
    result: await deps.providers.rerank(target, asked.query, asked.texts, asked.topN, ends),
    tokens: undefined,
  }));
}

function requireFew(texts: readonly string[]): void {
  if (texts.length > 0 && texts.length <= MAX_TEXTS) return;
  throw new NodeError("invalid_input", `expected 1 to ${MAX_TEXTS} texts`, { retryable: false });
}

type Work = Asked & {
  type: "embedding" | "rerank";
  operation: "embed" | "rerank";
  texts: readonly string[];
};

async function oneCall<T extends object>(
  ctx: Ctx,
  deps: ModelDeps,
  { modelId, scene, type, operation, texts }: Work,
  signal: AbortSignal,
  ask: (target: ProviderTarget, signal: AbortSignal) => Promise<{ result: T; tokens: number | undefined }>,
): Promise<T & { usage: Usage; requestId: string }> {
  const mask = new SecretMask();
  const first = await callable(ctx, modelId, type);
  const ledger = new CallRecord(ctx, deps, first, { operation, scene });
  const estimate = estimateTokens({ messages: texts.map((content) => ({ role: "user", content })) }, 0);
  try {
    for (let attempt = 1; ; attempt += 1) {
      ledger.attempts = attempt;
      const timed = trySignal(signal, first.timeoutMs);
      try {
        const row = attempt === 1 ? first : await callable(ctx, modelId, type);
        const target = await openTarget(ctx, deps, row, mask);
        const reservation = await reserve(ctx, row as Parameters<typeof reserve>[1], estimate);
        const { result, tokens } = await ask(target, timed.signal).catch(async (thrown: unknown) => {
          await reservation.settle(0);
          throw thrown;
        });
        if (tokens !== undefined) await reservation.settle(tokens);
        const usage = ledger.succeeded({ inputTokens: tokens });
        return { ...result, usage, requestId: ledger.requestId };
      } catch (thrown) {
        const cause = timed.signal.aborted ? timed.signal.reason : thrown;
        const failure = signal.aborted ? cancelled() : callFailure(cause, mask);
        ledger.failed(failure);
        if (!(await mayTryAgain(deps, first, failure, attempt, signal))) throw failure;
      } finally {
        timed.end();
      }
    }
  } finally {
    await ledger.write();
  }
}
