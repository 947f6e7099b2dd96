import { getAny, getLive } from "@weft/db/change";
import { listPage } from "@weft/db/page";
import { tx, type WriteOp } from "@weft/db/write";
import { isoTime } from "@weft/kernel/clock";
import { type Ctx, requireSpace } from "@weft/kernel/ctx";
import { AppError } from "@weft/kernel/errors";
import { isId } from "@weft/kernel/ids";
import type { Page } from "@weft/kernel/page";
import {
  WorkflowDraftEntity,
  WorkflowEntity,
  WorkflowReferenceEntity,
  WorkflowVersionEntity,
} from "./workflow.entity.ts";
import {
  DRAFT,
  type REFERENCE_DIRECTION,
  type WorkflowCall,
  type WorkflowId,
  type WorkflowIssue,
  type WorkflowReference,
} from "./workflow.schema.ts";
import { VERSION_PATTERN, versionSortKey } from "./workflow.semver.ts";

/** Workflows that call workflows: as deep as runs are nested (architecture §3). */
export const MAX_CALL_DEPTH = 10;
/** Workflows reached from one, so that a check never reads without end. */
const MAX_REACHED = 1_000;

type Source = "draft" | "published";

export interface ListReferences {
  workflowId: WorkflowId;
  direction: (typeof REFERENCE_DIRECTION)[number];
  limit?: number | undefined;
  cursor?: string | undefined;
}

/** Who calls this workflow, or whom it calls. */
export async function references(ctx: Ctx, input: ListReferences): Promise<Page<WorkflowReference>> {
  const { workflowId, direction, limit, cursor } = input;
  const spaceId = requireSpace(ctx);
  await getLive(ctx, { entity: WorkflowEntity, key: { spaceId, workflowId }, what: "workflow", id: workflowId });
  const scope = { operation: "listWorkflowReferences", spaceId, filters: { workflowId, direction } };
  const page =
    direction === "callers"
      ? await listPage(WorkflowReferenceEntity.query.primary({ spaceId, workflowId }), {
          scope,
          limit,
          cursor,
          order: "asc",
        })
      : await listPage(WorkflowReferenceEntity.query.byCaller({ spaceId, callerId: workflowId }), {
          scope,
          limit,
          cursor,
          order: "asc",
        });
  const items = page.items.map(async (row) => {
    const other = direction === "callers" ? row.callerId : row.workflowId;
    return { workflowId: other, name: await nameOf(spaceId, other), source: row.source, calls: row.calls };
  });
  return { items: await Promise.all(items), nextCursor: page.nextCursor };
}

/** What turns the reference rows of `before` into those of `after`. Ids that are none of ours have no row. */
export function referenceOps(
  ctx: Ctx,
  callerId: WorkflowId,
  source: Source,
  before: readonly WorkflowCall[],
  after: readonly WorkflowCall[],
): WriteOp[] {
  const key = (workflowId: string) => ({ spaceId: requireSpace(ctx), workflowId, callerId, source });
  const old = byCalled(before);
  const now = byCalled(after);
  const gone = [...old.keys()].filter((workflowId) => !now.has(workflowId));
  const changed = [...now].filter(([id, calls]) => JSON.stringify(old.get(id)) !== JSON.stringify(calls));
  const createdAt = isoTime(ctx.clock.now());
  return [
    ...gone.map((workflowId) => tx(WorkflowReferenceEntity).delete(key(workflowId)).commit()),
    ...changed.map(([workflowId, calls]) =>
      tx(WorkflowReferenceEntity)
        .put({ ...key(workflowId), calls, createdAt })
        .commit(),
    ),
  ];
}

/**
 * What is wrong with the workflows that `callerId` calls: missing, of another space, unpublished, in a circle, too deep.
 * What a draft may still do, and a version not, is a warning unless `isPublishing`.
 */
export async function referenceIssues(
  ctx: Ctx,
  callerId: WorkflowId,
  calls: readonly WorkflowCall[],
  { isPublishing }: { isPublishing: boolean },
): Promise<WorkflowIssue[]> {
  const graph = callGraph(ctx);
  const found = await Promise.all(calls.map((call) => graph.read(call)));
  const issues: WorkflowIssue[] = [];
  for (const [index, call] of calls.entries()) {
    const target = found[index];
    const add = (severity: WorkflowIssue["severity"], message: string) =>
      issues.push(...issuesAt(call, severity, message));
    if (!target || "missing" in target) {
      add("error", target?.missing ?? "the workflow cannot be read");
      continue;
    }
    const onlyDrafts = isPublishing ? "error" : "warning";
    if (call.version === DRAFT) add(onlyDrafts, `workflow ${call.workflowId} is called as a draft`);
    else if (!target.isPublished) add(onlyDrafts, `workflow ${call.workflowId} is not published`);
    const problem = await circleOrDepth(graph, call, [callerId]);
    if (problem) add("error", problem);
  }
  return issues;
}

type Target = { missing: string } | { calls: WorkflowCall[]; isPublished: boolean };

