import { created } from "@weft/db/base";
import { listAll, listPage } from "@weft/db/page";
import { read, transact, tryWrite, tx, write } from "@weft/db/write";
import { CODE_TIMEOUT_MS, type CodeOutcome, type CodeRunner, MAX_CODE_FILE_BYTES } from "@weft/engine/code";
import { isoTime } from "@weft/kernel/clock";
import { actorId, type Ctx, requireSpace } from "@weft/kernel/ctx";
import { AppError, conflict, invalidField, messageOf, notFound } from "@weft/kernel/errors";
import { type Id, newId } from "@weft/kernel/ids";
import type { Page } from "@weft/kernel/page";
import type { StoredValue } from "@weft/kernel/stored";
import { load, offload } from "@weft/storage/blob";
import type { EntityItem } from "electrodb";
import { createFile, readFile, readFiles } from "../file/file.content.ts";
import { CodeExecutionEntity, CodeOutputEntity } from "./code.entity.ts";
import type {
  CodeError,
  CodeExecution,
  CodeExecutionSummary,
  CodeInputFile,
  CodeOutput,
  CodeOutputContent,
  CodeReport,
  CodeStatus,
  ListCodeExecutions,
  RunCode,
} from "./code.schema.ts";
import { MAX_FILES_READ, RUN_MARGIN_MS, watchCancel } from "./code.watch.ts";

/** What running code uses of the world. */
export interface CodeDeps {
  runner: CodeRunner;
  inspect(code: string, language: RunCode["language"]): CodeReport;
}

type Row = EntityItem<typeof CodeExecutionEntity>;
type OutputRow = EntityItem<typeof CodeOutputEntity>;
const ENTITY = "code-execution";

/**
 * Runs a program and answers when it is over; what it did wrong is in the answer and is no error of the call. Throws
 * `rate_limited` and `unavailable` where the sandbox has no room or fails; the row then says so too.
 */
export async function run(ctx: Ctx, deps: CodeDeps, input: RunCode): Promise<CodeExecution> {
  const given = await inputFiles(ctx, input.inputFiles);
  const row = await start(ctx, deps, input, given);
  const watch = watchCancel(row);
  try {
    const { language, code, inputs, timeoutMs, memoryBytes } = input;
    const files = given.map(({ name, base64 }) => ({ name, base64 }));
    const request = { language, code, inputs, files, limits: { timeoutMs, memoryBytes }, tenant: row.spaceId };
    const outcome = await deps.runner.run(request, watch.signal);
    return await finish(ctx, row, outcome);
  } catch (thrown) {
    await lost(ctx, row, thrown);
    throw thrown;
  } finally {
    watch.stop();
  }
}

type GivenFile = CodeInputFile & { base64: string };

async function inputFiles(ctx: Ctx, fileIds: readonly Id<"file">[]): Promise<GivenFile[]> {
  const field = "inputFiles";
  const contents = await readFiles(ctx, fileIds, { field, maxBytes: MAX_CODE_FILE_BYTES });
  const names = contents.map(({ name }) => name);
  const twice = names.findIndex((name, index) => names.indexOf(name) < index);
  if (twice >= 0) throw invalidField(`${field}.${twice}`, `another file is called "${names[twice]}"`);
  return contents.map(({ name, bytes }, index) => {
    return { id: fileIds[index] as Id<"file">, name, base64: Buffer.from(bytes).toString("base64") };
  });
}

/** Runs of the space, newest first. */
export async function list(ctx: Ctx, query: ListCodeExecutions): Promise<Page<CodeExecutionSummary>> {
  const spaceId = requireSpace(ctx);
  const { status, language, limit, cursor } = query;
  const now = ctx.clock.now();
  const page = await listPage(CodeExecutionEntity.query.primary({ spaceId }), {
    scope: { operation: "listCodeExecutions", spaceId, filters: { status, language } },
    limit,
    cursor,
    keep: (row) => (!status || statusOf(row, now) === status) && (!language || row.language === language),
  });
  return { ...page, items: page.items.map((row) => summary(row, now)) };
}

/** Throws `not_found`. */
export async function get(ctx: Ctx, codeExecutionId: Id<"codeExecution">): Promise<CodeExecution> {
  return view(ctx, await rowOf(ctx, codeExecutionId));
}

