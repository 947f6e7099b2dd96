import { createHash } from "node:crypto";
import { type Canvas, type CanvasNode, readCanvas } from "@weft/engine/canvas";
import { compile, type IssueCode, issuesError } from "@weft/engine/compile";
import { isCozeCanvas } from "@weft/engine/coze";
import type { Plan, PlanGraph } from "@weft/engine/plan";
import type { Ctx } from "@weft/kernel/ctx";
import { invalidField } from "@weft/kernel/errors";
import type { StoredValue } from "@weft/kernel/stored";
import { load, offload } from "@weft/storage/blob";
import type { CredentialNeed } from "../credential/credential.schema.ts";
import type { CanvasForm, WorkflowCall, WorkflowId, WorkflowIssue } from "./workflow.schema.ts";

/**
 * Workflows that one canvas calls and credentials that it uses, together: its old and its new reference rows must fit one
 * transaction of 100 actions.
 */
export const MAX_REFERENCES = 45;

/** A canvas that was read, with everything that follows from it. */
export interface CompiledCanvas {
  canvas: Canvas;
  form: CanvasForm;
  /** Text of a foreign form as it came. */
  original?: string;
  plan: Plan;
  issues: WorkflowIssue[];
  calls: WorkflowCall[];
  credentials: CredentialNeed[];
  /** SHA-256 of what runs: the plan without titles; absent where errors keep the canvas from running. */
  hash?: string;
}

/** What is no canvas: never kept. */
const NEVER_KEPT: ReadonlySet<IssueCode> = new Set(["duplicate_id", "unknown_type", "too_deep"]);
/** What drawing passes through: kept on request. Every other issue is something to be filled in, and is kept. */
const KEPT_ON_REQUEST: ReadonlySet<IssueCode> = new Set(["dangling_edge", "cycle", "bad_reference"]);

export interface ReadOptions {
  /** Ids of other systems and what they are here. */
  bindings?: Record<string, string>;
  /** The same for credentials. */
  credentials?: Record<string, string>;
  allowErrors?: boolean;
}

/** What a new workflow starts from. */
const EMPTY_CANVAS = {
  nodes: [
    { id: "start", type: "start", position: { x: 0, y: 0 }, data: {} },
    { id: "end", type: "end", position: { x: 400, y: 0 }, data: {} },
  ],
  edges: [{ id: "start-end", source: "start", target: "end" }],
};

/**
 * Reads and compiles what a caller sent. Throws `invalid_input` naming the node for a canvas that cannot be read and for
 * {@link KEPT_ON_REQUEST errors} that the caller did not allow; what else keeps it from running comes back as issues.
 */
export function compileCanvas(input: unknown = EMPTY_CANVAS, options: ReadOptions = {}): CompiledCanvas {
  const canvas = readCanvas(input);
  bindWorkflows(canvas.nodes, options.bindings ?? {});
  bindCredentials(canvas.nodes, options.credentials ?? {});
  const { plan, issues } = compile(canvas);
  const refused = issues.filter(({ code, severity }) => {
    return severity === "error" && (NEVER_KEPT.has(code) || (!options.allowErrors && KEPT_ON_REQUEST.has(code)));
  });
  if (refused.length > 0) throw issuesError(refused);
  return { canvas, ...originalOf(input), ...consequences(plan, issues) };
}

/** The same for a canvas that was read before it was stored. */
export function compileRead(canvas: Canvas): Consequences {
  const { plan, issues } = compile(canvas);
  return consequences(plan, issues);
}

type Consequences = Pick<CompiledCanvas, "plan" | "issues" | "calls" | "credentials" | "hash">;

function consequences(plan: Plan, issues: WorkflowIssue[]): Consequences {
  const calls = callsOf(plan);
  const credentials = credentialsOf(plan);
  if (new Set(calls.map((call) => call.workflowId)).size + credentials.length > MAX_REFERENCES) {
    throw invalidField("canvas", `a workflow names at most ${MAX_REFERENCES} other workflows and credentials`);
  }
  const isRunnable = !issues.some((issue) => issue.severity === "error");
  return {
    plan,
    issues,
    calls,
    credentials,
    ...(isRunnable ? { hash: hashOf(plan) } : {}),
  };
}

/** What nodes are called decides nothing: a run proves the draft also under other titles. */
function hashOf(plan: Plan): string {
  return createHash("sha256")
    .update(JSON.stringify({ ...plan, root: untitled(plan.root) }))
    .digest("hex");
}

