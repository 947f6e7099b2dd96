import * as z from "zod";
import type { CanvasInput } from "../canvas.ts";
import { dig, fieldsOf, freeName, inputOf, inputParameters, listOf, numberOf, pick, textOf } from "../coze/read.ts";
import { MAX_OPTIONS, MAX_STRING, MAX_WAIT_MS } from "../limits.ts";
import { type Message, meantOption, type Read, readByModel } from "../llm/answers.ts";
import { modelConfig, modelIds, modelIssues, readCozeModel } from "../llm/config.ts";
import { defineNode, NodeError, type NodeResult, type NodeRun } from "../node.ts";
import type { Field } from "../plan.ts";
import { addUsage, metered, type Usage } from "../record.ts";
import { convertFields, toText } from "../values/convert.ts";
import { renderTemplate } from "../values/template.ts";
import { readAnswer } from "./input.ts";

const DEFAULT_ROUNDS = 3;
const MAX_ROUNDS = 20;
const LETTER_A = 65;
/** Outputs that are no fields to be asked for. */
const OWN_OUTPUTS = new Set(["USER_RESPONSE", "optionId", "optionContent", "isSuccess", "errorBody"]);

const config = z.strictObject({
  question: z.string().max(MAX_STRING),
  answerType: z.enum(["text", "option"]).default("text"),
  /** Fixed options, which may be templates: each has a port. */
  options: z.array(z.string().max(2_000)).max(MAX_OPTIONS).default([]),
  /** The input that holds the options instead: they share the port `branch_0`. */
  optionsInput: z.string().optional(),
  /** Reads the declared fields from text answers, and asks again for required ones that are missing. */
  extract: z.boolean().default(false),
  /** Reads the fields, or finds the option that an answer means; without it answers are taken by the letter. */
  model: modelConfig.optional(),
  systemPrompt: z.string().max(MAX_STRING).optional(),
  /** Answers at most. */
  rounds: z.int().min(1).max(MAX_ROUNDS).default(DEFAULT_ROUNDS),
  timeoutMs: z.int().min(1).max(MAX_WAIT_MS).optional(),
});
type Config = z.output<typeof config>;

interface State {
  messages: Message[];
  options: string[];
  fields: Record<string, unknown>;
  /** What the answers before were metered for. */
  usage?: Usage;
}

function ask(config: Config, state: State): NodeResult {
  const data = {
    kind: config.answerType,
    question: state.messages.at(-1)?.content ?? "",
    messages: state.messages,
    ...(config.answerType === "option" ? { options: state.options } : {}),
  };
  const timeout = config.timeoutMs === undefined ? {} : { timeoutMs: config.timeoutMs };
  return { suspend: "signal", event: { type: "question", data, ...timeout }, state };
}

function optionsOf({ config, inputs }: NodeRun<Config>): string[] {
  if (config.answerType !== "option") return [];
  if (config.optionsInput === undefined) return config.options.map((option) => renderTemplate(option, inputs));
  const given = inputs[config.optionsInput];
  if (!Array.isArray(given) || given.length === 0) {
    throw new NodeError("no_options", "there is nothing to choose from", { retryable: false });
  }
  return given.slice(0, MAX_OPTIONS).map(toText);
}

function chosen(config: Config, index: number, answer: string): NodeResult {
  if (index < 0) return { output: { optionId: "other", optionContent: answer }, port: "default" };
  const port = config.optionsInput === undefined ? `branch_${index}` : "branch_0";
  return { output: { optionId: String.fromCharCode(LETTER_A + index), optionContent: answer }, port };
}

async function choose(run: NodeRun<Config>, { options }: State, answer: string): Promise<NodeResult> {
  const { config } = run;
  const exact = options.indexOf(answer);
  if (exact >= 0 || !config.model || options.length === 0) return chosen(config, exact, answer);
  const found = await meantOption(run, config.model, options, answer);
  return typeof found === "number" ? chosen(config, found, options[found] ?? answer) : found;
}

