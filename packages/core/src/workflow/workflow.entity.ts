import { baseAttributes, modelOf, searchAttributes, storedAttribute } from "@weft/db/base";
import { ELECTRO } from "@weft/db/table";
import type { Field } from "@weft/engine/plan";
import { CustomAttributeType, Entity } from "electrodb";
import type { CredentialNeed } from "../credential/credential.schema.ts";
import type { WorkflowSettings } from "./settings.schema.ts";
import type { WorkflowCall, WorkflowIssue, WorkflowReference } from "./workflow.schema.ts";
import { CANVAS_FORM, REFERENCE_SOURCE, WORKFLOW_MODE, WORKFLOW_STATUS } from "./workflow.words.ts";

/*
 * | entity | pattern | index | question |
 * |---|---|---|---|
 * | Workflow | primary | table | one workflow; all of a space, newest first (ids sort by time) |
 * | Workflow | byLibrary | gsi4 | what everybody may read and copy; sparse |
 * | WorkflowDraft | primary | table | what is being edited |
 * | WorkflowPin | primary | table | outputs that nodes have in debug runs of the draft |
 * | WorkflowVersion | primary | table | one version; all of a workflow in the order of versions |
 * | WorkflowCommit | primary | table | the commit of a draft that was run |
 * | WorkflowSnapshot | primary | table | drafts that people put by; all of a workflow, newest first |
 * | WorkflowReference | primary | table | who calls this workflow |
 * | WorkflowReference | byCaller | gsi1 | whom does this workflow call |
 */

const fields = { type: CustomAttributeType<Field[]>("any"), required: true } as const;
const calls = { type: CustomAttributeType<WorkflowCall[]>("any"), required: true } as const;

/** The partition of the library's index; other workflows are in none. */
export const PUBLIC = "public";
const LIBRARY = [PUBLIC, "none"] as const;

/** Whether a workflow is in the library's index. */
export function libraryOf(isPublic: boolean): (typeof LIBRARY)[number] {
  return isPublic ? PUBLIC : "none";
}

/** A canvas with what it came from (`original` is the text of a foreign form, given back by export). */
const canvasAttributes = {
  canvas: { ...storedAttribute, required: true },
  form: { type: CANVAS_FORM, required: true },
  original: storedAttribute,
  inputs: fields,
  outputs: fields,
  calls,
  credentials: { type: CustomAttributeType<CredentialNeed[]>("any") },
} as const;

export const WorkflowEntity = new Entity(
  {
    model: modelOf("workflow"),
    attributes: {
      spaceId: { type: "string", required: true },
      workflowId: { type: "string", required: true },
      name: { type: "string", required: true },
      description: { type: "string", required: true },
      icon: { type: "string" },
      tags: { type: "list", items: { type: "string" }, required: true },
      mode: { type: WORKFLOW_MODE, required: true },
      status: { type: WORKFLOW_STATUS, required: true },
      isPublic: { type: "boolean", required: true },
      metadata: { type: CustomAttributeType<Record<string, string>>("any"), required: true },
      settings: { type: CustomAttributeType<WorkflowSettings>("any"), required: true },
      appId: { type: "string" },
      externalId: { type: "string" },
      currentVersion: { type: "string" },
      /** Of the published plan: with it a warm run finds the plan in the process's cache. */
      currentHash: { type: "string" },
      publishedCommitId: { type: "string" },
      publishedAt: { type: "string" },
      draftRevision: { type: "number", required: true },
      /** Follows `isPublic`, see {@link libraryOf}. */
      library: { type: LIBRARY },
      ...searchAttributes,
      ...baseAttributes,
    },
    indexes: {
      primary: { pk: { field: "pk", composite: ["spaceId"] }, sk: { field: "sk", composite: ["workflowId"] } },
      byLibrary: {
        index: "gsi4",
        condition: (attributes: { library?: string }) => attributes.library === PUBLIC,
        pk: { field: "gsi4pk", composite: ["library"] },
        sk: { field: "gsi4sk", composite: ["workflowId"] },
      },
    },
  },
  ELECTRO,
);

export const WorkflowDraftEntity = new Entity(
  {
    model: modelOf("workflowdraft"),
    attributes: {
      spaceId: { type: "string", required: true },
      workflowId: { type: "string", required: true },
      ...canvasAttributes,
      commitId: { type: "string", required: true },
      /** Of the plan; absent while the canvas has errors. */
      hash: { type: "string" },
      issues: { type: CustomAttributeType<WorkflowIssue[]>("any"), required: true },
      testRunCommitId: { type: "string" },
      testRunHash: { type: "string" },
      updatedBy: { type: "string", required: true },
      ...baseAttributes,
    },
    indexes: {
      primary: { pk: { field: "pk", composite: ["spaceId", "workflowId"] }, sk: { field: "sk", composite: [] } },
    },
  },
  ELECTRO,
);

