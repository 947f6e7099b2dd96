import { getAny, getLive } from "@weft/db/change";
import { listPage } from "@weft/db/page";
import { searchFilter } from "@weft/db/search";
import { read } from "@weft/db/write";
import type { Canvas } from "@weft/engine/canvas";
import type { Ctx } from "@weft/kernel/ctx";
import { notFound } from "@weft/kernel/errors";
import type { Id } from "@weft/kernel/ids";
import type { Page } from "@weft/kernel/page";
import { load } from "@weft/storage/blob";
import type { EntityItem } from "electrodb";
import { cachedSpace } from "../identity/access.ts";
import { PUBLIC, WorkflowEntity } from "./workflow.entity.ts";
import type { LibraryWorkflow, LibraryWorkflowDetail } from "./workflow.history.schema.ts";
import { withoutSecrets } from "./workflow.package.ts";
import type { WORKFLOW_MODE, WorkflowId } from "./workflow.schema.ts";
import { hasTag, target, versionTarget } from "./workflow.service.ts";

type Row = EntityItem<typeof WorkflowEntity>;
type Listed = Row & { currentVersion: string };

export interface ListLibrary {
  q?: string | undefined;
  mode?: (typeof WORKFLOW_MODE)[number] | undefined;
  tag?: string | undefined;
  limit?: number | undefined;
  cursor?: string | undefined;
}

/** Public workflows of all spaces, newest first, as far as they are published and neither archived nor deleted. */
export async function list(input: ListLibrary): Promise<Page<LibraryWorkflow>> {
  const { q, mode, tag, limit, cursor } = input;
  const search = searchFilter(q);
  const query = WorkflowEntity.query.byLibrary({ library: PUBLIC }).where((attr, op) => {
    const conditions = [op.notExists(attr.deletedAt), op.exists(attr.currentVersion), op.ne(attr.status, "archived")];
    if (mode) conditions.push(op.eq(attr.mode, mode));
    if (search) conditions.push(search(attr as never, op as never));
    return conditions.join(" AND ");
  });
  const scope = { operation: "listLibraryWorkflows", filters: { q, mode, tag } };
  const page = await listPage(query, { scope, limit, cursor, keep: (row) => !tag || hasTag(row.tags, tag) });
  const isOpen = await Promise.all(page.items.map(({ spaceId }) => isLiveSpace(spaceId)));
  const items = page.items.filter((row, index): row is Listed => isListed(row) && isOpen[index] === true);
  return { items: items.map(toLibrary), nextCursor: page.nextCursor };
}

/** One public workflow with the canvas of its latest version. Throws `not_found` for what is not in the library. */
export async function get(ctx: Ctx, { workflowId }: { workflowId: WorkflowId }): Promise<LibraryWorkflowDetail> {
  const row = await listed(ctx, workflowId);
  const inside: Ctx = { ...ctx, spaceId: row.spaceId as Id<"space"> };
  const version = await getLive(inside, versionTarget(inside, workflowId, row.currentVersion));
  const canvas = (await load(inside, version.canvas)) as Canvas;
  withoutSecrets(canvas.nodes);
  const { inputs, outputs, nodeCount } = version;
  return { ...toLibrary(row), inputs, outputs, nodeCount, canvas };
}

/** The space of a workflow that is in the library. Throws `not_found`. */
export async function spaceOf(ctx: Ctx, workflowId: WorkflowId): Promise<Id<"space">> {
  return (await listed(ctx, workflowId)).spaceId as Id<"space">;
}

/** The index may lag behind, so what it finds is read again from its space. */
async function listed(ctx: Ctx, workflowId: WorkflowId): Promise<Listed> {
  const { data } = await read(() => WorkflowEntity.query.byLibrary({ library: PUBLIC, workflowId }).go());
  const spaceId = data[0]?.spaceId as Id<"space"> | undefined;
  const row = spaceId ? await getAny(target({ ...ctx, spaceId }, workflowId)) : null;
  if (!row || !isListed(row) || !(await isLiveSpace(row.spaceId))) throw notFound("workflow", workflowId);
  return row;
}

/** Whether everybody may read and copy a workflow. */
export function isListed(row: Row): row is Listed {
  return row.isPublic && row.currentVersion !== undefined && row.status !== "archived" && row.deletedAt === undefined;
}

/** Whether a space is there and not deleted: what it shows goes with it. */
export async function isLiveSpace(spaceId: string): Promise<boolean> {
  return (await cachedSpace(spaceId))?.isDeleted === false;
}

function toLibrary(row: Listed): LibraryWorkflow {
  const { name, description, icon, tags, mode, currentVersion: version, publishedAt, updatedAt } = row;
  const shown = { name, description, tags, mode, version, publishedAt: publishedAt ?? updatedAt };
  return { id: row.workflowId as WorkflowId, ...shown, ...(icon === undefined ? {} : { icon }) };
}
