import type { Canvas, CanvasNode } from "./canvas.ts";
import { compileGraph } from "./compile/graph.ts";
import { hasErrors, type Issue, Issues } from "./compile/issue.ts";
import { type Context, isEntry } from "./compile/level.ts";
import { MAX_NESTING, MAX_NODES } from "./limits.ts";
import { type Field, PLAN_VERSION, type Plan, type PlanGraph } from "./plan.ts";
import { segmentPlan } from "./segments.ts";
import { isRecord } from "./values/json.ts";

export { hasErrors, type Issue, type IssueCode, isMalformed, issuesError } from "./compile/issue.ts";

/** Where every id stands. Reports ids that are there twice: paths and references need them to be unique in the canvas. */
function ownersOf(canvas: Canvas, issues: Issues): Map<string, string | undefined> {
  const owners = new Map<string, string | undefined>();
  const levels: { nodes: readonly CanvasNode[]; owner: string | undefined; depth: number }[] = [
    { nodes: canvas.nodes, owner: undefined, depth: 0 },
  ];
  for (let level = levels.pop(); level; level = levels.pop()) {
    for (const node of level.nodes) {
      if (owners.has(node.id)) issues.node("duplicate_id", node.id, "id", `there are two nodes "${node.id}"`);
      else owners.set(node.id, level.owner);
      const inner = node.data.body?.nodes;
      if (inner && level.depth < MAX_NESTING) levels.push({ nodes: inner, owner: node.id, depth: level.depth + 1 });
    }
    if (owners.size > MAX_NODES) break;
  }
  return owners;
}

function inputsOf(root: PlanGraph): Field[] {
  return root.nodes.find(isEntry)?.outputs ?? [];
}

/**
 * Turns a canvas into a plan. Pure, and linear in the canvas but for one bit per pair of nodes. The plan may be run only
 * when no issue is an error; with errors it holds what could be made out, and no segments.
 */
export function compile(canvas: Canvas): { plan: Plan; issues: Issue[] } {
  const issues = new Issues();
  const owners = ownersOf(canvas, issues);
  const context: Context = { issues, owners, references: [], credentials: [], models: [], count: 0, mayWait: false };
  const { graph: root } = compileGraph(canvas.nodes, canvas.edges, undefined, 0, context);
  const end = root.nodes.find((node) => node.type === "end");
  const plan: Plan = {
    v: PLAN_VERSION,
    root,
    segments: hasErrors(issues.list) ? [] : segmentPlan(root),
    inputs: inputsOf(root),
    outputs: end?.outputs ?? [],
    answer: isRecord(end?.config) && end.config.mode === "answer",
    nodeCount: context.count,
    effectCount: root.nodes.filter((node) => node.effectful).length,
    mayWait: context.mayWait,
    references: context.references,
    ...(context.credentials.length > 0 ? { credentials: context.credentials } : {}),
    ...(context.models.length > 0 ? { models: context.models } : {}),
  };
  return { plan, issues: issues.list };
}

/** What keeps the canvas from being run, and what looks wrong. */
export function validate(canvas: Canvas): Issue[] {
  return compile(canvas).issues;
}
