import type { FinishReason, ModelCall, ModelMessage, ModelParams, ToolCall } from "@weft/engine/model";
import type { HttpRequest } from "@weft/engine/node";
import type { Capability, ModelProviderName } from "./model.schema.ts";

/** A provider's model, with what opens the way to it. It stays in memory: the connection holds secrets. */
export interface ProviderTarget {
  provider: ModelProviderName;
  /** The provider's own name of the model. */
  model: string;
  /** Every field of the connection, the sealed ones too. */
  connection: Readonly<Record<string, unknown>>;
  capability: Capability;
  /** Milliseconds for the request, to the end of its answer. */
  timeoutMs: number;
  /** Puts a credential on each request, in place of the connection's own key. */
  authorize?: (request: HttpRequest) => Promise<HttpRequest>;
}

/** One turn, as it goes to one provider. */
export interface ProviderCall extends ProviderTarget {
  messages: readonly ModelMessage[];
  params: ModelParams;
  tools?: ModelCall["tools"];
  toolChoice?: ModelCall["toolChoice"];
  /** Absent where the model has no such mode: the messages ask for it then. */
  format?: ModelCall["format"];
  idempotencyKey: string;
}

/** What a provider says that it metered; undefined where it says nothing. */
export interface TokenCounts {
  inputTokens?: number | undefined;
  outputTokens?: number | undefined;
  cachedTokens?: number | undefined;
  cacheWriteTokens?: number | undefined;
  reasoningTokens?: number | undefined;
}

export type ProviderEvent =
  | { type: "text"; text: string }
  | { type: "reasoning"; text: string }
  | { type: "tool_call"; call: ToolCall }
  | { type: "done"; finishReason: FinishReason; tokens: TokenCounts; continuation?: unknown };

export interface Embeddings {
  vectors: number[][];
  tokens?: number | undefined;
}

export interface Ranking {
  /** Best first; `index` is the document's place in what was asked. */
  ranking: { index: number; score: number }[];
}

/**
 * The providers, as the domain needs them; adapters fill it. Everything throws NodeError `model_failed` (with
 * `details.reason` and, where there was an answer, `details.status`), `rate_limited` or `timeout`; aborting `signal` ends
 * the request itself.
 */
export interface ModelProviders {
  /** Ends with `done`, or throws: a reply that was cut off is a failure. */
  stream(call: ProviderCall, signal: AbortSignal): AsyncIterable<ProviderEvent>;
  embed(target: ProviderTarget, texts: readonly string[], signal: AbortSignal): Promise<Embeddings>;
  rerank(
    target: ProviderTarget,
    query: string,
    documents: readonly string[],
    topN: number,
    signal: AbortSignal,
  ): Promise<Ranking>;
}
