import { created } from "@weft/db/base";
import { getLive, restore as restoreRow, softDelete, updateOp } from "@weft/db/change";
import { listPage } from "@weft/db/page";
import { searchFilter, searchText } from "@weft/db/search";
import { transact, tx, type WriteOp } from "@weft/db/write";
import { actorId, type Ctx, requireSpace } from "@weft/kernel/ctx";
import { AppError, conflict, notFound } from "@weft/kernel/errors";
import { newId } from "@weft/kernel/ids";
import type { Page } from "@weft/kernel/page";
import { load } from "@weft/storage/blob";
import type { EntityItem } from "electrodb";
import { usageOps } from "../credential/credential.usage.ts";
import { emitOps } from "../event/event.emit.ts";
import { type CompiledCanvas, compileCanvas, loadCanvas, storedCanvas } from "./workflow.canvas.ts";
import { libraryOf, WorkflowDraftEntity, WorkflowEntity, WorkflowVersionEntity } from "./workflow.entity.ts";
import { cachePointer } from "./workflow.pointer.ts";
import { callersOf, credentialIssues, referenceIssues, referenceOps } from "./workflow.references.ts";
import {
  type CanvasForm,
  type CommitId,
  type CreatedWorkflow,
  type CreateWorkflow,
  DRAFT,
  type ExportedWorkflow,
  type ListWorkflows,
  MAX_NAME,
  type UpdateWorkflow,
  type Workflow,
  type WorkflowId,
} from "./workflow.schema.ts";
import { VERSION_PATTERN, versionSortKey } from "./workflow.semver.ts";
import {
  type Beside,
  changedSettings,
  checkErrorWorkflow,
  copiedSettings,
  errorReferenceOps,
  NONE,
} from "./workflow.settings.ts";
import { checkStatusChange } from "./workflow.status.ts";

const COPY_SUFFIX = " (copy)";

export async function create(ctx: Ctx, input: CreateWorkflow): Promise<CreatedWorkflow> {
  return createFrom(ctx, input, compileCanvas(input.canvas, { allowErrors: input.allowErrors }));
}

/** A new workflow with the draft of this one; its versions stay where they are. */
export async function duplicate(
  ctx: Ctx,
  { workflowId, name }: { workflowId: WorkflowId; name?: string | undefined },
): Promise<CreatedWorkflow> {
  const source = await getLive(ctx, target(ctx, workflowId));
  const draft = await getLive(ctx, draftTarget(ctx, workflowId));
  const copyName = name ?? `${source.name.slice(0, MAX_NAME - COPY_SUFFIX.length)}${COPY_SUFFIX}`;
  const { description, icon, tags, mode, metadata } = source;
  const settings = await copiedSettings(ctx, source.settings);
  const copy = { name: copyName, description, icon, tags, mode, metadata, settings, isPublic: false };
  return createFrom(ctx, copy, await loadCanvas(ctx, draft));
}

export async function get(ctx: Ctx, { workflowId }: { workflowId: WorkflowId }): Promise<Workflow> {
  return toWorkflow(await getLive(ctx, target(ctx, workflowId)));
}

/** Newest first. */
export async function list(ctx: Ctx, input: ListWorkflows): Promise<Page<Workflow>> {
  const { q, state = "all", status, mode, tag, limit, cursor } = input;
  const spaceId = requireSpace(ctx);
  const search = searchFilter(q);
  const query = WorkflowEntity.query.primary({ spaceId }).where((attr, op) => {
    const conditions = [state === "deleted" ? op.exists(attr.deletedAt) : op.notExists(attr.deletedAt)];
    if (state === "published") conditions.push(op.exists(attr.currentVersion));
    if (state === "unpublished") conditions.push(op.notExists(attr.currentVersion));
    if (status) conditions.push(op.eq(attr.status, status));
    if (mode) conditions.push(op.eq(attr.mode, mode));
    if (search) conditions.push(search(attr as never, op as never));
    return conditions.join(" AND ");
  });
  const scope = { operation: "listWorkflows", spaceId, filters: { q, state, status, mode, tag } };
  const page = await listPage(query, { scope, limit, cursor, keep: (row) => !tag || hasTag(row.tags, tag) });
  return { items: page.items.map(toWorkflow), nextCursor: page.nextCursor };
}

