import * as z from "zod";
import { MAX_FIELDS, MAX_STRING, MODEL_TIMEOUT_MS } from "../limits.ts";
import { modelOfTry, recentMessages } from "../llm/call.ts";
import { modelConfig, modelIds, modelIssues } from "../llm/config.ts";
import { converse, type Said } from "../llm/converse.ts";
import { readLlm } from "../llm/coze.ts";
import { userContent } from "../llm/prompt.ts";
import { fieldsIn, jsonIn } from "../llm/reply.ts";
import { objectSchema } from "../llm/schema.ts";
import { knowledgeSkill, offeredTools, pluginTools, workflowTools } from "../llm/tools.ts";
import type { ModelCall, ModelMessage, ModelPart } from "../model.ts";
import { type Blocked, defineNode, NodeError, type NodeResult, type NodeRun } from "../node.ts";
import type { Field } from "../plan.ts";
import { stableStringify } from "../values/json.ts";
import { renderTemplate } from "../values/template.ts";

/** Turns of the model and rounds of tools where the canvas says nothing (Eino's agent, which Coze runs). */
const DEFAULT_STEPS = 12;
const MAX_STEPS = 200;
const MAX_ROUNDS = 100;
const MAX_MESSAGES = 100;
const REASONING = "reasoning_content";
/** Outputs that a model is not asked for. */
const OWN_OUTPUTS = new Set([REASONING, "isSuccess", "errorBody"]);

const MARKDOWN = "Write the reply in Markdown, without a code block around the whole of it.";

const config = z.strictObject({
  model: modelConfig.prefault({}),
  /** Takes the model's place from the second try on. */
  backup: modelConfig.optional(),
  systemPrompt: z.string().max(MAX_STRING).default(""),
  prompt: z.string().max(MAX_STRING).default(""),
  /** What is said before the prompt: examples, or the beginning of a talk. */
  messages: z
    .array(z.strictObject({ role: z.enum(["user", "assistant"]), content: z.string().max(MAX_STRING) }))
    .max(MAX_MESSAGES)
    .default([]),
  /** json: the declared outputs are read from the reply. Otherwise the reply is `output`. */
  format: z.enum(["text", "markdown", "json"]).default("text"),
  /** Of json with one output that is a string: whether the reply is it as it stands, as in Coze, or is read like others. */
  single: z.enum(["text", "field"]).default("text"),
  /** Rounds of the conversation that the model is told of. */
  history: z.int().min(1).max(MAX_ROUNDS).optional(),
  /** Inputs that are files for the model, beside those whose declared type says so. */
  files: z.array(z.string()).max(MAX_FIELDS).optional(),
  workflows: workflowTools,
  plugins: pluginTools,
  knowledge: knowledgeSkill.optional(),
  /** Turns of the model and rounds of tools, together, at most. */
  maxSteps: z.int().min(1).max(MAX_STEPS).default(DEFAULT_STEPS),
});
type Config = z.output<typeof config>;

/** What the reply is: a text under a name, fields, or any JSON. */
type Wanted = { kind: "text"; name: string } | { kind: "fields"; fields: Field[] } | { kind: "json" };

function wantedOf({ node, config: { format, single } }: NodeRun<Config>): Wanted {
  if (format !== "json") return { kind: "text", name: "output" };
  const fields = node.outputs.filter(({ name }) => !OWN_OUTPUTS.has(name));
  const [only] = fields;
  if (only === undefined) return { kind: "json" };
  return single === "text" && fields.length === 1 && only.type.type === "string"
    ? { kind: "text", name: only.name }
    : { kind: "fields", fields };
}

function ruleOf(wanted: Wanted, format: Config["format"]): string {
  switch (wanted.kind) {
    case "text":
      return format === "markdown" ? MARKDOWN : "";
    case "json":
      return "Reply with JSON and nothing else.";
    case "fields": {
      const schema = stableStringify(objectSchema(wanted.fields));
      return `Reply with one JSON object and nothing else. Its JSON Schema: ${schema}`;
    }
  }
}

function formatOf(wanted: Wanted): { format?: ModelCall["format"] } {
  if (wanted.kind === "text") return {};
  return { format: { type: "json", ...(wanted.kind === "fields" ? { schema: objectSchema(wanted.fields) } : {}) } };
}

function systemText(run: NodeRun<Config>, wanted: Wanted): string {
  const said = renderTemplate(run.config.systemPrompt, run.inputs);
  return [said, ruleOf(wanted, run.config.format)].filter((part) => part !== "").join("\n\n");
}

const textOf = (content: string | readonly ModelPart[]): string =>
  typeof content === "string" ? content : content.map((part) => (part.type === "text" ? part.text : "")).join("");

