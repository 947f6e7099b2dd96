import * as z from "zod";
import { MAX_CHOICES, MAX_STRING, MODEL_TIMEOUT_MS } from "../limits.ts";
import { askKept, modelOfTry, recentMessages } from "../llm/call.ts";
import { choicesIn, numbered } from "../llm/choose.ts";
import { modelConfig, modelIds, modelIssues } from "../llm/config.ts";
import { userContent } from "../llm/prompt.ts";
import type { ModelMessage } from "../model.ts";
import { defineNode } from "../node.ts";
import { renderTemplate } from "../values/template.ts";

const MEMBER = "classes";

const config = z.strictObject({
  model: modelConfig.prefault({}),
  /** Takes the model's place from the second try on. */
  backup: modelConfig.optional(),
  /** What is classified, as a template. */
  text: z.string().max(MAX_STRING).default("{{text}}"),
  classes: z
    .array(z.strictObject({ name: z.string().min(1).max(2_000), description: z.string().max(4_000).optional() }))
    .min(1)
    .max(MAX_CHOICES),
  /** Several classes may hold; the node leaves by the port of the first. */
  several: z.boolean().default(false),
  /** The class, counted from 1, that is taken where none fits. */
  fallback: z.int().min(1).max(MAX_CHOICES).optional(),
  instruction: z.string().max(MAX_STRING).default(""),
  /** Rounds of the conversation that the model is told of. */
  history: z.int().min(1).max(100).optional(),
  /** Inputs that are files for the model, beside those whose declared type says so. */
  files: z.array(z.string()).max(MAX_CHOICES).optional(),
});
type Config = z.output<typeof config>;

function rule({ classes, several, instruction }: Config, inputs: Record<string, unknown>): string {
  const said = renderTemplate(instruction, inputs);
  const what = several
    ? "the numbers of all classes that hold, the best first"
    : "the number of the one class that fits best";
  const text = `Classify the text of the last message. The classes:\n${numbered(classes)}\n\nReply with a JSON object and nothing else: {"${MEMBER}": [${what}; empty where none of them does]}.`;
  return said === "" ? text : `${text}\n\n${said}`;
}

export const questionClassifier = defineNode({
  type: "question_classifier",
  title: "Classify",
  description: "Has a model say which class a text belongs to, each with a port of its own, or which of them hold.",
  category: "model",
  config,
  effectful: true,
  keeps: true,
  zeroInputs: true,
  nullOutputs: true,
  timeoutMs: MODEL_TIMEOUT_MS,
  portForms: [
    { name: "class_{n}", description: "The class of this number fits, before all others that do." },
    { name: "default", description: "None of them fits." },
  ],
  ports: ({ classes, fallback }) => [
    ...classes.map((_class, at) => `class_${at}`),
    ...(fallback === undefined ? ["default"] : []),
  ],
  outputs: () => [
    { name: "className", type: { type: "string" } },
    { name: "classNumber", type: { type: "integer" } },
    { name: "classNames", type: { type: "list", items: { type: "string" } } },
  ],
  uses: ({ files = [] }) => files,
  models: ({ model, backup }) => modelIds(model, backup),
  check: ({ model, backup, classes, fallback = 1 }) => [
    ...modelIssues(model),
    ...modelIssues(backup, "backup"),
    ...(fallback > classes.length ? [{ path: "fallback", message: "there is no such class" }] : []),
  ],
  dify: ["question-classifier"],
  async run(run) {
    const { config, inputs } = run;
    const content = await userContent(run, config.text, config.files);
    const messages: ModelMessage[] = [
      { role: "system", content: rule(config, inputs) },
      ...(await recentMessages(run, config.history)),
      { role: "user", content },
    ];
    const model = modelOfTry(run, config.model, config.backup);
    const part = { name: "turn_0", title: "Model", isLast: true };
    const asked = await askKept(run, model, { messages, format: { type: "json" } }, part);
    if ("blocked" in asked) return asked;
    const found = choicesIn(asked.value, config.classes, MEMBER);
    const instead = config.fallback === undefined ? [] : [config.fallback];
    const numbers = (found?.length ? found : instead).slice(0, config.several ? undefined : 1);
    const [first] = numbers;
    const names = numbers.map((number) => config.classes[number - 1]?.name ?? "");
    const warning = { code: "unclear_reply", message: "the reply names no class: it is taken for none of them" };
    return {
      output: { className: names[0] ?? "", classNumber: first ?? 0, classNames: names },
      port: first === undefined ? "default" : `class_${first - 1}`,
      ...(found === undefined ? { warning } : {}),
    };
  },
});
