import { getAny, getLive } from "@weft/db/change";
import { getMany } from "@weft/db/get-many";
import { listPage } from "@weft/db/page";
import { read, tx, type WriteOp } from "@weft/db/write";
import { UNBOUND_CREDENTIAL } from "@weft/engine/limits";
import { isoTime } from "@weft/kernel/clock";
import { type Ctx, requireSpace } from "@weft/kernel/ctx";
import { AppError } from "@weft/kernel/errors";
import { isId } from "@weft/kernel/ids";
import { MAX_PAGE, type Page } from "@weft/kernel/page";
import type { CredentialNeed } from "../credential/credential.schema.ts";
import { refused } from "../credential/credential.usage.ts";
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

/** Rows also hold canvas and plan; a check of calls needs neither. */
const ONLY_CALLS = { attributes: ["calls" as const], consistent: true };
const OF_VERSION = { attributes: ["calls" as const, "deprecatedAt" as const], consistent: true };

type Source = WorkflowReference["source"];

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
  const options = { scope, limit, cursor, order: "asc" as const };
  const page =
    direction === "callers"
      ? await listPage(WorkflowReferenceEntity.query.primary({ spaceId, workflowId }), options)
      : await listPage(WorkflowReferenceEntity.query.byCaller({ spaceId, callerId: workflowId }), options);
  const others = page.items.map((row) => (direction === "callers" ? row.callerId : row.workflowId));
  const names = await liveNames(spaceId, others);
  const items = page.items.map(({ source, calls }, index) => {
    return { workflowId: others[index] ?? "", name: names[index] ?? null, source, calls };
  });
  return { items, nextCursor: page.nextCursor };
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
  { isPublishing, beside }: { isPublishing: boolean; beside?: ReadonlyMap<string, readonly WorkflowCall[]> },
): Promise<WorkflowIssue[]> {
  const graph = callGraph(ctx, beside);
  const found = await Promise.all(calls.map((call) => graph.read(call)));
  const issues: WorkflowIssue[] = [];
  for (const [index, call] of calls.entries()) {
    const target = found[index];
    if (!target || "missing" in target) {
      issues.push(...issuesAt(call, "unknown_workflow", target?.missing ?? "the workflow cannot be read"));
      continue;
    }
    const severity = isPublishing ? "error" : "warning";
    const isDraft = call.version === DRAFT || !target.isPublished;
    if (isDraft) {
      const message = `workflow ${call.workflowId} is ${call.version === DRAFT ? "called as a draft" : "not published"}`;
      issues.push(...issuesAt(call, "unpublished_workflow", message, severity));
    }
    if (target.isDeprecated) {
      const message = `version ${call.version} of workflow ${call.workflowId} is deprecated`;
      issues.push(...issuesAt(call, "deprecated_workflow", message, "warning"));
    }
    const problem = await circleOrDepth(graph, call, [callerId]);
    if (problem) issues.push(...issuesAt(call, problem.code, problem.message));
  }
  return issues;
}

type Target = { missing: string } | { calls: WorkflowCall[]; isPublished: boolean; isDeprecated?: boolean };

interface CallGraph {
  read(call: WorkflowCall): Promise<Target>;
  /** Depth below a call, where it is known to have no circle. */
  depths: Map<string, number>;
}

/** `beside` are workflows that are made in the same write. */
function callGraph(ctx: Ctx, beside: ReadonlyMap<string, readonly WorkflowCall[]> = new Map()): CallGraph {
  const reads = new Map<string, Promise<Target>>();
  return {
    depths: new Map(),
    read(call) {
      const key = keyOf(call);
      const known = reads.get(key);
      if (known) return known;
      const made = beside.get(call.workflowId);
      if (made) return Promise.resolve({ calls: [...made], isPublished: false });
      if (reads.size >= MAX_REACHED) throw new AppError("too_large", `more than ${MAX_REACHED} workflows are called`);
      const target = readTarget(requireSpace(ctx), call);
      reads.set(key, target);
      return target;
    },
  };
}

type Problem = { code: "workflow_cycle" | "workflow_depth"; message: string };

