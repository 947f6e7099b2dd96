import type { FieldChange } from "@weft/engine/diff/contract";
import { idSchema } from "@weft/kernel/ids";
import { pageOf } from "@weft/kernel/page";
import * as z from "zod";
import { Version } from "./settings.schema.ts";
import {
  CANVAS_FORM,
  Description,
  DRAFT,
  FieldList,
  Name,
  Revision,
  VersionSummary,
  WorkflowReference,
} from "./workflow.schema.ts";

/** Characters of a collaboration state: a body is 4 MiB at most. */
const MAX_COLLABORATION_STATE = 3 * 1024 * 1024;

/** What can be compared: the draft, a version, a commit that was run, a snapshot. */
export const DiffSide = z.union([z.literal(DRAFT), Version, idSchema("commit"), idSchema("snapshot")]);

const ValueChange = z
  .object({
    /** A JSON Pointer that starts at the node. */
    pointer: z.string(),
    kind: z.enum(["added", "removed", "changed", "reordered"]),
    from: z.unknown().optional(),
    to: z.unknown().optional(),
  })
  .meta({ id: "ValueChange" });
const parentId = z.string().nullable().meta({ description: "The loop or batch that it stands in" });
const NodeName = z
  .object({ id: z.string(), type: z.string(), title: z.string(), parentId })
  .meta({ id: "ComparedNode" });
const EdgeName = z
  .object({
    source: z.string(),
    sourceHandle: z.string().nullable(),
    target: z.string(),
    targetHandle: z.string().nullable(),
    parentId,
  })
  .meta({ id: "ComparedEdge" });
const FieldChangeList = z.array(
  z
    .object({
      name: z.string(),
      kind: z.enum(["added", "removed", "changed"]),
      from: z.looseObject({ name: z.string() }).optional(),
      to: z.looseObject({ name: z.string() }).optional(),
    })
    .meta({ id: "FieldChange" }) as unknown as z.ZodType<FieldChange, FieldChange>,
);
const BreakingList = z
  .array(z.object({ path: z.string(), message: z.string() }).meta({ id: "BreakingChange" }))
  .meta({ description: "What callers of the older side may stumble over" });

export const WorkflowDiff = z
  .object({
    from: z.string(),
    to: z.string(),
    isSame: z.boolean(),
    /** Nothing differs but places, titles, notes and the viewport. */
    isLayoutOnly: z.boolean(),
    nodes: z.object({
      added: z.array(NodeName),
      removed: z.array(NodeName),
      changed: z.array(
        NodeName.extend({ changes: z.array(ValueChange), layout: z.array(ValueChange) }).meta({ id: "NodeChange" }),
      ),
    }),
    edges: z.object({ added: z.array(EdgeName), removed: z.array(EdgeName) }),
    inputs: FieldChangeList,
    outputs: FieldChangeList,
    breaking: BreakingList,
    viewport: z.array(ValueChange),
    /** The same as Markdown. */
    markdown: z.string(),
  })
  .meta({ id: "WorkflowDiff" });
export type WorkflowDiff = z.output<typeof WorkflowDiff>;

/** A new version, what differs for callers, and the published workflows that take it from now on. */
export const PublishedVersion = VersionSummary.extend({
  breaking: BreakingList,
  callers: z.array(WorkflowReference),
}).meta({ id: "PublishedWorkflowVersion" });
export type PublishedVersion = z.output<typeof PublishedVersion>;

export const UpdateVersion = z
  .object({
    description: Description.optional(),
    /** deprecated: it still runs; whoever calls it by name is warned. */
    status: z.enum(["active", "deprecated"]).optional(),
  })
  .meta({ id: "UpdateWorkflowVersion" });
export type UpdateVersion = z.output<typeof UpdateVersion>;

/** A commit of the draft that was run, kept so that the run can be shown. */
export const WorkflowCommit = z
  .object({
    workflowId: idSchema("workflow"),
    commitId: idSchema("commit"),
    hash: z.string(),
    canvas: z.unknown(),
    createdAt: z.iso.datetime(),
    createdBy: z.string(),
  })
  .meta({ id: "WorkflowCommit" });
export type WorkflowCommit = z.output<typeof WorkflowCommit>;

const Viewport = z.strictObject({ x: z.number(), y: z.number(), zoom: z.number() }).meta({ id: "Viewport" });

export const CreateSnapshot = z
  .object({
    name: Name,
    description: Description.default(""),
    /** In place of the draft's own. */
    viewport: Viewport.optional(),
    collaborationState: z
      .string()
      .max(MAX_COLLABORATION_STATE)
      .optional()
      .meta({ description: "What an editor for several people keeps, such as a Yjs document in base64. Never read." }),
  })
  .meta({ id: "CreateWorkflowSnapshot" });
export type CreateSnapshot = z.output<typeof CreateSnapshot>;

/** A draft that somebody put by. */
export const SnapshotSummary = z
  .object({
    id: idSchema("snapshot"),
    workflowId: idSchema("workflow"),
    name: z.string(),
    description: z.string(),
    /** The commit of the draft that it holds. */
    commitId: idSchema("commit"),
    form: z.enum(CANVAS_FORM),
    hasCollaborationState: z.boolean(),
    createdAt: z.iso.datetime(),
    createdBy: z.string(),
  })
  .meta({ id: "WorkflowSnapshotSummary" });
export type SnapshotSummary = z.output<typeof SnapshotSummary>;
export const SnapshotPage = pageOf(SnapshotSummary).meta({ id: "WorkflowSnapshotPage" });

export const WorkflowSnapshot = SnapshotSummary.extend({
  canvas: z.unknown(),
  viewport: Viewport.nullable(),
  collaborationState: z.string().nullable(),
}).meta({ id: "WorkflowSnapshot" });
export type WorkflowSnapshot = z.output<typeof WorkflowSnapshot>;

export const RestoreSnapshot = z.object({ expectedRevision: Revision }).meta({ id: "RestoreWorkflowSnapshot" });

/** A public workflow as everybody with an account sees it: its latest version, and nothing of its space. */
export const LibraryWorkflow = z
  .object({
    id: idSchema("workflow"),
    name: z.string(),
    description: z.string(),
    icon: z.string().optional(),
    tags: z.array(z.string()),
    mode: z.enum(["workflow", "chatflow"]),
    version: z.string(),
    publishedAt: z.iso.datetime(),
  })
  .meta({ id: "LibraryWorkflow" });
export type LibraryWorkflow = z.output<typeof LibraryWorkflow>;
export const LibraryPage = pageOf(LibraryWorkflow).meta({ id: "LibraryWorkflowPage" });

export const LibraryWorkflowDetail = LibraryWorkflow.extend({
  inputs: FieldList,
  outputs: FieldList,
  nodeCount: z.int(),
  /** Without the texts that stand where secrets stand. */
  canvas: z.unknown(),
}).meta({ id: "LibraryWorkflowDetail" });
export type LibraryWorkflowDetail = z.output<typeof LibraryWorkflowDetail>;
