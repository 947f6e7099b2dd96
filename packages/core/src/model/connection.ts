import * as z from "zod";
import { secretLine, text } from "../credential/types/type.ts";
import type { ModelProviderName } from "./model.schema.ts";
import { ScriptedConnection } from "./scripted.schema.ts";

const MAX_URL = 2_000;
const MAX_HEADERS = 20;

const baseUrl = (description: string) =>
  z
    .url({ protocol: /^https?$/ })
    .max(MAX_URL)
    .refine((url) => !new URL(url).username && !new URL(url).search, "has neither a user nor a query")
    .meta({ description });

const headers = z
  .record(
    z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/),
    z
      .string()
      .max(MAX_URL)
      .regex(/^[^\p{Cc}]*$/u),
  )
  .refine((all) => Object.keys(all).length <= MAX_HEADERS, `at most ${MAX_HEADERS} headers`)
  .meta({ description: "Further headers. They are sealed, as gateways take their keys in them.", writeOnly: true });

/** How a provider is reached: its fields, which of them are sealed, and where it is when no one says. */
export interface ConnectionType {
  fields: z.ZodType<Record<string, unknown>> & { shape: z.ZodRawShape };
  secrets: readonly string[];
  /** Rules that the schema cannot say. */
  check?(data: Record<string, unknown>, place: { isPlatform: boolean; hasCredential: boolean }): Issue[];
  /** A credential may stand in for the secrets. */
  takesCredential: boolean;
}

interface Issue {
  path: string;
  message: string;
}

const apiKey = secretLine("The provider's key");
const needsKey: ConnectionType["check"] = (data, { hasCredential }) =>
  data.apiKey === undefined && !hasCredential ? [{ path: "apiKey", message: "is required" }] : [];

const bedrock = z.strictObject({
  region: text("The region, such as us-east-1").regex(/^[a-z]{2}(?:-[a-z]+)+-\d$/, "is no region"),
  /** keys: of an account of one's own. role: the platform's own function role. */
  auth: z.enum(["keys", "role"]).default("keys"),
  accessKeyId: text("The key's id")
    .regex(/^[A-Z0-9]{16,128}$/, "is no access key id")
    .optional(),
  secretAccessKey: secretLine("The key").optional(),
  sessionToken: secretLine("Of temporary keys").optional(),
  baseUrl: baseUrl("Another endpoint than the region's own").optional(),
});

const compatible = z.strictObject({
  baseUrl: baseUrl("Up to what comes before /chat/completions, such as https://api.openai.com/v1"),
  apiKey: apiKey.optional(),
  headers: headers.optional(),
  /** Newer models of OpenAI take the second name alone. */
  maxTokensField: z.enum(["max_tokens", "max_completion_tokens"]).default("max_tokens"),
});

const hosted = (url: string) =>
  z.strictObject({
    baseUrl: baseUrl(`Where it is; ${url} where nothing is said`).default(url),
    apiKey: apiKey.optional(),
  });

export const CONNECTION_TYPES: Readonly<Record<ModelProviderName, ConnectionType>> = {
  bedrock: {
    fields: bedrock as unknown as ConnectionType["fields"],
    secrets: ["secretAccessKey", "sessionToken"],
    takesCredential: false,
    check: ({ auth, accessKeyId, secretAccessKey }, { isPlatform }) => {
      // Whoever may make models in a space would spend the platform's money.
      if (auth === "role")
        return isPlatform ? [] : [{ path: "auth", message: "only models of the platform use its role" }];
      return [
        ...(accessKeyId === undefined ? [{ path: "accessKeyId", message: "is required" }] : []),
        ...(secretAccessKey === undefined ? [{ path: "secretAccessKey", message: "is required" }] : []),
      ];
    },
  },
  openai_compatible: {
    fields: compatible as unknown as ConnectionType["fields"],
    secrets: ["apiKey", "headers"],
    // Servers of one's own often ask for none.
    takesCredential: true,
  },
  anthropic: {
    fields: hosted("https://api.anthropic.com/v1") as unknown as ConnectionType["fields"],
    secrets: ["apiKey"],
    takesCredential: true,
    check: needsKey,
  },
  google: {
    fields: hosted("https://generativelanguage.googleapis.com/v1beta") as unknown as ConnectionType["fields"],
    secrets: ["apiKey"],
    takesCredential: true,
    check: needsKey,
  },
  scripted: {
    fields: ScriptedConnection as unknown as ConnectionType["fields"],
    secrets: [],
    takesCredential: false,
  },
};