/** Depth first, reading the calls of one workflow at once. Returns what is wrong, or nothing. */
async function circleOrDepth(graph: CallGraph, call: WorkflowCall, path: string[]): Promise<Problem | undefined> {
  const below = graph.depths.get(keyOf(call));
  if (path.includes(call.workflowId)) {
    const circle = [...path, call.workflowId].join(" → ");
    return { code: "workflow_cycle", message: `workflows call each other in a circle: ${circle}` };
  }
  if (path.length + (below ?? 0) > MAX_CALL_DEPTH) {
    return { code: "workflow_depth", message: `workflows call each other more than ${MAX_CALL_DEPTH} deep` };
  }
  if (below !== undefined) return undefined;
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
    const { data } = await read(() => WorkflowDraftEntity.get({ spaceId, workflowId }).go(ONLY_CALLS));
    return data ? { calls: data.calls, isPublished } : none;
  }
  const missing = `workflow ${workflowId} has no version ${wanted}`;
  if (!VERSION_PATTERN.test(wanted)) return { missing };
  const found = await versionOf(spaceId, workflowId, wanted);
  if (!found) return { missing };
  // Who follows the latest version cannot choose another.
  return { calls: found.calls, isPublished, isDeprecated: version !== undefined && found.deprecatedAt !== undefined };
}

/**
 * What is wrong with the credentials that a workflow uses: of another space, not shared with it, or not chosen since its
 * import, which keeps it from being published alone.
 */
export async function credentialIssues(
  ctx: Ctx,
  workflowId: WorkflowId,
  needs: readonly CredentialNeed[],
  { isPublishing }: { isPublishing: boolean },
): Promise<WorkflowIssue[]> {
  const found = await refused(ctx, workflowId, needs);
  return found.flatMap(({ credentialId, nodeIds, code, message }) =>
    nodeIds.map((nodeId): WorkflowIssue => {
      const path = `nodes.${nodeId}.data.config.credentialId`;
      if (!credentialId.startsWith(UNBOUND_CREDENTIAL)) return { code, nodeId, path, message, severity: "error" };
      const [type, externalId] = credentialId.slice(UNBOUND_CREDENTIAL.length).split(":");
      return {
        ...{ code: "credential_unbound", nodeId, path, severity: isPublishing ? "error" : "warning" },
        message: `node ${nodeId} needs a credential of type ${type} (${externalId} where it was imported from): choose one of this space`,
      };
    }),
  );
}

async function versionOf(spaceId: string, workflowId: string, version: string) {
  const key = { spaceId, workflowId, sortKey: versionSortKey(version) };
  const { data } = await read(() => WorkflowVersionEntity.get(key).go(OF_VERSION));
  return data;
}

/**
 * Who calls a workflow, as far as they are not deleted: its published callers, with those whose error workflow it is
 * (depending), or those in drafts too. The first 100.
 */
export async function callersOf(
  ctx: Ctx,
  workflowId: string,
  which: "published" | "depending" | "all",
): Promise<(WorkflowReference & { name: string })[]> {
  const spaceId = requireSpace(ctx);
  const query = WorkflowReferenceEntity.query.primary({ spaceId, workflowId }).where((attr, op) => {
    const others = op.ne(attr.callerId, workflowId);
    if (which === "all") return others;
    const isOne = which === "published" ? op.eq(attr.source, "published") : op.ne(attr.source, "draft");
    return `${isOne} AND ${others}`;
  });
  const scope = { operation: "callersOf", spaceId };
  const { items } = await listPage(query, { scope, limit: MAX_PAGE, order: "asc", consistent: true });
  const names = await liveNames(
    spaceId,
    items.map(({ callerId }) => callerId),
  );
  return items.flatMap(({ callerId, source, calls }, index) => {
    const name = names[index] ?? null;
    return name === null ? [] : [{ workflowId: callerId, name, source, calls }];
  });
}

/** The name of each workflow of this space that is not deleted, null for the rest. */
async function liveNames(spaceId: string, workflowIds: readonly string[]): Promise<(string | null)[]> {
  const rows = await getMany(
    workflowIds.map((workflowId) => ({ entity: WorkflowEntity, key: { spaceId, workflowId } })),
  );
  return rows.map((row) => (row && !row.deletedAt ? row.name : null));
}

function issuesAt(
  call: WorkflowCall,
  code: string,
  message: string,
  severity: WorkflowIssue["severity"] = "error",
): WorkflowIssue[] {
  return call.nodeIds.map((nodeId) => {
    return { code, nodeId, path: `nodes.${nodeId}.data.config.workflowId`, message, severity };
  });
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