async function extract(run: NodeRun<Config>, state: State, answer: string): Promise<NodeResult> {
  const { model, rounds, systemPrompt = "" } = run.config;
  const wanted: Field[] = run.node.outputs.filter((field) => !OWN_OUTPUTS.has(field.name));
  const said = renderTemplate(systemPrompt, run.inputs);
  const read = model ? await readByModel(run, model, said, state.messages, wanted) : readByName(answer, wanted);
  if ("blocked" in read) return read;
  const fields = { ...state.fields, ...read.fields };
  const known = Object.fromEntries(wanted.map(({ name }) => [name, fields[name] ?? null]));
  const missing = wanted.filter((field) => field.required && known[field.name] === null).map((field) => field.name);
  if (missing.length === 0) return { output: { USER_RESPONSE: answer, ...known }, ...metered({ ...state.usage }) };
  const answers = state.messages.filter((message) => message.type === "answer").length;
  if (answers >= rounds) {
    throw new NodeError("no_answer", `no answer gave ${missing.join(", ")}`, { retryable: false });
  }
  const content = read.question ?? `Please give ${missing.map((name) => `${name}: …`).join("\n")}`;
  const messages: Message[] = [...state.messages, { type: "question", content }];
  const usage = addUsage({ ...state.usage }, read.usage);
  return ask(run.config, { ...state, fields: known, messages, ...metered(usage) });
}

/** The fields that an answer names, or gives where there is one alone. */
function readByName(answer: string, wanted: readonly Field[]): Read {
  const named = readAnswer(answer, wanted);
  const [only] = wanted;
  const given = Object.keys(named).length === 0 && wanted.length === 1 && only ? { [only.name]: answer } : named;
  return { fields: convertFields(given, wanted) };
}

function readModel(params: unknown): Record<string, unknown> {
  if (!textOf(params, "modelType")) return {};
  const systemPrompt = textOf(params, "systemPrompt");
  return { model: readCozeModel(params), ...(systemPrompt ? { systemPrompt } : {}) };
}

function readConfig(inputs: unknown, added: CanvasInput[]): Record<string, unknown> {
  const isOption = textOf(inputs, "answer_type") === "option";
  const isDynamic = isOption && textOf(inputs, "option_type") === "dynamic";
  const isExtracting = !isOption && dig(inputs, "extra_output") === true;
  const name = freeName("options", added);
  if (isDynamic) added.push(inputOf(name, pick(inputs, "dynamic_option")));
  return {
    question: textOf(inputs, "question") ?? "",
    answerType: isOption ? "option" : "text",
    ...(isDynamic ? { optionsInput: name } : {}),
    ...(isOption && !isDynamic ? { options: listOf(inputs, "options").map((item) => textOf(item, "name") ?? "") } : {}),
    extract: isExtracting,
    ...(isOption || isExtracting ? readModel(pick(inputs, "llmParam")) : {}),
    rounds: Math.min(Math.max(1, numberOf(inputs, "limit") ?? DEFAULT_ROUNDS), MAX_ROUNDS),
  };
}

export const question = defineNode({
  type: "question",
  title: "Question",
  description: "Asks a person, and waits for a text or for one of several options, each with a port of its own.",
  category: "human",
  config,
  effectful: true,
  keeps: true,
  waits: true,
  zeroInputs: true,
  nullOutputs: true,
  portForms: [
    { name: "branch_{n}", description: "The option of this number was chosen; for options of an input always 0." },
    { name: "default", description: "An answer in text, or one that is none of the options." },
  ],
  ports: ({ answerType, options, optionsInput }) => {
    if (answerType === "text") return ["default"];
    return [...(optionsInput === undefined ? options.map((_o, index) => `branch_${index}`) : ["branch_0"]), "default"];
  },
  outputs: ({ answerType }) =>
    (answerType === "text" ? ["USER_RESPONSE"] : ["optionId", "optionContent"]).map((name) => ({
      name,
      type: { type: "string" },
    })),
  uses: ({ optionsInput }) => (optionsInput === undefined ? [] : [optionsInput]),
  models: ({ model }) => modelIds(model),
  check: ({ model }) => modelIssues(model),
  coze: {
    id: "18",
    key: "QuestionAnswer",
    displayKey: "Question",
    read: ({ data, inputs: source }) => {
      const inputs = inputParameters(source);
      return { config: readConfig(source, inputs), inputs, outputs: fieldsOf(pick(data, "outputs")) };
    },
  },
  run(run) {
    const { config, resume } = run;
    if (!resume) {
      const content = renderTemplate(config.question, run.inputs);
      return ask(config, { messages: [{ type: "question", content }], options: optionsOf(run), fields: {} });
    }
    if (resume.error) throw new NodeError(resume.error.code, resume.error.message, { retryable: false });
    if (resume.timedOut) throw new NodeError("timeout", "no answer came in time", { retryable: false });
    const before = resume.state as State;
    const answer = toText(resume.data);
    const state: State = { ...before, messages: [...before.messages, { type: "answer", content: answer }] };
    if (config.answerType === "option") return choose(run, state, answer);
    return config.extract ? extract(run, state, answer) : { output: { USER_RESPONSE: answer } };
  },
});
