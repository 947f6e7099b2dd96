import * as z from "zod";
import type { ModelTool } from "../model.ts";
import { type Blocked, NodeError, type NodeRun } from "../node.ts";
import type { Field } from "../plan.ts";
import type { Usage } from "../record.ts";
import { isKind, NodeFailed } from "../run/io.ts";
import { toText } from "../values/convert.ts";
import { isRecord, setOwn } from "../values/json.ts";
import { parsePath } from "../values/path.ts";
import { SEARCH_MODES } from "./deps.ts";
import { objectSchema } from "./schema.ts";

/** Tools of one node: more than that no model tells apart. */
const MAX_TOOLS = 50;
const MAX_NAME = 64;
const MAX_DESCRIPTION = 4_000;
const MAX_MEMBERS = 200;

const member = z.string().min(1).max(300);
/** What of a tool the model does not see: inputs that are fixed or left out, and members of the result by their path. */
const shown = {
  /** What it is called; the tool's own name where it is not said. */
  name: z.string().min(1).max(128).optional(),
  description: z.string().max(MAX_DESCRIPTION).optional(),
  fixed: z.record(member, z.unknown()).optional(),
  hiddenInputs: z.array(member).max(MAX_MEMBERS).optional(),
  hiddenOutputs: z.array(member).max(MAX_MEMBERS).optional(),
};
const id = z.string().min(1).max(128);
const version = z.string().max(64).optional();

export const workflowTool = z.strictObject({ workflowId: id, version, ...shown });
export const pluginTool = z.strictObject({ pluginId: id, toolId: id, version, ...shown });
export type WorkflowTool = z.output<typeof workflowTool>;
export type PluginTool = z.output<typeof pluginTool>;
export const workflowTools = z.array(workflowTool).max(MAX_TOOLS).default([]);
export const pluginTools = z.array(pluginTool).max(MAX_TOOLS).default([]);
export const knowledgeSkill = z.strictObject({
  knowledgeIds: z.array(id).min(1).max(MAX_TOOLS),
  mode: z.enum(SEARCH_MODES).default("semantic"),
  topK: z.int().min(1).max(100).optional(),
  minScore: z.number().min(0).max(1).optional(),
  rerank: z.boolean().optional(),
  rewrite: z.boolean().optional(),
  /** The reply where nothing is found; without it the model answers all the same. */
  noMatch: z.string().max(MAX_DESCRIPTION).optional(),
});

/** What a tool gave, as the model is told of it. */
export interface ToolResult {
  content: string;
  isError?: true;
  /** The reply of the node: the model is not asked again. */
  direct?: true;
  /** App variables that it set. */
  vars?: Record<string, unknown>;
}

export interface OfferedTool {
  tool: ModelTool;
  /** `name` is of the call: the same in a repeat, another one for each call. */
  call(input: Record<string, unknown>, name: string): Promise<{ result: ToolResult; usage?: Usage } | Blocked>;
}

function nameOf(wanted: string, taken: ReadonlySet<string>): string {
  const plain = wanted.normalize("NFKD").replace(/[^A-Za-z0-9_-]+/g, "_");
  const base = (/[A-Za-z0-9]/.test(plain) ? plain : "tool").slice(0, MAX_NAME - 4);
  let name = base;
  for (let n = 2; taken.has(name); n += 1) name = `${base}_${n}`;
  return name;
}

/** The fields that the model is asked for. */
function askedFields(fields: readonly Field[], { fixed = {}, hiddenInputs = [] }: Partial<WorkflowTool>): Field[] {
  const gone = new Set([...Object.keys(fixed), ...hiddenInputs]);
  return fields.filter(({ name }) => !gone.has(name));
}

/** The same without what the model does not see. */
function withoutHidden(value: unknown, hidden: readonly string[] = []): unknown {
  if (!isRecord(value) || hidden.length === 0) return value;
  const copy = structuredClone(value);
  for (const path of hidden) {
    const parts = parsePath(path) ?? [path];
    const last = String(parts.pop());
    let at: unknown = copy;
    for (const part of parts) at = isRecord(at) ? at[String(part)] : undefined;
    if (isRecord(at)) delete at[last];
  }
  return copy;
}

/** The model's words for a tool, with what is fixed in the place of what it says. */
function inputOf(input: Record<string, unknown>, { fixed = {}, hiddenInputs = [] }: Partial<WorkflowTool>) {
  const whole: Record<string, unknown> = {};
  const gone = new Set(hiddenInputs);
  for (const [name, value] of Object.entries(input)) if (!gone.has(name)) setOwn(whole, name, value);
  for (const [name, value] of Object.entries(fixed)) setOwn(whole, name, value);
  return whole;
}

const failed = (message: string): ToolResult => ({ content: `error: ${message}`, isError: true });

