import type { Canvas, CanvasNode } from "@weft/engine/canvas";
import { writeYaml } from "@weft/engine/import/document";
import { PACKAGE_FORMAT } from "@weft/engine/import/formats";
import type { Ctx } from "@weft/kernel/ctx";
import { AppError, invalidInput } from "@weft/kernel/errors";
import { isId } from "@weft/kernel/ids";
import * as z from "zod";
import type { ExportedPackage } from "./workflow.report.ts";
import { DRAFT, type WorkflowId, WorkflowSettings } from "./workflow.schema.ts";
import * as Workflow from "./workflow.service.ts";

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
function withoutSecrets(nodes: readonly CanvasNode[]): void {
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

/** A workflow with the workflows that it calls, for another space or deployment. Secrets are left out. */
export async function exportPackage(
  ctx: Ctx,
  input: { workflowId: WorkflowId; version?: string; as?: "json" | "yaml" },
): Promise<ExportedPackage> {
  const members = new Map<string, PackageMember>();
  const open = new Set<string>();
  const add = async (workflowId: string, version: string): Promise<void> => {
    if (members.has(workflowId) || open.has(workflowId)) return;
    if (members.size + open.size >= MAX_WORKFLOWS)
      throw new AppError("too_large", `a package holds at most ${MAX_WORKFLOWS} workflows`);
    open.add(workflowId);
    const { workflow, calls } = await Workflow.exportWorkflow(ctx, { workflowId: workflowId as WorkflowId, version });
    for (const call of calls) {
      if (isId("workflow", call.workflowId)) await add(call.workflowId, call.version ?? DRAFT);
    }
    const { isPublic: _public, canvas, ...rest } = workflow;
    const copy = structuredClone(canvas) as Canvas;
    withoutSecrets(copy.nodes);
    members.set(workflowId, { ...rest, externalId: workflowId, canvas: copy as unknown as Record<string, unknown> });
  };
  await add(input.workflowId, input.version ?? DRAFT);
  const content = { format: PACKAGE_FORMAT, version: PACKAGE_VERSION, workflows: [...members.values()] };
  if (input.as !== "yaml") return { as: "json", package: content };
  return { as: "yaml", package: await writeYaml(content) };
}
