import { type Cache, createCache } from "@weft/db/cache";
import { getAny, getLive } from "@weft/db/change";
import { tryWrite } from "@weft/db/write";
import type { Canvas } from "@weft/engine/canvas";
import type { Plan } from "@weft/engine/plan";
import { isoTime, systemClock } from "@weft/kernel/clock";
import { actorId, type Ctx, requireSpace } from "@weft/kernel/ctx";
import { AppError, notFound } from "@weft/kernel/errors";
import { isId } from "@weft/kernel/ids";
import { load } from "@weft/storage/blob";
import type { WorkflowSettings } from "./settings.schema.ts";
import { compileRead, keep } from "./workflow.canvas.ts";
import { WorkflowCommitEntity, WorkflowDraftEntity, WorkflowVersionEntity } from "./workflow.entity.ts";
import { clearPointers, findPointer, type Pointer } from "./workflow.pointer.ts";
import { type CommitId, DRAFT, type WorkflowId, type WorkflowStatus } from "./workflow.schema.ts";
import { VERSION_PATTERN, versionSortKey } from "./workflow.semver.ts";

/** Versions and commits never change; the bound is memory. */
const PLAN_TTL_MS = 3_600_000;
const MAX_PLANS = 200;

/** A plan and what it was made from: a version, or a commit of the draft. */
export interface LoadedPlan {
  workflowId: WorkflowId;
  version: string | null;
  commitId?: CommitId;
  plan: Plan;
  hash: string;
}

export interface ResolvedPlan extends LoadedPlan {
  name: string;
  settings: WorkflowSettings;
}

const plans: Cache<LoadedPlan> = createCache({ clock: systemClock, ttlMs: PLAN_TTL_MS, maxEntries: MAX_PLANS });

/**
 * The plan that a new run takes: the latest version, a named one, or the draft as it is now (whose commit is kept).
 * One read when the pointer has to be looked at again, none otherwise. Throws `not_found` for a workflow of another
 * space and for an unknown version, `unprocessable` for what may not run: unpublished, paused, archived, with errors.
 */
export async function resolvePlan(
  ctx: Ctx,
  input: {
    workflowId: string;
    version?: string | undefined;
    /** A commit of the draft that was run before. */
    commitId?: CommitId | undefined;
    /** Where nothing is published: take the draft, for a draft that calls one that is in the making too. */
    draftFallback?: boolean;
  },
): Promise<ResolvedPlan> {
  const { commitId } = input;
  const workflowId = input.workflowId as WorkflowId;
  const pointer = await pointerOf(ctx, workflowId);
  if (commitId !== undefined) {
    refuseStatus(workflowId, pointer.status, ["archived"]);
    return { ...(await loadPlan(ctx, { workflowId, commitId })), name: pointer.name, settings: pointer.settings };
  }
  const version = input.version ?? pointer.currentVersion ?? (input.draftFallback ? DRAFT : undefined);
  if (version === undefined) throw new AppError("unprocessable", `workflow ${workflowId} is not published`);
  const { name, settings } = pointer;
  refuseStatus(workflowId, pointer.status, version === DRAFT ? ["archived"] : ["paused", "archived"]);
  if (version === DRAFT) return { ...(await draftPlan(ctx, workflowId)), name, settings };
  const loaded = await loadPlan(ctx, { workflowId, version });
  return { ...loaded, name, settings };
}

/**
 * The plan that a run was started with, whatever became of its workflow since. No read when this process has it. Throws
 * `not_found` where there is no such version or kept commit in the ctx's space.
 */
export async function loadPlan(
  ctx: Ctx,
  from: { workflowId: WorkflowId; version: string } | { workflowId: WorkflowId; commitId: CommitId },
): Promise<LoadedPlan> {
  const name = "version" in from ? from.version : from.commitId;
  const key = planKey(ctx, from.workflowId, name);
  const loaded = await plans.load(key, () =>
    "version" in from
      ? versionPlan(ctx, from.workflowId, from.version)
      : commitPlan(ctx, from.workflowId, from.commitId),
  );
  if (!loaded) throw notFound(`workflow ${from.workflowId}, ${name}`);
  return unfrozen(loaded);
}