async function offerWorkflow(run: NodeRun, given: WorkflowTool, taken: ReadonlySet<string>): Promise<OfferedTool> {
  const { workflows } = run.deps;
  if (!workflows) throw new NodeError("unavailable", "workflows cannot be called here", { retryable: false });
  const { workflowId, version } = given;
  const { plan, ...called } = await workflows.load(version ? { workflowId, version } : { workflowId });
  const tool = {
    name: nameOf(given.name ?? called.name ?? `workflow_${workflowId}`, taken),
    description: (given.description ?? called.description ?? called.name ?? "").slice(0, MAX_DESCRIPTION),
    parameters: objectSchema(askedFields(plan.inputs, given)),
  };
  return {
    tool,
    call: async (input, name) => {
      try {
        const done = await run.frame(plan, inputOf(input, given), called.workflowId, name);
        if ("blocked" in done) return done;
        const { output, vars, usage } = done;
        const content = plan.answer ? toText(output.output) : toText(withoutHidden(output, given.hiddenOutputs));
        const result: ToolResult = {
          content,
          ...(plan.answer ? { direct: true } : {}),
          ...(Object.keys(vars).length > 0 ? { vars } : {}),
        };
        return { result, ...(usage ? { usage } : {}) };
      } catch (thrown) {
        const error = isKind(thrown, NodeFailed) ? run.tolerate(thrown) : refusalOf(run, thrown);
        if (!error) throw thrown;
        return { result: failed(error.message), ...(error.usage ? { usage: error.usage } : {}) };
      }
    },
  };
}

/** A failure that the model is told of; undefined where it is about the run. */
function refusalOf(run: NodeRun, thrown: unknown): { message: string; usage?: Usage } | undefined {
  if (!isKind(thrown, NodeError) || run.signal.aborted) return undefined;
  return { message: thrown.message, ...(thrown.usage ? { usage: thrown.usage } : {}) };
}

async function offerPlugin(run: NodeRun, given: PluginTool, taken: ReadonlySet<string>): Promise<OfferedTool> {
  const { tools } = run.deps;
  if (!tools) throw new NodeError("unavailable", "tools of plugins are not available here", { retryable: false });
  const { pluginId, toolId, version } = given;
  const reference = { pluginId, toolId, version };
  const described = await tools.describe(reference);
  const { properties, required } = described.parameters;
  const gone = new Set([...Object.keys(given.fixed ?? {}), ...(given.hiddenInputs ?? [])]);
  const kept = Object.entries(isRecord(properties) ? properties : {}).filter(([name]) => !gone.has(name));
  const needed = Array.isArray(required) ? { required: required.filter((name) => !gone.has(name)) } : {};
  const tool = {
    name: nameOf(given.name ?? described.name, taken),
    description: (given.description ?? described.description).slice(0, MAX_DESCRIPTION),
    parameters: { ...described.parameters, properties: Object.fromEntries(kept), ...needed },
  };
  return {
    tool,
    call: async (input, name) => {
      try {
        const key = `${run.idempotencyKey}/${name}`;
        const { output, usage } = await tools.call(reference, inputOf(input, given), key, run.signal);
        const content = toText(withoutHidden(output, given.hiddenOutputs));
        return { result: { content }, ...(usage ? { usage } : {}) };
      } catch (thrown) {
        const error = refusalOf(run, thrown);
        if (!error) throw thrown;
        return { result: failed(error.message), ...(error.usage ? { usage: error.usage } : {}) };
      }
    },
  };
}

/** The tools of a node under the names that its model calls them by. */
export async function offeredTools(
  run: NodeRun,
  given: { workflows: readonly WorkflowTool[]; plugins: readonly PluginTool[] },
): Promise<ReadonlyMap<string, OfferedTool>> {
  const offered = new Map<string, OfferedTool>();
  const taken = new Set<string>();
  const add = (one: OfferedTool): void => {
    taken.add(one.tool.name);
    offered.set(one.tool.name, one);
  };
  for (const workflow of given.workflows) add(await offerWorkflow(run, workflow, taken));
  for (const plugin of given.plugins) add(await offerPlugin(run, plugin, taken));
  return offered;
}

/** Does what a model asked of a tool; what is wrong with that is told to the model. */
export function callTool(
  offered: ReadonlyMap<string, OfferedTool>,
  call: { name: string; input: Record<string, unknown>; invalid?: string },
  name: string,
): Promise<{ result: ToolResult; usage?: Usage } | Blocked> {
  const tool = offered.get(call.name);
  if (!tool) {
    const names = [...offered.keys()].join(", ");
    return Promise.resolve({ result: failed(`there is no tool "${call.name.slice(0, 100)}"; there are: ${names}`) });
  }
  if (call.invalid !== undefined) {
    return Promise.resolve({ result: failed("the arguments are no JSON object: give them again") });
  }
  return tool.call(call.input, name);
}
