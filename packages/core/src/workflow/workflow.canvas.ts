import { createHash } from "node:crypto";
import { type Canvas, type CanvasNode, readCanvas } from "@weft/engine/canvas";
import { compile, type IssueCode, issuesError } from "@weft/engine/compile";
import { isCozeCanvas } from "@weft/engine/coze";
import type { Plan } from "@weft/engine/plan";
import type { Ctx } from "@weft/kernel/ctx";
import { invalidField } from "@weft/kernel/errors";
import type { StoredValue } from "@weft/kernel/stored";
import { load, offload } from "@weft/storage/blob";
import type { CanvasForm, WorkflowCall, WorkflowId, WorkflowIssue } from "./workflow.schema.ts";

/** Workflows that one canvas calls: its old and its new reference rows must fit one transaction of 100 actions. */
export const MAX_CALLED_WORKFLOWS = 45;

/** A canvas that was read, with everything that follows from it. */
export interface CompiledCanvas {
  canvas: Canvas;
  form: CanvasForm;
  /** Text of a foreign form as it came. */
  original?: string;
  plan: Plan;
  issues: WorkflowIssue[];
  calls: WorkflowCall[];
  /** SHA-256 of the plan; absent where errors keep the canvas from running. */
  hash?: string;
}

/** What is no canvas: never kept. */
const NEVER_KEPT: ReadonlySet<IssueCode> = new Set(["duplicate_id", "unknown_type", "too_deep"]);
/** What drawing passes through: kept on request. Every other issue is something to be filled in, and is kept. */
const KEPT_ON_REQUEST: ReadonlySet<IssueCode> = new Set(["dangling_edge", "cycle", "bad_reference"]);

export interface ReadOptions {
  /** Ids of other systems and what they are here. */
  bindings?: Record<string, string>;
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

type Consequences = Pick<CompiledCanvas, "plan" | "issues" | "calls" | "hash">;

function consequences(plan: Plan, issues: WorkflowIssue[]): Consequences {
  const calls = callsOf(plan);
  if (new Set(calls.map((call) => call.workflowId)).size > MAX_CALLED_WORKFLOWS) {
    throw invalidField("canvas", `a workflow calls at most ${MAX_CALLED_WORKFLOWS} others`);
  }
  const isRunnable = !issues.some((issue) => issue.severity === "error");
  return {
    plan,
    issues,
    calls,
    ...(isRunnable ? { hash: createHash("sha256").update(JSON.stringify(plan)).digest("hex") } : {}),
  };
}

/** What a row keeps of a canvas, compiled again: the ids in it stay bound, the foreign text stays beside it. */
export async function loadCanvas(ctx: Ctx, row: StoredCanvas): Promise<CompiledCanvas> {
  const canvas = (await load(ctx, row.canvas)) as Canvas;
  const original = row.original ? ((await load(ctx, row.original)) as string) : undefined;
  return { canvas, form: row.form, ...(original === undefined ? {} : { original }), ...compileRead(canvas) };
}

interface StoredCanvas {
  canvas: StoredValue;
  form: CanvasForm;
  original?: StoredValue | undefined;
}

/** The attributes that drafts and versions share; large ones are in S3 when this returns. */
export async function storedCanvas(ctx: Ctx, workflowId: WorkflowId, compiled: CompiledCanvas) {
  const { form, original, plan, calls } = compiled;
  return {
    canvas: await keep(ctx, workflowId, compiled.canvas),
    form,
    original: original === undefined ? undefined : await keep(ctx, workflowId, original),
    inputs: plan.inputs,
    outputs: plan.outputs,
    calls,
  };
}

export function keep(ctx: Ctx, workflowId: WorkflowId, value: unknown): Promise<StoredValue> {
  return offload(ctx, { entity: "workflow", id: workflowId }, value);
}

function callsOf(plan: Plan): WorkflowCall[] {
  const calls = new Map<string, WorkflowCall>();
  for (const { workflowId, version, nodeId } of plan.references) {
    const key = JSON.stringify([workflowId, version]);
    const call = calls.get(key) ?? { workflowId, ...(version ? { version } : {}), nodeIds: [] };
    call.nodeIds.push(nodeId);
    calls.set(key, call);
  }
  return [...calls.values()];
}

function bindWorkflows(nodes: readonly CanvasNode[], bindings: Record<string, string>): void {
  for (const { type, data } of nodes) {
    const theirs = data.config?.workflowId;
    if (type === "sub_workflow" && data.config && typeof theirs === "string" && Object.hasOwn(bindings, theirs)) {
      data.config.workflowId = bindings[theirs];
    }
    if (data.body) bindWorkflows(data.body.nodes, bindings);
  }
}

/** Coze's canvas is kept as it came beside ours: exporting it again loses nothing. */
function originalOf(input: unknown): { form: CanvasForm; original?: string } {
  const value: unknown = typeof input === "string" ? JSON.parse(input) : input;
  if (!isCozeCanvas(value as object)) return { form: "weft" };
  return { form: "coze", original: typeof input === "string" ? input : JSON.stringify(input) };
}
