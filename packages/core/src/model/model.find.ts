import { createCache, type DeepReadonly } from "@weft/db/cache";
import { getMany } from "@weft/db/get-many";
import type { ModelParams } from "@weft/engine/model";
import { NodeError } from "@weft/engine/node";
import { systemClock } from "@weft/kernel/clock";
import { type Ctx, requireSpace } from "@weft/kernel/ctx";
import { isId } from "@weft/kernel/ids";
import type { EntityItem } from "electrodb";
import { PLATFORM } from "../identity/settings.ts";
import { ModelDefaultsRows, ModelRows } from "./model.entity.ts";

/** How long what was changed or disabled may still be called by a process that knows it. */
const CACHE_MS = 10_000;
const MAX_CACHED = 1_000;

export type ModelRow = EntityItem<typeof ModelRows>;
export type DefaultsRow = EntityItem<typeof ModelDefaultsRows>;

const models = createCache<ModelRow>({ clock: systemClock, ttlMs: CACHE_MS, maxEntries: MAX_CACHED });
const defaults = createCache<DefaultsRow>({ clock: systemClock, ttlMs: CACHE_MS, maxEntries: MAX_CACHED });

const modelKey = (scope: string, id: string) => ({ scope, kind: "model", id });
const defaultsKey = (scope: string, id: string) => ({ scope, kind: "modelEntity", id });

/** Forgets a model that this process has changed. */
export function forgetModel(scope: string, modelId: string): void {
  models.invalidate(modelKey(scope, modelId));
}

export function forgetDefaults(spaceId: string, modelEntityId: string): void {
  defaults.invalidate(defaultsKey(spaceId, modelEntityId));
}

/** A model that the ctx's space sees, its own or the platform's; null where there is none. */
export async function visibleModel(ctx: Ctx, modelId: string): Promise<DeepReadonly<ModelRow> | null> {
  if (!isId("model", modelId)) return null;
  const spaceId = requireSpace(ctx);
  const known = models.get(modelKey(spaceId, modelId)) ?? models.get(modelKey(PLATFORM, modelId));
  if (known) return known;
  const rows = await getMany([
    { entity: ModelRows, key: { scope: spaceId, modelId } },
    { entity: ModelRows, key: { scope: PLATFORM, modelId } },
  ]);
  const row = rows.find((found) => found && !found.deletedAt);
  if (!row) return null;
  models.set(modelKey(row.scope, modelId), row);
  return row;
}

/** What an id of a call stands for: the models to try in turn, and the parameters that come before the model's own. */
export interface Named {
  modelIds: string[];
  params: ModelParams;
}

/** Reads the name of a call's model, which is a model's id or that of a named default. Throws NodeError `model_not_found`. */
export async function named(ctx: Ctx, id: string): Promise<Named> {
  if (!isId("modelEntity", id)) return { modelIds: [id], params: {} };
  const spaceId = requireSpace(ctx);
  const row = await defaults.load(defaultsKey(spaceId, id), async () => {
    const [found] = await getMany([{ entity: ModelDefaultsRows, key: { spaceId, modelEntityId: id } }]);
    return found && !found.deletedAt ? found : undefined;
  });
  if (!row) throw notFound(`model ${id} is not in this space`, "unknown");
  if (row.status === "disabled") throw notFound(`model ${id} is disabled`, "disabled");
  return { modelIds: [row.modelId, ...row.fallbackModelIds], params: row.params as ModelParams };
}

/** A model that may be called now. Throws NodeError `model_not_found`. */
export async function callable(ctx: Ctx, modelId: string, type: ModelRow["type"]): Promise<DeepReadonly<ModelRow>> {
  const row = await visibleModel(ctx, modelId);
  if (!row) throw notFound(`model ${modelId} is not in this space`, "unknown");
  if (row.status === "disabled") throw notFound(`model ${modelId} is disabled`, "disabled");
  if (row.type !== type) throw notFound(`model ${modelId} is of type ${row.type}, not ${type}`, "type");
  return row;
}

function notFound(message: string, reason: string): NodeError {
  return new NodeError("model_not_found", message, { retryable: false, details: { reason } });
}