/** Write-through after publishing. */
export function cachePlan(ctx: Ctx, loaded: LoadedPlan): void {
  plans.set(planKey(ctx, loaded.workflowId, loaded.version ?? loaded.commitId ?? DRAFT), loaded);
}

async function pointerOf(ctx: Ctx, workflowId: string): Promise<Pointer> {
  const pointer = await findPointer(ctx, workflowId);
  if (!pointer) throw notFound("workflow", workflowId);
  return pointer;
}

/** Keeps the commit that is about to be run, so that the run can be shown and go on when the draft has moved on. */
async function draftPlan(ctx: Ctx, workflowId: WorkflowId): Promise<LoadedPlan> {
  const key = { spaceId: requireSpace(ctx), workflowId };
  const draft = await getLive(ctx, { entity: WorkflowDraftEntity, key, what: "workflow", id: workflowId });
  if (!draft.hash) throw notRunnable(draft.issues);
  const commitId = draft.commitId as CommitId;
  const loaded = await plans.load(planKey(ctx, workflowId, commitId), async () => {
    const compiled = compileRead((await load(ctx, draft.canvas)) as Canvas);
    if (!compiled.hash) throw notRunnable(compiled.issues);
    const made = { createdAt: isoTime(ctx.clock.now()), createdBy: actorId(ctx) };
    const plan = await keep(ctx, workflowId, compiled.plan);
    const row = { ...key, commitId, canvas: draft.canvas, plan, hash: compiled.hash, ...made };
    await tryWrite(() => WorkflowCommitEntity.create(row).go());
    return { workflowId, version: null, commitId, plan: compiled.plan, hash: compiled.hash };
  });
  if (!loaded) throw notFound("workflow", workflowId);
  return unfrozen(loaded);
}

async function versionPlan(ctx: Ctx, workflowId: WorkflowId, version: string): Promise<LoadedPlan | undefined> {
  if (!VERSION_PATTERN.test(version)) return undefined;
  const key = { spaceId: requireSpace(ctx), workflowId, sortKey: versionSortKey(version) };
  const row = await getAny({ entity: WorkflowVersionEntity, key, what: "version" });
  return row ? { workflowId, version, plan: (await load(ctx, row.plan)) as Plan, hash: row.hash } : undefined;
}

async function commitPlan(ctx: Ctx, workflowId: WorkflowId, commitId: CommitId): Promise<LoadedPlan | undefined> {
  if (!isId("commit", commitId)) return undefined;
  const key = { spaceId: requireSpace(ctx), workflowId, commitId };
  const row = await getAny({ entity: WorkflowCommitEntity, key, what: "commit" });
  return row
    ? { workflowId, version: null, commitId, plan: (await load(ctx, row.plan)) as Plan, hash: row.hash }
    : undefined;
}

function refuseStatus(workflowId: string, status: WorkflowStatus, refused: readonly WorkflowStatus[]): void {
  if (!refused.includes(status)) return;
  throw new AppError("unprocessable", `workflow ${workflowId} is ${status}`, { details: { status } });
}

function notRunnable(issues: readonly { severity: string }[]): AppError {
  const errors = issues.filter((issue) => issue.severity === "error");
  return new AppError("unprocessable", "the draft has errors", { details: { issues: errors } });
}

/** Cached plans are frozen and shared by all runs of the process; the engine never changes a plan. */
function unfrozen(loaded: object): LoadedPlan {
  return loaded as LoadedPlan;
}

const planKey = (ctx: Ctx, id: string, version: string) => ({ scope: requireSpace(ctx), kind: "plan", id, version });

/** Forgets everything; another process does so when it starts. */
export function clearPlans(): void {
  clearPointers();
  plans.clear();
}
