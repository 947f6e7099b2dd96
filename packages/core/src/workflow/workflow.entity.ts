import { baseAttributes, modelOf, searchAttributes, storedAttribute } from "@weft/db/base";
import { ELECTRO } from "@weft/db/table";
import type { Field } from "@weft/engine/plan";
import { CustomAttributeType, Entity } from "electrodb";
import {
  CANVAS_FORM,
  REFERENCE_SOURCE,
  WORKFLOW_MODE,
  WORKFLOW_STATUS,
  type WorkflowCall,
  type WorkflowIssue,
  type WorkflowReference,
  type WorkflowSettings,
} from "./workflow.schema.ts";

/*
 * | entity | pattern | index | question |
 * |---|---|---|---|
 * | Workflow | primary | table | one workflow; all of a space, newest first (ids sort by time) |
 * | WorkflowDraft | primary | table | what is being edited |
 * | WorkflowVersion | primary | table | one version; all of a workflow in the order of versions |
 * | WorkflowSnapshot | primary | table | the commit of a draft that was run |
 * | WorkflowReference | primary | table | who calls this workflow |
 * | WorkflowReference | byCaller | gsi1 | whom does this workflow call |
 */

const fields = { type: CustomAttributeType<Field[]>("any"), required: true } as const;
const calls = { type: CustomAttributeType<WorkflowCall[]>("any"), required: true } as const;

/** A canvas with what it came from (`original` is the text of a foreign form, given back by export). */
const canvasAttributes = {
  canvas: { ...storedAttribute, required: true },
  form: { type: CANVAS_FORM, required: true },
  original: storedAttribute,
  inputs: fields,
  outputs: fields,
  calls,
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
      ...searchAttributes,
      ...baseAttributes,
    },
    indexes: {
      primary: { pk: { field: "pk", composite: ["spaceId"] }, sk: { field: "sk", composite: ["workflowId"] } },
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

export const WorkflowSnapshotEntity = new Entity(
  {
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
