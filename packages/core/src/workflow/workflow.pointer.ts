import { type Cache, createCache } from "@weft/db/cache";
import { getMany } from "@weft/db/get-many";
import { systemClock } from "@weft/kernel/clock";
import { type Ctx, requireSpace } from "@weft/kernel/ctx";
import { isId } from "@weft/kernel/ids";
import type { EntityItem } from "electrodb";
import { listeningKey, rememberListening } from "../event/event.listen.ts";
import type { WorkflowSettings } from "./settings.schema.ts";
import { WorkflowEntity } from "./workflow.entity.ts";
import type { WorkflowStatus } from "./workflow.schema.ts";

/** How long another process's publish, pause or removal may go unseen. */
const POINTER_TTL_MS = 3_000;
const MAX_POINTERS = 1_000;

/** What of a workflow decides which plan runs. */
export interface Pointer {
  name: string;
  status: WorkflowStatus;
  currentVersion?: string;
  settings: WorkflowSettings;
}

const pointers: Cache<Pointer> = createCache({ clock: systemClock, ttlMs: POINTER_TTL_MS, maxEntries: MAX_POINTERS });
const pointerKey = (ctx: Ctx, id: string) => ({ scope: requireSpace(ctx), kind: "workflow", id });

/** Undefined where there is no such workflow in the space, or no longer. */
export async function findPointer(ctx: Ctx, workflowId: string): Promise<Pointer | undefined> {
  const pointer = await pointers.load(pointerKey(ctx, workflowId), async () => {
    if (!isId("workflow", workflowId)) return undefined;
    const spaceId = requireSpace(ctx);
    const workflow = { entity: WorkflowEntity, key: { spaceId, workflowId } };
    // In the same request: who is told when a run of it ends.
    const [row, listening] = await getMany([workflow, listeningKey(spaceId)]);
    rememberListening(spaceId, listening);
    return row && !row.deletedAt ? toPointer(row) : undefined;
  });
  return pointer as Pointer | undefined;
}

/** A workflow's settings as they are now, a moment's delay apart; none where it is deleted. */
export async function currentSettings(ctx: Ctx, workflowId: string): Promise<Partial<WorkflowSettings>> {
  return (await findPointer(ctx, workflowId))?.settings ?? {};
}

/** Write-through after a change of the workflow's row by this process. */
export function cachePointer(ctx: Ctx, workflow: EntityItem<typeof WorkflowEntity>): void {
  const key = pointerKey(ctx, workflow.workflowId);
  if (workflow.deletedAt) pointers.invalidate(key);
  else pointers.set(key, toPointer(workflow));
}

/** Forgets everything; another process does so when it starts. */
export function clearPointers(): void {
  pointers.clear();
}

function toPointer({ name, status, currentVersion, settings }: EntityItem<typeof WorkflowEntity>): Pointer {
  return { name, status, settings, ...(currentVersion ? { currentVersion } : {}) };
}
