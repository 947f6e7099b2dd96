import type { Usage } from "./record.ts";

/** Something a person or a node gives to a model beside text. `url` is fetched by whoever calls the provider. */
export type ModelPart =
  | { type: "text"; text: string }
  | { type: "image" | "audio" | "video" | "file"; url: string; mediaType?: string; name?: string }
  | { type: "image" | "audio" | "video" | "file"; base64: string; mediaType: string; name?: string };

/** A call of a tool as a model asked for it. */
export interface ToolCall {
  /** The provider's own, or one made for it; unique within its conversation. */
  id: string;
  name: string;
  /** Parsed; what could not be parsed is kept as `invalid` and no input. */
  input: Record<string, unknown>;
  invalid?: string;
}

export type ModelMessage =
  | { role: "system"; content: string }
  | { role: "user"; content: string | ModelPart[] }
  | {
      role: "assistant";
      content: string;
      toolCalls?: ToolCall[];
      reasoning?: string;
      /** Of the reply that this turn was, unread: some providers want their signed reasoning back. */
      continuation?: unknown;
    }
  | { role: "tool"; toolCallId: string; name: string; content: string; isError?: true };

export interface ModelTool {
  /** Letters, digits, `_` and `-`, at most 64: the strictest provider's rule. */
  name: string;
  description: string;
  /** JSON Schema of its input, an object. */
  parameters: Record<string, unknown>;
}

/** Sampling and length; what a model does not take is left out of the call, never an error. */
export interface ModelParams {
  temperature?: number;
  topP?: number;
  topK?: number;
  maxTokens?: number;
  presencePenalty?: number;
  frequencyPenalty?: number;
  stop?: string[];
  seed?: number;
  reasoning?: "off" | "low" | "medium" | "high";
}

/** What is asked of a model: one turn. */
export interface ModelCall {
  /** A model instance of the space or of the platform. */
  modelId: string;
  messages: readonly ModelMessage[];
  params?: ModelParams;
  tools?: readonly ModelTool[];
  toolChoice?: "auto" | "none" | "required" | { name: string };
  /** json: the reply is one JSON value, of this JSON Schema where it is given. */
  format?: { type: "text" } | { type: "json"; schema?: Record<string, unknown> };
  /** Tried in turn where the model before fails for a reason that another one may not share. */
  fallbackModelIds?: readonly string[];
  /** Milliseconds for one try. */
  timeoutMs?: number;
  /** For the ledger: what the call is for. */
  scene: ModelScene;
  /** The same in every repeat: providers that know such keys are given it. */
  idempotencyKey: string;
}

export const MODEL_SCENE = [
  "workflow",
  "agent",
  "chat",
  "prompt",
  "evaluator",
  "experiment",
  "knowledge",
  "sql",
  "suggestion",
  "api",
] as const;

export interface ModelScene {
  type: (typeof MODEL_SCENE)[number];
  /** The workflow, agent, prompt… that it is for, and what in it. */
  entityId?: string;
  nodeId?: string;
  executionId?: string;
}

export const FINISH_REASON = ["stop", "length", "tool_calls", "content_filter", "error", "other"] as const;
export type FinishReason = (typeof FINISH_REASON)[number];

/** A model's reply, piece by piece; `done` is the last one and comes once. */
export type ModelEvent =
  | { type: "text"; text: string }
  | { type: "reasoning"; text: string }
  | { type: "tool_call"; call: ToolCall }
  | { type: "done"; reply: ModelReply };

/** The whole of it. */
export interface ModelReply {
  text: string;
  reasoning: string;
  toolCalls: ToolCall[];
  finishReason: FinishReason;
  /** `inputTokens`, `outputTokens`, `cachedTokens`, `reasoningTokens`, `cost` (in the currency of the price table). */
  usage: Usage;
  /** Goes into the assistant message of this turn, unread, where the conversation goes on. */
  continuation?: unknown;
  /** The one that answered: a fallback may have. */
  modelId: string;
  /** Of the ledger's row. */
  requestId: string;
}

/**
 * Models as nodes and agents call them. Wired by functions: the domain finds the instance, checks quota and visibility,
 * writes the ledger and calls the provider.
 */
export interface Models {
  /** Ends with `done`, or throws NodeError: `model_not_found`, `rate_limited`, `model_failed`, `timeout`, `cancelled`. */
  stream(call: ModelCall, signal: AbortSignal): AsyncIterable<ModelEvent>;
}

/** The reply of a call, for whoever does not follow it. Throws as {@link Models.stream} does. */
export async function generate(models: Models, call: ModelCall, signal: AbortSignal): Promise<ModelReply> {
  for await (const event of models.stream(call, signal)) if (event.type === "done") return event.reply;
  throw new Error("a model's stream ended without its reply");
}