interface CallGraph {
  read(call: WorkflowCall): Promise<Target>;
  /** Depth below a call, where it is known to have no circle. */
  depths: Map<string, number>;
}

function callGraph(ctx: Ctx): CallGraph {
  const reads = new Map<string, Promise<Target>>();
  return {
    depths: new Map(),
    read(call) {
      const key = keyOf(call);
      const known = reads.get(key);
      if (known) return known;
      if (reads.size >= MAX_REACHED) throw new AppError("too_large", `more than ${MAX_REACHED} workflows are called`);
      const target = readTarget(requireSpace(ctx), call);
      reads.set(key, target);
      return target;
    },
  };
}

/** Depth first, reading the calls of one workflow at once. Returns what is wrong, or nothing. */
async function circleOrDepth(
  graph: CallGraph,
  call: WorkflowCall,
  path: readonly string[],
): Promise<string | undefined> {
  if (path.includes(call.workflowId))
    return `workflows call each other in a circle: ${[...path, call.workflowId].join(" → ")}`;
  if (path.length + (graph.depths.get(keyOf(call)) ?? 0) > MAX_CALL_DEPTH) {
    return `workflows call each other more than ${MAX_CALL_DEPTH} deep`;
  }
  if (graph.depths.has(keyOf(call))) return undefined;
  const target = await graph.read(call);
  if ("missing" in target) return undefined;
  await Promise.all(target.calls.map((next) => graph.read(next)));
  let depth = 0;
  for (const next of target.calls) {
    const problem = await circleOrDepth(graph, next, [...path, call.workflowId]);
    if (problem) return problem;
    depth = Math.max(depth, 1 + (graph.depths.get(keyOf(next)) ?? 0));
  }
  graph.depths.set(keyOf(call), depth);
  return undefined;
}

async function readTarget(spaceId: string, { workflowId, version }: WorkflowCall): Promise<Target> {
  const none = { missing: `workflow ${workflowId} is not in this space` };
  if (!isId("workflow", workflowId)) return none;
  const workflow = await getAny({ entity: WorkflowEntity, key: { spaceId, workflowId }, what: "workflow" });
  if (!workflow || workflow.deletedAt) return none;
  const isPublished = workflow.currentVersion !== undefined;
  const wanted = version ?? workflow.currentVersion ?? DRAFT;
  if (wanted === DRAFT) {
    const { data } = await WorkflowDraftEntity.get({ spaceId, workflowId }).go({
      attributes: ["calls"],
      consistent: true,
    });
    return data ? { calls: data.calls, isPublished } : none;
  }
  const missing = `workflow ${workflowId} has no version ${wanted}`;
  if (!VERSION_PATTERN.test(wanted)) return { missing };
  const calls = await callsOfVersion(spaceId, workflowId, wanted);
  return calls ? { calls, isPublished } : { missing };
}

/** Whom a version calls; null where there is no such version. */
export async function callsOfVersion(
  spaceId: string,
  workflowId: string,
  version: string,
): Promise<WorkflowCall[] | null> {
  const key = { spaceId, workflowId, sortKey: versionSortKey(version) };
  const { data } = await WorkflowVersionEntity.get(key).go({ attributes: ["calls"], consistent: true });
  return data ? data.calls : null;
}

/** Ids of workflows whose published version calls this one, as far as they are not deleted. */
export async function publishedCallers(spaceId: string, workflowId: string): Promise<string[]> {
  const scope = { operation: "publishedCallers", spaceId };
  const query = WorkflowReferenceEntity.query
    .primary({ spaceId, workflowId })
    .where((attr, op) => `${op.eq(attr.source, "published")} AND ${op.ne(attr.callerId, workflowId)}`);
  const { items } = await listPage(query, { scope, limit: MAX_NAMED_CALLERS, order: "asc", consistent: true });
  const names = await Promise.all(items.map(({ callerId }) => nameOf(spaceId, callerId)));
  return items.filter((_, index) => names[index] !== null).map(({ callerId }) => callerId);
}

const MAX_NAMED_CALLERS = 100;

async function nameOf(spaceId: string, workflowId: string): Promise<string | null> {
  const row = await getAny(
    { entity: WorkflowEntity, key: { spaceId, workflowId }, what: "workflow" },
    { consistent: false },
  );
  return row && !row.deletedAt ? row.name : null;
}

function issuesAt(call: WorkflowCall, severity: WorkflowIssue["severity"], message: string): WorkflowIssue[] {
  return call.nodeIds.map((nodeId) => ({ nodeId, path: `nodes.${nodeId}.data.config.workflowId`, message, severity }));
}

function keyOf({ workflowId, version }: WorkflowCall): string {
  return `${workflowId}@${version ?? ""}`;
}

function byCalled(calls: readonly WorkflowCall[]): Map<string, WorkflowReference["calls"]> {
  const grouped = new Map<string, WorkflowReference["calls"]>();
  for (const { workflowId, ...call } of calls) {
    if (isId("workflow", workflowId)) grouped.set(workflowId, [...(grouped.get(workflowId) ?? []), call]);
  }
  return grouped;
}
