import { getAny, getLive, updateWithRevision } from "@weft/db/change";
import { getMany } from "@weft/db/get-many";
import { read, transact, tx } from "@weft/db/write";
import type { Canvas, CanvasNode } from "@weft/engine/canvas";
import { type Ctx, requireSpace } from "@weft/kernel/ctx";
import { AppError, notFound } from "@weft/kernel/errors";
import { derivedId, isId } from "@weft/kernel/ids";
import { load } from "@weft/storage/blob";
import type { EntityItem } from "electrodb";
import { usageOps } from "../credential/credential.usage.ts";
import {
  bindWorkflows,
  type CompiledCanvas,
  callConfigs,
  compileRead,
  type StoredCanvas,
  storedCanvas,
} from "./workflow.canvas.ts";
import { WorkflowEntity, WorkflowVersionEntity } from "./workflow.entity.ts";
import { isListed } from "./workflow.library.ts";
import { withoutSecrets } from "./workflow.package.ts";
import { cachePointer } from "./workflow.pointer.ts";
import { versionRow } from "./workflow.publish.ts";
import { callersOf, referenceOps } from "./workflow.references.ts";
import { type CommitId, DRAFT, type WorkflowCall, type WorkflowId } from "./workflow.schema.ts";
import { isGreater } from "./workflow.semver.ts";
import { createFrom, draftTarget, remove as removeWorkflow, target, versionTarget } from "./workflow.service.ts";
import { boundSettings, errorCalls } from "./workflow.settings.ts";

type VersionRow = EntityItem<typeof WorkflowVersionEntity>;

/** How objects are copied: within one's spaces or from the library, and whether the source stays. */
interface Way {
  from: "space" | "library";
  mode: "copy" | "move";
}

interface Step extends Way {
  source: Ctx;
  target: Ctx;
  sourceId: string;
  targetId: string;
  /** What {@link look} found, for the workflow itself and for each version of it that others call by name. */
  versions: readonly string[];
  /** Ids there and what they are here. */
  mapping: Readonly<Record<string, string>>;
}

/**
 * What a copy of a workflow takes with it: its versions, and the workflows of the same space that it calls, as far as they
 * exist. With `version`, of that one alone. Throws `not_found`.
 */
export async function look(
  source: Ctx,
  workflowId: string,
  way: Way,
  version?: string,
): Promise<{ name: string; versions: string[]; references: { kind: "workflow"; id: string; version?: string }[] }> {
  const id = workflowId as WorkflowId;
  const { name, currentVersion, settings } = await getLive(source, target(source, id));
  const known = await versionsOf(source, id);
  const wanted = version ?? currentVersion;
  const isAll = version === undefined && way.mode === "move";
  const taken = isAll ? [...known.keys()] : wanted !== undefined && known.has(wanted) ? [wanted] : [];
  const ofVersions = taken.flatMap((one) => known.get(one) ?? []);
  const hasDraft = version === undefined && way.from === "space";
  const ofDraft = hasDraft ? (await getLive(source, draftTarget(source, id))).calls : [];
  const ofSettings = version === undefined ? errorCalls(settings) : [];
  const references = await calledHere(source, [...ofDraft, ...ofVersions, ...ofSettings], way);
  return { name, versions: way.from === "library" ? [] : taken, references };
}

async function calledHere(source: Ctx, calls: readonly WorkflowCall[], { from }: Way) {
  const spaceId = requireSpace(source);
  const ids = [...new Set(calls.map((call) => call.workflowId))].filter((id) => isId("workflow", id));
  const rows = await getMany(ids.map((workflowId) => ({ entity: WorkflowEntity, key: { spaceId, workflowId } })));
  const found = new Set(
    rows.flatMap((row) => (row && !row.deletedAt && (from === "space" || isListed(row)) ? [row.workflowId] : [])),
  );
  return calls
    .filter((call) => found.has(call.workflowId))
    .map(({ workflowId: id, version }) => {
      const pin = from === "space" && version !== undefined && version !== DRAFT ? { version } : {};
      return { kind: "workflow" as const, id, ...pin };
    });
}

/** Everybody else in the space who calls a workflow. */
export async function users(source: Ctx, workflowId: string): Promise<{ id: string; name: string }[]> {
  const callers = await callersOf(source, workflowId, "all");
  return [...new Map(callers.map(({ workflowId: id, name }) => [id, { id, name }])).values()];
}

/**
 * Makes the copy under its id: the draft, and the versions that {@link look} found; of the library, the latest version as a
 * draft. Whatever an earlier try made stays as it is.
 */
export async function copy(step: Step): Promise<void> {
  const { source, target: into, mode } = step;
  const [sourceId, targetId] = [step.sourceId as WorkflowId, step.targetId as WorkflowId];
  const row = await getLive(source, target(source, sourceId));
  if (step.from === "library" && !isListed(row)) throw notFound("workflow", sourceId);
  if (!(await getAny(target(into, targetId)))) await copyDraft(step, row);
  if (step.from === "library") return;
  const versions = [...step.versions].sort((a, b) => (isGreater(a, b) ? 1 : -1));
  for (const version of versions) await copyVersion(step, version, version === versions.at(-1));
  const made = await getAny(target(into, targetId));
  if (mode !== "move" || !made || made.deletedAt || made.status === row.status) return;
  cachePointer(into, await updateWithRevision(into, target(into, targetId), { set: { status: row.status } }));
}