/** What is known of the question, or the reply where nothing is and that is to be said. */
async function known(
  run: NodeRun<Config>,
  query: string,
): Promise<{ passages: string[] } | { reply: string } | Blocked> {
  const { knowledge } = run.config;
  if (!knowledge) return { passages: [] };
  if (!run.deps.knowledge) throw new NodeError("unavailable", "knowledge is not available here", { retryable: false });
  const { search } = run.deps.knowledge;
  const { noMatch, ...request } = knowledge;
  const part = { name: "knowledge", type: "knowledge_search", title: "Knowledge", input: { query } };
  const found = await run.keep(part, async () => {
    const { passages, usage } = await search({ ...request, query }, run.signal);
    return { value: passages.map(({ text }) => text), ...(usage ? { usage } : {}) };
  });
  if ("blocked" in found) return found;
  return found.value.length === 0 && noMatch !== undefined ? { reply: noMatch } : { passages: found.value };
}

async function messagesOf(
  run: NodeRun<Config>,
  wanted: Wanted,
  content: string | ModelPart[],
  passages: readonly string[],
): Promise<ModelMessage[]> {
  const system = systemText(run, wanted);
  const history = [
    ...run.config.messages.map(
      ({ role, content: said }): ModelMessage => ({ role, content: renderTemplate(said, run.inputs) }),
    ),
    ...(await recentMessages(run, run.config.history)),
  ];
  const told = passages.length > 0 ? `What is known:\n${passages.map((text) => `- ${text}`).join("\n")}\n\n` : "";
  const asked =
    typeof content === "string"
      ? told + content
      : [...(told ? [{ type: "text" as const, text: told }] : []), ...content];
  if (asked.length === 0 && history.length === 0 && system === "") {
    throw new NodeError("empty_prompt", "there is nothing to ask: both prompts are empty", { retryable: false });
  }
  // A model answers somebody: without a question the instruction is one.
  if (asked.length === 0 && history.length === 0) return [{ role: "user", content: system }];
  const before: ModelMessage[] = system === "" ? [...history] : [{ role: "system", content: system }, ...history];
  return asked.length === 0 ? before : [...before, { role: "user", content: asked }];
}

function resultOf(run: NodeRun<Config>, said: Said, wanted: Wanted): NodeResult {
  const { text, reasoning, vars } = said;
  const thought = run.node.outputs.some(({ name }) => name === REASONING) ? { [REASONING]: reasoning } : {};
  const set = Object.keys(vars).length > 0 ? { vars } : {};
  if (wanted.kind === "text") return { output: { [wanted.name]: text, ...thought }, ...set };
  if (wanted.kind === "json") return { output: { output: jsonIn(text) ?? text, ...thought }, ...set };
  const { values, warning } = fieldsIn(text, wanted.fields);
  if (!warning) return { output: { ...values, ...thought }, ...set };
  const cut = said.finishReason === "length" ? "; it was cut at the model's limit of tokens" : "";
  return { output: { ...values, ...thought }, ...set, warning: { ...warning, message: warning.message + cut } };
}

export const llm = defineNode({
  type: "llm",
  title: "Model",
  description:
    "Asks a language model, which may call workflows and tools on its way, and gives its reply as text or as fields.",
  category: "model",
  config,
  effectful: true,
  keeps: true,
  assigns: true,
  zeroInputs: true,
  nullOutputs: true,
  timeoutMs: MODEL_TIMEOUT_MS,
  outputs: ({ format }) => (format === "json" ? [] : [{ name: "output", type: { type: "string" } }]),
  uses: ({ files = [] }) => files,
  calls: ({ workflows }) =>
    workflows.map(({ workflowId, version }) => (version ? { workflowId, version } : { workflowId })),
  models: ({ model, backup }) => modelIds(model, backup),
  needs: ({ plugins, knowledge }) => [
    ...(plugins.length > 0 ? ["plugin"] : []),
    ...(knowledge ? ["knowledge_retrieve"] : []),
  ],
  check: ({ model, backup }) => [...modelIssues(model), ...modelIssues(backup, "backup")],
  dify: ["llm"],
  coze: { id: "3", key: "LLM", displayKey: "LLM", read: readLlm },
  async run(run) {
    const { config } = run;
    const wanted = wantedOf(run);
    const content = await userContent(run, config.prompt, config.files);
    const found = await known(run, textOf(content));
    if ("blocked" in found) return found;
    if ("reply" in found) {
      return resultOf(run, { text: found.reply, reasoning: "", finishReason: "stop", vars: {} }, wanted);
    }
    const messages = await messagesOf(run, wanted, content, found.passages);
    const said = await converse(run, {
      model: modelOfTry(run, config.model, config.backup),
      messages,
      tools: await offeredTools(run, config),
      ...formatOf(wanted),
      maxSteps: config.maxSteps,
      isHeard: wanted.kind === "text",
    });
    return "blocked" in said ? said : resultOf(run, said, wanted);
  },
});