function untitled({ nodes, edges }: PlanGraph): unknown {
  return {
    nodes: nodes.map(({ title: _title, body, ...node }) => ({ ...node, ...(body ? { body: untitled(body) } : {}) })),
    edges,
  };
}

/** What a row keeps of a canvas, compiled again: the ids in it stay bound, the foreign text stays beside it. */
export async function loadCanvas(ctx: Ctx, row: StoredCanvas): Promise<CompiledCanvas> {
  const canvas = (await load(ctx, row.canvas)) as Canvas;
  const original = row.original ? ((await load(ctx, row.original)) as string) : undefined;
  return { canvas, form: row.form, ...(original === undefined ? {} : { original }), ...compileRead(canvas) };
}

/** What drafts, versions and snapshots keep of a canvas. */
export interface StoredCanvas {
  canvas: StoredValue;
  form: CanvasForm;
  original?: StoredValue | undefined;
}

/** The attributes that drafts and versions share; large ones are in S3 when this returns. */
export async function storedCanvas(ctx: Ctx, workflowId: WorkflowId, compiled: CompiledCanvas) {
  const { form, original, plan, calls, credentials } = compiled;
  return {
    canvas: await keep(ctx, workflowId, compiled.canvas),
    form,
    original: original === undefined ? undefined : await keep(ctx, workflowId, original),
    inputs: plan.inputs,
    outputs: plan.outputs,
    calls,
    credentials,
  };
}

export function keep(ctx: Ctx, workflowId: WorkflowId, value: unknown): Promise<StoredValue> {
  return offload(ctx, { entity: "workflow", id: workflowId }, value);
}

/** The workflows that a plan calls, each with the nodes that do. */
export function callsOf(plan: Plan): WorkflowCall[] {
  const calls = new Map<string, WorkflowCall>();
  for (const { workflowId, version, nodeId } of plan.references) {
    const key = JSON.stringify([workflowId, version]);
    const call = calls.get(key) ?? { workflowId, ...(version ? { version } : {}), nodeIds: [] };
    call.nodeIds.push(nodeId);
    calls.set(key, call);
  }
  return [...calls.values()];
}

/** The configuration of a node that calls a workflow. */
export interface CallConfig {
  workflowId: string;
  version?: string;
}

/** The configurations of the nodes that call workflows, in bodies too; a change of one is a change of the canvas. */
export function callConfigs(nodes: readonly CanvasNode[]): CallConfig[] {
  return nodes.flatMap(({ type, data }) => {
    const isCall = type === "sub_workflow" && typeof data.config?.workflowId === "string";
    const own = isCall ? [data.config as unknown as CallConfig] : [];
    return data.body ? [...own, ...callConfigs(data.body.nodes)] : own;
  });
}

/** The credentials that a plan uses, with the nodes that do. */
export function credentialsOf(plan: Plan): CredentialNeed[] {
  const needs = new Map<string, CredentialNeed>();
  for (const { credentialId, nodeId } of plan.credentials ?? []) {
    const need = needs.get(credentialId) ?? { credentialId, nodeIds: [] };
    need.nodeIds.push(nodeId);
    needs.set(credentialId, need);
  }
  return [...needs.values()];
}

/** Puts the ids of this space in the place of others. */
export function bindWorkflows(nodes: readonly CanvasNode[], bindings: Readonly<Record<string, string>>): void {
  for (const config of callConfigs(nodes)) {
    if (Object.hasOwn(bindings, config.workflowId)) config.workflowId = bindings[config.workflowId] as string;
  }
}

function bindCredentials(nodes: readonly CanvasNode[], bindings: Readonly<Record<string, string>>): void {
  for (const { data } of nodes) {
    const { config, body } = data;
    const { credentialId } = config ?? {};
    if (config && typeof credentialId === "string" && Object.hasOwn(bindings, credentialId))
      config.credentialId = bindings[credentialId];
    if (body) bindCredentials(body.nodes, bindings);
  }
}

/** Coze's canvas is kept as it came beside ours: exporting it again loses nothing. */
function originalOf(input: unknown): { form: CanvasForm; original?: string } {
  const value: unknown = typeof input === "string" ? JSON.parse(input) : input;
  if (!isCozeCanvas(value as object)) return { form: "weft" };
  return { form: "coze", original: typeof input === "string" ? input : JSON.stringify(input) };
}
