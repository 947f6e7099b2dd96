import type { DeepReadonly } from "@weft/db/cache";
import type { FinishReason, ModelScene } from "@weft/engine/model";
import { NodeError } from "@weft/engine/node";
import type { Usage } from "@weft/engine/record";
import { actorId, type Ctx } from "@weft/kernel/ctx";
import { AppError, messageOf } from "@weft/kernel/errors";
import { type Id, newId } from "@weft/kernel/ids";
import type { SecretMask } from "@weft/kernel/mask";
import { type LedgerEntry, record } from "./ledger.ts";
import type { ModelDeps } from "./model.deps.ts";
import type { ModelRow } from "./model.find.ts";
import type { TokenCounts } from "./model.provider.ts";

const MAX_ERROR = 500;
const PER_PRICE = 1_000_000;

/** One call of one model on its way into the ledger. */
export class CallRecord {
  readonly requestId: Id<"modelRequest">;
  attempts = 0;
  readonly #ctx: Ctx;
  readonly #deps: Pick<ModelDeps, "log">;
  readonly #row: DeepReadonly<ModelRow>;
  readonly #about: Pick<LedgerEntry, "operation" | "scene" | "entityId" | "nodeId" | "executionId" | "fallbackOf">;
  readonly #startedAt: number;
  #firstTokenMs: number | undefined;
  #end: Pick<LedgerEntry, "status" | "errorCode" | "errorMessage" | "finishReason"> = { status: "cancelled" };
  #usage: Usage = {};

  constructor(
    ctx: Ctx,
    deps: Pick<ModelDeps, "log">,
    row: DeepReadonly<ModelRow>,
    about: { operation: LedgerEntry["operation"]; scene: ModelScene; fallbackOf?: string | undefined },
  ) {
    const { operation, scene, fallbackOf } = about;
    const { type, ...place } = scene;
    this.#ctx = ctx;
    this.#deps = deps;
    this.#row = row;
    this.#startedAt = ctx.clock.now();
    this.#about = { operation, scene: type, ...place, ...(fallbackOf === undefined ? {} : { fallbackOf }) };
    this.requestId = newId("modelRequest", this.#startedAt);
  }

  /** Notes when the first piece of the reply came. */
  firstToken(): void {
    this.#firstTokenMs ??= this.#ctx.clock.now() - this.#startedAt;
  }

  succeeded(tokens: TokenCounts, finishReason?: FinishReason): Usage {
    this.#usage = usageOf(tokens, this.#row);
    this.#end = { status: "succeeded", ...(finishReason === undefined ? {} : { finishReason }) };
    return this.#usage;
  }

  failed(error: NodeError): void {
    const status = error.code === "cancelled" ? "cancelled" : error.code === "timeout" ? "timed_out" : "failed";
    this.#end = { status, errorCode: error.code, errorMessage: error.message.slice(0, MAX_ERROR) };
  }

  /** Writes the row. What the call gave stays good where it cannot be written. */
  async write(): Promise<void> {
    const { modelId, provider, model, prices } = this.#row;
    const { requestId } = this.#ctx;
    const { inputTokens, outputTokens, cachedTokens, reasoningTokens, cost } = this.#usage;
    const metered = { inputTokens, outputTokens, cachedTokens, reasoningTokens, cost };
    try {
      await record(this.#ctx, {
        ...this.#about,
        ...this.#end,
        ...Object.fromEntries(Object.entries(metered).filter(([, value]) => value !== undefined)),
        ...{ modelRequestId: this.requestId, modelId, provider, model, requestId },
        userId: actorId(this.#ctx),
        attempts: Math.max(1, this.attempts),
        latencyMs: this.#ctx.clock.now() - this.#startedAt,
        ...(this.#firstTokenMs === undefined ? {} : { firstTokenMs: this.#firstTokenMs }),
        ...(prices ? { currency: prices.currency } : {}),
      });
    } catch (thrown) {
      this.#deps.log("a model request was not written", { modelRequestId: this.requestId, error: messageOf(thrown) });
    }
  }
}

/** What was metered, with its price: units as nodes add them up. */
export function usageOf(tokens: TokenCounts, { prices }: Pick<DeepReadonly<ModelRow>, "prices">): Usage {
  const { inputTokens: input = 0, outputTokens: output = 0, cachedTokens: cached = 0 } = tokens;
  const { cacheWriteTokens: written = 0, reasoningTokens } = tokens;
  const usage: Usage = { inputTokens: input, outputTokens: output, totalTokens: input + output };
  if (cached > 0) usage.cachedTokens = cached;
  if (reasoningTokens) usage.reasoningTokens = reasoningTokens;
  if (prices) {
    const plain = Math.max(0, input - cached - written);
    const sum =
      plain * prices.input +
      cached * (prices.cachedInput ?? prices.input) +
      written * (prices.cacheWrite ?? prices.input) +
      output * prices.output;
    usage.cost = sum / PER_PRICE;
  }
  return usage;
}

/** Whatever went wrong, as callers of models see it, without secrets. */
export function callFailure(thrown: unknown, mask: SecretMask): NodeError {
  if (thrown instanceof NodeError) {
    const { code, message, retryable, retryAfterMs, details, usage } = thrown;
    return new NodeError(code, mask.mask(message), {
      retryable,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      ...(details === undefined ? {} : { details: mask.mask(details) }),
      ...(usage ? { usage } : {}),
    });
  }
  if (thrown instanceof AppError) return new NodeError(thrown.code, thrown.message, { retryable: thrown.retryable });
  return new NodeError("model_failed", mask.mask(messageOf(thrown)).slice(0, MAX_ERROR), {
    details: { reason: "internal" },
  });
}
