import * as z from "zod";
import { MAX_FIELDS, MAX_STRING, MODEL_TIMEOUT_MS } from "../limits.ts";
import { askKept, modelOfTry, recentMessages } from "../llm/call.ts";
import { modelConfig, modelIds, modelIssues } from "../llm/config.ts";
import { userContent } from "../llm/prompt.ts";
import { fieldsIn } from "../llm/reply.ts";
import { objectSchema } from "../llm/schema.ts";
import type { ModelMessage } from "../model.ts";
import { defineNode, type NodePlace } from "../node.ts";
import type { Field } from "../plan.ts";
import { stableStringify } from "../values/json.ts";
import { renderTemplate } from "../values/template.ts";

/** Outputs that are not looked for in the text. */
const OWN_OUTPUTS = new Set(["isComplete", "missing", "isSuccess", "errorBody"]);

const config = z.strictObject({
  model: modelConfig.prefault({}),
  /** Takes the model's place from the second try on. */
  backup: modelConfig.optional(),
  /** What is read, as a template. */
  text: z.string().max(MAX_STRING).default("{{text}}"),
  instruction: z.string().max(MAX_STRING).default(""),
  /** Rounds of the conversation that the model is told of. */
  history: z.int().min(1).max(100).optional(),
  /** Inputs that are files for the model, beside those whose declared type says so. */
  files: z.array(z.string()).max(MAX_FIELDS).optional(),
});

const wantedOf = (outputs: readonly Field[]): Field[] => outputs.filter(({ name }) => !OWN_OUTPUTS.has(name));

function rule(wanted: readonly Field[], said: string): string {
  const schema = stableStringify(objectSchema(wanted));
  const text = `Read these fields from the last message and reply with one JSON object and nothing else. Leave out what the message does not say; never guess. The object's JSON Schema: ${schema}`;
  return said === "" ? text : `${text}\n\n${said}`;
}

export const parameterExtractor = defineNode({
  type: "parameter_extractor",
  title: "Extract",
  description: "Has a model read the declared outputs from a text, and says which required ones it does not hold.",
  category: "model",
  config,
  effectful: true,
  keeps: true,
  zeroInputs: true,
  nullOutputs: true,
  timeoutMs: MODEL_TIMEOUT_MS,
  outputs: () => [
    { name: "isComplete", type: { type: "boolean" } },
    { name: "missing", type: { type: "list", items: { type: "string" } } },
  ],
  uses: ({ files = [] }) => files,
  models: ({ model, backup }) => modelIds(model, backup),
  check: ({ model, backup }, { outputs }: NodePlace) => [
    ...modelIssues(model),
    ...modelIssues(backup, "backup"),
    ...(wantedOf(outputs).length === 0 ? [{ path: "text", message: "declare outputs: they are what is read" }] : []),
  ],
  dify: ["parameter-extractor"],
  async run(run) {
    const { config, inputs, node } = run;
    const wanted = wantedOf(node.outputs);
    const messages: ModelMessage[] = [
      { role: "system", content: rule(wanted, renderTemplate(config.instruction, inputs)) },
      ...(await recentMessages(run, config.history)),
      { role: "user", content: await userContent(run, config.text, config.files) },
    ];
    const format = { type: "json" as const, schema: objectSchema(wanted) };
    const model = modelOfTry(run, config.model, config.backup);
    const asked = await askKept(run, model, { messages, format }, { name: "turn_0", title: "Model", isLast: true });
    if ("blocked" in asked) return asked;
    const { values, warning } = fieldsIn(asked.value, wanted);
    const missing = wanted
      .filter(({ name, required }) => required && (values[name] ?? null) === null)
      .map(({ name }) => name);
    return { output: { ...values, isComplete: missing.length === 0, missing }, ...(warning ? { warning } : {}) };
  },
});
