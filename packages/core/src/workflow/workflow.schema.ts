import { IMPORT_FORMATS } from "@weft/engine/import/formats";
import type { Field } from "@weft/engine/plan";
import { type Id, idSchema } from "@weft/kernel/ids";
import { MAX_TAG, Metadata, Tags } from "@weft/kernel/labels";
import { pageOf } from "@weft/kernel/page";
import * as z from "zod";
import { Version, WorkflowSettings, WorkflowSettingsChange } from "./settings.schema.ts";
import { CANVAS_FORM, REFERENCE_SOURCE, WORKFLOW_MODE, WORKFLOW_STATUS } from "./workflow.words.ts";

export { CANVAS_FORM, REFERENCE_SOURCE, WORKFLOW_MODE, WORKFLOW_STATUS };

export const VERSION_STATUS = ["active", "deprecated"] as const;
/** In place of a version: what is being edited. */
export const DRAFT = "draft";
/** In place of a version: the one that was published last. */
export const LATEST = "latest";

export type WorkflowStatus = (typeof WORKFLOW_STATUS)[number];
export type CanvasForm = (typeof CANVAS_FORM)[number];

export const MAX_NAME = 255;
export const MAX_DESCRIPTION = 4_000;
const MAX_ICON = 2_048;
const MAX_EXTERNAL_ID = 255;
const MAX_BINDINGS = 1_000;

export const Name = z.string().trim().min(1).max(MAX_NAME);
export const Description = z.string().max(MAX_DESCRIPTION);
export const Icon = z.string().max(MAX_ICON);
const ExternalId = z.string().min(1).max(MAX_EXTERNAL_ID);
const IsPublic = z
  .boolean()
  .meta({ description: "Once published, everybody with an account finds it in the library and may copy it." });
export const Revision = z.int().min(1);
/** `readCanvas` of the engine is its parser: the same for every form and every way in. */
const AnyCanvas = z.unknown().meta({ description: "A canvas as an object or as JSON text, in either form" });
const AllowErrors = z.boolean().default(false).meta({
  description: "Keep a canvas with a circle, a dangling edge or a bad reference, as an editor does while one draws.",
});

export const WorkflowIssue = z
  .object({
    /** What kind of problem it is; stable. */
    code: z.string(),
    nodeId: z.string().optional(),
    edgeId: z.string().optional(),
    path: z.string(),
    message: z.string(),
    severity: z.enum(["error", "warning"]),
  })
  .meta({ id: "WorkflowIssue" });
export type WorkflowIssue = z.output<typeof WorkflowIssue>;

/** A declared input or output: `{name, type, required?, default?, description?}` of the plan. */
const PlanField = z.looseObject({ name: z.string() }).meta({ id: "PlanField" });
export const FieldList = z.array(PlanField as unknown as z.ZodType<Field, Field>);

export const Workflow = z
  .object({
    id: idSchema("workflow"),
    spaceId: idSchema("space"),
    name: z.string(),
    description: z.string(),
    icon: z.string().optional(),
    tags: z.array(z.string()),
    mode: z.enum(WORKFLOW_MODE),
    status: z.enum(WORKFLOW_STATUS),
    isPublic: z.boolean(),
    metadata: z.record(z.string(), z.string()),
    settings: WorkflowSettings,
    appId: z.string().optional(),
    externalId: z.string().optional(),
    currentVersion: z.string().nullable(),
    publishedAt: z.iso.datetime().optional(),
    draftRevision: z.int(),
    revision: z.int(),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
    createdBy: z.string(),
    deletedAt: z.iso.datetime().optional(),
  })
  .meta({ id: "Workflow" });
export type Workflow = z.output<typeof Workflow>;

export const WorkflowPage = pageOf(Workflow).meta({ id: "WorkflowPage" });

/** A new workflow and what is to be mended in its canvas before it can be published. */
export const CreatedWorkflow = Workflow.extend({ issues: z.array(WorkflowIssue) }).meta({ id: "CreatedWorkflow" });
export type CreatedWorkflow = z.output<typeof CreatedWorkflow>;

export const CreateWorkflow = z
  .object({
    name: Name,
    description: Description.default(""),
    icon: Icon.optional(),
    tags: Tags.default([]),
    mode: z.enum(WORKFLOW_MODE).default("workflow"),
    isPublic: IsPublic.default(false),
    metadata: Metadata.default({}),
    settings: WorkflowSettings.prefault({}),
    canvas: AnyCanvas.optional(),
    allowErrors: AllowErrors,
  })
  .meta({ id: "CreateWorkflow" });
export type CreateWorkflow = z.output<typeof CreateWorkflow>;