/** Ends a run: what the program still does comes to nothing. Throws `conflict` for one that is over. */
export async function cancel(ctx: Ctx, codeExecutionId: Id<"codeExecution">): Promise<CodeExecutionSummary> {
  const row = await rowOf(ctx, codeExecutionId);
  const now = ctx.clock.now();
  const status = statusOf(row, now);
  if (status !== "running") throw conflict(`the run is ${status}`);
  const error: CodeError = {
    code: "cancelled",
    message: "the run was cancelled",
    line: null,
    column: null,
    stack: null,
  };
  const ended = await close(ctx, row, { status: "cancelled", exitCode: 130, error });
  if (!ended) throw conflict("the run is over");
  return summary(await rowOf(ctx, codeExecutionId), now);
}

/** A file that a run left, with its content. Throws `not_found`. */
export async function output(
  ctx: Ctx,
  codeExecutionId: Id<"codeExecution">,
  codeOutputId: Id<"codeOutput">,
): Promise<CodeOutputContent> {
  const spaceId = requireSpace(ctx);
  const { data } = await read(() => CodeOutputEntity.get({ spaceId, codeExecutionId, codeOutputId }).go());
  if (!data) throw notFound("code output", codeOutputId);
  const { bytes } = await readFile(ctx, data.fileId as Id<"file">, MAX_CODE_FILE_BYTES);
  return { ...toOutput(data), base64: Buffer.from(bytes).toString("base64") };
}

async function start(ctx: Ctx, deps: CodeDeps, input: RunCode, given: readonly GivenFile[]): Promise<Row> {
  const now = ctx.clock.now();
  const codeExecutionId = newId("codeExecution", now);
  const report = deps.inspect(input.code, input.language);
  const { code, inputs, language, agentId, timeoutMs = CODE_TIMEOUT_MS } = input;
  const inputFiles = given.map(({ id, name }): CodeInputFile => ({ id, name }));
  const row = {
    spaceId: requireSpace(ctx),
    codeExecutionId,
    userId: actorId(ctx),
    ...(agentId === undefined ? {} : { agentId }),
    language,
    status: "running" as const,
    program: await offload(ctx, { entity: ENTITY, id: codeExecutionId }, { code, inputs, inputFiles }),
    securityScore: report.score,
    securityIssues: report.issues,
    startedAt: isoTime(now),
    deadlineAt: isoTime(now + timeoutMs + RUN_MARGIN_MS),
    ...created(ctx),
  };
  return (await write(() => CodeExecutionEntity.create(row).go())).data;
}

async function finish(ctx: Ctx, row: Row, outcome: CodeOutcome): Promise<CodeExecution> {
  const { codeExecutionId } = row;
  const { exitCode, durationMs, cpuMs, peakMemoryBytes, error } = outcome;
  const { output, stdout, stderr } = outcome;
  const result = await offload(ctx, { entity: ENTITY, id: codeExecutionId }, { output, stdout, stderr });
  await keepFiles(ctx, row, outcome);
  await close(ctx, row, {
    status: statusFor(outcome),
    exitCode,
    executionTimeMs: durationMs,
    cpuTimeMs: cpuMs,
    peakMemoryBytes,
    result,
    ...(error ? { error: toError(error) } : {}),
  });
  // A cancel that came first stands.
  return view(ctx, await rowOf(ctx, codeExecutionId));
}

function statusFor({ error }: CodeOutcome): CodeStatus {
  if (!error) return "succeeded";
  if (error.code === "timeout") return "timed_out";
  return error.code === "cancelled" ? "cancelled" : "failed";
}

async function keepFiles(ctx: Ctx, row: Row, { files }: CodeOutcome): Promise<void> {
  const { spaceId, codeExecutionId } = row;
  const ops = await Promise.all(
    files.map(async ({ name, base64 }) => {
      const bytes = Buffer.from(base64, "base64");
      const codeOutputId = newId("codeOutput", ctx.clock.now());
      const source = { source: "code" as const, sourceId: codeExecutionId };
      const file = await createFile(ctx, { name, bytes, contentType: "", ...source });
      const { contentType, createdAt } = file;
      const known = { name, contentType, sizeBytes: file.size, sha256: file.sha256 ?? "", createdAt };
      const item = { spaceId, codeExecutionId, codeOutputId, fileId: file.id, ...known };
      return tx(CodeOutputEntity).create(item).commit();
    }),
  );
  await transact(ops);
}

