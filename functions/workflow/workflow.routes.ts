import * as Draft from "@weft/core/workflow/workflow.draft";
import * as Import from "@weft/core/workflow/workflow.import";
import { nodeTypes, nodeTypesText } from "@weft/core/workflow/workflow.nodes";
import * as Package from "@weft/core/workflow/workflow.package";
import * as References from "@weft/core/workflow/workflow.references";
import { ExportedPackage, ImportedWorkflow, PACKAGE_AS } from "@weft/core/workflow/workflow.report";
import {
  CANVAS_FORM,
  CreatedWorkflow,
  CreateWorkflow,
  DuplicateWorkflow,
  ExportedWorkflow,
  ImportWorkflow,
  listWorkflowsQuery,
  NodeTypeList,
  REFERENCE_DIRECTION,
  ReferencePage,
  SaveDraft,
  SavedDraft,
  UpdateWorkflow,
  ValidateWorkflow,
  Validation,
  VersionOrDraft,
  WorkflowDraft,
  WorkflowPage,
  Workflow as WorkflowSchema,
} from "@weft/core/workflow/workflow.schema";
import * as Workflow from "@weft/core/workflow/workflow.service";
import { type Route, route } from "@weft/http/route";
import { pageQuery } from "@weft/kernel/page";
import * as z from "zod";

const workflows = { tags: ["workflows"] } as const;

const catalogueRoutes: Route[] = [
  route(
    {
      ...workflows,
      method: "GET",
      path: "/api/spaces/{spaceId}/workflows",
      operationId: "listWorkflows",
      summary: "Workflows of a space, newest first",
      permission: "workflow:read",
      query: { ...listWorkflowsQuery, ...pageQuery },
      response: WorkflowPage,
    },
    ({ query, ctx }) => Workflow.list(ctx, query),
  ),
  route(
    {
      ...workflows,
      method: "POST",
      path: "/api/spaces/{spaceId}/workflows",
      operationId: "createWorkflow",
      summary: "Create a workflow, with a canvas or an empty one",
      permission: "workflow:write",
      idempotent: true,
      status: 201,
      body: CreateWorkflow,
      response: CreatedWorkflow,
    },
    ({ body, ctx }) => Workflow.create(ctx, body),
  ),
  route(
    {
      ...workflows,
      method: "POST",
      path: "/api/spaces/{spaceId}/workflows/import",
      operationId: "importWorkflow",
      summary: "Create a workflow from an exported one, a package, or a workflow of Coze, n8n or Dify",
      description:
        "`bindings` map ids of workflows and credentials inside the file to ids of this space; credentials may be named " +
        "by their name there too. The report says of every node whether it came over exactly, with changes, or as a " +
        "placeholder, which blocks publishing; what began the workflow there, for whoever sets up its triggers; and " +
        "which credentials are not bound: they are warnings until they are chosen, and block publishing until then. " +
        "A package is written whole or not at all.",
      permission: "workflow:write",
      idempotent: true,
      status: 201,
      body: ImportWorkflow,
      response: ImportedWorkflow,
      errors: ["too_large"],
    },
    ({ body, ctx }) => Import.importWorkflow(ctx, body),
  ),
  route(
    {
      ...workflows,
      method: "GET",
      path: "/api/spaces/{spaceId}/workflows/node-types",
      operationId: "listNodeTypes",
      summary: "Node types with the JSON Schema of their configuration, and their groups",
      description: nodeTypesText(),
      permission: "workflow:read",
      response: NodeTypeList,
    },
    () => nodeTypes(),
  ),
  route(
    {
      ...workflows,
      method: "GET",
      path: "/api/spaces/{spaceId}/workflows/{workflowId}",
      operationId: "getWorkflow",
      summary: "One workflow without its canvas",
      permission: "workflow:read",
      response: WorkflowSchema,
    },
    ({ params, ctx }) => Workflow.get(ctx, params),
  ),
  route(
    {
      ...workflows,
      method: "PATCH",
      path: "/api/spaces/{spaceId}/workflows/{workflowId}",
      operationId: "updateWorkflow",
      summary: "Change name, description, settings and status",
      description: "An archived workflow takes no change but a status that takes it back.",
      permission: "workflow:write",
      body: UpdateWorkflow,
      response: WorkflowSchema,
      errors: ["unprocessable"],
    },
    ({ params, body, ctx }) => Workflow.update(ctx, { ...body, workflowId: params.workflowId }),
  ),
  route(
    {
      ...workflows,
      method: "DELETE",
      path: "/api/spaces/{spaceId}/workflows/{workflowId}",
      operationId: "removeWorkflow",
      summary: "Delete a workflow; it can be restored",
      description: "Refused while published workflows call it, unless `force=true`.",
      permission: "workflow:write",
      query: { force: z.enum(["true", "false"]).default("false") },
      response: null,
    },
    async ({ params, query, ctx }) => {
      await Workflow.remove(ctx, { ...params, force: query.force === "true" });
      return undefined;
    },
  ),
  route(
    {
      ...workflows,
      method: "POST",
      path: "/api/spaces/{spaceId}/workflows/{workflowId}/restore",
      operationId: "restoreWorkflow",
      summary: "Bring a deleted workflow back",
      permission: "workflow:write",
      response: WorkflowSchema,
    },
    ({ params, ctx }) => Workflow.restore(ctx, params),
  ),
  route(
    {
      ...workflows,
      method: "POST",
      path: "/api/spaces/{spaceId}/workflows/{workflowId}/duplicate",
      operationId: "duplicateWorkflow",
      summary: "A new workflow with the draft of this one",
      permission: "workflow:write",
      idempotent: true,
      status: 201,
      body: DuplicateWorkflow,
      response: CreatedWorkflow,
    },
    ({ params, body, ctx }) => Workflow.duplicate(ctx, { ...params, ...body }),
  ),
  route(
    {
      ...workflows,
      method: "GET",
      path: "/api/spaces/{spaceId}/workflows/{workflowId}/export",
      operationId: "exportWorkflow",
      summary: "The workflow as the import route takes it",
      permission: "workflow:read",
      query: { version: VersionOrDraft.default("draft"), form: z.enum(CANVAS_FORM).default("weft") },
      response: ExportedWorkflow,
      errors: ["unprocessable"],
    },
    ({ params, query, ctx }) => Workflow.exportWorkflow(ctx, { ...params, ...query }),
  ),
  route(
    {
      ...workflows,
      method: "GET",
      path: "/api/spaces/{spaceId}/workflows/{workflowId}/package",
      operationId: "exportWorkflowPackage",
      summary: "The workflow with those that it calls as one package",
      description: "Secrets are left out. The import route takes the package as `canvas`.",
      permission: "workflow:read",
      query: { version: VersionOrDraft.default("draft"), as: z.enum(PACKAGE_AS).default("json") },
      response: ExportedPackage,
      errors: ["too_large"],
    },
    ({ params, query, ctx }) => Package.exportPackage(ctx, { ...params, ...query }),
  ),
  route(
    {
      ...workflows,
      method: "GET",
      path: "/api/spaces/{spaceId}/workflows/{workflowId}/references",
      operationId: "listWorkflowReferences",
      summary: "Workflows that call this one, or that it calls",
      permission: "workflow:read",
      query: { direction: z.enum(REFERENCE_DIRECTION).default("callers"), ...pageQuery },
      response: ReferencePage,
    },
    ({ params, query, ctx }) => References.references(ctx, { ...params, ...query }),
  ),
];

