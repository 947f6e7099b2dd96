import type { CanvasField, CanvasInput } from "../canvas.ts";
import { record, records, text } from "../import/builder.ts";
import { boundModel, exampleFields, listedFields, schemaList, schemaTextFields } from "../import/models.ts";
import { fileOf } from "./binary.ts";
import type { N8nNode, NodeContext } from "./context.ts";
import { type Mapper, quote } from "./parameters.ts";

/** Calls of a model side by side. */
const CONCURRENCY = 5;
/** Rounds that a memory keeps where it does not say. */
const USUAL_ROUNDS = 5;
const CHAT_INPUT = "={{ $json.chatInput }}";
/** Agents that only ask a model and call tools. */
const PLAIN_AGENTS = new Set(["toolsAgent", "conversationalAgent", "openAiFunctionsAgent", "reActAgent"]);

const lastName = ({ type }: N8nNode): string => type.split(".").at(-1) ?? type;

/** A value that is chosen from a list there, or written. */
const chosen = (value: unknown): string =>
  (text(record(value).value) ?? text(value) ?? "").replace(/^=/, "").replace(/^models\//, "");

function servingOf(context: NodeContext, kind: RegExp): N8nNode[] {
  return context.serving.filter((node) => kind.test(lastName(node)));
}

/** The model that serves a node. */
function modelOf(context: NodeContext): Record<string, unknown> {
  const [model] = servingOf(context, /^lm[A-Z]/);
  if (!model) {
    context.notes.block("no model serves it");
    return {};
  }
  const { parameters } = model;
  const provider = lastName(model)
    .replace(/^lm(Chat)?/, "")
    .toLowerCase();
  const given = chosen(parameters.model ?? parameters.modelName ?? parameters.modelId);
  const name = given.includes("{{") ? "" : given;
  return boundModel({ provider, name, params: record(parameters.options) }, context.bindings.models, context.notes);
}

/** Parts that serve a node and mean nothing here. */
function checkServing(context: NodeContext, known: RegExp): void {
  const [other] = context.serving.filter((node) => !known.test(lastName(node)));
  if (other) context.notes.block(`"${other.name}" serves it, which has no counterpart here`);
}

function historyOf(context: NodeContext): { history?: number } {
  const [memory] = servingOf(context, /^memory/);
  if (!memory) return {};
  context.notes.change("its memory is the conversation that the run belongs to");
  const rounds = Math.trunc(Number(memory.parameters.contextWindowLength ?? USUAL_ROUNDS)) || USUAL_ROUNDS;
  return { history: Math.min(Math.max(rounds, 1), 100) };
}

/** The name of the field that is the whole of what a parser makes. */
const WHOLE = "output";

/** What a parser makes of the reply: fields, a list, or any JSON. Undefined where the reply is a text. */
function parsed(context: NodeContext): CanvasField[] | undefined {
  if (context.node.parameters.hasOutputParser !== true) return undefined;
  const [parser] = servingOf(context, /^outputParser/);
  if (!parser) return undefined;
  if (lastName(parser) !== "outputParserStructured") {
    context.notes.block(`the parser "${parser.name}" has no counterpart here`);
    return undefined;
  }
  const { schemaType, jsonSchemaExample, inputSchema, jsonSchema } = parser.parameters;
  const isManual = schemaType === "manual" || (jsonSchemaExample === undefined && schemaType !== "fromJson");
  if (!isManual) return exampleFields(jsonSchemaExample);
  const list = schemaList(inputSchema ?? jsonSchema, WHOLE);
  return list ? [list] : schemaTextFields(inputSchema ?? jsonSchema);
}

/** The text that is asked, of whatever version of the node it is. */
function questionOf({ node: { parameters, version } }: NodeContext): unknown {
  if (parameters.promptType === "define") return parameters.text ?? "";
  if (parameters.promptType !== undefined || version >= 1.4) return CHAT_INPUT;
  return parameters.text ?? parameters.prompt ?? CHAT_INPUT;
}

/** A text of a node as a place that is filled in each turn. */
function place(context: NodeContext, inputs: CanvasInput[], name: string, value: unknown): string {
  inputs.push(context.turnInput(name, value, name, "string"));
  return `{{${name}}}`;
}

interface Asked {
  config: Record<string, unknown>;
  inputs: CanvasInput[];
  fields: CanvasField[] | undefined;
  /** JSONata for the item that is made of the reply. */
  item(value: string): string;
}

function ask(context: NodeContext, { config, inputs, fields, item }: Asked) {
  const isList = fields?.length === 1 && fields[0]?.name === WHOLE && typeof fields[0].type === "object";
  const members = fields?.map(({ name }) => `${quote(name)}: $js_get(result, ${quote(name)})`) ?? [];
  const value = members.length > 0 && !isList ? `{${members.join(", ")}}` : "result.output";
  return context.perItem({
    type: "llm",
    data: {
      config: { ...config, ...(fields ? { format: "json", single: "field" } : {}) },
      inputs,
      ...(fields?.length ? { outputs: fields } : {}),
    },
    read: `[${item(value)}]`,
    concurrency: CONCURRENCY,
  });
}

const ROLES: Readonly<Record<string, "system" | "user" | "assistant">> = {
  SystemMessagePromptTemplate: "system",
  HumanMessagePromptTemplate: "user",
  AIMessagePromptTemplate: "assistant",
  system: "system",
  assistant: "assistant",
  user: "user",
};

interface Turns {
  systemPrompt: string;
  messages: { role: "user" | "assistant"; content: string }[];
  files: string[];
}

function turnsOf(context: NodeContext, given: unknown, inputs: CanvasInput[], usual: string): Turns {
  const systems: string[] = [];
  const turns: Turns = { systemPrompt: "", messages: [], files: [] };
  for (const [at, message] of records(given).entries()) {
    const role = ROLES[text(message.type) ?? text(message.role) ?? usual] ?? "user";
    if (message.messageType === "imageBinary") {
      inputs.push({ ...fileOf(context, `file${at}`, message.binaryImageDataKey ?? "data") });
      turns.files.push(`file${at}`);
      continue;
    }
    if (message.messageType === "imageUrl") {
      inputs.push(context.turnInput(`file${at}`, message.imageUrl, `messages.${at}.imageUrl`, "string"));
      turns.files.push(`file${at}`);
      continue;
    }
    const content = place(context, inputs, `message${at}`, message.message ?? message.content ?? "");
    if (role === "system") systems.push(content);
    else turns.messages.push({ role, content });
  }
  turns.systemPrompt = systems.join("\n\n");
  return turns;
}

const filled = ({ systemPrompt, messages, files }: Turns): Record<string, unknown> => ({
  ...(systemPrompt === "" ? {} : { systemPrompt }),
  ...(messages.length > 0 ? { messages } : {}),
  ...(files.length > 0 ? { files } : {}),
});

/** A chain that asks a model once for each item. */
export const chainLlm: Mapper = (context) => {
  checkServing(context, /^(lm[A-Z]|outputParser)/);
  const inputs: CanvasInput[] = [];
  const turns = turnsOf(context, record(context.node.parameters.messages).messageValues, inputs, "system");
  const prompt = place(context, inputs, "prompt", questionOf(context));
  const fields = parsed(context);
  const name = fields ? "output" : "text";
  const config = { model: modelOf(context), ...filled(turns), prompt };
  return ask(context, { config, inputs, fields, item: (value) => `{"${name}": ${value}}` });
};

/** An agent without tools: one that only talks. */
export const agent: Mapper = (context) => {
  const { parameters } = context.node;
  const kind = text(parameters.agent) ?? "toolsAgent";
  if (!PLAIN_AGENTS.has(kind)) context.notes.block(`agents of kind "${kind}" have no counterpart here`);
  checkServing(context, /^(lm[A-Z]|outputParser|memory)/);
  const inputs: CanvasInput[] = [];
  const system = record(parameters.options).systemMessage;
  const systemPrompt = system === undefined ? "You are a helpful assistant" : place(context, inputs, "system", system);
  const prompt = place(context, inputs, "prompt", questionOf(context));
  const config = { model: modelOf(context), systemPrompt, prompt, ...historyOf(context) };
  return ask(context, { config, inputs, fields: parsed(context), item: (value) => `{"output": ${value}}` });
};

/** OpenAI's own node, as far as it asks a model for a text. */
export const openAi: Mapper = (context) => {
  const { parameters } = context.node;
  const resource = text(parameters.resource) ?? "text";
  const operation = text(parameters.operation) ?? "message";
  if (resource !== "text" || operation !== "message")
    context.notes.block(`"${operation}" of "${resource}" has no counterpart here`);
  checkServing(context, /^memory/);
  const inputs: CanvasInput[] = [];
  const turns = turnsOf(context, record(parameters.messages).values, inputs, "user");
  const last = turns.messages.at(-1);
  if (last?.role === "user") turns.messages.pop();
  const given = { provider: "openai", name: chosen(parameters.modelId), params: record(parameters.options) };
  const model = boundModel(given, context.bindings.models, context.notes);
  const prompt = last?.role === "user" ? { prompt: last.content } : {};
  context.notes.change("of the answer its message is given");
  const isJson = parameters.jsonOutput === true;
  const message = (value: string): string => `{"role": "assistant", "content": ${value}}`;
  const choice = (value: string): string => `{"index": 0, "message": ${message(value)}, "finish_reason": "stop"}`;
  return ask(context, {
    config: { model, ...filled(turns), ...prompt, ...historyOf(context) },
    inputs,
    fields: isJson ? [] : undefined,
    item: (value) => (parameters.simplify === false ? `{"choices": [${choice(value)}]}` : choice(value)),
  });
};

export const informationExtractor: Mapper = (context) => {
  const { parameters } = context.node;
  checkServing(context, /^lm[A-Z]/);
  const inputs: CanvasInput[] = [];
  const words = place(context, inputs, "text", parameters.text ?? "");
  const kind = text(parameters.schemaType) ?? "fromAttributes";
  const fields =
    kind === "fromAttributes"
      ? listedFields(record(parameters.attributes).attributes)
      : kind === "manual"
        ? schemaTextFields(parameters.inputSchema)
        : exampleFields(parameters.jsonSchemaExample);
  if (fields.length === 0) context.notes.block("what it reads is no object with members that are known");
  const rule = record(parameters.options).systemPromptTemplate;
  const instruction = rule === undefined ? {} : { instruction: place(context, inputs, "rule", rule) };
  const members = fields.map(({ name }) => `${quote(name)}: $js_get(result, ${quote(name)})`);
  return context.perItem({
    type: "parameter_extractor",
    data: { config: { model: modelOf(context), text: words, ...instruction }, inputs, outputs: fields },
    read: `[{"output": {${members.join(", ")}}}]`,
    concurrency: CONCURRENCY,
  });
};

export const chainSummarization: Mapper = (context) => {
  const { parameters, version } = context.node;
  checkServing(context, /^lm[A-Z]/);
  const mode = text(parameters.operationMode) ?? "nodeInputJson";
  if (version < 2 || mode !== "nodeInputJson") context.notes.block("only texts of items are summarised here");
  const values = record(record(record(parameters.options).summarizationMethodAndPrompts).values);
  const methods: Readonly<Record<string, string>> = { map_reduce: "map_reduce", refine: "refine", stuff: "whole" };
  const method = methods[text(values.summarizationMethod) ?? "map_reduce"] ?? "map_reduce";
  const prompts = [values.prompt, values.combineMapPrompt, values.refinePrompt, values.refineQuestionPrompt];
  if (prompts.some((one) => one !== undefined)) context.notes.block("prompts of its own have no counterpart here");
  context.notes.change("it is summarised with the prompts of this place");
  const inputs: CanvasInput[] = [
    { name: "text", type: "string", expression: context.turnExpression("$string($json)") },
  ];
  const chunkSize = Math.min(Math.max(Math.trunc(Number(parameters.chunkSize ?? 1_000)) || 1_000, 200), 200_000);
  const overlap = Math.min(Math.max(Math.trunc(Number(parameters.chunkOverlap ?? 200)) || 0, 0), 20_000);
  return context.perItem({
    type: "summarise",
    data: { config: { model: modelOf(context), text: "{{text}}", method, chunkSize, overlap }, inputs },
    read: '[{"response": {"text": result.output}}]',
    concurrency: CONCURRENCY,
  });
};
