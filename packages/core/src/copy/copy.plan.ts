import type { Ctx } from "@weft/kernel/ctx";
import { AppError } from "@weft/kernel/errors";
import { derivedId, type Id } from "@weft/kernel/ids";
import type { CopyItem } from "./copy.entity.ts";
import { copyables } from "./copy.kinds.ts";
import { type CopyTaskId, type CreateCopy, MAX_COPIED } from "./copy.schema.ts";
import type { CopyReference, CopyWay } from "./copyable.ts";

/** The same context in another of the spaces. */
export function inSpace(ctx: Ctx, spaceId: string): Ctx {
  return { ...ctx, spaceId: spaceId as Id<"space"> };
}

/** An id of the source's kind and the task's time: the copy is new, and the same whenever the task is tried again. */
function copyId(copyTaskId: CopyTaskId, sourceId: string): string {
  const prefix = sourceId.slice(0, sourceId.indexOf("_"));
  return derivedId(`${prefix}${copyTaskId.slice(copyTaskId.indexOf("_"))}`, sourceId);
}

/**
 * The objects that were named with everything that they need, what is needed first. Throws `not_found` for what is not
 * there and `too_large` where it is too much for one task.
 */
export async function plan(
  ctx: Ctx,
  copyTaskId: CopyTaskId,
  way: CopyWay,
  objects: readonly (CreateCopy["objects"][number] & { spaceId: string })[],
): Promise<CopyItem[]> {
  const found = new Map<string, CopyItem>();
  const ordered: CopyItem[] = [];
  const looked = new Set<string>();
  const visit = async (spaceId: string, reference: CopyReference, isNamed: boolean): Promise<void> => {
    const { kind, id, version } = reference;
    const item = found.get(`${kind} ${id}`);
    if (item && isNamed) item.isNamed = true;
    if (item && version === undefined) return;
    if (!item && version !== undefined) await visit(spaceId, { kind, id }, isNamed);
    const key = JSON.stringify([kind, id, version]);
    if (looked.has(key)) return;
    looked.add(key);
    const seen = await copyables[kind].look(inSpace(ctx, spaceId), id, way, version);
    const entry: CopyItem = found.get(`${kind} ${id}`) ?? {
      ...{ kind, spaceId, name: seen.name, sourceId: id, isNamed },
      ...{ targetId: copyId(copyTaskId, id), versions: [], status: "pending", isRemoved: false },
    };
    found.set(`${kind} ${id}`, entry);
    if (found.size > MAX_COPIED) throw new AppError("too_large", `one task copies at most ${MAX_COPIED} objects`);
    entry.versions = [...new Set([...entry.versions, ...seen.versions])];
    for (const next of seen.references) await visit(spaceId, next, false);
    if (!ordered.includes(entry)) ordered.push(entry);
  };
  for (const { spaceId, kind, id } of objects) await visit(spaceId, { kind, id }, true);
  return ordered;
}
