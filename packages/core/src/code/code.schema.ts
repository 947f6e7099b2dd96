import {
  CODE_ERRORS,
  CODE_LANGUAGES,
  MAX_CODE_CHARS,
  MAX_CODE_FILE_BYTES,
  MAX_CODE_FILES,
  MAX_CODE_MEMORY_BYTES,
  MAX_CODE_TIMEOUT_MS,
  MIN_CODE_MEMORY_BYTES,
} from "@weft/engine/code";
import { idSchema } from "@weft/kernel/ids";
import { pageOf, pageQuery } from "@weft/kernel/page";
import * as z from "zod";

/** Of the one vocabulary of runs, what running code comes to. */
export const CODE_STATUS = ["running", "succeeded", "failed", "cancelled", "timed_out"] as const;
export type CodeStatus = (typeof CODE_STATUS)[number];

export const CODE_ISSUE_SEVERITY = ["low", "medium", "high"] as const;

export const CodeIssue = z
  .object({
    rule: z.string(),
    severity: z.enum(CODE_ISSUE_SEVERITY),
    message: z.string(),
    line: z.int(),
  })
  .meta({ id: "CodeIssue" });
export type CodeIssue = z.output<typeof CodeIssue>;

/** What reading the code, without running it, says of it. 100 is nothing found; the sandbox holds whatever the score. */
export const CodeReport = z.object({ score: z.int(), issues: z.array(CodeIssue) }).meta({ id: "CodeReport" });
export type CodeReport = z.output<typeof CodeReport>;

export const RunCode = z
  .strictObject({
    language: z.enum(CODE_LANGUAGES),
    code: z.string().min(1).max(MAX_CODE_CHARS),
    /** What `main` gets. */
    inputs: z.record(z.string().max(200), z.unknown()).default({}),
    inputFiles: z
      .array(idSchema("file"))
      .max(MAX_CODE_FILES)
      .default([])
      .meta({ description: `Files that lie in its working folder, of ${MAX_CODE_FILE_BYTES} bytes together at most` }),
    timeoutMs: z.int().min(1).max(MAX_CODE_TIMEOUT_MS).optional(),
    memoryBytes: z.int().min(MIN_CODE_MEMORY_BYTES).max(MAX_CODE_MEMORY_BYTES).optional(),
    /** The agent that asked for it, where one did. */
    agentId: z.string().max(64).optional(),
  })
  .meta({ id: "RunCode" });
export type RunCode = z.output<typeof RunCode>;

export const CodeError = z
  .object({
    code: z.enum([...CODE_ERRORS, "unavailable", "rejected"]),
    message: z.string(),
    line: z.int().nullable(),
    column: z.int().nullable(),
    stack: z.string().nullable(),
  })
  .meta({ id: "CodeError" });
export type CodeError = z.output<typeof CodeError>;

export const CodeExecutionSummary = z
  .object({
    id: idSchema("codeExecution"),
    userId: z.string(),
    agentId: z.string().nullable(),
    language: z.enum(CODE_LANGUAGES),
    status: z.enum(CODE_STATUS),
    exitCode: z.int().nullable(),
    executionTimeMs: z.number().nullable(),
    cpuTimeMs: z.number().nullable(),
    cpuUsagePercent: z.number().nullable(),
    peakMemoryBytes: z.number().nullable(),
    securityScore: z.int(),
    error: CodeError.nullable(),
    createdAt: z.string(),
    startedAt: z.string().nullable(),
    completedAt: z.string().nullable(),
  })
  .meta({ id: "CodeExecutionSummary" });
export type CodeExecutionSummary = z.output<typeof CodeExecutionSummary>;

/** A file that the program was given. */
export const CodeInputFile = z.object({ id: idSchema("file"), name: z.string() }).meta({ id: "CodeInputFile" });
export type CodeInputFile = z.output<typeof CodeInputFile>;

/** A file that the program left. */
export const CodeOutput = z
  .object({
    id: idSchema("codeOutput"),
    fileId: idSchema("file"),
    name: z.string(),
    contentType: z.string(),
    sizeBytes: z.int(),
    sha256: z.string(),
    createdAt: z.string(),
  })
  .meta({ id: "CodeOutput" });
export type CodeOutput = z.output<typeof CodeOutput>;

export const CodeExecution = CodeExecutionSummary.extend({
  code: z.string(),
  inputs: z.record(z.string(), z.unknown()),
  inputFiles: z.array(CodeInputFile),
  output: z.unknown(),
  stdout: z.string(),
  stderr: z.string(),
  securityIssues: z.array(CodeIssue),
  files: z.array(CodeOutput),
}).meta({ id: "CodeExecution" });
export type CodeExecution = z.output<typeof CodeExecution>;

export const CodeOutputContent = CodeOutput.extend({ base64: z.string() }).meta({ id: "CodeOutputContent" });
export type CodeOutputContent = z.output<typeof CodeOutputContent>;

export const CodeExecutionPage = pageOf(CodeExecutionSummary).meta({ id: "CodeExecutionPage" });
export const listCodeExecutionsQuery = {
  ...pageQuery,
  status: z.enum(CODE_STATUS).optional(),
  language: z.enum(CODE_LANGUAGES).optional(),
};
export type ListCodeExecutions = z.output<z.ZodObject<typeof listCodeExecutionsQuery>>;
