import type { Canvas, CanvasNode } from "@weft/engine/canvas";
import { isRecord } from "@weft/engine/values/json";
import { parsePath, readPath, withPath } from "@weft/engine/values/path";
import type { Ctx } from "@weft/kernel/ctx";
import { AppError, invalidField } from "@weft/kernel/errors";
import { bindWorkflows, callConfigs, compileCanvas } from "../workflow/workflow.canvas.ts";
import { importWorkflow } from "../workflow/workflow.import.ts";
import { type PackageMember, packageOf, packMembers } from "../workflow/workflow.package.ts";
import { ImportWorkflow, type WorkflowId } from "../workflow/workflow.schema.ts";
import * as Workflow from "../workflow/workflow.service.ts";
import type { Place, TemplateKind } from "./template.kind.ts";
import { MAIN, type PlaceholderTarget, type TemplateObject } from "./template.schema.ts";

/** The workflows of a package by keys of their own, those that are called before their callers. */
type Content = PackageMember[];

const canvasOf = ({ canvas }: PackageMember): Canvas => canvas as unknown as Canvas;

/** The same workflows under other names. */
function renamed(members: readonly PackageMember[], nameOf: (externalId: string) => string): Content {
  const names = Object.fromEntries(members.map(({ externalId }) => [externalId, nameOf(externalId)]));
  return members.map((member) => {
    const copy = structuredClone(member);
    bindWorkflows(canvasOf(copy).nodes, names);
    return { ...copy, externalId: names[member.externalId] as string };
  });
}

async function pack(ctx: Ctx, sourceId: string, version: string) {
  const members = await packMembers(
    ctx,
    { workflowId: sourceId as WorkflowId, version },
    // What becomes of failures is the affair of the space that the template is used in.
    { errorWorkflows: false },
  );
  const main = members.at(-1) as PackageMember;
  const ids = members.map(({ externalId }) => externalId);
  // Ids of the space are nobody else's business.
  const content = renamed(members, (id) => (id === main.externalId ? MAIN : `part_${ids.indexOf(id) + 1}`));
  const { name, description, icon, tags } = main;
  return { name, description, icon, tags, content };
}

function nodeOf(nodes: readonly CanvasNode[], nodeId: string): CanvasNode | undefined {
  for (const node of nodes) {
    const found = node.id === nodeId ? node : nodeOf(node.data.body?.nodes ?? [], nodeId);
    if (found) return found;
  }
  return undefined;
}

function place(content: Content, { object, nodeId, path }: PlaceholderTarget): Place | string {
  const member = content.find(({ externalId }) => externalId === object);
  if (!member) return `the template has no object "${object}"`;
  const node = nodeOf(canvasOf(member).nodes, nodeId);
  if (!node) return `there is no node "${nodeId}"`;
  const parts = parsePath(path);
  if (!parts) return "it is no path such as config.timeoutMs";
  const holder = readPath(node.data, parts.slice(0, -1));
  const last = parts.at(-1);
  const fits = typeof last === "number" ? Array.isArray(holder) && last < holder.length : isRecord(holder);
  if (!fits) return `node "${nodeId}" has no place "${path}"`;
  return {
    read: () => readPath(node.data, parts),
    write: (value) => {
      node.data = withPath(node.data, parts, value) as CanvasNode["data"];
    },
  };
}

function objects(content: Content): TemplateObject[] {
  return content.map((member) => {
    const { externalId: key, name, description, canvas } = member;
    const { plan } = compileCanvas(structuredClone(canvas), { allowErrors: true });
    const { inputs, outputs } = plan;
    const shown = { key, kind: "workflow" as const, name, description, isMain: key === MAIN };
    return { ...shown, nodeCount: canvasOf(member).nodes.length, inputs, outputs, canvas };
  });
}

/** Keys of what has to be made: the main workflow, and what it calls as far as nothing is bound in its place. */
function needed(content: Content, bound: Readonly<Record<string, string>>): ReadonlySet<string> {
  const found = new Set<string>();
  const visit = (key: string): void => {
    const member = content.find(({ externalId }) => externalId === key);
    if (!member || found.has(key) || Object.hasOwn(bound, key)) return;
    found.add(key);
    for (const { workflowId } of callConfigs(canvasOf(member).nodes)) visit(workflowId);
  };
  visit(MAIN);
  return found;
}

/** A binding names a workflow of the template, and stands for one of this space. */
async function checkBindings(ctx: Ctx, content: Content, bound: Readonly<Record<string, string>>): Promise<void> {
  for (const [key, workflowId] of Object.entries(bound)) {
    const field = `bindings.workflows.${key}`;
    const isPart = key !== MAIN && content.some(({ externalId }) => externalId === key);
    if (!isPart) throw invalidField(field, `the template calls no workflow "${key}"`);
    await Workflow.get(ctx, { workflowId: workflowId as WorkflowId }).catch((thrown: unknown) => {
      if (!(thrown instanceof AppError && thrown.code === "not_found")) throw thrown;
      throw invalidField(field, `workflow ${workflowId} is not in this space`);
    });
  }
}

export const workflowTemplates: TemplateKind<Content> = {
  noun: "workflow",
  pack,
  place,
  objects,
  async make(ctx, content, { name, bindings, origin }) {
    const bound = bindings.workflows;
    await checkBindings(ctx, content, bound);
    const there = (key: string): string => `${origin}/${key}`;
    const workflows = Object.fromEntries(Object.entries(bound).map(([key, id]) => [there(key), id]));
    const keys = needed(content, bound);
    const canvas = packageOf(renamed(content, there).filter((_member, at) => keys.has(content[at]?.externalId ?? "")));
    const input = ImportWorkflow.parse({ name, canvas, format: "package", bindings: { workflows }, allowErrors: true });
    const imported = await importWorkflow(ctx, input);
    const ids = new Map(imported.workflows.map(({ externalId, id }) => [externalId, id]));
    const made = content.flatMap(({ externalId: key }) => {
      const id = bound[key] ?? ids.get(there(key));
      return id === undefined ? [] : [{ key, kind: "workflow" as const, id }];
    });
    return { id: imported.id, name: imported.name, issues: imported.issues, objects: made };
  },
};
