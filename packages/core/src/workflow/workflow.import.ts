import { MAX_TRANSACTION_ITEMS, transact, type WriteOp } from "@weft/db/write";
import { readDocument } from "@weft/engine/import/document";
import type { ImportFormat } from "@weft/engine/import/formats";
import { formatOf, readImport } from "@weft/engine/import/read";
import type { ImportReport } from "@weft/engine/import/report";
import type { Ctx } from "@weft/kernel/ctx";
import { invalidField, invalidInput } from "@weft/kernel/errors";
import { newId } from "@weft/kernel/ids";
import { missingCredentials } from "../credential/credential.usage.ts";
import { type CompiledCanvas, compileCanvas } from "./workflow.canvas.ts";
import { readPackage } from "./workflow.package.ts";
import type { ImportedWorkflow } from "./workflow.report.ts";
import type { ImportWorkflow, WorkflowId } from "./workflow.schema.ts";
import * as Workflow from "./workflow.service.ts";
import { type Beside, boundSettings, NONE } from "./workflow.settings.ts";

/** One workflow of an import that is ready to be written. */
interface Ready {
  input: ImportWorkflow & { name: string };
  compiled: CompiledCanvas;
  report: ImportReport;
}

function ready(
  input: ImportWorkflow,
  raw: Record<string, unknown>,
  format: Exclude<ImportFormat, "auto" | "package">,
): Ready {
  const { workflows: bindings, credentials } = input.bindings;
  const read = readImport(raw, format, { workflows: bindings, credentials });
  const name = input.name ?? read.name?.slice(0, 255).trim();
  if (!name) throw invalidField("name", "the file has no name for the workflow: give one");
  const description = input.description || (read.description?.slice(0, 4_000) ?? "");
  // Our reader takes Coze's canvas itself, and keeps it as it came beside ours.
  const asItCame = typeof input.canvas === "string" && read.original === raw ? input.canvas : read.original;
  const source = format === "coze" ? asItCame : read.canvas;
  const compiled = compileCanvas(source, { bindings, credentials, allowErrors: input.allowErrors });
  return { input: { ...input, name, description }, compiled, report: read.report };
}

/** A workflow of ours or of another system. `bindings` says what the ids in it are here. */
export async function importWorkflow(ctx: Ctx, input: ImportWorkflow): Promise<ImportedWorkflow> {
  const raw = await readDocument(input.canvas);
  await checkCredentials(ctx, input.bindings.credentials);
  const format = input.format === "auto" ? formatOf(raw) : input.format;
  if (format === "package") return importPackage(ctx, input, raw);
  const { input: named, compiled, report } = ready(input, raw, format);
  const { settings, notes } = await importedSettings(ctx, named, NONE);
  const created = await Workflow.createFrom(ctx, { ...named, settings }, compiled);
  return {
    ...created,
    report: { ...report, notes: [...report.notes, ...notes] },
    workflows: workflowsOf(named.externalId, created.id),
  };
}

/** Credentials that are bound are of this space. Throws `invalid_input` naming the binding. */
async function checkCredentials(ctx: Ctx, bound: Readonly<Record<string, string>>): Promise<void> {
  const missing = await missingCredentials(ctx, [...new Set(Object.values(bound))]);
  const issues = Object.entries(bound).flatMap(([key, id]) =>
    missing.has(id) ? [{ path: `bindings.credentials.${key}`, message: `credential ${id} is not in this space` }] : [],
  );
  if (issues.length > 0) throw invalidInput(issues);
}

/**
 * Every workflow of a package, or none: in one transaction where it fits one; else first what nobody sees without its
 * workflow, then all the workflows at once.
 */
async function importPackage(ctx: Ctx, input: ImportWorkflow, raw: Record<string, unknown>): Promise<ImportedWorkflow> {
  const members = readPackage(raw);
  const ids = new Map(members.map(({ externalId }) => [externalId, newId("workflow", ctx.clock.now())]));
  if (ids.size < members.length) throw invalidField("canvas.workflows", "two workflows have one externalId");
  const bindings = { ...input.bindings, workflows: { ...input.bindings.workflows, ...Object.fromEntries(ids) } };
  const read = members.map((member, at) => {
    const isMain = at === members.length - 1;
    const named = { ...input, ...member, ...(isMain && input.name ? { name: input.name } : {}), bindings };
    return { ...ready(named, member.canvas, "weft"), workflowId: ids.get(member.externalId) as WorkflowId };
  });
  const beside = new Map(read.map(({ workflowId, compiled }) => [workflowId as string, compiled.calls]));
  const heads: WriteOp[] = [];
  const parts: WriteOp[] = [];
  let last: ImportedWorkflow | undefined;
  for (const { input: named, compiled, report, workflowId } of read) {
    const { settings, notes } = await importedSettings(ctx, named, beside);
    const made = await Workflow.newWorkflow(ctx, { ...named, settings }, compiled, { workflowId }, beside);
    heads.push(made.head);
    parts.push(...made.parts);
    const told = { ...report, format: "package" as const, notes: [...report.notes, ...notes] };
    last = { ...made.created, report: told, workflows: [] };
  }
  if (!last) throw invalidField("canvas.workflows", "a package holds at least one workflow");
  await writeTogether(heads, parts);
  return { ...last, workflows: [...ids].map(([externalId, id]) => ({ externalId, id })) };
}

async function writeTogether(heads: readonly WriteOp[], parts: readonly WriteOp[]): Promise<void> {
  if (heads.length + parts.length <= MAX_TRANSACTION_ITEMS) return transact([...heads, ...parts]);
  for (let at = 0; at < parts.length; at += MAX_TRANSACTION_ITEMS)
    await transact(parts.slice(at, at + MAX_TRANSACTION_ITEMS));
  await transact(heads);
}

/** The error workflow as it is called here; one that is not here is left out, and told. */
async function importedSettings(ctx: Ctx, { settings, bindings }: ImportWorkflow, beside: Beside) {
  const { errorWorkflowId } = settings;
  if (errorWorkflowId === undefined) return { settings, notes: [] };
  const here = await boundSettings(ctx, settings, bindings.workflows, { beside });
  if (here.errorWorkflowId !== undefined) return { settings: here, notes: [] };
  return { settings: here, notes: [`the error workflow ${errorWorkflowId} is not in this space and is left out`] };
}

function workflowsOf(externalId: string | undefined, id: WorkflowId): ImportedWorkflow["workflows"] {
  return externalId === undefined ? [] : [{ externalId, id }];
}
