import { getLive, updateOp } from "@weft/db/change";
import { type HeldLock, stillHeld, withLock } from "@weft/db/lock";
import { listPage } from "@weft/db/page";
import { guarded, transact, tx, type WriteOp, write } from "@weft/db/write";
import type { Canvas } from "@weft/engine/canvas";
import { contractDiff } from "@weft/engine/diff/contract";
import type { Plan } from "@weft/engine/plan";
import { isoTime } from "@weft/kernel/clock";
import { actorId, type Ctx, requireSpace } from "@weft/kernel/ctx";
import { AppError, conflict } from "@weft/kernel/errors";
import { newId } from "@weft/kernel/ids";
import type { Page } from "@weft/kernel/page";
import { load } from "@weft/storage/blob";
import type { EntityItem } from "electrodb";
import { usageOps } from "../credential/credential.usage.ts";
import { emitOps } from "../event/event.emit.ts";
import { callsOf, compileRead, credentialsOf, keep } from "./workflow.canvas.ts";
import { WorkflowDraftEntity, WorkflowVersionEntity } from "./workflow.entity.ts";
import type { PublishedVersion, UpdateVersion } from "./workflow.history.schema.ts";
import { cachePlan, loadPlan } from "./workflow.plans.ts";
import { cachePointer } from "./workflow.pointer.ts";
import { callersOf, credentialIssues, referenceIssues, referenceOps } from "./workflow.references.ts";
import type {
  CommitId,
  PublishWorkflow,
  VersionSummary,
  WorkflowId,
  WorkflowIssue,
  WorkflowReference,
  WorkflowVersion,
} from "./workflow.schema.ts";
import { isGreater, nextVersion, versionSortKey } from "./workflow.semver.ts";
import { draftTarget, getOpen, target, versionTarget } from "./workflow.service.ts";
import { errorWorkflowIssues } from "./workflow.settings.ts";

/** A check reads a thousand workflows at most: far less than this. */
const PUBLISH_LOCK_MS = 30_000;
/** How long one waits for others of the space who publish. */
const PUBLISH_WAIT_MS = 10_000;

type VersionRow = EntityItem<typeof WorkflowVersionEntity>;

/**
 * Makes a version of the draft: immutable, greater than every earlier one, compiled once for all its runs. Throws
 * `unprocessable` for a canvas with errors (the issues name the nodes) and for one that no successful run has proved,
 * `conflict` for a version that is not greater and for whoever publishes or saves at the same time.
 */
export async function publish(
  ctx: Ctx,
  input: PublishWorkflow & { workflowId: WorkflowId },
): Promise<PublishedVersion> {
  const { workflowId } = input;
  const workflow = await getOpen(ctx, workflowId);
  const draft = await getLive(ctx, draftTarget(ctx, workflowId));
  checkRevision(draft.revision, input.expectedRevision);
  const version = versionFor(workflow.currentVersion, input.version);
  const compiled = compileRead((await load(ctx, draft.canvas)) as Canvas);
  const { calls, credentials, plan } = compiled;
  const before = workflow.currentVersion
    ? (await loadPlan(ctx, { workflowId, version: workflow.currentVersion })).plan
    : undefined;
  const publishRow = async (inTurn: WriteOp[]): Promise<VersionRow> => {
    const problems = [
      ...(await referenceIssues(ctx, workflowId, calls, { isPublishing: true })),
      ...(await errorWorkflowIssues(ctx, workflowId, workflow.settings)),
      ...(await credentialIssues(ctx, workflowId, credentials, { isPublishing: true })),
    ];
    const hash = publishable([...compiled.issues, ...problems], compiled.hash);
    checkTested(draft, hash, input.force);
    const row = await versionRow(ctx, draft, { version, description: input.description, hash, plan });
    const data = { workflowId, name: workflow.name, version, description: row.description };
    await transact([
      createOp(row),
      pointOp(ctx, workflow, row),
      unchangedOp(draft),
      ...inTurn,
      ...referenceOps(ctx, workflowId, "published", before ? callsOf(before) : [], calls),
      ...usageOps(ctx, workflowId, "published", before ? credentialsOf(before) : [], credentials),
      ...(await emitOps(ctx, { type: "workflow.published", data })),
    ]);
    return row;
  };
  const row = calls.length === 0 ? await publishRow([]) : await oneByOne(ctx, (held) => publishRow([stillHeld(held)]));
  cachePlan(ctx, { workflowId, version, plan, hash: row.hash });
  cachePointer(ctx, await getLive(ctx, target(ctx, workflowId)));
  const { breaking } = before ? contractDiff(before, plan) : { breaking: [] };
  return { ...toSummary(row), breaking, callers: await followers(ctx, workflowId) };
}

