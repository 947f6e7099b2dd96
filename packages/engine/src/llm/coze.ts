import { dig, fieldsOf, inputParameters, listOf, literalOf, numberOf, pick, textOf } from "../coze/read.ts";
import type { CozeReader } from "../coze/types.ts";
import { isRecord, tryParseJson } from "../values/json.ts";
import { readCozeModel } from "./config.ts";

const FORMATS: Readonly<Record<number, string>> = { 0: "text", 1: "markdown", 2: "json" };
const MODES: Readonly<Record<number, string>> = { 0: "semantic", 1: "hybrid", 20: "full_text" };
const MAX_ROUNDS = 100;

/** Coze's list of named parameters as an object. Only what is written in the canvas counts. */
function namedParams(params: unknown): Record<string, unknown> {
  const named: Record<string, unknown> = {};
  for (const param of Array.isArray(params) ? params.filter(isRecord) : []) {
    const name = textOf(param, "name");
    if (name !== undefined && name !== "__proto__") named[name] = literalOf(pick(param, "input")) ?? null;
  }
  return named;
}

/** Parameters of a tool that the model does not see: left out, or fixed where they have a value. */
function shownOf(setting: unknown): Record<string, unknown> {
  const hiddenInputs: string[] = [];
  const fixed: Record<string, unknown> = {};
  for (const param of listOf(setting, "request_params")) {
    const name = textOf(param, "name") ?? "";
    if (name === "" || name === "__proto__") continue;
    const value = pick(param, "local_default");
    const isHidden = pick(param, "local_disable") === true || pick(param, "global_disable") === true;
    if (isHidden && value !== undefined && value !== null && value !== "") fixed[name] = value;
    else if (isHidden) hiddenInputs.push(name);
  }
  const hiddenOutputs = hiddenMembers(listOf(setting, "response_params"), "");
  return {
    ...(hiddenInputs.length > 0 ? { hiddenInputs } : {}),
    ...(Object.keys(fixed).length > 0 ? { fixed } : {}),
    ...(hiddenOutputs.length > 0 ? { hiddenOutputs } : {}),
  };
}

function hiddenMembers(params: readonly unknown[], prefix: string): string[] {
  return params.flatMap((param) => {
    const path = `${prefix}${textOf(param, "name") ?? ""}`;
    if (pick(param, "local_disable") === true) return [path];
    return hiddenMembers(listOf(param, "sub_parameters"), `${path}.`);
  });
}

function knowledgeOf(given: unknown): Record<string, unknown> {
  const ids = listOf(given, "knowledgeList").flatMap((one) => textOf(one, "id") ?? []);
  if (ids.length === 0) return {};
  const setting = pick(given, "global_setting");
  const topK = numberOf(setting, "top_k");
  const minScore = numberOf(setting, "min_score");
  const noMatch = numberOf(setting, "no_recall_reply_mode") === 1;
  return {
    knowledge: {
      knowledgeIds: ids,
      mode: MODES[numberOf(setting, "search_mode") ?? 0] ?? "semantic",
      ...(topK ? { topK: Math.min(Math.max(1, Math.trunc(topK)), 100) } : {}),
      ...(minScore === undefined ? {} : { minScore: Math.min(Math.max(0, minScore), 1) }),
      ...(pick(setting, "use_rerank") === true ? { rerank: true } : {}),
      ...(pick(setting, "use_rewrite") === true ? { rewrite: true } : {}),
      ...(noMatch ? { noMatch: textOf(setting, "no_recall_reply_customize_prompt") ?? "" } : {}),
    },
  };
}

function skillsOf(given: unknown): Record<string, unknown> {
  const workflows = listOf(given, "workflowFCParam", "workflowList").map((one) => ({
    workflowId: textOf(one, "workflow_id") ?? "",
    // A draft that is asked for by name is what is in the making there.
    ...(textOf(one, "workflow_version") && pick(one, "is_draft") !== true
      ? { version: textOf(one, "workflow_version") }
      : {}),
    ...shownOf(pick(one, "fc_setting")),
  }));
  const plugins = listOf(given, "pluginFCParam", "pluginList").map((one) => ({
    pluginId: textOf(one, "plugin_id") ?? "",
    toolId: textOf(one, "api_id") ?? "",
    ...(textOf(one, "api_name") ? { name: textOf(one, "api_name") } : {}),
    ...(textOf(one, "plugin_version") ? { version: textOf(one, "plugin_version") } : {}),
    ...shownOf(pick(one, "fc_setting")),
  }));
  return {
    ...(workflows.length > 0 ? { workflows } : {}),
    ...(plugins.length > 0 ? { plugins } : {}),
    ...knowledgeOf(pick(given, "knowledgeFCParam")),
  };
}

/** The model that Coze takes from the second try on. */
export function readBackup(inputs: unknown): { backup?: Record<string, unknown> } {
  const given = dig(inputs, "settingOnError", "ext", "backupLLMParam");
  const params = typeof given === "string" ? tryParseJson(given) : given;
  return isRecord(params) && textOf(params, "modelType") ? { backup: readCozeModel(params) } : {};
}

export function readHistory(setting: unknown): { history?: number } {
  const isOn = pick(setting, "enableChatHistory") === true || pick(setting, "enableChatHistory") === "true";
  const rounds = Math.trunc(numberOf(setting, "chatHistoryRound") ?? 0);
  return isOn && rounds > 0 ? { history: Math.min(rounds, MAX_ROUNDS) } : {};
}

export const readLlm: CozeReader = ({ data, inputs }) => {
  const params = namedParams(pick(inputs, "llmParam"));
  return {
    config: {
      model: readCozeModel(params),
      ...readBackup(inputs),
      systemPrompt: textOf(params, "systemPrompt") ?? "",
      prompt: textOf(params, "prompt") ?? "",
      format: FORMATS[numberOf(params, "responseFormat") ?? 0] ?? "text",
      ...readHistory(params),
      ...skillsOf(pick(inputs, "fcParam")),
    },
    inputs: inputParameters(inputs),
    outputs: fieldsOf(pick(data, "outputs")),
  };
};
