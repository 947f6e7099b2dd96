import * as z from "zod";
import { dig, fieldsOf, inputParameters, listOf, pick, textOf } from "../coze/read.ts";
import { MAX_CHOICES, MAX_STRING, MODEL_TIMEOUT_MS } from "../limits.ts";
import { askKept, modelOfTry, recentMessages } from "../llm/call.ts";
import { choiceIn, numbered } from "../llm/choose.ts";
import { modelConfig, modelIds, modelIssues, readCozeModel } from "../llm/config.ts";
import { readBackup, readHistory } from "../llm/coze.ts";
import { recordIn } from "../llm/reply.ts";
import type { ModelMessage } from "../model.ts";
import { defineNode } from "../node.ts";
import { toText } from "../values/convert.ts";
import { renderTemplate } from "../values/template.ts";

const MEMBER = "classificationId";

const config = z.strictObject({
  model: modelConfig.prefault({}),
  /** Takes the model's place from the second try on. */
  backup: modelConfig.optional(),
  intents: z
    .array(z.strictObject({ name: z.string().max(2_000), description: z.string().max(4_000).optional() }))
    .min(1)
    .max(MAX_CHOICES),
  /** all: with a reason. top_speed: the bare number. */
  mode: z.enum(["all", "top_speed"]).default("all"),
  systemPrompt: z.string().max(MAX_STRING).default(""),
  /** Rounds of the conversation that the model is told of. */
  history: z.int().min(1).max(100).optional(),
});
type Config = z.output<typeof config>;

function instruction({ intents, mode, systemPrompt }: Config, inputs: Record<string, unknown>): string {
  const said = renderTemplate(systemPrompt, inputs);
  const reply =
    mode === "top_speed"
      ? "Reply with the number of the intent and nothing else, or with 0 where none of them fits."
      : `Reply with a JSON object and nothing else: {"${MEMBER}": the number of the intent, or 0 where none of them fits, "reason": why, in one sentence}.`;
  const rule = `Decide what the person who wrote the last message wants. The intents:\n${numbered(intents)}\n\n${reply}`;
  return said === "" ? rule : `${rule}\n\n${said}`;
}

export const intentDetector = defineNode({
  type: "intent_detector",
  title: "Intent",
  description: "Has a model decide which of several intents a text has, each with a port of its own.",
  category: "model",
  config,
  effectful: true,
  keeps: true,
  zeroInputs: true,
  nullOutputs: true,
  timeoutMs: MODEL_TIMEOUT_MS,
  portForms: [
    { name: "branch_{n}", description: "The text has the intent of this number." },
    { name: "default", description: "It has none of them." },
  ],
  ports: ({ intents }) => [...intents.map((_intent, at) => `branch_${at}`), "default"],
  outputs: ({ mode }) => [
    { name: MEMBER, type: { type: "integer" } },
    ...(mode === "all" ? [{ name: "reason", type: { type: "string" as const } }] : []),
  ],
  uses: () => ["query"],
  models: ({ model, backup }) => modelIds(model, backup),
  check: ({ model, backup }) => [...modelIssues(model), ...modelIssues(backup, "backup")],
  coze: {
    id: "22",
    key: "IntentDetector",
    displayKey: "Intent",
    read: ({ data, inputs }) => {
      const params = pick(inputs, "llmParam");
      return {
        config: {
          model: readCozeModel(params),
          ...readBackup(inputs),
          intents: listOf(inputs, "intents").map((intent) => ({ name: textOf(intent, "name") ?? "" })),
          mode: textOf(inputs, "mode") === "top_speed" ? "top_speed" : "all",
          systemPrompt: textOf(params, "systemPrompt", "value", "content") ?? textOf(params, "systemPrompt") ?? "",
          ...readHistory(dig(inputs, "chatHistorySetting")),
        },
        inputs: inputParameters(inputs),
        outputs: fieldsOf(pick(data, "outputs")),
      };
    },
  },
  async run(run) {
    const { config, inputs } = run;
    const { intents, mode } = config;
    const messages: ModelMessage[] = [
      { role: "system", content: instruction(config, inputs) },
      ...(await recentMessages(run, config.history)),
      { role: "user", content: toText(inputs.query) },
    ];
    const format = mode === "all" ? { format: { type: "json" as const } } : {};
    const part = { name: "turn_0", title: "Model", isLast: true };
    const asked = await askKept(run, modelOfTry(run, config.model, config.backup), { messages, ...format }, part);
    if ("blocked" in asked) return asked;
    const found = choiceIn(asked.value, intents, MEMBER);
    const number = found ?? 0;
    const reason = mode === "all" ? { reason: toText(recordIn(asked.value)?.reason) } : {};
    const warning = { code: "unclear_reply", message: "the reply names no intent: it is taken for none of them" };
    return {
      output: { [MEMBER]: number, ...reason },
      port: number > 0 ? `branch_${number - 1}` : "default",
      ...(found === undefined ? { warning } : {}),
    };
  },
});