/** Two who publish at once could each close a circle that the other's check does not see yet. */
function oneByOne<T>(ctx: Ctx, work: (held: HeldLock) => Promise<T>): Promise<T> {
  const lock = { scope: requireSpace(ctx), name: "publish" };
  return withLock(ctx.clock, lock, { ttlMs: PUBLISH_LOCK_MS, waitMs: PUBLISH_WAIT_MS }, work);
}

/** Published workflows that call the latest version, whichever it is. */
async function followers(ctx: Ctx, workflowId: WorkflowId): Promise<WorkflowReference[]> {
  const callers = await callersOf(ctx, workflowId, "published");
  return callers.filter(({ calls }) => calls.some(({ version }) => version === undefined));
}

/** What a version is made of. */
export async function versionRow(
  ctx: Ctx,
  draft: Pick<VersionRow, "workflowId" | "canvas" | "form" | "original" | "commitId">,
  made: { version: string; description: string; hash: string; plan: Plan },
): Promise<VersionRow> {
  const { workflowId, canvas, form, original, commitId } = draft;
  const { version, description, hash, plan } = made;
  return {
    ...{ spaceId: requireSpace(ctx), workflowId, version, description, hash, calls: callsOf(plan) },
    ...{ canvas, form, original, inputs: plan.inputs, outputs: plan.outputs, commitId, nodeCount: plan.nodeCount },
    versionId: newId("workflowVersion", ctx.clock.now()),
    sortKey: versionSortKey(version),
    plan: await keep(ctx, workflowId as WorkflowId, plan),
    createdAt: isoTime(ctx.clock.now()),
    createdBy: actorId(ctx),
  };
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

/** Changes what is said of a version: its description, and whether it should still be called. */
export async function updateVersion(
  ctx: Ctx,
  input: UpdateVersion & { workflowId: WorkflowId; version: string },
): Promise<VersionSummary> {
  const { workflowId, version, description, status } = input;
  await getOpen(ctx, workflowId);
  const { key } = versionTarget(ctx, workflowId, version);
  const row = await getLive(ctx, versionTarget(ctx, workflowId, version));
  const deprecatedAt = row.deprecatedAt ?? isoTime(ctx.clock.now());
  const set = {
    ...(description === undefined ? {} : { description }),
    ...(status === "deprecated" ? { deprecatedAt } : {}),
  };
  const remove = status === "active" ? ["deprecatedAt" as const] : [];
  const { data } = await write(() =>
    WorkflowVersionEntity.patch(key).set(set).remove(remove).go({ response: "all_new" }),
  );
  return toSummary(data as VersionRow);
}

function checkTested(draft: { testRunHash?: string | undefined }, hash: string, force: boolean): void {
  if (force || draft.testRunHash === hash) return;
  throw new AppError("unprocessable", "the draft was changed since its last successful run: run it, or use force");
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

function toSummary(row: VersionRow): VersionSummary {
  const { versionId, workflowId, version, description, commitId, form, hash, nodeCount, inputs, outputs, calls } = row;
  return {
    id: versionId as VersionSummary["id"],
    workflowId: workflowId as WorkflowId,
    commitId: commitId as CommitId,
    ...{ version, description, form, inputs, outputs, hash, nodeCount, calls },
    status: row.deprecatedAt === undefined ? "active" : "deprecated",
    ...{ createdAt: row.createdAt, createdBy: row.createdBy },
  };
}
