import * as Diff from "@weft/core/workflow/workflow.diff";
import * as Draft from "@weft/core/workflow/workflow.draft";
import {
  CreateSnapshot,
  DiffSide,
  PublishedVersion,
  RestoreSnapshot,
  SnapshotPage,
  SnapshotSummary,
  UpdateVersion,
  WorkflowCommit,
  WorkflowDiff,
  WorkflowSnapshot,
} from "@weft/core/workflow/workflow.history.schema";
import * as Publish from "@weft/core/workflow/workflow.publish";
import {
  DRAFT,
  PublishWorkflow,
  RollbackDraft,
  SavedDraft,
  VersionPage,
  VersionSummary,
  WorkflowVersion,
} from "@weft/core/workflow/workflow.schema";
import * as Snapshots from "@weft/core/workflow/workflow.snapshots";
import { type Route, route } from "@weft/http/route";
import { pageQuery } from "@weft/kernel/page";

const workflows = { tags: ["workflows"] } as const;
const ONE = "/api/spaces/{spaceId}/workflows/{workflowId}";

const versionRoutes: Route[] = [
  route(
    {
      ...workflows,
      method: "POST",
      path: `${ONE}/publish`,
      operationId: "publishWorkflow",
      summary: "Make an immutable version of the draft",
      description:
        "The answer says what differs for callers of the version before, and which published workflows call the latest " +
        "version and take this one from now on.",
      permission: "workflow:publish",
      idempotent: true,
      status: 201,
      body: PublishWorkflow,
      response: PublishedVersion,
      errors: ["unprocessable"],
    },
    ({ params, body, ctx }) => Publish.publish(ctx, { ...params, ...body }),
  ),
  route(
    {
      ...workflows,
      method: "GET",
      path: `${ONE}/versions`,
      operationId: "listWorkflowVersions",
      summary: "Versions of a workflow, greatest first",
      permission: "workflow:read",
      query: pageQuery,
      response: VersionPage,
    },
    ({ params, query, ctx }) => Publish.listVersions(ctx, { ...params, ...query }),
  ),
  route(
    {
      ...workflows,
      method: "GET",
      path: `${ONE}/versions/{version}`,
      operationId: "getWorkflowVersion",
      summary: "One version with its canvas",
      permission: "workflow:read",
      response: WorkflowVersion,
    },
    ({ params, ctx }) => Publish.getVersion(ctx, params),
  ),
  route(
    {
      ...workflows,
      method: "PATCH",
      path: `${ONE}/versions/{version}`,
      operationId: "updateWorkflowVersion",
      summary: "Change a version's note, or mark it as deprecated",
      permission: "workflow:publish",
      body: UpdateVersion,
      response: VersionSummary,
    },
    ({ params, body, ctx }) => Publish.updateVersion(ctx, { ...params, ...body }),
  ),
  route(
    {
      ...workflows,
      method: "POST",
      path: `${ONE}/versions/{version}/rollback`,
      operationId: "rollbackWorkflowDraft",
      summary: "Make a version's canvas the draft again",
      permission: "workflow:write",
      body: RollbackDraft,
      response: SavedDraft,
    },
    ({ params, body, ctx }) => Draft.rollback(ctx, { ...params, ...body }),
  ),
  route(
    {
      ...workflows,
      method: "GET",
      path: `${ONE}/commits/{commitId}`,
      operationId: "getWorkflowCommit",
      summary: "The draft as it was when this commit of it was run",
      permission: "workflow:read",
      response: WorkflowCommit,
    },
    ({ params, ctx }) => Draft.commit(ctx, params),
  ),
  route(
    {
      ...workflows,
      method: "GET",
      path: `${ONE}/diff`,
      operationId: "diffWorkflow",
      summary: "How one state of a workflow differs from another",
      description:
        "`from` and `to` are a version, `draft`, a commit that was run or a snapshot: from the latest version to the " +
        "draft where they are left out. Nodes are known by id, edges by what they connect, fields by name.",
      permission: "workflow:read",
      query: { from: DiffSide.optional(), to: DiffSide.default(DRAFT) },
      response: WorkflowDiff,
      errors: ["unprocessable"],
    },
    ({ params, query, ctx }) => Diff.diff(ctx, { ...params, ...query }),
  ),
];

const snapshotRoutes: Route[] = [
  route(
    {
      ...workflows,
      method: "POST",
      path: `${ONE}/snapshots`,
      operationId: "createWorkflowSnapshot",
      summary: "Put the draft by under a name",
      description: "The newest snapshots are kept, as many as the workflow's settings say; the oldest beyond them go.",
      permission: "workflow:write",
      idempotent: true,
      status: 201,
      body: CreateSnapshot,
      response: SnapshotSummary,
    },
    ({ params, body, ctx }) => Snapshots.create(ctx, { ...params, ...body }),
  ),
  route(
    {
      ...workflows,
      method: "GET",
      path: `${ONE}/snapshots`,
      operationId: "listWorkflowSnapshots",
      summary: "Snapshots of a workflow, newest first",
      permission: "workflow:read",
      query: pageQuery,
      response: SnapshotPage,
    },
    ({ params, query, ctx }) => Snapshots.list(ctx, { ...params, ...query }),
  ),
  route(
    {
      ...workflows,
      method: "GET",
      path: `${ONE}/snapshots/{snapshotId}`,
      operationId: "getWorkflowSnapshot",
      summary: "One snapshot with its canvas and collaboration state",
      permission: "workflow:read",
      response: WorkflowSnapshot,
    },
    ({ params, ctx }) => Snapshots.get(ctx, params),
  ),
  route(
    {
      ...workflows,
      method: "POST",
      path: `${ONE}/snapshots/{snapshotId}/restore`,
      operationId: "restoreWorkflowSnapshot",
      summary: "Make a snapshot's canvas the draft again",
      permission: "workflow:write",
      body: RestoreSnapshot,
      response: SavedDraft,
    },
    ({ params, body, ctx }) => Snapshots.restore(ctx, { ...params, ...body }),
  ),
  route(
    {
      ...workflows,
      method: "DELETE",
      path: `${ONE}/snapshots/{snapshotId}`,
      operationId: "removeWorkflowSnapshot",
      summary: "Remove a snapshot for good",
      permission: "workflow:write",
      response: null,
    },
    async ({ params, ctx }) => {
      await Snapshots.remove(ctx, params);
      return undefined;
    },
  ),
];

/** What became and becomes of a workflow's draft. */
export const historyRoutes: readonly Route[] = [...versionRoutes, ...snapshotRoutes];
