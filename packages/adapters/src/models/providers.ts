import type { LanguageModelV4StreamPart, LanguageModelV4Usage } from "@ai-sdk/provider";
import type { ModelProviders, ProviderCall, ProviderEvent, ProviderTarget } from "@weft/core/model/model.provider";
import { hostPatternOf } from "@weft/engine/http/hosts";
import type { FinishReason, ModelPart, ToolCall } from "@weft/engine/model";
import { NodeError } from "@weft/engine/node";
import { isRecord, tryParseJson } from "@weft/engine/values/json";
import type { Clock } from "@weft/kernel/clock";
import type { Egress } from "../egress/http.ts";
import { cutOff, failed, modelFailure } from "./failure.ts";
import { egressFetch } from "./fetch.ts";
import { type Continuation, optionsOf, promptOf } from "./prompt.ts";
import { scripted } from "./scripted.ts";
import { baseUrlOf, NO_KEY, type SdkProvider, sdkProvider, type Work } from "./sdk.ts";

/** Of an answer: what the largest models write, many times over, and a stream's frames around each word. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
/** Of everything that the messages of one call name by address. */
const MAX_INLINE_BYTES = 20 * 1024 * 1024;
/** Headers for providers that know a repeat of a request by them. */
const KNOWS_KEYS: ReadonlySet<string> = new Set(["openai_compatible", "anthropic"]);

interface World {
  web: Pick<Egress, "stream" | "request">;
  clock: Clock;
}

/** Every provider of models. None of them connects by itself: all requests go through the egress client. */
export function modelProviders(world: World): ModelProviders {
  const guarded = async <T>(signal: AbortSignal, run: () => Promise<T>): Promise<T> => {
    try {
      return await run();
    } catch (thrown) {
      throw signal.aborted ? signal.reason : modelFailure(thrown, world.clock.now());
    }
  };
  return {
    stream: (call, signal) =>
      call.provider === "scripted" ? scripted.stream(call, signal) : streamed(world, call, signal),
    embed: (target, texts, signal) =>
      guarded(signal, async () => {
        if (target.provider === "scripted") return scripted.embed(target, texts);
        const { embedding } = await providerOf(world, target, signal, "embedding");
        if (!embedding) throw unsupported(target, "embeddings");
        const model = embedding(target.model);
        const size = (await model.maxEmbeddingsPerCall) ?? texts.length;
        const vectors: number[][] = [];
        let tokens: number | undefined;
        for (let at = 0; at < texts.length; at += size) {
          const values = texts.slice(at, at + size);
          const { embeddings, usage } = await model.doEmbed({ values, abortSignal: signal });
          if (embeddings.length !== values.length) {
            throw failed("invalid_response", "the answer has another number of vectors", { retryable: true });
          }
          vectors.push(...embeddings);
          if (usage) tokens = (tokens ?? 0) + usage.tokens;
        }
        return { vectors, tokens };
      }),
    rerank: (target, query, documents, topN, signal) =>
      guarded(signal, async () => {
        if (target.provider === "scripted") return scripted.rerank(query, documents, topN);
        const { reranking } = await providerOf(world, target, signal, "reranking");
        if (!reranking) throw unsupported(target, "reranking");
        const values = [...documents];
        const asked = { documents: { type: "text" as const, values }, query, topN, abortSignal: signal };
        const { ranking } = await reranking(target.model).doRerank(asked);
        return { ranking: ranking.map(({ index, relevanceScore }) => ({ index, score: relevanceScore })) };
      }),
  };
}

function unsupported({ provider }: ProviderTarget, what: string): NodeError {
  return failed("unsupported", `${provider} offers no ${what} here`, { retryable: false });
}

async function providerOf(
  { web }: World,
  { provider, connection, capability, timeoutMs, authorize }: ProviderTarget,
  signal: AbortSignal,
  work: Work,
): Promise<SdkProvider> {
  if (provider === "scripted") throw new Error("the scripted provider is no SDK's");
  const fetch = egressFetch(web, {
    allowedHosts: [hostPatternOf(new URL(baseUrlOf(provider, connection, work)))],
    maxBytes: MAX_ANSWER_BYTES,
    prepare: authorize && ((request) => authorize({ ...request, headers: withoutKey(request.headers) })),
    ...{ timeoutMs, signal },
  });
  return sdkProvider(provider, { ...connection, jsonMode: capability.json }, fetch, work);
}

/** A credential takes the place of the key that the SDK was made with. */
function withoutKey(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== NO_KEY));
}

