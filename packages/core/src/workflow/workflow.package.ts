import type { Canvas, CanvasNode } from "@weft/engine/canvas";
import { writeYaml } from "@weft/engine/import/document";
import { PACKAGE_FORMAT } from "@weft/engine/import/formats";
import type { Ctx } from "@weft/kernel/ctx";
import { AppError, invalidInput } from "@weft/kernel/errors";
import { isId } from "@weft/kernel/ids";
import * as z from "zod";
import { WorkflowSettings } from "./settings.schema.ts";
import { type CallConfig, callConfigs } from "./workflow.canvas.ts";
import type { ExportedPackage } from "./workflow.report.ts";
import { DRAFT, type WorkflowId } from "./workflow.schema.ts";
import * as Workflow from "./workflow.service.ts";
import { changedSettings, copiedSettings, errorCalls } from "./workflow.settings.ts";

/** Workflows of one package: a workflow with everything that it calls. */
const MAX_WORKFLOWS = 100;
const PACKAGE_VERSION = 1;
const SECRET_HEADER = /authorization|api[-_]?key|token|secret|cookie|password/i;

const Member = z.strictObject({
  externalId: z.string().min(1).max(255),
  name: z.string().trim().min(1).max(255),
  description: z.string().max(4_000).default(""),
  icon: z.string().max(2_048).optional(),
  tags: z.array(z.string().max(50)).max(20).default([]),
  mode: z.enum(["workflow", "chatflow"]).default("workflow"),
  metadata: z.record(z.string().max(50), z.string().max(1_000)).default({}),
  settings: WorkflowSettings.prefault({}),
  canvas: z.record(z.string(), z.unknown()),
});
const Package = z.strictObject({
  format: z.literal(PACKAGE_FORMAT),
  version: z.literal(PACKAGE_VERSION),
  workflows: z.array(Member).min(1).max(MAX_WORKFLOWS),
});
export type PackageMember = z.output<typeof Member>;

/** The workflows of a package, those that are called before their callers; the last one is what it was made of. */
export function readPackage(raw: Record<string, unknown>): PackageMember[] {
  const parsed = Package.safeParse(raw);
  if (parsed.success) return parsed.data.workflows;
  throw invalidInput(
    parsed.error.issues
      .slice(0, 50)
      .map(({ path, message }) => ({ path: ["canvas", ...path].map(String).join("."), message })),
  );
}

function leaveOut(pair: Record<string, unknown>): void {
  if (typeof pair.value === "string" && pair.value !== "" && !pair.value.includes("{{")) pair.value = "";
}

/** Texts that stand where secrets stand: keys of requests. What comes from an input stays, since it is no text here. */
export function withoutSecrets(nodes: readonly CanvasNode[]): void {
  for (const { type, data } of nodes) {
    if (data.body) withoutSecrets(data.body.nodes);
    if (type !== "http_request" || !data.config) continue;
    const { auth, headers, params } = data.config as Record<string, unknown>;
    const parts = auth !== null && typeof auth === "object" ? Object.values(auth) : [];
    for (const part of parts) if (part !== null && typeof part === "object") leaveOut(part as Record<string, unknown>);
    for (const pair of [headers, params].flatMap((list) => (Array.isArray(list) ? list : []))) {
      if (SECRET_HEADER.test(String(pair?.name))) leaveOut(pair);
    }
  }
}

const callKey = (call: CallConfig): string => `${call.workflowId}@${call.version || ""}`;

/**
 * A workflow after those that it calls, without secrets. A draft comes with drafts; a version comes with the versions that
 * it names or that are published now. Calls name no versions any more: each member is one.
 */
export async function packMembers(
  ctx: Ctx,
  main: { workflowId: WorkflowId; version?: string | undefined },
  options: { errorWorkflows: boolean },
): Promise<PackageMember[]> {
  const members: PackageMember[] = [];
  const names = new Map<string, string>();
  const add = async (workflowId: string, version: string): Promise<string> => {
    const key = callKey({ workflowId, version });
    const known = names.get(key);
    if (known !== undefined) return known;
    if (names.size >= MAX_WORKFLOWS)
      throw new AppError("too_large", `a package holds at most ${MAX_WORKFLOWS} workflows`);
    const externalId = [...names.values()].includes(workflowId) ? key : workflowId;
    names.set(key, externalId);
    const { workflow, calls } = await Workflow.exportWorkflow(ctx, { workflowId: workflowId as WorkflowId, version });
    const called = new Map<string, string>();
    for (const call of calls.filter((one) => isId("workflow", one.workflowId))) {
      called.set(callKey(call), await add(call.workflowId, call.version ?? (await meant(ctx, call, version))));
    }
    const settings = options.errorWorkflows
      ? await copiedSettings(ctx, workflow.settings)
      : changedSettings(workflow.settings, { errorWorkflowId: null });
    for (const call of errorCalls(settings))
      await add(call.workflowId, call.version ?? (await meant(ctx, call, version)));
    const { isPublic: _public, canvas, ...rest } = workflow;
    const copy = structuredClone(canvas) as Canvas;
    withoutSecrets(copy.nodes);
    for (const config of callConfigs(copy.nodes)) rename(config, called.get(callKey(config)));
    members.push({ ...rest, settings, externalId, canvas: copy as unknown as Record<string, unknown> });
    return externalId;
  };
  await add(main.workflowId, main.version ?? DRAFT);
  return members;
}

/** What a call without a version means: beside a draft the draft, else what is published. */
async function meant(ctx: Ctx, call: CallConfig, callers: string): Promise<string> {
  if (callers === DRAFT) return DRAFT;
  return (await Workflow.get(ctx, { workflowId: call.workflowId as WorkflowId })).currentVersion ?? DRAFT;
}

function rename(config: CallConfig, name: string | undefined): void {
  if (name === undefined) return;
  config.workflowId = name;
  delete config.version;
}

/** The content of a package file. */
export function packageOf(workflows: readonly object[]): Record<string, unknown> {
  return { format: PACKAGE_FORMAT, version: PACKAGE_VERSION, workflows };
}

/** A workflow with the workflows that it calls, for another space or deployment. Secrets are left out. */
export async function exportPackage(
  ctx: Ctx,
  input: { workflowId: WorkflowId; version?: string; as?: "json" | "yaml" },
): Promise<ExportedPackage> {
  const content = packageOf(await packMembers(ctx, input, { errorWorkflows: true }));
  if (input.as !== "yaml") return { as: "json", package: content };
  return { as: "yaml", package: await writeYaml(content) };
}
