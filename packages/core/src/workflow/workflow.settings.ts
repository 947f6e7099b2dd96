import { getAny } from "@weft/db/change";
import type { WriteOp } from "@weft/db/write";
import { type Ctx, requireSpace } from "@weft/kernel/ctx";
import { invalidField } from "@weft/kernel/errors";
import { WorkflowSettings, type WorkflowSettingsChange } from "./settings.schema.ts";
import { WorkflowEntity, WorkflowVersionEntity } from "./workflow.entity.ts";
import { referenceOps } from "./workflow.references.ts";
import type { WorkflowCall, WorkflowId, WorkflowIssue } from "./workflow.schema.ts";
import { versionSortKey } from "./workflow.semver.ts";

/** The settings after a change: what is left out stays, null takes away. */
export function changedSettings(current: WorkflowSettings, change: WorkflowSettingsChange): WorkflowSettings {
  const { errorWorkflowId } = change;
  // A version is one of the workflow that it was given with.
  const isOther = errorWorkflowId !== undefined && errorWorkflowId !== current.errorWorkflowId;
  const merged = { ...current, ...(isOther ? { errorWorkflowVersion: null } : {}), ...change };
  return WorkflowSettings.parse(Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== null)));
}

/** Workflows that are made together with this one, with what they call, and that are not there yet. */
export type Beside = ReadonlyMap<string, readonly WorkflowCall[]>;
export const NONE: Beside = new Map();

/** Throws `invalid_input` where the error workflow is not one of this space, or has no such version. */
export async function checkErrorWorkflow(
  ctx: Ctx,
  settings: WorkflowSettings,
  own: WorkflowId,
  beside: Beside = NONE,
): Promise<void> {
  const { errorWorkflowId: workflowId, errorWorkflowVersion: version } = settings;
  if (workflowId === undefined) {
    if (version === undefined) return;
    throw invalidField("settings.errorWorkflowVersion", "there is no error workflow whose version it could be");
  }
  // A new workflow may name itself before it is there.
  if (workflowId !== own && !beside.has(workflowId) && !(await findErrorWorkflow(ctx, settings))) {
    throw invalidField("settings.errorWorkflowId", `workflow ${workflowId} is not in this space`);
  }
  if (version === undefined) return;
  const key = { spaceId: requireSpace(ctx), workflowId, sortKey: versionSortKey(version) };
  if (await getAny({ entity: WorkflowVersionEntity, key, what: "version" })) return;
  throw invalidField("settings.errorWorkflowVersion", `workflow ${workflowId} has no version ${version}`);
}

/** What keeps a version from being published: its error workflow could not be started. */
export async function errorWorkflowIssues(
  ctx: Ctx,
  workflowId: WorkflowId,
  settings: WorkflowSettings,
): Promise<WorkflowIssue[]> {
  const { errorWorkflowId } = settings;
  if (errorWorkflowId === undefined || errorWorkflowId === workflowId) return [];
  const found = await findErrorWorkflow(ctx, settings);
  if (found?.currentVersion) return [];
  const message = `the error workflow ${errorWorkflowId} is ${found ? "not published" : "not in this space"}`;
  const code = found ? "unpublished_workflow" : "unknown_workflow";
  return [{ code, path: "settings.errorWorkflowId", message, severity: "error" }];
}

/** Settings for a copy `own`: an error workflow that is not in this space is left out. */
export async function copiedSettings(
  ctx: Ctx,
  settings: WorkflowSettings,
  own?: WorkflowId,
  beside: Beside = NONE,
): Promise<WorkflowSettings> {
  const { errorWorkflowId } = settings;
  if (errorWorkflowId === undefined || errorWorkflowId === own || beside.has(errorWorkflowId)) return settings;
  if (await findErrorWorkflow(ctx, settings)) return settings;
  return changedSettings(settings, { errorWorkflowId: null });
}

/** {@link copiedSettings} with the ids of another space or file as they are here; `isPinned` keeps the version. */
export function boundSettings(
  ctx: Ctx,
  settings: WorkflowSettings,
  ids: Readonly<Record<string, string>>,
  { own, isPinned = false, beside }: { own?: WorkflowId; isPinned?: boolean; beside?: Beside } = {},
): Promise<WorkflowSettings> {
  const { errorWorkflowId, errorWorkflowVersion } = settings;
  const bound = errorWorkflowId === undefined ? undefined : (ids[errorWorkflowId] as WorkflowId | undefined);
  if (bound === undefined) return copiedSettings(ctx, settings, own, beside);
  const version = isPinned && errorWorkflowVersion ? { errorWorkflowVersion } : {};
  return copiedSettings(ctx, changedSettings(settings, { errorWorkflowId: bound, ...version }), own, beside);
}

/** What turns the reference of the error workflow before into that of the one after. */
export function errorReferenceOps(
  ctx: Ctx,
  workflowId: WorkflowId,
  before: WorkflowSettings | undefined,
  after: WorkflowSettings,
): WriteOp[] {
  return referenceOps(ctx, workflowId, "error", errorCalls(before), errorCalls(after));
}

/** The error workflow as a call that no node makes. */
export function errorCalls(settings: WorkflowSettings | undefined): WorkflowCall[] {
  const { errorWorkflowId: workflowId, errorWorkflowVersion: version } = settings ?? {};
  return workflowId === undefined ? [] : [{ workflowId, ...(version ? { version } : {}), nodeIds: [] }];
}

async function findErrorWorkflow(ctx: Ctx, { errorWorkflowId }: WorkflowSettings) {
  const key = { spaceId: requireSpace(ctx), workflowId: errorWorkflowId ?? "" };
  const row = await getAny({ entity: WorkflowEntity, key, what: "workflow" });
  return row?.deletedAt ? null : row;
}
