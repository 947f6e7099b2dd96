import type { CanvasField, CanvasInput } from "../canvas.ts";
import { InputList, type Notes, record, records, text } from "../import/builder.ts";
import { boundModel, schemaFields } from "../import/models.ts";
import { MAX_CHOICES } from "../limits.ts";
import type { Mapper } from "./nodes.ts";
import { type DifyApp, difyType, selectorSource, textSource } from "./values.ts";

/** What Dify keeps of a conversation where its window is off. */
const ALL_ROUNDS = 100;
const QUERY = "{{#sys.query#}}";

type Data = Record<string, unknown>;

function modelOf(app: DifyApp, data: Data, notes: Notes): Data {
  const model = record(data.model);
  const name = text(model.name) ?? "";
  const provider = text(model.provider) ?? "";
  return boundModel({ name, provider, params: record(model.completion_params) }, app.models, notes);
}

function historyOf(app: DifyApp, data: Data): { history?: number } {
  if (!app.isChat || data.memory === undefined || data.memory === null) return {};
  const { enabled, size } = record(record(data.memory).window);
  const rounds = enabled === true ? Math.trunc(Number(size) || 0) : ALL_ROUNDS;
  return rounds > 0 ? { history: Math.min(rounds, ALL_ROUNDS) } : {};
}

/** The files that a model is shown, as one more input. */
function filesOf(app: DifyApp, data: Data, notes: Notes, inputs: InputList): { files?: string[] } {
  const vision = record(data.vision);
  const selector = record(vision.configs).variable_selector;
  if (vision.enabled !== true || !Array.isArray(selector)) return {};
  return { files: [inputs.add({ type: "list", ...selectorSource(app, selector, notes) }, "files")] };
}

/** A prompt as a place that is filled once: whatever it holds beside its values is no template here. */
function prompt(app: DifyApp, given: Data, data: Data, notes: Notes, inputs: InputList, name: string): string {
  const source =
    given.edition_type === "jinja2"
      ? jinjaSource(app, given, data, notes)
      : textSource(app, withContext(text(given.text) ?? "", data), notes, name);
  return `{{${inputs.add({ type: "string", ...source }, name)}}}`;
}

function jinjaSource(app: DifyApp, given: Data, data: Data, notes: Notes): Omit<CanvasInput, "name"> {
  const inputs = records(record(data.prompt_config).jinja2_variables).map((variable) => ({
    name: text(variable.variable) || "value",
    ...selectorSource(app, variable.value_selector, notes),
  }));
  const written = text(given.jinja2_text) ?? "";
  notes.expressions.push({ path: "prompt", from: written.slice(0, 200), to: "jinja" });
  return written === "" ? { value: "" } : { jinja: { text: written, inputs } };
}

/** Dify's word for what was found before. */
function withContext(template: string, data: Data): string {
  const { enabled, variable_selector: selector } = record(data.context);
  const found = enabled === true && Array.isArray(selector) ? `{{#${selector.join(".")}#}}` : "";
  return template.replaceAll("{{#context#}}", () => found);
}

export const llm: Mapper = (app, { data }, notes) => {
  const inputs = new InputList();
  const given = Array.isArray(data.prompt_template)
    ? records(data.prompt_template)
    : [{ role: "user", ...record(data.prompt_template) }];
  const history = historyOf(app, data);
  const systems = given.filter(({ role }) => role === "system");
  const turns = given.filter(({ role }) => role !== "system");
  // With a memory the person's question comes after what was said before; the last turn is it otherwise.
  const asked = history.history === undefined ? turns.pop() : undefined;
  const query = text(record(data.memory).query_prompt_template) || QUERY;
  const last = asked ?? (history.history === undefined ? undefined : { text: query });
  if (asked?.role === "assistant") turns.push(asked);
  const system = systems.map((one, at) => prompt(app, one, data, notes, inputs, `system${at === 0 ? "" : at}`));
  const messages = turns.map((one, at) => ({
    role: one.role === "assistant" ? "assistant" : "user",
    content: prompt(app, one, data, notes, inputs, `turn${at}`),
  }));
  const isQuestion = last !== undefined && asked?.role !== "assistant";
  const outputs = structureOf(data, notes);
  const config = {
    model: modelOf(app, data, notes),
    systemPrompt: system.join("\n\n"),
    ...(messages.length > 0 ? { messages } : {}),
    ...(isQuestion ? { prompt: prompt(app, last, data, notes, inputs, "prompt") } : {}),
    ...history,
    ...filesOf(app, data, notes, inputs),
    ...(outputs.length > 0 ? { format: "json", single: "field" } : {}),
  };
  const thought: CanvasField[] = [{ name: "reasoning_content", type: "string" }];
  return { type: "llm", data: { config, inputs: inputs.list, outputs: [...outputs, ...thought] } };
};

function structureOf(data: Data, notes: Notes): CanvasField[] {
  if (data.structured_output_enabled !== true) return [];
  const fields = schemaFields(record(data.structured_output).schema);
  if (fields.length > 0) notes.change("it gives the fields of its reply, and not its text beside them");
  return fields;
}

export const classifier: Mapper = (app, { data }, notes) => {
  const inputs = new InputList();
  const classes = records(data.classes).slice(0, MAX_CHOICES);
  const asked = selectorSource(app, data.query_variable_selector, notes);
  const instruction = text(data.instruction) ?? text(data.instructions) ?? "";
  const config = {
    model: modelOf(app, data, notes),
    text: `{{${inputs.add({ type: "string", ...asked }, "text")}}}`,
    classes: classes.map((one, at) => ({ name: (text(one.name) || `class ${at + 1}`).slice(0, 2_000) })),
    // What fits none is taken for the first there.
    fallback: 1,
    ...(instruction === "" ? {} : { instruction: prompt(app, { text: instruction }, data, notes, inputs, "rule") }),
    ...historyOf(app, data),
    ...filesOf(app, data, notes, inputs),
  };
  if (classes.length === 0) notes.block("it has no classes");
  const ports = new Map(classes.map((one, at) => [text(one.id) ?? String(at + 1), `class_${at}`]));
  return { type: "question_classifier", data: { config, inputs: inputs.list }, ports };
};

export const extractor: Mapper = (app, { data }, notes) => {
  const inputs = new InputList();
  const outputs = records(data.parameters).flatMap((parameter): CanvasField[] => {
    const name = text(parameter.name) ?? "";
    if (name === "") return [];
    const options = Array.isArray(parameter.options) ? parameter.options.map(String) : [];
    const said = [text(parameter.description), options.length > 0 ? `One of: ${options.join(", ")}` : ""];
    return [
      {
        name,
        type: text(parameter.type) === "select" ? "string" : difyType(parameter.type),
        ...(parameter.required === true ? { required: true } : {}),
        description: said.filter(Boolean).join(" ").slice(0, 4_000),
      },
    ];
  });
  if (outputs.length === 0) notes.block("it has no parameters");
  const instruction = text(data.instruction) ?? "";
  const config = {
    model: modelOf(app, data, notes),
    text: `{{${inputs.add({ type: "string", ...selectorSource(app, data.query, notes) }, "text")}}}`,
    ...(instruction === "" ? {} : { instruction: prompt(app, { text: instruction }, data, notes, inputs, "rule") }),
    ...historyOf(app, data),
    ...filesOf(app, data, notes, inputs),
  };
  return { type: "parameter_extractor", data: { config, inputs: inputs.list, outputs } };
};