/** The run did not come to an end of its own. */
async function lost(ctx: Ctx, row: Row, thrown: unknown): Promise<void> {
  const refused = thrown instanceof AppError && thrown.status < 500;
  const message = thrown instanceof AppError ? messageOf(thrown) : "the run was lost";
  const error = { code: refused ? "rejected" : "unavailable", message, line: null, column: null, stack: null } as const;
  await close(ctx, row, { status: "failed", exitCode: 1, error });
}

type End = { status: CodeStatus } & Partial<
  Pick<Row, "exitCode" | "executionTimeMs" | "cpuTimeMs" | "peakMemoryBytes" | "result" | "error">
>;

/** Writes how a run ended, once; false where it had ended before. */
async function close(ctx: Ctx, row: Row, end: End): Promise<boolean> {
  const now = isoTime(ctx.clock.now());
  const { spaceId, codeExecutionId } = row;
  const done = await tryWrite(() =>
    CodeExecutionEntity.patch({ spaceId, codeExecutionId })
      .set({ ...end, completedAt: now, updatedAt: now })
      .add({ revision: 1 })
      .where((attr, op) => op.eq(attr.status, "running"))
      .go(),
  );
  return done !== null;
}

async function rowOf(ctx: Ctx, codeExecutionId: string): Promise<Row> {
  const key = { spaceId: requireSpace(ctx), codeExecutionId };
  const { data } = await read(() => CodeExecutionEntity.get(key).go({ consistent: true }));
  if (!data) throw notFound("code execution", codeExecutionId);
  return data;
}

/** A run whose process died never says so: after its deadline it counts as timed out. */
function statusOf(row: Row, now: number): CodeStatus {
  return row.status === "running" && Date.parse(row.deadlineAt) < now ? "timed_out" : row.status;
}

function toError({ code, message, line, column, stack }: NonNullable<CodeOutcome["error"]>): CodeError {
  return { code, message, line: line ?? null, column: column ?? null, stack: stack ?? null };
}

function summary(row: Row, now: number): CodeExecutionSummary {
  const { executionTimeMs: wall, cpuTimeMs: cpu } = row;
  return {
    id: row.codeExecutionId as Id<"codeExecution">,
    userId: row.userId,
    agentId: row.agentId ?? null,
    language: row.language,
    status: statusOf(row, now),
    exitCode: row.exitCode ?? null,
    executionTimeMs: wall ?? null,
    cpuTimeMs: cpu ?? null,
    cpuUsagePercent: wall && cpu !== undefined ? Math.round((cpu / wall) * 10_000) / 100 : null,
    peakMemoryBytes: row.peakMemoryBytes ?? null,
    securityScore: row.securityScore,
    error: row.error ?? null,
    createdAt: row.createdAt,
    startedAt: row.startedAt ?? null,
    completedAt: row.completedAt ?? null,
  };
}

async function view(ctx: Ctx, row: Row): Promise<CodeExecution> {
  const { spaceId, codeExecutionId } = row;
  const query = CodeOutputEntity.query.primary({ spaceId, codeExecutionId });
  const [program, result, files] = await Promise.all([
    load(ctx, row.program) as Promise<Pick<CodeExecution, "code" | "inputs" | "inputFiles">>,
    resultOf(ctx, row.result),
    row.status === "running" ? [] : listAll(query, { max: MAX_FILES_READ, consistent: true }),
  ]);
  return {
    ...summary(row, ctx.clock.now()),
    ...program,
    ...result,
    securityIssues: row.securityIssues,
    files: files.map(toOutput),
  };
}

async function resultOf(ctx: Ctx, stored: StoredValue | undefined) {
  if (!stored) return { output: null, stdout: "", stderr: "" };
  return (await load(ctx, stored)) as { output: unknown; stdout: string; stderr: string };
}

function toOutput(row: OutputRow): CodeOutput {
  const { name, contentType, sizeBytes, sha256, createdAt } = row;
  const ids = { id: row.codeOutputId as Id<"codeOutput">, fileId: row.fileId as Id<"file"> };
  return { ...ids, name, contentType, sizeBytes, sha256, createdAt };
}