/** Deletes what was moved; it can be restored. Does nothing where it is gone. */
export async function remove(source: Ctx, workflowId: string): Promise<void> {
  try {
    await removeWorkflow(source, { workflowId: workflowId as WorkflowId, force: true });
  } catch (thrown) {
    if (!(thrown instanceof AppError && thrown.code === "not_found")) throw thrown;
  }
}

/** Every version of a workflow, smallest first, with what it calls. */
async function versionsOf(source: Ctx, workflowId: WorkflowId): Promise<Map<string, WorkflowCall[]>> {
  const key = { spaceId: requireSpace(source), workflowId };
  const attributes = ["version" as const, "calls" as const];
  const { data } = await read(() =>
    WorkflowVersionEntity.query.primary(key).go({ attributes, pages: "all", order: "asc", consistent: true }),
  );
  return new Map(data.map(({ version, calls }) => [version, calls]));
}

async function copyDraft(step: Step, row: EntityItem<typeof WorkflowEntity>): Promise<void> {
  const { source, target: into, from, mode } = step;
  const [sourceId, targetId] = [step.sourceId as WorkflowId, step.targetId as WorkflowId];
  const isMove = mode === "move";
  const copied =
    from === "library"
      ? await getLive(source, versionTarget(source, sourceId, row.currentVersion ?? ""))
      : await getLive(source, draftTarget(source, sourceId));
  const compiled = await rewritten(copied, step);
  const { name, description, icon, tags, mode: kind, metadata } = row;
  const bound = { own: targetId, isPinned: from === "space" };
  const settings = await boundSettings(into, row.settings, step.mapping, bound);
  const given = { name, description, icon, tags, mode: kind, metadata, settings };
  const kept = { isPublic: isMove && row.isPublic, ...(isMove ? { externalId: row.externalId } : {}) };
  const ids = { workflowId: targetId, commitId: commitOf(copied.commitId, targetId) };
  await createFrom(into, { ...given, ...kept }, compiled, ids);
}

async function copyVersion(step: Step, name: string, isCurrent: boolean): Promise<void> {
  const { source, target: into } = step;
  const targetId = step.targetId as WorkflowId;
  if (await getAny(versionTarget(into, targetId, name))) return;
  const old = await getLive(source, versionTarget(source, step.sourceId as WorkflowId, name));
  const compiled = await rewritten(old, step);
  if (compiled.hash === undefined)
    throw new AppError("unprocessable", `version ${name} of ${old.workflowId} cannot run`);
  const { canvas, form, original } = await storedCanvas(into, targetId, compiled);
  const commitId = commitOf(old.commitId, targetId);
  const draft = { workflowId: targetId, canvas, form, original, commitId };
  const made = { version: name, description: old.description, hash: compiled.hash, plan: compiled.plan };
  const row = { ...(await versionRow(into, draft, made)), deprecatedAt: old.deprecatedAt };
  const create = tx(WorkflowVersionEntity).create(row).commit();
  if (!isCurrent) return transact([create]);
  const references = referenceOps(into, targetId, "published", [], compiled.calls);
  const usage = usageOps(into, targetId, "published", [], compiled.credentials);
  await transact([create, pointOp(into, row), ...references, ...usage]);
  cachePointer(into, await getLive(into, target(into, targetId)));
}

function pointOp(into: Ctx, row: VersionRow) {
  const { version, hash, commitId, createdAt } = row;
  return tx(WorkflowEntity)
    .patch(target(into, row.workflowId as WorkflowId).key)
    .set({ currentVersion: version, currentHash: hash, publishedCommitId: commitId, publishedAt: createdAt })
    .set({ status: "active", updatedAt: createdAt })
    .add({ revision: 1 })
    .where((attr, is) => `${is.notExists(attr.deletedAt)} AND ${is.notExists(attr.currentVersion)}`)
    .commit();
}

/** The canvas with the ids of this side. What comes from strangers has neither their secrets nor their foreign text. */
async function rewritten(row: StoredCanvas, { source, mapping, from }: Step): Promise<CompiledCanvas> {
  const canvas = (await load(source, row.canvas)) as Canvas;
  if (from === "library") {
    withoutSecrets(canvas.nodes);
    unpin(canvas.nodes, mapping);
  }
  bindWorkflows(canvas.nodes, mapping);
  if (from === "library") return { canvas, form: "weft", ...compileRead(canvas) };
  const original = row.original ? { original: (await load(source, row.original)) as string } : {};
  return { canvas, form: row.form, ...original, ...compileRead(canvas) };
}

/** Copies from the library are drafts without versions. */
function unpin(nodes: readonly CanvasNode[], mapping: Step["mapping"]): void {
  for (const config of callConfigs(nodes)) if (Object.hasOwn(mapping, config.workflowId)) delete config.version;
}

/** The same canvas has the same commit on this side too: a draft that is as published stays so. */
function commitOf(commitId: string, targetId: WorkflowId): CommitId {
  return derivedId<"commit">(commitId, targetId);
}