/** What export gives as `workflow` is accepted here as it stands; a package or a file of another system as `canvas`. */
export const ImportWorkflow = CreateWorkflow.extend({
  name: Name.optional().meta({ description: "The name that the file gives where it is left out" }),
  format: z.enum(IMPORT_FORMATS).default("auto").meta({ description: "What `canvas` is; found out by itself" }),
  canvas: z.unknown().meta({ description: "The workflow as an object, or as JSON or YAML text" }),
  externalId: ExternalId.optional(),
  /** Ids inside the canvas and what they stand for here. */
  bindings: z
    .strictObject({
      workflows: z
        .record(z.string().min(1).max(MAX_EXTERNAL_ID), idSchema("workflow"))
        .refine((value) => Object.keys(value).length <= MAX_BINDINGS, `at most ${MAX_BINDINGS} entries`)
        .default({}),
      credentials: z
        .record(z.string().min(1).max(MAX_EXTERNAL_ID), idSchema("credential"))
        .refine((value) => Object.keys(value).length <= MAX_BINDINGS, `at most ${MAX_BINDINGS} entries`)
        .default({}),
    })
    .prefault({}),
})
  .required({ canvas: true })
  .meta({ id: "ImportWorkflow" });
export type ImportWorkflow = z.output<typeof ImportWorkflow>;

export const UpdateWorkflow = z
  .object({
    expectedRevision: Revision,
    name: Name.optional(),
    description: Description.optional(),
    icon: Icon.nullable().optional(),
    tags: Tags.optional(),
    isPublic: IsPublic.optional(),
    metadata: Metadata.optional(),
    /** What is left out stays as it is; null takes a limit or the error workflow away. */
    settings: WorkflowSettingsChange.optional(),
    /** A draft becomes active by publishing. Archived, a workflow takes no other change. */
    status: z.enum(WORKFLOW_STATUS).optional(),
  })
  .meta({ id: "UpdateWorkflow" });
export type UpdateWorkflow = z.output<typeof UpdateWorkflow>;

export const LIST_STATE = ["all", "published", "unpublished", "deleted"] as const;
export const listWorkflowsQuery = {
  q: z.string().max(MAX_NAME).optional(),
  state: z.enum(LIST_STATE).default("all"),
  status: z.enum(WORKFLOW_STATUS).optional(),
  mode: z.enum(WORKFLOW_MODE).optional(),
  tag: z.string().max(MAX_TAG).optional(),
};
export interface ListWorkflows {
  q?: string | undefined;
  state?: (typeof LIST_STATE)[number];
  status?: WorkflowStatus | undefined;
  mode?: (typeof WORKFLOW_MODE)[number] | undefined;
  tag?: string | undefined;
  limit?: number | undefined;
  cursor?: string | undefined;
}

export const SavedDraft = z
  .object({
    workflowId: idSchema("workflow"),
    revision: z.int(),
    /** Names this very canvas; a run of the draft keeps it under this id. */
    commitId: idSchema("commit"),
    form: z.enum(CANVAS_FORM),
    inputs: FieldList,
    outputs: FieldList,
    isValid: z.boolean(),
    /** The last commit that a run of the draft succeeded with. */
    testRunCommitId: idSchema("commit").optional(),
    /** Whether such a run proves the draft as it is now; moving nodes about does not undo it. */
    isTested: z.boolean(),
    /** Whether it differs from the published version. */
    isModified: z.boolean(),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
    updatedBy: z.string(),
    issues: z.array(WorkflowIssue),
  })
  .meta({ id: "SavedWorkflowDraft" });
export type SavedDraft = z.output<typeof SavedDraft>;

export const WorkflowDraft = SavedDraft.extend({ canvas: z.unknown() }).meta({ id: "WorkflowDraft" });
export type WorkflowDraft = z.output<typeof WorkflowDraft>;

export const SaveDraft = z
  .object({ expectedRevision: Revision, canvas: AnyCanvas, allowErrors: AllowErrors })
  .required({ canvas: true })
  .meta({ id: "SaveWorkflowDraft" });

export const ValidateWorkflow = z.object({ canvas: AnyCanvas.optional() }).meta({ id: "ValidateWorkflow" });
export const Validation = z
  .object({ isValid: z.boolean(), issues: z.array(WorkflowIssue) })
  .meta({ id: "WorkflowValidation" });
export type Validation = z.output<typeof Validation>;

export const PublishWorkflow = z
  .object({
    /** Greater than every earlier one; the next patch where it is left out. */
    version: Version.optional(),
    description: Description.default(""),
    /** Publish what no run of the draft has proved. */
    force: z.boolean().default(false),
    /** The revision of the draft that is meant. */
    expectedRevision: Revision.optional(),
  })
  .meta({ id: "PublishWorkflow" });
export type PublishWorkflow = z.output<typeof PublishWorkflow>;

