import { readDocument } from "@weft/engine/import/document";
import type { ImportFormat } from "@weft/engine/import/formats";
import { formatOf, readImport } from "@weft/engine/import/read";
import type { ImportReport } from "@weft/engine/import/report";
import type { Ctx } from "@weft/kernel/ctx";
import { invalidField } from "@weft/kernel/errors";
import { type CompiledCanvas, compileCanvas } from "./workflow.canvas.ts";
import { readPackage } from "./workflow.package.ts";
import type { ImportedWorkflow } from "./workflow.report.ts";
import type { ImportWorkflow, WorkflowId } from "./workflow.schema.ts";
import * as Workflow from "./workflow.service.ts";
import { boundSettings } from "./workflow.settings.ts";

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
  const compiled = compileCanvas(source, { bindings, allowErrors: input.allowErrors });
  return { input: { ...input, name, description }, compiled, report: read.report };
}

/** A workflow of ours or of another system. `bindings` says what the ids in it are here. */
export async function importWorkflow(ctx: Ctx, input: ImportWorkflow): Promise<ImportedWorkflow> {
  const raw = await readDocument(input.canvas);
  const format = input.format === "auto" ? formatOf(raw) : input.format;
  if (format === "package") return importPackage(ctx, input, raw);
  const { input: named, compiled, report } = ready(input, raw, format);
  const { settings, notes } = await importedSettings(ctx, named);
  const created = await Workflow.createFrom(ctx, { ...named, settings }, compiled);
  return {
    ...created,
    report: { ...report, notes: [...report.notes, ...notes] },
    workflows: workflowsOf(named.externalId, created.id),
  };
}

/** Every workflow of a package, those that are called first. Nothing is written before all of them could be read. */
async function importPackage(ctx: Ctx, input: ImportWorkflow, raw: Record<string, unknown>): Promise<ImportedWorkflow> {
  const members = readPackage(raw);
  for (const { canvas } of members) compileCanvas(structuredClone(canvas), { allowErrors: input.allowErrors });
  const bindings: Record<string, WorkflowId> = { ...input.bindings.workflows };
  let last: ImportedWorkflow | undefined;
  for (const [at, member] of members.entries()) {
    const isMain = at === members.length - 1;
    const named = { ...input, ...member, ...(isMain && input.name ? { name: input.name } : {}) };
    const one = ready({ ...named, bindings: { workflows: bindings } }, member.canvas, "weft");
    const { settings, notes } = await importedSettings(ctx, one.input);
    const created = await Workflow.createFrom(ctx, { ...one.input, settings }, one.compiled);
    bindings[member.externalId] = created.id;
    const report = { ...one.report, format: "package" as const, notes: [...one.report.notes, ...notes] };
    last = { ...created, report, workflows: [] };
  }
  if (!last) throw invalidField("canvas.workflows", "a package holds at least one workflow");
  const workflows = members.map(({ externalId }) => ({ externalId, id: bindings[externalId] as WorkflowId }));
  return { ...last, workflows };
}

/** The error workflow as it is called here; one that is not here is left out, and told. */
async function importedSettings(ctx: Ctx, { settings, bindings }: ImportWorkflow) {
  const { errorWorkflowId } = settings;
  if (errorWorkflowId === undefined) return { settings, notes: [] };
  const here = await boundSettings(ctx, settings, bindings.workflows);
  if (here.errorWorkflowId !== undefined) return { settings: here, notes: [] };
  return { settings: here, notes: [`the error workflow ${errorWorkflowId} is not in this space and is left out`] };
}

function workflowsOf(externalId: string | undefined, id: WorkflowId): ImportedWorkflow["workflows"] {
  return externalId === undefined ? [] : [{ externalId, id }];
}
