import { type FieldIssue, invalidField, invalidInput } from "@weft/kernel/errors";
import * as z from "zod";
import { hintOf } from "../credential/credential.data.ts";
import { CONNECTION_TYPES } from "./connection.ts";
import { MODEL_PROVIDER, type MODEL_TYPE, type ModelProviderName } from "./model.schema.ts";

/** A connection as it is stored: what anyone may see of it, and what is sealed; null where nothing is. */
export interface SplitConnection {
  connection: Record<string, unknown>;
  sealed: Record<string, unknown> | null;
  secrets: { field: string; hint: string }[];
}

/** Checks a connection and parts its secrets from the rest. Throws `invalid_input` naming the field. */
export function splitConnection(
  provider: ModelProviderName,
  given: Record<string, unknown>,
  place: { isPlatform: boolean; hasCredential: boolean },
): SplitConnection {
  const type = CONNECTION_TYPES[provider];
  const parsed = type.fields.safeParse(given);
  if (!parsed.success) throw invalidInput(parsed.error.issues.flatMap(issuesOf));
  if (place.hasCredential && !type.takesCredential) {
    throw invalidField("credentialId", `${provider} takes no credential: its keys are in the connection`);
  }
  const issues = type.check?.(parsed.data, place) ?? [];
  if (issues.length > 0) throw invalidInput(issues.map((issue) => ({ ...issue, path: `connection.${issue.path}` })));
  const entries = Object.entries(parsed.data).filter(([, value]) => value !== undefined);
  const sealed = entries.filter(([name]) => type.secrets.includes(name));
  return {
    connection: Object.fromEntries(entries.filter(([name]) => !type.secrets.includes(name))),
    sealed: sealed.length > 0 ? Object.fromEntries(sealed) : null,
    secrets: sealed.map(([field, value]) => ({ field, hint: hintOf(value) })),
  };
}

function issuesOf(issue: z.core.$ZodIssue): FieldIssue[] {
  const keys = issue.code === "unrecognized_keys" ? issue.keys : [undefined];
  return keys.map((key) => ({
    path: ["connection", ...issue.path, ...(key === undefined ? [] : [key])].map(String).join("."),
    message: issue.message,
  }));
}

const TYPES: Readonly<Record<ModelProviderName, readonly (typeof MODEL_TYPE)[number][]>> = {
  bedrock: ["llm", "embedding", "rerank"],
  openai_compatible: ["llm", "embedding"],
  anthropic: ["llm"],
  google: ["llm", "embedding"],
  scripted: ["llm", "embedding", "rerank"],
};

/** The providers, with the JSON Schema of their connections. */
export function providers() {
  return MODEL_PROVIDER.map((provider) => {
    const { fields, secrets, takesCredential } = CONNECTION_TYPES[provider];
    return {
      ...{ provider, takesCredential },
      types: [...TYPES[provider]],
      connection: z.toJSONSchema(fields, { io: "input" }) as Record<string, unknown>,
      secrets: [...secrets],
    };
  });
}