const draftRoutes: Route[] = [
  route(
    {
      ...workflows,
      method: "GET",
      path: "/api/spaces/{spaceId}/workflows/{workflowId}/draft",
      operationId: "getWorkflowDraft",
      summary: "The canvas that is being edited",
      permission: "workflow:read",
      response: WorkflowDraft,
    },
    ({ params, ctx }) => Draft.get(ctx, params),
  ),
  route(
    {
      ...workflows,
      method: "PUT",
      path: "/api/spaces/{spaceId}/workflows/{workflowId}/draft",
      operationId: "saveWorkflowDraft",
      summary: "Replace the canvas",
      description: "What is not ready to run is kept; the answer lists what to mend.",
      permission: "workflow:write",
      body: SaveDraft,
      response: SavedDraft,
    },
    ({ params, body, ctx }) => Draft.save(ctx, { ...params, ...body }),
  ),
  route(
    {
      ...workflows,
      method: "POST",
      path: "/api/spaces/{spaceId}/workflows/{workflowId}/validate",
      operationId: "validateWorkflow",
      summary: "What is wrong with the draft, or with the canvas in the body",
      permission: "workflow:read",
      audit: false,
      body: ValidateWorkflow,
      response: Validation,
    },
    ({ params, body, ctx }) => Draft.validate(ctx, { ...params, ...body }),
  ),
];

/** Workflows and their drafts. No name beside `{workflowId}` can be an id: ids begin with `wfl_`. */
export const workflowRoutes: readonly Route[] = [...catalogueRoutes, ...draftRoutes];