export const WorkflowCall = z
  .object({
    workflowId: z.string(),
    /** A version, or `draft`; left out, the latest published one. */
    version: z.string().optional(),
    nodeIds: z.array(z.string()),
  })
  .meta({ id: "WorkflowCall" });
export type WorkflowCall = z.output<typeof WorkflowCall>;

export const VersionSummary = z
  .object({
    id: idSchema("workflowVersion"),
    workflowId: idSchema("workflow"),
    version: z.string(),
    status: z.enum(VERSION_STATUS),
    /** What its author says of it. */
    description: z.string(),
    commitId: idSchema("commit"),
    form: z.enum(CANVAS_FORM),
    /** SHA-256 of the plan. */
    hash: z.string(),
    nodeCount: z.int(),
    inputs: FieldList,
    outputs: FieldList,
    calls: z.array(WorkflowCall),
    createdAt: z.iso.datetime(),
    createdBy: z.string(),
  })
  .meta({ id: "WorkflowVersionSummary" });
export type VersionSummary = z.output<typeof VersionSummary>;

export const WorkflowVersion = VersionSummary.extend({ canvas: z.unknown() }).meta({ id: "WorkflowVersion" });
export type WorkflowVersion = z.output<typeof WorkflowVersion>;
export const VersionPage = pageOf(VersionSummary).meta({ id: "WorkflowVersionPage" });

export const RollbackDraft = z.object({ expectedRevision: Revision }).meta({ id: "RollbackWorkflowDraft" });

export const WorkflowReference = z
  .object({
    /** The other workflow: the caller in a list of callers, the called one in a list of calls. */
    workflowId: z.string(),
    name: z.string().nullable(),
    /** Whether the caller's draft, its latest published version or, as its error workflow, its settings call it. */
    source: z.enum(REFERENCE_SOURCE),
    calls: z.array(
      z.object({
        /** The version that is called, or `draft`; left out, the latest published one. */
        version: z.string().optional(),
        /** The nodes of the caller that call it. */
        nodeIds: z.array(z.string()),
      }),
    ),
  })
  .meta({ id: "WorkflowReference" });
export type WorkflowReference = z.output<typeof WorkflowReference>;
export const ReferencePage = pageOf(WorkflowReference).meta({ id: "WorkflowReferencePage" });
export const REFERENCE_DIRECTION = ["callers", "calls"] as const;

export const VersionOrDraft = z.union([z.literal(DRAFT), Version]);
export const ExportedWorkflow = z
  .object({
    version: z.string(),
    form: z.enum(CANVAS_FORM),
    /** Posted to the import route as it stands, with `bindings` added for the workflows that it calls. */
    workflow: z.object({
      name: z.string(),
      description: z.string(),
      icon: z.string().optional(),
      tags: z.array(z.string()),
      mode: z.enum(WORKFLOW_MODE),
      isPublic: z.boolean(),
      metadata: z.record(z.string(), z.string()),
      settings: WorkflowSettings,
      externalId: z.string(),
      canvas: z.unknown(),
    }),
    calls: z.array(WorkflowCall),
  })
  .meta({ id: "ExportedWorkflow" });
export type ExportedWorkflow = z.output<typeof ExportedWorkflow>;

export const DuplicateWorkflow = z.object({ name: Name.optional() }).meta({ id: "DuplicateWorkflow" });

export const NodeType = z
  .object({
    type: z.string(),
    title: z.string(),
    description: z.string(),
    category: z.string(),
    /** JSON Schema of `data.config`. */
    configSchema: z.record(z.string(), z.unknown()),
    outputs: FieldList,
    /** Null where the configuration decides. */
    ports: z.array(z.string()).nullable(),
    /** Every port that it can have; `{n}` stands for a number from 0. */
    portForms: z.array(z.object({ name: z.string(), description: z.string() })).readonly(),
    composite: z.boolean(),
    waits: z.boolean(),
    /** Composite types that it must stand directly in. */
    within: z.array(z.string()).readonly(),
    coze: z.object({ id: z.string(), key: z.string(), displayKey: z.string() }).nullable(),
    /** Types of other systems that are imported as this one. */
    n8n: z.array(z.string()).readonly(),
    dify: z.array(z.string()).readonly(),
  })
  .meta({ id: "WorkflowNodeType" });
export const NodeCategory = z
  .object({
    key: z.string(),
    title: z.string(),
    description: z.string(),
    icon: z.string(),
    color: z.string(),
    order: z.int(),
  })
  .meta({ id: "WorkflowNodeCategory" });
export const NodeTypeList = z
  .object({ items: z.array(NodeType), categories: z.array(NodeCategory) })
  .meta({ id: "WorkflowNodeTypeList" });

export type WorkflowId = Id<"workflow">;
export type CommitId = Id<"commit">;