/** Changes the workflow's own fields. Throws `conflict` for an archived one, unless it is taken back by the same call. */
export async function update(ctx: Ctx, input: UpdateWorkflow & { workflowId: WorkflowId }): Promise<Workflow> {
  const { workflowId, expectedRevision, icon, settings, ...rest } = input;
  const current = await getLive(ctx, target(ctx, workflowId));
  if (current.status === "archived" && (rest.status ?? "archived") === "archived") throw archived(workflowId);
  if (rest.status) checkStatusChange(current, rest.status);
  const changedTo = settings && changedSettings(current.settings, settings);
  if (changedTo) await checkErrorWorkflow(ctx, changedTo, workflowId);
  const set = {
    ...rest,
    library: libraryOf(rest.isPublic ?? current.isPublic),
    searchText: searchOf({ ...current, ...rest }),
    ...(changedTo ? { settings: changedTo } : {}),
    ...(icon ? { icon } : {}),
  };
  const change = { set, expectedRevision, ...(icon === null ? { remove: ["icon" as const] } : {}) };
  const references = changedTo ? errorReferenceOps(ctx, workflowId, current.settings, changedTo) : [];
  const { status: to = current.status } = rest;
  const data = { workflowId, name: rest.name ?? current.name, from: current.status, to };
  const told = to === current.status ? [] : await emitOps(ctx, { type: "workflow.status_changed", data });
  await transact([updateOp(ctx, target(ctx, workflowId), change), ...references, ...told]);
  const changed = await getLive(ctx, target(ctx, workflowId));
  cachePointer(ctx, changed);
  return toWorkflow(changed);
}

/** Refused while others call it, published or as their error workflow, unless `force`: their runs would lack it. */
export async function remove(ctx: Ctx, input: { workflowId: WorkflowId; force?: boolean }): Promise<void> {
  const { workflowId, force } = input;
  const workflow = await getLive(ctx, target(ctx, workflowId));
  const callers = force ? [] : await callersOf(ctx, workflowId, "depending");
  if (callers.length > 0) {
    const names = [...new Set(callers.map(({ name }) => name))].join(", ");
    throw conflict(`other workflows call this one: ${names}`, { details: { callers } });
  }
  await softDelete(ctx, target(ctx, workflowId));
  cachePointer(ctx, { ...workflow, deletedAt: workflow.updatedAt });
}

export async function restore(ctx: Ctx, { workflowId }: { workflowId: WorkflowId }): Promise<Workflow> {
  const row = await restoreRow(ctx, target(ctx, workflowId));
  cachePointer(ctx, row);
  return toWorkflow(row);
}

/** What an import takes, here or in another deployment. */
export async function exportWorkflow(
  ctx: Ctx,
  input: { workflowId: WorkflowId; version?: string; form?: CanvasForm },
): Promise<ExportedWorkflow> {
  const { workflowId, version = DRAFT, form = "weft" } = input;
  const row = await getLive(ctx, target(ctx, workflowId));
  const source =
    version === DRAFT
      ? await getLive(ctx, draftTarget(ctx, workflowId))
      : await getLive(ctx, versionTarget(ctx, workflowId, version));
  if (form === "coze" && !source.original) {
    throw new AppError("unprocessable", "only a canvas that came in this form can be exported in it");
  }
  const canvas = form === "coze" && source.original ? await load(ctx, source.original) : await load(ctx, source.canvas);
  const { name, description, icon, tags, mode, isPublic, metadata, settings, externalId = workflowId } = row;
  const workflow = { name, description, icon, tags, mode, isPublic, metadata, settings, externalId, canvas };
  return { version, form, workflow, calls: source.calls };
}

type NewWorkflow = Omit<CreateWorkflow, "canvas" | "icon" | "allowErrors"> & {
  icon?: string | undefined;
  externalId?: string | undefined;
};
interface NewIds {
  workflowId?: WorkflowId;
  commitId?: CommitId;
}

/** Writes a workflow whose canvas was read, with its draft and references. Its ids are new unless they are given. */
export async function createFrom(
  ctx: Ctx,
  input: NewWorkflow,
  compiled: CompiledCanvas,
  ids: NewIds = {},
): Promise<CreatedWorkflow> {
  const { head, parts, created } = await newWorkflow(ctx, input, compiled, ids);
  await transact([head, ...parts]);
  return created;
}

