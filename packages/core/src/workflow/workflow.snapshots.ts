import { getLive } from "@weft/db/change";
import { listPage } from "@weft/db/page";
import { read, write } from "@weft/db/write";
import type { Canvas } from "@weft/engine/canvas";
import { isoTime } from "@weft/kernel/clock";
import { actorId, type Ctx, requireSpace } from "@weft/kernel/ctx";
import { type Id, newId } from "@weft/kernel/ids";
import type { Page } from "@weft/kernel/page";
import type { StoredValue } from "@weft/kernel/stored";
import { discard, load, offload } from "@weft/storage/blob";
import type { EntityItem } from "electrodb";
import { DEFAULT_SNAPSHOTS } from "./settings.schema.ts";
import { keep, loadCanvas } from "./workflow.canvas.ts";
import { replaceDraft } from "./workflow.draft.ts";
import { WorkflowSnapshotEntity } from "./workflow.entity.ts";
import type { CreateSnapshot, SnapshotSummary, WorkflowSnapshot } from "./workflow.history.schema.ts";
import type { CommitId, SavedDraft, WorkflowId } from "./workflow.schema.ts";
import { draftTarget, getOpen, target } from "./workflow.service.ts";

type Row = EntityItem<typeof WorkflowSnapshotEntity>;
type SnapshotId = Id<"snapshot">;
interface One {
  workflowId: WorkflowId;
  snapshotId: SnapshotId;
}

/** Puts the draft by under a name. The oldest snapshots beyond the workflow's number go. */
export async function create(ctx: Ctx, input: CreateSnapshot & { workflowId: WorkflowId }): Promise<SnapshotSummary> {
  const { workflowId, name, description, viewport, collaborationState } = input;
  const workflow = await getOpen(ctx, workflowId);
  const draft = await getLive(ctx, draftTarget(ctx, workflowId));
  const canvas = viewport
    ? await keep(ctx, workflowId, { ...((await load(ctx, draft.canvas)) as Canvas), viewport })
    : draft.canvas;
  const snapshotId = newId("snapshot", ctx.clock.now());
  const row: Row = {
    ...{ spaceId: requireSpace(ctx), workflowId, snapshotId, name, description, canvas },
    ...{ commitId: draft.commitId, form: draft.form, original: draft.original },
    collaborationState:
      collaborationState === undefined
        ? undefined
        : await offload(ctx, { entity: "workflow-snapshot", id: snapshotId }, collaborationState),
    createdAt: isoTime(ctx.clock.now()),
    createdBy: actorId(ctx),
  };
  await write(() => WorkflowSnapshotEntity.create(row).go());
  await removeBeyond(ctx, workflowId, workflow.settings.snapshotsKept ?? DEFAULT_SNAPSHOTS);
  return toSummary(row);
}

/** Newest first. */
export async function list(
  ctx: Ctx,
  input: { workflowId: WorkflowId; limit?: number | undefined; cursor?: string | undefined },
): Promise<Page<SnapshotSummary>> {
  const { workflowId, limit, cursor } = input;
  const spaceId = requireSpace(ctx);
  await getLive(ctx, target(ctx, workflowId));
  const scope = { operation: "listWorkflowSnapshots", spaceId, filters: { workflowId } };
  const page = await listPage(WorkflowSnapshotEntity.query.primary({ spaceId, workflowId }), { scope, limit, cursor });
  return { items: page.items.map(toSummary), nextCursor: page.nextCursor };
}

export async function get(ctx: Ctx, one: One): Promise<WorkflowSnapshot> {
  const row = await rowOf(ctx, one);
  const canvas = (await load(ctx, row.canvas)) as Canvas;
  const state = row.collaborationState;
  return {
    ...toSummary(row),
    canvas,
    viewport: canvas.viewport ?? null,
    collaborationState: state ? ((await load(ctx, state)) as string) : null,
  };
}

/** Makes what was put by the draft again. */
export async function restore(ctx: Ctx, input: One & { expectedRevision: number }): Promise<SavedDraft> {
  const row = await rowOf(ctx, input);
  return replaceDraft(ctx, input.workflowId, input.expectedRevision, await loadCanvas(ctx, row));
}

export async function remove(ctx: Ctx, one: One): Promise<void> {
  await getOpen(ctx, one.workflowId);
  await removeRow(ctx, await rowOf(ctx, one));
}

/** How to address a snapshot. */
export function snapshotTarget(ctx: Ctx, { workflowId, snapshotId }: One) {
  const key = { spaceId: requireSpace(ctx), workflowId, snapshotId };
  return { entity: WorkflowSnapshotEntity, key, what: "snapshot", id: snapshotId };
}

async function rowOf(ctx: Ctx, one: One): Promise<Row> {
  await getLive(ctx, target(ctx, one.workflowId));
  return getLive(ctx, snapshotTarget(ctx, one));
}

type Removable = Pick<Row, "spaceId" | "workflowId" | "snapshotId"> & { collaborationState?: StoredValue | undefined };

/**
 * Does nothing where it is gone: two who make a snapshot at once may both find the same one too many. The canvas may be
 * the draft's or a version's too and stays; the collaboration state is this row's alone.
 */
async function removeRow(ctx: Ctx, row: Removable): Promise<void> {
  const { spaceId, workflowId, snapshotId, collaborationState } = row;
  await write(() => WorkflowSnapshotEntity.delete({ spaceId, workflowId, snapshotId }).go());
  if (collaborationState) await discard(ctx, collaborationState);
}

async function removeBeyond(ctx: Ctx, workflowId: WorkflowId, kept: number): Promise<void> {
  const attributes = ["spaceId" as const, "workflowId" as const, "snapshotId" as const, "collaborationState" as const];
  const key = { spaceId: requireSpace(ctx), workflowId };
  const { data } = await read(() =>
    WorkflowSnapshotEntity.query.primary(key).go({ attributes, order: "desc", pages: "all", consistent: true }),
  );
  for (const row of data.slice(kept)) await removeRow(ctx, row);
}

function toSummary(row: Row): SnapshotSummary {
  const { snapshotId, workflowId, name, description, commitId, form, createdAt, createdBy } = row;
  return {
    id: snapshotId as SnapshotId,
    workflowId: workflowId as WorkflowId,
    commitId: commitId as CommitId,
    ...{ name, description, form, createdAt, createdBy },
    hasCollaborationState: row.collaborationState !== undefined,
  };
}
