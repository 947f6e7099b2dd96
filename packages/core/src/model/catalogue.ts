import { idAt } from "@weft/kernel/ids";
import type { Capability, ModelMeta, ModelProviderName, ParamSchema, Prices } from "./model.schema.ts";

/*
 * Well-known models. Prices are list prices in US dollars for a million tokens and change without notice: a model's own
 * prices count, an administrator changes those of the catalogue.
 */

interface Line {
  name: string;
  provider: ModelProviderName;
  model: string;
  family: string;
  type?: ModelMeta["type"];
  baseUrl?: string;
  can?: Partial<Capability>;
  /** Input, output, cached input. */
  prices?: readonly [number, number?, number?];
  params?: readonly ParamSchema[];
}

const OPENAI = "https://api.openai.com/v1";
const DEEPSEEK = "https://api.deepseek.com/v1";

const NONE: Capability = {
  ...{ tools: false, images: false, files: false, audio: false, video: false, reasoning: false },
  ...{ json: "none", contextTokens: null, maxOutputTokens: null, dimensions: null },
};
const seeing = { tools: true, images: true, files: true } as const;
const sampling = (max: number): ParamSchema[] => [
  { name: "temperature", min: 0, max },
  { name: "topP", min: 0, max: 1 },
  { name: "maxTokens", min: 1 },
  { name: "stop" },
];
const penalties: ParamSchema[] = [
  { name: "presencePenalty", min: -2, max: 2 },
  { name: "frequencyPenalty", min: -2, max: 2 },
  { name: "seed" },
];
const topK: ParamSchema = { name: "topK", min: 1 };
const reasoning: ParamSchema = { name: "reasoning", options: ["off", "low", "medium", "high"] };
const claude: ParamSchema[] = [...sampling(1), topK, reasoning];
const gpt: ParamSchema[] = [...sampling(2), ...penalties];
/** Reasoning models of OpenAI take no sampling. */
const gptReasoning: ParamSchema[] = [{ name: "maxTokens", min: 1 }, { name: "seed" }, reasoning];
const gemini: ParamSchema[] = [...sampling(2), ...penalties, topK, reasoning];
const nova: ParamSchema[] = [...sampling(1), topK];

const claudeCan = (contextTokens: number, maxOutputTokens: number) =>
  ({ ...seeing, json: "schema", reasoning: true, contextTokens, maxOutputTokens }) as const;
const geminiCan: Partial<Capability> = {
  ...{ ...seeing, audio: true, video: true, json: "schema", reasoning: true },
  ...{ contextTokens: 1_048_576, maxOutputTokens: 65_536 },
};