/** A workflow that is ready to be written: nobody sees its `parts` before its `head` is there. */
export async function newWorkflow(
  ctx: Ctx,
  input: NewWorkflow,
  compiled: CompiledCanvas,
  ids: NewIds,
  beside: Beside = NONE,
): Promise<{ head: WriteOp; parts: WriteOp[]; created: CreatedWorkflow }> {
  const spaceId = requireSpace(ctx);
  const workflowId = ids.workflowId ?? newId("workflow", ctx.clock.now());
  const { name, description, icon, tags, mode, isPublic, metadata, settings, externalId } = input;
  await checkErrorWorkflow(ctx, settings, workflowId, beside);
  const issues = [
    ...compiled.issues,
    ...(await referenceIssues(ctx, workflowId, compiled.calls, { isPublishing: false, beside })),
    ...(await credentialIssues(ctx, workflowId, compiled.credentials, { isPublishing: false })),
  ];
  const row = {
    ...{ spaceId, workflowId, name, description, icon, tags, mode, isPublic, metadata, settings, externalId },
    status: "draft" as const,
    draftRevision: 1,
    library: libraryOf(isPublic),
    searchText: searchOf(input),
    ...created(ctx),
  };
  const draft = {
    ...{ spaceId, workflowId, issues, hash: compiled.hash, updatedBy: actorId(ctx) },
    commitId: ids.commitId ?? newId("commit", ctx.clock.now()),
    ...(await storedCanvas(ctx, workflowId, compiled)),
    ...created(ctx),
  };
  const parts = [
    tx(WorkflowDraftEntity).create(draft).commit(),
    ...referenceOps(ctx, workflowId, "draft", [], compiled.calls),
    ...errorReferenceOps(ctx, workflowId, undefined, settings),
    ...usageOps(ctx, workflowId, "draft", [], compiled.credentials),
  ];
  return { head: tx(WorkflowEntity).create(row).commit(), parts, created: { ...toWorkflow(row), issues } };
}

function searchOf({ name, description, tags }: Pick<Workflow, "name" | "description" | "tags">): string {
  return searchText(name, ...tags, description);
}

/** Tags are compared as searches are: without case and accents. */
export function hasTag(tags: readonly string[], wanted: string): boolean {
  const folded = searchText(wanted);
  return tags.some((tag) => tag === wanted || (folded !== "" && searchText(tag) === folded));
}

/** A workflow that may be changed. Throws `not_found`, and `conflict` where it is archived. */
export async function getOpen(ctx: Ctx, workflowId: WorkflowId): Promise<EntityItem<typeof WorkflowEntity>> {
  const workflow = await getLive(ctx, target(ctx, workflowId));
  if (workflow.status === "archived") throw archived(workflowId);
  return workflow;
}

/** The refusal of changes of an archived workflow. */
export function archived(workflowId: string): AppError {
  return conflict(`workflow ${workflowId} is archived`, { details: { status: "archived" } });
}

export function target(ctx: Ctx, workflowId: WorkflowId) {
  return { entity: WorkflowEntity, key: { spaceId: requireSpace(ctx), workflowId }, what: "workflow", id: workflowId };
}

export function draftTarget(ctx: Ctx, workflowId: WorkflowId) {
  return { ...target(ctx, workflowId), entity: WorkflowDraftEntity };
}

export function versionTarget(ctx: Ctx, workflowId: WorkflowId, version: string) {
  if (!VERSION_PATTERN.test(version)) throw notFound("version", version);
  const key = { spaceId: requireSpace(ctx), workflowId, sortKey: versionSortKey(version) };
  return { entity: WorkflowVersionEntity, key, what: "version", id: version };
}

/** The API's form of a row: without keys, search text and what only publishing needs. */
export function toWorkflow(item: EntityItem<typeof WorkflowEntity>): Workflow {
  const { workflowId, currentVersion, ...kept } = item;
  const { searchText: _s, currentHash: _h, publishedCommitId: _c, library: _l, ...rest } = kept;
  return {
    ...rest,
    id: workflowId as WorkflowId,
    spaceId: rest.spaceId as Workflow["spaceId"],
    currentVersion: currentVersion ?? null,
  };
}