async function* streamed(world: World, call: ProviderCall, signal: AbortSignal): AsyncGenerator<ProviderEvent> {
  // Leaving the loop early ends the request, as aborting does.
  const left = new AbortController();
  const ends = AbortSignal.any([signal, left.signal]);
  try {
    const provider = await providerOf(world, call, ends, "language");
    const model = provider.language(call.model);
    const prompt = await promptOf(call, await model.supportedUrls, inliner(world, call, ends));
    const headers = KNOWS_KEYS.has(call.provider) ? { "idempotency-key": call.idempotencyKey } : {};
    const { stream } = await model.doStream({ ...optionsOf(call), prompt, abortSignal: ends, headers });
    yield* eventsOf(call, stream);
  } catch (thrown) {
    throw signal.aborted ? signal.reason : modelFailure(thrown, world.clock.now());
  } finally {
    left.abort(new NodeError("cancelled", "nobody reads the reply any more", { retryable: false }));
  }
}

async function* eventsOf(
  call: ProviderCall,
  stream: ReadableStream<LanguageModelV4StreamPart>,
): AsyncGenerator<ProviderEvent> {
  const turn = new Turn(call.provider);
  let calls = 0;
  for await (const part of stream) {
    turn.add(part);
    if (part.type === "text-delta" && part.delta !== "") yield { type: "text", text: part.delta };
    else if (part.type === "reasoning-delta" && part.delta !== "") yield { type: "reasoning", text: part.delta };
    else if (part.type === "tool-call" && !part.providerExecuted) {
      calls += 1;
      yield { type: "tool_call", call: toolCallOf(part.toolCallId, part.toolName, part.input) };
    } else if (part.type === "error") throw part.error;
    else if (part.type === "finish") {
      // What a provider ends by itself says why; a connection that broke says nothing.
      if (part.finishReason.raw === undefined) throw cutOff();
      const finishReason = finishOf(part.finishReason.unified, calls);
      yield { type: "done", finishReason, tokens: tokensOf(part.usage), ...turn.continuation() };
      return;
    }
  }
  throw cutOff();
}

function finishOf(unified: string, calls: number): FinishReason {
  if (unified === "tool-calls" || (calls > 0 && unified !== "length")) return "tool_calls";
  if (unified === "content-filter") return "content_filter";
  return unified === "stop" || unified === "length" || unified === "error" ? unified : "other";
}

function toolCallOf(id: string, name: string, text: string): ToolCall {
  const input = text.trim() === "" ? {} : tryParseJson(text);
  return isRecord(input) ? { id, name, input } : { id, name, input: {}, invalid: text };
}

function tokensOf({ inputTokens, outputTokens }: LanguageModelV4Usage) {
  return {
    inputTokens: inputTokens.total,
    outputTokens: outputTokens.total,
    cachedTokens: inputTokens.cacheRead,
    cacheWriteTokens: inputTokens.cacheWrite,
    reasoningTokens: outputTokens.reasoning,
  };
}

type Content = Continuation["content"];

/** Gathers a turn with what the provider wants back of it: signatures of its reasoning, of its tool calls. */
class Turn {
  readonly #content: Content = [];
  readonly #open = new Map<string, Extract<Content[number], { type: "text" | "reasoning" }>>();
  readonly #provider: string;
  #isSigned = false;

  constructor(provider: string) {
    this.#provider = provider;
  }

  add(part: LanguageModelV4StreamPart): void {
    const metadata = "providerMetadata" in part ? part.providerMetadata : undefined;
    const signed = metadata ? { providerOptions: metadata } : {};
    if (part.type === "text-start" || part.type === "reasoning-start") {
      const made = {
        type: part.type === "text-start" ? ("text" as const) : ("reasoning" as const),
        text: "",
        ...signed,
      };
      this.#open.set(part.id, made);
      this.#content.push(made);
    } else if (part.type === "text-delta" || part.type === "reasoning-delta") {
      const open = this.#open.get(part.id);
      if (open) Object.assign(open, { text: open.text + part.delta }, signed);
    } else if (part.type === "text-end" || part.type === "reasoning-end") {
      const open = this.#open.get(part.id);
      if (open) Object.assign(open, signed);
    } else if (part.type === "tool-call" && !part.providerExecuted) {
      const { toolCallId, toolName, input } = part;
      const given = tryParseJson(input);
      this.#content.push({ type: "tool-call", toolCallId, toolName, input: isRecord(given) ? given : {}, ...signed });
    } else return;
    if (metadata) this.#isSigned = true;
  }

  continuation(): { continuation?: Continuation } {
    return this.#isSigned ? { continuation: { provider: this.#provider, content: this.#content } } : {};
  }
}

function inliner({ web }: World, { timeoutMs }: ProviderCall, signal: AbortSignal) {
  let left = MAX_INLINE_BYTES;
  return async ({ url }: ModelPart & { url: string }) => {
    const answer = await web.request({ method: "GET", url, headers: {}, timeoutMs, maxBytes: left, signal });
    if (answer.status !== 200) {
      throw failed("invalid_file", `a file of the messages answered ${answer.status}`, { retryable: false });
    }
    left -= answer.body.byteLength;
    const mediaType = answer.headers["content-type"]?.split(";")[0]?.trim();
    return { base64: Buffer.from(answer.body).toString("base64"), mediaType };
  };
}