export const WorkflowPinEntity = new Entity(
  {
    model: modelOf("workflowpin"),
    attributes: {
      spaceId: { type: "string", required: true },
      workflowId: { type: "string", required: true },
      nodeId: { type: "string", required: true },
      output: { ...storedAttribute, required: true },
      port: { type: "string" },
      size: { type: "number", required: true },
      updatedAt: { type: "string", required: true },
      updatedBy: { type: "string", required: true },
    },
    indexes: {
      primary: {
        pk: { field: "pk", composite: ["spaceId", "workflowId"] },
        // Node ids tell upper from lower case.
        sk: { field: "sk", composite: ["nodeId"], casing: "none" },
      },
    },
  },
  ELECTRO,
);

export const WorkflowVersionEntity = new Entity(
  {
    model: modelOf("workflowversion"),
    attributes: {
      spaceId: { type: "string", required: true },
      workflowId: { type: "string", required: true },
      sortKey: { type: "string", required: true, readOnly: true },
      versionId: { type: "string", required: true, readOnly: true },
      version: { type: "string", required: true, readOnly: true },
      description: { type: "string", required: true },
      ...canvasAttributes,
      plan: { ...storedAttribute, required: true, readOnly: true },
      hash: { type: "string", required: true, readOnly: true },
      nodeCount: { type: "number", required: true },
      deprecatedAt: { type: "string" },
      commitId: { type: "string", required: true, readOnly: true },
      createdAt: { type: "string", required: true, readOnly: true },
      createdBy: { type: "string", required: true, readOnly: true },
    },
    indexes: {
      primary: {
        pk: { field: "pk", composite: ["spaceId", "workflowId"] },
        sk: { field: "sk", composite: ["sortKey"] },
      },
    },
  },
  ELECTRO,
);

export const WorkflowCommitEntity = new Entity(
  {
    // The name that the stored rows have.
    model: modelOf("workflowsnapshot"),
    attributes: {
      spaceId: { type: "string", required: true },
      workflowId: { type: "string", required: true },
      commitId: { type: "string", required: true },
      canvas: { ...storedAttribute, required: true },
      plan: { ...storedAttribute, required: true },
      hash: { type: "string", required: true },
      createdAt: { type: "string", required: true, readOnly: true },
      createdBy: { type: "string", required: true, readOnly: true },
    },
    indexes: {
      primary: {
        pk: { field: "pk", composite: ["spaceId", "workflowId"] },
        sk: { field: "sk", composite: ["commitId"] },
      },
    },
  },
  ELECTRO,
);

export const WorkflowSnapshotEntity = new Entity(
  {
    model: modelOf("workflownamedsnapshot"),
    attributes: {
      spaceId: { type: "string", required: true },
      workflowId: { type: "string", required: true },
      snapshotId: { type: "string", required: true },
      name: { type: "string", required: true },
      description: { type: "string", required: true },
      commitId: { type: "string", required: true },
      canvas: { ...storedAttribute, required: true },
      form: { type: CANVAS_FORM, required: true },
      original: storedAttribute,
      collaborationState: storedAttribute,
      createdAt: { type: "string", required: true, readOnly: true },
      createdBy: { type: "string", required: true, readOnly: true },
    },
    indexes: {
      primary: {
        pk: { field: "pk", composite: ["spaceId", "workflowId"] },
        sk: { field: "sk", composite: ["snapshotId"] },
      },
    },
  },
  ELECTRO,
);

export const WorkflowReferenceEntity = new Entity(
  {
    model: modelOf("workflowreference"),
    attributes: {
      spaceId: { type: "string", required: true },
      /** The called workflow. */
      workflowId: { type: "string", required: true },
      callerId: { type: "string", required: true },
      source: { type: REFERENCE_SOURCE, required: true },
      calls: { type: CustomAttributeType<WorkflowReference["calls"]>("any"), required: true },
      createdAt: { type: "string", required: true },
    },
    indexes: {
      primary: {
        pk: { field: "pk", composite: ["spaceId", "workflowId"] },
        sk: { field: "sk", composite: ["callerId", "source"] },
      },
      byCaller: {
        index: "gsi1",
        pk: { field: "gsi1pk", composite: ["spaceId", "callerId"] },
        sk: { field: "gsi1sk", composite: ["source", "workflowId"] },
      },
    },
  },
  ELECTRO,
);
