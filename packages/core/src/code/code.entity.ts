import { baseAttributes, modelOf, storedAttribute } from "@weft/db/base";
import { ELECTRO } from "@weft/db/table";
import { CODE_LANGUAGES } from "@weft/engine/code";
import { CustomAttributeType, Entity } from "electrodb";
import { CODE_STATUS, type CodeError, type CodeIssue } from "./code.schema.ts";

/*
 * | entity | pattern | index | question |
 * |---|---|---|---|
 * | CodeExecution | primary | table | one run; all of a space, newest first (ids sort by time) |
 * | CodeOutput | primary | table | what files one run left |
 */

export const CodeExecutionEntity = new Entity(
  {
    model: modelOf("codeexecution"),
    attributes: {
      spaceId: { type: "string", required: true },
      codeExecutionId: { type: "string", required: true },
      userId: { type: "string", required: true },
      agentId: { type: "string" },
      language: { type: CODE_LANGUAGES, required: true },
      status: { type: CODE_STATUS, required: true },
      /** `{code, inputs, inputFiles}`. */
      program: { ...storedAttribute, required: true },
      /** `{output, stdout, stderr}`. */
      result: storedAttribute,
      exitCode: { type: "number" },
      executionTimeMs: { type: "number" },
      cpuTimeMs: { type: "number" },
      peakMemoryBytes: { type: "number" },
      error: { type: CustomAttributeType<CodeError>("any") },
      securityScore: { type: "number", required: true },
      securityIssues: { type: CustomAttributeType<CodeIssue[]>("any"), required: true },
      startedAt: { type: "string" },
      completedAt: { type: "string" },
      /** After this a run that is still open was lost with its process. */
      deadlineAt: { type: "string", required: true },
      ...baseAttributes,
    },
    indexes: {
      primary: { pk: { field: "pk", composite: ["spaceId"] }, sk: { field: "sk", composite: ["codeExecutionId"] } },
    },
  },
  ELECTRO,
);

export const CodeOutputEntity = new Entity(
  {
    model: modelOf("codeoutput"),
    attributes: {
      spaceId: { type: "string", required: true },
      codeExecutionId: { type: "string", required: true },
      codeOutputId: { type: "string", required: true },
      /** The File that holds the content. */
      fileId: { type: "string", required: true },
      name: { type: "string", required: true },
      contentType: { type: "string", required: true },
      sizeBytes: { type: "number", required: true },
      sha256: { type: "string", required: true },
      createdAt: { type: "string", required: true },
    },
    indexes: {
      primary: {
        pk: { field: "pk", composite: ["spaceId", "codeExecutionId"] },
        sk: { field: "sk", composite: ["codeOutputId"] },
      },
    },
  },
  ELECTRO,
);
