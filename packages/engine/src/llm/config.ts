import * as z from "zod";
import { numberOf, textOf } from "../coze/read.ts";
import type { ModelParams } from "../model.ts";
import type { NodeIssue } from "../node.ts";

const MAX_NAME = 200;
/** Output tokens: beyond what any model gives in one reply. */
const MAX_TOKENS = 1_000_000;
/** Other models that are tried where one fails. */
const MAX_FALLBACKS = 5;

const modelId = z.string().max(128);

/** A model with its settings; what it does not take is left out of the call. */
export const modelConfig = z.strictObject({
  /** A model instance of the space or of the platform. Empty: none is chosen yet. */
  id: modelId.default(""),
  /** What it is called where the canvas comes from. */
  name: z.string().max(MAX_NAME).optional(),
  /** Tried in turn where the model fails for a reason that another one may not share. */
  fallbacks: z.array(modelId.min(1)).max(MAX_FALLBACKS).optional(),
  temperature: z.number().min(0).max(2).optional(),
  topP: z.number().min(0).max(1).optional(),
  topK: z.int().min(0).max(1_000).optional(),
  maxTokens: z.int().min(1).max(MAX_TOKENS).optional(),
  presencePenalty: z.number().min(-2).max(2).optional(),
  frequencyPenalty: z.number().min(-2).max(2).optional(),
  stop: z.array(z.string().min(1).max(200)).max(16).optional(),
  seed: z.int().optional(),
  reasoning: z.enum(["off", "low", "medium", "high"]).optional(),
});
export type ModelConfig = z.output<typeof modelConfig>;

/** The settings of a call. */
export function paramsOf({ id: _id, name: _name, fallbacks: _fallbacks, ...params }: ModelConfig): ModelParams {
  return params as ModelParams;
}

/** That a model is chosen. */
export function modelIssues(model: ModelConfig | undefined, path = "model"): NodeIssue[] {
  if (model?.id !== "") return [];
  const message = model.name ? `the model "${model.name}" is not bound to one of this space` : "choose a model";
  return [{ path: `${path}.id`, code: "unbound_model", message }];
}

export function modelIds(...models: (ModelConfig | undefined)[]): string[] {
  const all = models.flatMap((model) => (model ? [model.id, ...(model.fallbacks ?? [])] : []));
  return [...new Set(all)].filter((id) => id !== "");
}

const within = (value: number | undefined, least: number, most: number): number | undefined =>
  value === undefined ? undefined : Math.min(Math.max(value, least), most);

/** Coze's settings of a model: its three nodes with models name them alike. */
export function readCozeModel(params: unknown): Record<string, unknown> {
  const maxTokens = numberOf(params, "maxTokens");
  const settings = {
    id: textOf(params, "modelType") ?? "",
    name: (textOf(params, "modelName") ?? textOf(params, "modleName") ?? "").slice(0, MAX_NAME) || undefined,
    temperature: within(numberOf(params, "temperature"), 0, 2),
    topP: within(numberOf(params, "topP"), 0, 1),
    maxTokens: maxTokens ? within(Math.trunc(maxTokens), 1, MAX_TOKENS) : undefined,
    presencePenalty: within(numberOf(params, "presencePenalty"), -2, 2),
    frequencyPenalty: within(numberOf(params, "frequencyPenalty"), -2, 2),
  };
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}
