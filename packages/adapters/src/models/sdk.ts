import type { EmbeddingModelV4, LanguageModelV4, RerankingModelV4 } from "@ai-sdk/provider";
import type { ModelProviderName } from "@weft/core/model/model.schema";
import { failed } from "./failure.ts";

type Fetch = typeof globalThis.fetch;
type Connection = Readonly<Record<string, unknown>>;

/** A provider of the AI SDK. Every setting that it would look for in the environment is given. */
export interface SdkProvider {
  language(model: string): LanguageModelV4;
  embedding?(model: string): EmbeddingModelV4;
  reranking?(model: string): RerankingModelV4;
}

const text = (connection: Connection, name: string): string | undefined =>
  typeof connection[name] === "string" ? connection[name] : undefined;

/** A credential is put on the request later, in place of this. */
export const NO_KEY = "no-key-of-its-own";

export type Work = "language" | "embedding" | "reranking";

/** The address that a provider is reached at, as its connection says. */
export function baseUrlOf(provider: ModelProviderName, connection: Connection, work: Work): string {
  const given = text(connection, "baseUrl")?.replace(/\/+$/, "");
  if (given !== undefined) return given;
  const region = text(connection, "region");
  if (provider === "bedrock" && region !== undefined) {
    const service = work === "reranking" ? "bedrock-agent-runtime" : "bedrock-runtime";
    return `https://${service}.${region}.amazonaws.com${region.startsWith("cn-") ? ".cn" : ""}`;
  }
  throw failed("invalid_connection", "the connection does not say where the provider is", { retryable: false });
}

/** Each provider is loaded when it is first called: functions that call no model do not carry it at their start. */
export async function sdkProvider(
  provider: Exclude<ModelProviderName, "scripted">,
  connection: Connection,
  fetch: Fetch,
  work: Work,
): Promise<SdkProvider> {
  const baseURL = baseUrlOf(provider, connection, work);
  const apiKey = text(connection, "apiKey");
  switch (provider) {
    case "openai_compatible": {
      const { createOpenAICompatible } = await import("@ai-sdk/openai-compatible");
      const made = createOpenAICompatible({
        name: "openai_compatible",
        baseURL,
        fetch,
        includeUsage: true,
        supportsStructuredOutputs: connection.jsonMode === "schema",
        ...(apiKey === undefined ? {} : { apiKey }),
        headers: (connection.headers as Record<string, string> | undefined) ?? {},
        ...(connection.maxTokensField === "max_completion_tokens" ? { transformRequestBody: renameMaxTokens } : {}),
      });
      return { language: (model) => made.chatModel(model), embedding: (model) => made.embeddingModel(model) };
    }
    case "anthropic": {
      const { createAnthropic } = await import("@ai-sdk/anthropic");
      const made = createAnthropic({ baseURL, fetch, apiKey: apiKey ?? NO_KEY });
      return { language: (model) => made.languageModel(model) };
    }
    case "google": {
      const { createGoogle } = await import("@ai-sdk/google");
      const made = createGoogle({ baseURL, fetch, apiKey: apiKey ?? NO_KEY });
      return { language: (model) => made.languageModel(model), embedding: (model) => made.embeddingModel(model) };
    }
    case "bedrock": {
      const { createAmazonBedrock } = await import("@ai-sdk/amazon-bedrock");
      const region = text(connection, "region") ?? "";
      const made = createAmazonBedrock({
        ...{ baseURL, fetch, region },
        // A blank one keeps it from looking for a token in the environment.
        apiKey: " ",
        credentialProvider: async () => keysOf(connection),
      });
      return {
        language: (model) => made.languageModel(model),
        embedding: (model) => made.embeddingModel(model),
        reranking: (model) => made.rerankingModel(model),
      };
    }
  }
}

/** Keys of the connection, or, only where it says so, of the role that this function has. */
function keysOf(connection: Connection): { accessKeyId: string; secretAccessKey: string; sessionToken?: string } {
  const isRole = connection.auth === "role";
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN } = isRole ? process.env : {};
  const accessKeyId = isRole ? AWS_ACCESS_KEY_ID : text(connection, "accessKeyId");
  const secretAccessKey = isRole ? AWS_SECRET_ACCESS_KEY : text(connection, "secretAccessKey");
  const sessionToken = isRole ? AWS_SESSION_TOKEN : text(connection, "sessionToken");
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    throw failed("invalid_connection", "the connection has no keys", { retryable: false });
  }
  return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
}

function renameMaxTokens({ max_tokens, ...rest }: Record<string, unknown>): Record<string, unknown> {
  return max_tokens === undefined ? rest : { ...rest, max_completion_tokens: max_tokens };
}
