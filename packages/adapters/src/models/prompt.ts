import type {
  JSONObject,
  LanguageModelV4CallOptions,
  LanguageModelV4Message,
  LanguageModelV4Prompt,
} from "@ai-sdk/provider";
import type { ProviderCall } from "@weft/core/model/model.provider";
import type { ModelMessage, ModelPart } from "@weft/engine/model";
import { isRecord } from "@weft/engine/values/json";

/** What a provider wants back of its own turn: kept by the message, understood by the same provider alone. */
export interface Continuation {
  provider: string;
  content: AssistantContent;
}

type AssistantContent = Extract<LanguageModelV4Message, { role: "assistant" }>["content"];
type UserContent = Extract<LanguageModelV4Message, { role: "user" }>["content"];

const MEDIA_TYPES = { image: "image/*", audio: "audio/mpeg", video: "video/mp4", file: "application/pdf" } as const;

/** Fetches what a message only names. */
export type Inline = (part: ModelPart & { url: string }) => Promise<{ base64: string; mediaType?: string | undefined }>;

/** The messages as the AI SDK takes them. What the provider cannot fetch by itself is fetched by `inline`. */
export async function promptOf(
  call: ProviderCall,
  supported: Readonly<Record<string, RegExp[]>>,
  inline: Inline,
): Promise<LanguageModelV4Prompt> {
  const prompt: LanguageModelV4Prompt = [];
  for (const message of call.messages) {
    const last = prompt.at(-1);
    const next = await messageOf(call, message, supported, inline);
    // Results of calls that were made at once belong into one message.
    if (next.role === "tool" && last?.role === "tool") last.content.push(...next.content);
    else prompt.push(next);
  }
  return prompt;
}

async function messageOf(
  call: ProviderCall,
  message: ModelMessage,
  supported: Readonly<Record<string, RegExp[]>>,
  inline: Inline,
): Promise<LanguageModelV4Message> {
  switch (message.role) {
    case "system":
      return { role: "system", content: message.content };
    case "user": {
      const parts: readonly ModelPart[] =
        typeof message.content === "string" ? [{ type: "text", text: message.content }] : message.content;
      const content: UserContent = [];
      for (const part of parts) content.push(await userPart(part, supported, inline));
      return { role: "user", content };
    }
    case "assistant":
      return { role: "assistant", content: continued(call, message) ?? assistantContent(call, message) };
    case "tool": {
      const { toolCallId, name: toolName, content: value, isError } = message;
      const output = { type: isError ? ("error-text" as const) : ("text" as const), value };
      return { role: "tool", content: [{ type: "tool-result", toolCallId, toolName, output }] };
    }
  }
}

async function userPart(
  part: ModelPart,
  supported: Readonly<Record<string, RegExp[]>>,
  inline: Inline,
): Promise<UserContent[number]> {
  if (part.type === "text") return part;
  const filename = part.name === undefined ? {} : { filename: part.name };
  const mediaType = part.mediaType ?? MEDIA_TYPES[part.type];
  if ("base64" in part) return { type: "file", data: { type: "data", data: part.base64 }, mediaType, ...filename };
  if (isSupported(part.url, mediaType, supported)) {
    return { type: "file", data: { type: "url", url: new URL(part.url) }, mediaType, ...filename };
  }
  const found = await inline(part);
  const type = part.mediaType ?? found.mediaType ?? mediaType;
  return { type: "file", data: { type: "data", data: found.base64 }, mediaType: type, ...filename };
}

function isSupported(url: string, mediaType: string, supported: Readonly<Record<string, RegExp[]>>): boolean {
  if (!url.startsWith("https://")) return false;
  const [kind] = mediaType.split("/");
  return Object.entries(supported).some(
    ([pattern, urls]) =>
      (pattern === "*" || pattern === "*/*" || pattern === mediaType || pattern === `${kind}/*`) &&
      urls.some((one) => one.test(url)),
  );
}

type Assistant = Extract<ModelMessage, { role: "assistant" }>;

function continued(call: ProviderCall, { continuation }: Assistant): AssistantContent | undefined {
  if (!isRecord(continuation) || continuation.provider !== call.provider) return undefined;
  return Array.isArray(continuation.content) ? (continuation.content as AssistantContent) : undefined;
}

function assistantContent(call: ProviderCall, { content, reasoning, toolCalls = [] }: Assistant): AssistantContent {
  return [
    // Other providers take their own, signed reasoning alone.
    ...(reasoning && call.provider === "openai_compatible" ? [{ type: "reasoning" as const, text: reasoning }] : []),
    ...(content === "" ? [] : [{ type: "text" as const, text: content }]),
    ...toolCalls.map(({ id, name, input }) => ({
      type: "tool-call" as const,
      ...{ toolCallId: id, toolName: name, input },
    })),
  ];
}

/** Everything of a call but the prompt, as the AI SDK takes it. */
export function optionsOf(call: ProviderCall): Omit<LanguageModelV4CallOptions, "prompt"> {
  const { params, tools, toolChoice, format } = call;
  const settings = {
    temperature: params.temperature,
    topP: params.topP,
    topK: params.topK,
    maxOutputTokens: params.maxTokens,
    presencePenalty: params.presencePenalty,
    frequencyPenalty: params.frequencyPenalty,
    stopSequences: params.stop,
    seed: params.seed,
    reasoning: reasoningOf(call),
  };
  return {
    ...Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined)),
    ...(tools?.length
      ? {
          tools: tools.map(({ name, description, parameters }) => ({
            type: "function" as const,
            ...{ name, description, inputSchema: parameters as JSONObject },
          })),
          toolChoice:
            typeof toolChoice === "object"
              ? { type: "tool" as const, toolName: toolChoice.name }
              : { type: toolChoice ?? ("auto" as const) },
        }
      : {}),
    ...(format?.type === "json"
      ? { responseFormat: { type: "json" as const, ...(format.schema ? { schema: format.schema as JSONObject } : {}) } }
      : {}),
  };
}

const SIGNING: ReadonlySet<string> = new Set(["anthropic", "bedrock"]);

function reasoningOf({ params, provider, messages }: ProviderCall): LanguageModelV4CallOptions["reasoning"] {
  if (params.reasoning === undefined) return undefined;
  if (params.reasoning === "off") return "none";
  // A turn of tools whose own reasoning is not given back must go on without any.
  const asked = messages.findLast((message) => message.role === "assistant");
  const isOpen = messages.at(-1)?.role === "tool";
  if (SIGNING.has(provider) && isOpen && asked?.role === "assistant" && !asked.continuation) return "none";
  return params.reasoning;
}
