import { generate } from "@weft/engine/model";
import { NodeError } from "@weft/engine/node";
import type { Usage } from "@weft/engine/record";
import type { Ctx } from "@weft/kernel/ctx";
import { modelsFor } from "./model.call.ts";
import type { ModelDeps } from "./model.deps.ts";
import { vaultCtx } from "./model.open.ts";
import type { ModelId, ModelTest } from "./model.schema.ts";
import { get, scopeOf } from "./model.service.ts";
import { embed, rerank } from "./model.vectors.ts";

const WORD = "Reply with the word OK.";
/** Models that reason spend some before they say anything. */
const MAX_TOKENS = 512;
const TIMEOUT_MS = 25_000;
const SCENE = { type: "api" } as const;

/**
 * Tries a model with a tiny call, which costs what such a call costs. The answer says how it went; what the model said
 * stays there. A test of a platform's model counts for no space.
 */
export async function test(ctx: Ctx, deps: ModelDeps, { modelId }: { modelId: ModelId }): Promise<ModelTest> {
  const space = vaultCtx(ctx, scopeOf(ctx));
  const { type, status } = await get(ctx, { modelId });
  if (status === "disabled") return result("failed", "model_not_found", "the model is disabled", null, {});
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const startedAt = ctx.clock.now();
  const took = () => ctx.clock.now() - startedAt;
  const asked = { modelId, scene: SCENE };
  try {
    switch (type) {
      case "llm": {
        const { usage } = await generate(
          modelsFor(space, deps),
          {
            ...asked,
            messages: [{ role: "user", content: WORD }],
            params: { maxTokens: MAX_TOKENS },
            idempotencyKey: `test:${modelId}:${startedAt}`,
            timeoutMs: TIMEOUT_MS,
          },
          signal,
        );
        return result("succeeded", null, "the model replied", took(), usage);
      }
      case "embedding": {
        const { vectors, usage } = await embed(space, deps, { ...asked, texts: [WORD] }, signal);
        return result("succeeded", null, `the model gave ${vectors[0]?.length ?? 0} dimensions`, took(), usage);
      }
      case "rerank": {
        const { usage } = await rerank(space, deps, { ...asked, query: "OK", texts: [WORD, "no"], topN: 2 }, signal);
        return result("succeeded", null, "the model ranked", took(), usage);
      }
      default:
        return result("unsupported", null, `models of type ${type} cannot be tried here`, null, {});
    }
  } catch (thrown) {
    if (thrown instanceof NodeError) return result("failed", thrown.code, thrown.message, took(), {});
    throw thrown;
  }
}

function result(
  status: ModelTest["status"],
  code: string | null,
  message: string,
  latencyMs: number | null,
  usage: Usage,
): ModelTest {
  return { status, code, message, latencyMs, usage };
}
