import { getLive, updateOp } from "@weft/db/change";
import { guarded, transact, tx } from "@weft/db/write";
import { isoTime } from "@weft/kernel/clock";
import { actorId, type Ctx, requireSpace } from "@weft/kernel/ctx";
import { newId } from "@weft/kernel/ids";
import { load } from "@weft/storage/blob";
import type { EntityItem } from "electrodb";
import { usageOps } from "../credential/credential.usage.ts";
import { type CompiledCanvas, compileCanvas, loadCanvas, storedCanvas } from "./workflow.canvas.ts";
import { WorkflowCommitEntity, type WorkflowDraftEntity, WorkflowEntity } from "./workflow.entity.ts";
import type { WorkflowCommit } from "./workflow.history.schema.ts";
import { credentialIssues, referenceIssues, referenceOps } from "./workflow.references.ts";
import type { CommitId, SavedDraft, Validation, WorkflowDraft, WorkflowId, WorkflowIssue } from "./workflow.schema.ts";
import { archived, draftTarget, getOpen, target, versionTarget } from "./workflow.service.ts";

export async function get(ctx: Ctx, { workflowId }: { workflowId: WorkflowId }): Promise<WorkflowDraft> {
  const workflow = await getLive(ctx, target(ctx, workflowId));
  const draft = await getLive(ctx, draftTarget(ctx, workflowId));
  return { ...toDraft(draft, workflow), canvas: await load(ctx, draft.canvas) };
}

/**
 * Replaces the draft that `expectedRevision` names. What no canvas may be is refused (see {@link compileCanvas}); what is
 * not ready to run is kept, and the answer's issues say what to mend.
 */
export async function save(
  ctx: Ctx,
  input: { workflowId: WorkflowId; expectedRevision: number; canvas: unknown; allowErrors?: boolean },
): Promise<SavedDraft> {
  const { workflowId, expectedRevision, canvas, allowErrors = false } = input;
  return replaceDraft(ctx, workflowId, expectedRevision, compileCanvas(canvas, { allowErrors }));
}

/** Makes a version's canvas the draft again. */
export async function rollback(
  ctx: Ctx,
  input: { workflowId: WorkflowId; version: string; expectedRevision: number },
): Promise<SavedDraft> {
  const { workflowId, version, expectedRevision } = input;
  const row = await getLive(ctx, versionTarget(ctx, workflowId, version));
  return replaceDraft(ctx, workflowId, expectedRevision, await loadCanvas(ctx, row));
}

/** What is wrong with a canvas, or with the draft where none is given, now. */
export async function validate(
  ctx: Ctx,
  { workflowId, canvas }: { workflowId: WorkflowId; canvas?: unknown },
): Promise<Validation> {
  await getLive(ctx, target(ctx, workflowId));
  const draft = () => getLive(ctx, draftTarget(ctx, workflowId));
  const compiled =
    canvas === undefined ? await loadCanvas(ctx, await draft()) : compileCanvas(canvas, { allowErrors: true });
  const issues = await allIssues(ctx, workflowId, compiled);
  return { isValid: isValid(issues), issues };
}

/** The draft as it was when this commit of it was run. */
export async function commit(
  ctx: Ctx,
  { workflowId, commitId }: { workflowId: WorkflowId; commitId: CommitId },
): Promise<WorkflowCommit> {
  const row = await getLive(ctx, commitTarget(ctx, workflowId, commitId));
  const { hash, createdAt, createdBy } = row;
  return { workflowId, commitId, hash, canvas: await load(ctx, row.canvas), createdAt, createdBy };
}

/** How to address a commit that was run. */
export function commitTarget(ctx: Ctx, workflowId: WorkflowId, commitId: CommitId) {
  const key = { spaceId: requireSpace(ctx), workflowId, commitId };
  return { entity: WorkflowCommitEntity, key, what: "commit", id: commitId };
}

/**
 * Makes a canvas the draft, under a commit of its own. Throws `conflict` where the draft is not at `expectedRevision` and
 * where the workflow is archived.
 */
export async function replaceDraft(
  ctx: Ctx,
  workflowId: WorkflowId,
  expectedRevision: number,
  compiled: CompiledCanvas,
): Promise<SavedDraft> {
  const workflow = await getOpen(ctx, workflowId);
  const before = await getLive(ctx, draftTarget(ctx, workflowId));
  const issues = await allIssues(ctx, workflowId, compiled);
  const set = {
    ...(await storedCanvas(ctx, workflowId, compiled)),
    ...{ issues, hash: compiled.hash, updatedBy: actorId(ctx) },
    commitId: newId("commit", ctx.clock.now()),
  };
  const remove = (["original", "hash"] as const).filter((name) => set[name] === undefined);
  await transact([
    updateOp(ctx, draftTarget(ctx, workflowId), { set, remove, expectedRevision }),
    touchOp(ctx, workflowId, expectedRevision + 1),
    ...referenceOps(ctx, workflowId, "draft", before.calls, compiled.calls),
    ...usageOps(ctx, workflowId, "draft", before.credentials ?? [], compiled.credentials),
  ]);
  return toDraft(await getLive(ctx, draftTarget(ctx, workflowId)), workflow);
}

/** The workflow's row shows that its draft moved; the revision of its own fields stays. */
function touchOp(ctx: Ctx, workflowId: WorkflowId, draftRevision: number) {
  const op = tx(WorkflowEntity)
    .patch(target(ctx, workflowId).key)
    .set({ draftRevision, updatedAt: isoTime(ctx.clock.now()) })
    .where((attr, is) => `${is.notExists(attr.deletedAt)} AND ${is.ne(attr.status, "archived")}`)
    .commit();
  return guarded(op, async () => {
    await getLive(ctx, target(ctx, workflowId));
    return archived(workflowId);
  });
}

async function allIssues(ctx: Ctx, workflowId: WorkflowId, compiled: CompiledCanvas): Promise<WorkflowIssue[]> {
  return [
    ...compiled.issues,
    ...(await referenceIssues(ctx, workflowId, compiled.calls, { isPublishing: false })),
    ...(await credentialIssues(ctx, workflowId, compiled.credentials, { isPublishing: false })),
  ];
}

function isValid(issues: readonly WorkflowIssue[]): boolean {
  return !issues.some((issue) => issue.severity === "error");
}

function toDraft(
  draft: EntityItem<typeof WorkflowDraftEntity>,
  workflow: EntityItem<typeof WorkflowEntity>,
): SavedDraft {
  const { revision, form, inputs, outputs, issues, createdAt, updatedAt, updatedBy, testRunCommitId } = draft;
  return {
    workflowId: draft.workflowId as WorkflowId,
    ...{ revision, form, inputs, outputs, issues, createdAt, updatedAt, updatedBy },
    commitId: draft.commitId as CommitId,
    isValid: isValid(issues),
    ...(testRunCommitId ? { testRunCommitId: testRunCommitId as CommitId } : {}),
    isTested: draft.hash !== undefined && draft.hash === draft.testRunHash,
    isModified: draft.commitId !== workflow.publishedCommitId,
  };
}
