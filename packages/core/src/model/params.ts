import type { ModelCall, ModelMessage, ModelParams, ModelPart } from "@weft/engine/model";
import type { FieldIssue } from "@weft/kernel/errors";
import { type Capability, PARAM_NAME, type ParamSchema, Params } from "./model.schema.ts";

/** What a call gets where a model does not say which parameters it takes. */
const ANY: readonly ParamSchema[] = PARAM_NAME.map((name) => ({ name }));

/**
 * The parameters that a model takes of those that are given, and what is wrong with them: what it does not take is left
 * out, what is out of its range is an issue.
 */
export function checkParams(
  given: ModelParams,
  schemas: readonly ParamSchema[],
  capability: Capability,
): { params: ModelParams; issues: FieldIssue[] } {
  const parsed = Params.safeParse(given);
  if (!parsed.success) {
    return {
      params: {},
      issues: parsed.error.issues.map(({ path, message }) => ({ path: path.map(String).join("."), message })),
    };
  }
  const issues: FieldIssue[] = [];
  const params: Record<string, unknown> = {};
  for (const schema of schemas.length > 0 ? schemas : ANY) {
    const value = parsed.data[schema.name] ?? schema.default;
    if (value === undefined) continue;
    const message = wrong(value, schema);
    if (message) issues.push({ path: schema.name, message });
    else params[schema.name] = value;
  }
  const { maxTokens } = params;
  if (capability.maxOutputTokens !== null && typeof maxTokens === "number" && maxTokens > capability.maxOutputTokens) {
    issues.push({ path: "maxTokens", message: `must be at most ${capability.maxOutputTokens}` });
  }
  if (!capability.reasoning) delete params.reasoning;
  return { params, issues };
}

function wrong(value: unknown, { min, max, options }: ParamSchema): string | undefined {
  if (options && !options.includes(String(value))) return `must be one of ${options.join(", ")}`;
  if (typeof value !== "number") return undefined;
  if (min !== undefined && value < min) return `must be at least ${min}`;
  return max !== undefined && value > max ? `must be at most ${max}` : undefined;
}

/** What a call asks of a model that it cannot do, in words; undefined where there is nothing. */
export function beyond(call: Pick<ModelCall, "messages" | "tools">, capability: Capability): string | undefined {
  if (call.tools?.length && !capability.tools) return "it takes no tools";
  const kinds = new Set(call.messages.flatMap(partsOf).map(({ type }) => type));
  if (kinds.has("image") && !capability.images) return "it takes no images";
  if (kinds.has("audio") && !capability.audio) return "it takes no audio";
  if (kinds.has("video") && !capability.video) return "it takes no video";
  if (kinds.has("file") && !capability.files) return "it takes no files";
  return undefined;
}

function partsOf(message: ModelMessage): readonly ModelPart[] {
  return message.role === "user" && typeof message.content !== "string" ? message.content : [];
}

const JSON_RULES = "Reply with one JSON value and nothing else: no explanation, no Markdown.";

/** The messages with what a model has to be told that has no such mode of its own. */
export function withFormat(
  messages: readonly ModelMessage[],
  format: ModelCall["format"],
  capability: Capability,
): { messages: readonly ModelMessage[]; format?: ModelCall["format"] } {
  if (format?.type !== "json") return { messages };
  const { schema } = format;
  // A mode without a schema goes by what it is told, and wants the word JSON in it.
  if (capability.json === "schema" && schema) return { messages, format };
  const told = schema ? `${JSON_RULES}\nIt has to fit this JSON Schema:\n${JSON.stringify(schema)}` : JSON_RULES;
  const [first, ...rest] = messages;
  const withRules: ModelMessage[] =
    first?.role === "system"
      ? [{ role: "system", content: `${first.content}\n\n${told}` }, ...rest]
      : [{ role: "system", content: told }, ...messages];
  return { messages: withRules, ...(capability.json === "none" ? {} : { format: { type: "json" as const } }) };
}

/** Tokens that a call is taken to need before anybody has counted them: its text, and the longest reply. */
const CHARS_PER_TOKEN = 3;
const TOKENS_OF_A_FILE = 1_500;
const REPLY_TOKENS = 1_000;

export function estimateTokens(call: Pick<ModelCall, "messages" | "tools">, maxTokens: number | undefined): number {
  let chars = JSON.stringify(call.tools ?? []).length;
  let files = 0;
  for (const message of call.messages) {
    const parts = partsOf(message);
    files += parts.filter(({ type }) => type !== "text").length;
    chars += parts.reduce((sum, part) => sum + (part.type === "text" ? part.text.length : 0), 0);
    if (typeof message.content === "string") chars += message.content.length;
  }
  return Math.ceil(chars / CHARS_PER_TOKEN) + files * TOKENS_OF_A_FILE + (maxTokens ?? REPLY_TOKENS);
}
