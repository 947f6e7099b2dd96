import * as z from "zod";
import {
  CODE_LANGUAGES,
  CODE_TIMEOUT_MS,
  type CodeError,
  type CodeFile,
  type CodeOutcome,
  MAX_CODE_CHARS,
  MAX_CODE_FILE_BYTES,
} from "../code.ts";
import { fieldsOf, inputParameters, numberOf, pick, textOf } from "../coze/read.ts";
import { CozeProblem } from "../coze/types.ts";
import { fileIdOf, isFileType, readFile } from "../data/files.ts";
import { defineNode, type FileReference, NodeError, type NodeRun } from "../node.ts";
import { convert } from "../values/convert.ts";
import { isRecord, setOwn } from "../values/json.ts";

const config = z.strictObject({
  language: z.enum(CODE_LANGUAGES),
  code: z.string().min(1).max(MAX_CODE_CHARS),
});
type Config = z.output<typeof config>;

/** Coze's `language`: what it calls JavaScript is written with types. */
const COZE_LANGUAGES: ReadonlyMap<number, Config["language"]> = new Map([
  [3, "python"],
  [5, "typescript"],
]);

/** The output that takes what a program wrote, unless the program itself gives one of that name. */
const FILES = "files";
/** Printed text that goes into the message of a failure. */
const MAX_PRINTED = 2_000;
/** What failed for the platform's reasons and may go well the next time. */
const RETRYABLE: ReadonlySet<CodeError["code"]> = new Set(["crashed", "timeout", "code_error"]);

function readLanguage(inputs: unknown): Config["language"] {
  const language = COZE_LANGUAGES.get(numberOf(inputs, "language") ?? 3);
  if (language === undefined) throw new CozeProblem("inputs.language", "is no known language");
  return language;
}

/** The Files that its inputs of a file's type name, for its working folder. */
async function givenFiles({ inputs, deps, node }: NodeRun<Config>): Promise<CodeFile[]> {
  const files: CodeFile[] = [];
  for (const { name, type } of node.inputs) {
    const fileId = isFileType(type) ? fileIdOf(inputs[name]) : undefined;
    if (fileId === undefined) continue;
    const file = await readFile(deps, fileId, MAX_CODE_FILE_BYTES);
    files.push({ name: file.name ?? fileId, base64: Buffer.from(file.bytes).toString("base64") });
  }
  return files;
}

async function execute(run: NodeRun<Config>): Promise<CodeOutcome> {
  const { config, inputs, deps, signal, node } = run;
  if (!deps.code) throw new NodeError("unavailable", "running code is not available here", { retryable: false });
  const timeoutMs = node.policy.attemptTimeoutMs ?? node.policy.timeoutMs ?? CODE_TIMEOUT_MS;
  return deps.code.run({ ...config, inputs, files: await givenFiles(run), limits: { timeoutMs } }, signal);
}

/** A node that declares an output `files` gets there, as Files, what its program wrote. */
async function keptFiles(run: NodeRun<Config>, { files }: CodeOutcome): Promise<FileReference[] | undefined> {
  const { deps, node, idempotencyKey } = run;
  const create = deps.files?.create;
  if (!create || !node.outputs.some(({ name, type }) => name === FILES && type.type === "list")) return undefined;
  const kept: FileReference[] = [];
  for (const { name, base64 } of files) {
    const file = { name, bytes: Buffer.from(base64, "base64"), contentType: "" };
    kept.push(await create(file, `${idempotencyKey}:${name}`));
  }
  return kept;
}

function failure(error: CodeError, { stderr, exitCode }: CodeOutcome): NodeError {
  const place = error.line === undefined ? "" : `line ${error.line}: `;
  return new NodeError(error.code, `${place}${error.message}`, {
    retryable: RETRYABLE.has(error.code),
    details: { line: error.line, column: error.column, exitCode, stderr: stderr.slice(-MAX_PRINTED) },
  });
}

/** The declared fields, converted; without any, what the program gave. */
function outputOf({ node }: NodeRun<Config>, given: unknown, files?: FileReference[]): Record<string, unknown> {
  const value = files && (given === null || isRecord(given)) ? { [FILES]: files, ...given } : given;
  if (node.outputs.length === 0) return isRecord(value) ? value : { output: value };
  if (!isRecord(value)) {
    const got = value === null ? "nothing" : Array.isArray(value) ? "a list" : `a ${typeof value}`;
    throw new NodeError("invalid_output", `main must return an object, and it returned ${got}`, { retryable: false });
  }
  const output: Record<string, unknown> = {};
  for (const { name, type } of node.outputs) {
    if (Object.hasOwn(value, name)) setOwn(output, name, convert(value[name], type, name));
  }
  return output;
}

export const code = defineNode({
  type: "code",
  title: "Code",
  description:
    "Runs JavaScript, TypeScript or Python on its inputs, apart from everything, and gives what main returns.",
  category: "integration",
  config,
  effectful: true,
  zeroInputs: true,
  nullOutputs: true,
  timeoutMs: CODE_TIMEOUT_MS,
  coze: {
    id: "5",
    key: "CodeRunner",
    displayKey: "Code",
    read: ({ data, inputs }) => ({
      config: { language: readLanguage(inputs), code: textOf(inputs, "code") ?? "" },
      inputs: inputParameters(inputs),
      outputs: fieldsOf(pick(data, "outputs")),
    }),
  },
  n8n: ["n8n-nodes-base.code"],
  dify: ["code"],
  async run(run) {
    const outcome = await execute(run);
    if (outcome.error) throw failure(outcome.error, outcome);
    const files = await keptFiles(run, outcome);
    return { output: outputOf(run, outcome.output, files), usage: { codeMs: outcome.cpuMs } };
  },
});