const LINES: readonly Line[] = [
  {
    ...{ name: "Claude Opus 4.5", provider: "anthropic", model: "claude-opus-4-5", family: "claude" },
    ...{ can: claudeCan(200_000, 64_000), prices: [5, 25, 0.5], params: claude },
  },
  {
    ...{ name: "Claude Sonnet 4.5", provider: "anthropic", model: "claude-sonnet-4-5", family: "claude" },
    ...{ can: claudeCan(200_000, 64_000), prices: [3, 15, 0.3], params: claude },
  },
  {
    ...{ name: "Claude Haiku 4.5", provider: "anthropic", model: "claude-haiku-4-5", family: "claude" },
    ...{ can: claudeCan(200_000, 64_000), prices: [1, 5, 0.1], params: claude },
  },
  {
    ...{ name: "Claude Sonnet 4.5 (Bedrock)", provider: "bedrock", family: "claude" },
    model: "global.anthropic.claude-sonnet-4-5-20250929-v1:0",
    ...{ can: { ...claudeCan(200_000, 64_000), json: "none" }, prices: [3, 15, 0.3], params: claude },
  },
  {
    ...{ name: "Claude Haiku 4.5 (Bedrock)", provider: "bedrock", family: "claude" },
    model: "global.anthropic.claude-haiku-4-5-20251001-v1:0",
    ...{ can: { ...claudeCan(200_000, 64_000), json: "none" }, prices: [1, 5, 0.1], params: claude },
  },
  {
    ...{ name: "Amazon Nova Pro", provider: "bedrock", model: "amazon.nova-pro-v1:0", family: "nova" },
    can: { ...seeing, video: true, contextTokens: 300_000, maxOutputTokens: 10_000 },
    ...{ prices: [0.8, 3.2, 0.2], params: nova },
  },
  {
    ...{ name: "Amazon Nova Lite", provider: "bedrock", model: "amazon.nova-lite-v1:0", family: "nova" },
    can: { ...seeing, video: true, contextTokens: 300_000, maxOutputTokens: 10_000 },
    ...{ prices: [0.06, 0.24, 0.015], params: nova },
  },
  {
    ...{ name: "Amazon Nova Micro", provider: "bedrock", model: "amazon.nova-micro-v1:0", family: "nova" },
    can: { tools: true, contextTokens: 128_000, maxOutputTokens: 10_000 },
    ...{ prices: [0.035, 0.14, 0.00875], params: nova },
  },
  {
    ...{ name: "Amazon Titan Text Embeddings V2", provider: "bedrock", family: "titan", type: "embedding" },
    ...{ model: "amazon.titan-embed-text-v2:0", can: { contextTokens: 8_192, dimensions: 1_024 }, prices: [0.02] },
  },
  {
    ...{ name: "Cohere Rerank 3.5 (Bedrock)", provider: "bedrock", family: "cohere", type: "rerank" },
    ...{ model: "cohere.rerank-v3-5:0", can: { contextTokens: 4_096 } },
  },
  {
    ...{ name: "GPT-5", provider: "openai_compatible", model: "gpt-5", family: "gpt", baseUrl: OPENAI },
    can: { ...seeing, json: "schema", reasoning: true, contextTokens: 400_000, maxOutputTokens: 128_000 },
    ...{ prices: [1.25, 10, 0.125], params: gptReasoning },
  },
  {
    ...{ name: "GPT-5 mini", provider: "openai_compatible", model: "gpt-5-mini", family: "gpt", baseUrl: OPENAI },
    can: { ...seeing, json: "schema", reasoning: true, contextTokens: 400_000, maxOutputTokens: 128_000 },
    ...{ prices: [0.25, 2, 0.025], params: gptReasoning },
  },
  {
    ...{ name: "GPT-4.1", provider: "openai_compatible", model: "gpt-4.1", family: "gpt", baseUrl: OPENAI },
    can: { ...seeing, json: "schema", contextTokens: 1_047_576, maxOutputTokens: 32_768 },
    ...{ prices: [2, 8, 0.5], params: gpt },
  },
  {
    ...{ name: "GPT-4.1 mini", provider: "openai_compatible", model: "gpt-4.1-mini", family: "gpt", baseUrl: OPENAI },
    can: { ...seeing, json: "schema", contextTokens: 1_047_576, maxOutputTokens: 32_768 },
    ...{ prices: [0.4, 1.6, 0.1], params: gpt },
  },
  {
    ...{ name: "GPT-4o mini", provider: "openai_compatible", model: "gpt-4o-mini", family: "gpt", baseUrl: OPENAI },
    can: { ...seeing, json: "schema", contextTokens: 128_000, maxOutputTokens: 16_384 },
    ...{ prices: [0.15, 0.6, 0.075], params: gpt },
  },
  {
    ...{ name: "OpenAI text-embedding-3-small", provider: "openai_compatible", family: "gpt", type: "embedding" },
    ...{ model: "text-embedding-3-small", baseUrl: OPENAI },
    ...{ can: { contextTokens: 8_191, dimensions: 1_536 }, prices: [0.02] },
  },
  {
    ...{ name: "OpenAI text-embedding-3-large", provider: "openai_compatible", family: "gpt", type: "embedding" },
    ...{ model: "text-embedding-3-large", baseUrl: OPENAI },
    ...{ can: { contextTokens: 8_191, dimensions: 3_072 }, prices: [0.13] },
  },
  {
    ...{ name: "DeepSeek Chat", provider: "openai_compatible", model: "deepseek-chat", family: "deepseek" },
    ...{ baseUrl: DEEPSEEK, can: { tools: true, json: "object", contextTokens: 128_000, maxOutputTokens: 8_192 } },
    ...{ prices: [0.28, 0.42, 0.028], params: [...sampling(2), ...penalties] },
  },
  {
    ...{ name: "DeepSeek Reasoner", provider: "openai_compatible", model: "deepseek-reasoner", family: "deepseek" },
    baseUrl: DEEPSEEK,
    can: { tools: true, json: "object", reasoning: true, contextTokens: 128_000, maxOutputTokens: 65_536 },
    ...{ prices: [0.28, 0.42, 0.028], params: [{ name: "maxTokens", min: 1 }] },
  },
  {
    ...{ name: "Gemini 2.5 Pro", provider: "google", model: "gemini-2.5-pro", family: "gemini" },
    ...{ can: geminiCan, prices: [1.25, 10, 0.125], params: gemini },
  },
  {
    ...{ name: "Gemini 2.5 Flash", provider: "google", model: "gemini-2.5-flash", family: "gemini" },
    ...{ can: geminiCan, prices: [0.3, 2.5, 0.03], params: gemini },
  },
  {
    ...{ name: "Gemini 2.5 Flash-Lite", provider: "google", model: "gemini-2.5-flash-lite", family: "gemini" },
    ...{ can: geminiCan, prices: [0.1, 0.4, 0.01], params: gemini },
  },
  {
    ...{ name: "Gemini Embedding", provider: "google", model: "gemini-embedding-001", family: "gemini" },
    ...{ type: "embedding", can: { contextTokens: 2_048, dimensions: 3_072 }, prices: [0.15] },
  },
  {
    ...{ name: "Scripted model", provider: "scripted", model: "scripted", family: "scripted" },
    can: { ...seeing, audio: true, video: true, json: "schema", reasoning: true },
  },
];

function pricesOf(prices: Line["prices"]): Prices | null {
  if (!prices) return null;
  const [input, output = 0, cachedInput] = prices;
  return { currency: "USD", input, output, ...(cachedInput === undefined ? {} : { cachedInput }) };
}

/** The catalogue as it comes with the product. An id is made of provider and model, and stays. */
export const BUILT_IN: readonly ModelMeta[] = LINES.map((line) => ({
  id: idAt("modelMeta", 0, `${line.provider}\n${line.model}`),
  ...{ name: line.name, provider: line.provider, model: line.model, family: line.family },
  type: line.type ?? "llm",
  baseUrl: line.baseUrl ?? null,
  capability: { ...NONE, ...line.can },
  parameters: [...(line.params ?? [])],
  prices: pricesOf(line.prices),
  ...{ status: "active", isBuiltIn: true, revision: 0 },
}));
