import { getLive, updateOp } from "@weft/db/change";
import { listPage } from "@weft/db/page";
import { guarded, transact, tx, type WriteOp } from "@weft/db/write";
import type { Canvas } from "@weft/engine/canvas";
import { isoTime } from "@weft/kernel/clock";
import { actorId, type Ctx, requireSpace } from "@weft/kernel/ctx";
import { AppError, conflict } from "@weft/kernel/errors";
import { newId } from "@weft/kernel/ids";
import type { Page } from "@weft/kernel/page";
import { load } from "@weft/storage/blob";
import type { EntityItem } from "electrodb";
import { compileRead, keep } from "./workflow.canvas.ts";
import { WorkflowDraftEntity, WorkflowVersionEntity } from "./workflow.entity.ts";
import { cachePlan, cachePointer } from "./workflow.plans.ts";
import { callsOfVersion, referenceIssues, referenceOps } from "./workflow.references.ts";
import type {
  CommitId,
  PublishWorkflow,
  VersionSummary,
  WorkflowId,
  WorkflowIssue,
  WorkflowVersion,
} from "./workflow.schema.ts";
import { isGreater, nextVersion, versionSortKey } from "./workflow.semver.ts";
import { draftTarget, target, versionTarget } from "./workflow.service.ts";

type VersionRow = EntityItem<typeof WorkflowVersionEntity>;

/**
 * Makes a version of the draft: immutable, greater than every earlier one, compiled once for all its runs. Throws
 * `unprocessable` for a canvas with errors (the issues name the nodes) and for one that no successful run has proved,
 * `conflict` for a version that is not greater and for whoever publishes or saves at the same time.
 */
export async function publish(ctx: Ctx, input: PublishWorkflow & { workflowId: WorkflowId }): Promise<VersionSummary> {
  const { workflowId } = input;
  const workflow = await getLive(ctx, target(ctx, workflowId));
  const draft = await getLive(ctx, draftTarget(ctx, workflowId));
  checkRevision(draft.revision, input.expectedRevision);
  const version = versionFor(workflow.currentVersion, input.version);
  const compiled = compileRead((await load(ctx, draft.canvas)) as Canvas);
  const problems = await referenceIssues(ctx, workflowId, compiled.calls, { isPublishing: true });
  const hash = publishable([...compiled.issues, ...problems], compiled.hash);
  if (!input.force && draft.testRunHash !== hash) {
    throw new AppError("unprocessable", "the draft was changed since its last successful run: run it, or use force");
  }
  const { canvas, form, original, inputs, outputs } = draft;
  const { calls, plan } = compiled;
  const row: VersionRow = {
    ...{ spaceId: requireSpace(ctx), workflowId, version, description: input.description, hash, calls },
    ...{ canvas, form, original, inputs, outputs, commitId: draft.commitId, nodeCount: plan.nodeCount },
    versionId: newId("workflowVersion", ctx.clock.now()),
    sortKey: versionSortKey(version),
    plan: await keep(ctx, workflowId, plan),
    createdAt: isoTime(ctx.clock.now()),
    createdBy: actorId(ctx),
  };
  await transact([
    createOp(row),
    pointOp(ctx, workflow, row),
    unchangedOp(draft),
    ...referenceOps(ctx, workflowId, "published", await publishedCalls(workflow), calls),
  ]);
  cachePlan(ctx, { workflowId, version, plan, hash });
  cachePointer(ctx, await getLive(ctx, target(ctx, workflowId)));
  return toSummary(row);
}

/** Greatest first. */
export async function listVersions(
  ctx: Ctx,
  input: { workflowId: WorkflowId; limit?: number | undefined; cursor?: string | undefined },
): Promise<Page<VersionSummary>> {
  const { workflowId, limit, cursor } = input;
  const spaceId = requireSpace(ctx);
  await getLive(ctx, target(ctx, workflowId));
  const scope = { operation: "listWorkflowVersions", spaceId, filters: { workflowId } };
  const page = await listPage(WorkflowVersionEntity.query.primary({ spaceId, workflowId }), { scope, limit, cursor });
  return { items: page.items.map(toSummary), nextCursor: page.nextCursor };
}

export async function getVersion(
  ctx: Ctx,
  { workflowId, version }: { workflowId: WorkflowId; version: string },
): Promise<WorkflowVersion> {
  await getLive(ctx, target(ctx, workflowId));
  const row = await getLive(ctx, versionTarget(ctx, workflowId, version));
  return { ...toSummary(row), canvas: await load(ctx, row.canvas) };
}

function checkRevision(revision: number, expectedRevision: number | undefined): void {
  if (expectedRevision === undefined || expectedRevision === revision) return;
  const details = { revision, expectedRevision };
  throw conflict(`the draft is at revision ${revision}, not ${expectedRevision}`, { details });
}

function versionFor(latest: string | undefined, wanted: string | undefined): string {
  const version = wanted ?? nextVersion(latest);
  if (version === null) throw new AppError("unprocessable", "there is no version after the latest one");
  if (latest && !isGreater(version, latest)) {
    throw conflict(`version ${version} is not greater than ${latest}`, { details: { field: "version", latest } });
  }
  return version;
}

function publishable(issues: readonly WorkflowIssue[], hash: string | undefined): string {
  const errors = issues.filter((issue) => issue.severity === "error");
  const [first] = errors;
  if (hash !== undefined && !first) return hash;
  const message = first ? `${first.path}: ${first.message}` : "the canvas has errors";
  throw new AppError("unprocessable", message, { details: { issues: errors } });
}

function createOp(row: VersionRow): WriteOp {
  const op = tx(WorkflowVersionEntity).create(row).commit();
  return guarded(op, () => conflict(`version ${row.version} exists`, { details: { field: "version" } }));
}

/** Refused where someone else published since: what was compared with the latest version no longer holds. */
function pointOp(
  ctx: Ctx,
  workflow: { workflowId: string; revision: number; status: string },
  row: VersionRow,
): WriteOp {
  const set = {
    currentVersion: row.version,
    currentHash: row.hash,
    publishedCommitId: row.commitId,
    publishedAt: row.createdAt,
    ...(workflow.status === "draft" ? { status: "active" as const } : {}),
  };
  return updateOp(ctx, target(ctx, workflow.workflowId as WorkflowId), { set, expectedRevision: workflow.revision });
}

function unchangedOp({ spaceId, workflowId, commitId }: EntityItem<typeof WorkflowDraftEntity>): WriteOp {
  const op = tx(WorkflowDraftEntity)
    .check({ spaceId, workflowId })
    .where((attr, is) => is.eq(attr.commitId, commitId))
    .commit();
  return guarded(op, () => conflict("the draft was changed while it was published"));
}

async function publishedCalls(workflow: { spaceId: string; workflowId: string; currentVersion?: string | undefined }) {
  const { spaceId, workflowId, currentVersion } = workflow;
  return currentVersion ? ((await callsOfVersion(spaceId, workflowId, currentVersion)) ?? []) : [];
}

function toSummary(row: VersionRow): VersionSummary {
  const { versionId, workflowId, version, description, commitId, form, hash, nodeCount, inputs, outputs, calls } = row;
  return {
    id: versionId as VersionSummary["id"],
    workflowId: workflowId as WorkflowId,
    commitId: commitId as CommitId,
    ...{ version, description, form, inputs, outputs, hash, nodeCount, calls },
    ...{ createdAt: row.createdAt, createdBy: row.createdBy },
  };
}
