import { created } from "@weft/db/base";
import { softDelete, updateWithRevision } from "@weft/db/change";
import { listAll } from "@weft/db/page";
import { matches, searchText } from "@weft/db/search";
import { read, write } from "@weft/db/write";
import type { Ctx } from "@weft/kernel/ctx";
import { conflict, notFound } from "@weft/kernel/errors";
import { type Id, newId } from "@weft/kernel/ids";
import type { EntityItem } from "electrodb";
import type * as z from "zod";
import { PLATFORM } from "../identity/settings.ts";
import { BUILT_IN } from "./catalogue.ts";
import { ModelMetaRows } from "./model.entity.ts";
import type { CreateModelMeta, listMetasQuery, ModelMeta, UpdateModelMeta } from "./model.schema.ts";

/** Rows of an administrator's own, beside what comes with the product. */
const MAX_ROWS = 2_000;

type MetaId = Id<"modelMeta">;
type Row = EntityItem<typeof ModelMetaRows>;
type Filters = z.output<z.ZodObject<typeof listMetasQuery>>;

/** What models there are: those of the product, as an administrator may have changed them, and an administrator's own. */
export async function list({ q, type, provider, status }: Filters): Promise<ModelMeta[]> {
  const rows = await listAll(ModelMetaRows.query.primary({ scope: PLATFORM }), { max: MAX_ROWS });
  const changed = new Map(rows.map((row) => [row.modelMetaId, row]));
  const builtIn = BUILT_IN.map((meta) => {
    const row = changed.get(meta.id);
    return row ? toMeta(row) : meta;
  });
  const own = rows.filter(({ modelMetaId, deletedAt }) => !isBuiltIn(modelMetaId) && !deletedAt).map(toMeta);
  return [...builtIn, ...own].filter(
    (meta) =>
      (!type || meta.type === type) &&
      (!provider || meta.provider === provider) &&
      (!status || meta.status === status) &&
      (!q || matches(searchText(meta.name, meta.model, meta.family), q)),
  );
}

/** Throws `not_found`. */
export async function get({ modelMetaId }: { modelMetaId: MetaId }): Promise<ModelMeta> {
  const { data } = await read(() => ModelMetaRows.get({ scope: PLATFORM, modelMetaId }).go({ consistent: true }));
  if (data && !data.deletedAt) return toMeta(data);
  const found = BUILT_IN.find(({ id }) => id === modelMetaId);
  if (!found) throw notFound("model of the catalogue", modelMetaId);
  return found;
}

export async function create(ctx: Ctx, { baseUrl, prices, ...input }: CreateModelMeta): Promise<ModelMeta> {
  const modelMetaId = newId("modelMeta", ctx.clock.now());
  const optional = { ...(baseUrl ? { baseUrl } : {}), ...(prices ? { prices } : {}) };
  await write(() =>
    ModelMetaRows.create({ scope: PLATFORM, modelMetaId, ...input, ...optional, ...created(ctx) }).go(),
  );
  return get({ modelMetaId });
}

/** Changes a line. One of the product's is kept as a row of its own from then on. */
export async function update(ctx: Ctx, input: UpdateModelMeta & { modelMetaId: MetaId }): Promise<ModelMeta> {
  const { modelMetaId, expectedRevision, baseUrl, prices, ...set } = input;
  const before = await get({ modelMetaId });
  if (before.isBuiltIn && before.revision === 0) {
    if (expectedRevision !== undefined) throw conflict("nobody has changed this line yet: it has no revision");
    const { id: _id, isBuiltIn: _isBuiltIn, revision: _revision, baseUrl: url, prices: old, ...rest } = before;
    const row = {
      ...{ scope: PLATFORM, modelMetaId, ...rest },
      ...(url ? { baseUrl: url } : {}),
      ...(old ? { prices: old } : {}),
      ...created(ctx),
    };
    await write(() => ModelMetaRows.create(row).go());
  }
  const remove = [
    ...(baseUrl === null ? (["baseUrl"] as const) : []),
    ...(prices === null ? (["prices"] as const) : []),
  ];
  const change = { ...set, ...(baseUrl ? { baseUrl } : {}), ...(prices ? { prices } : {}) };
  const row = await updateWithRevision(ctx, target(modelMetaId), { set: change, remove, expectedRevision });
  return toMeta(row);
}

/** Deletes a line of an administrator's own; one of the product's can be disabled. */
export async function remove(ctx: Ctx, { modelMetaId }: { modelMetaId: MetaId }): Promise<void> {
  if (isBuiltIn(modelMetaId)) throw conflict("a model that comes with the product can be disabled, not deleted");
  await softDelete(ctx, target(modelMetaId));
}

function isBuiltIn(modelMetaId: string): boolean {
  return BUILT_IN.some(({ id }) => id === modelMetaId);
}

function target(modelMetaId: string) {
  const what = "model of the catalogue";
  return { entity: ModelMetaRows, key: { scope: PLATFORM, modelMetaId }, what, id: modelMetaId };
}

function toMeta(row: Row): ModelMeta {
  return {
    id: row.modelMetaId as MetaId,
    ...{ name: row.name, provider: row.provider, model: row.model, type: row.type, family: row.family },
    baseUrl: row.baseUrl ?? null,
    ...{ capability: row.capability, parameters: row.parameters, prices: row.prices ?? null, status: row.status },
    ...{ isBuiltIn: isBuiltIn(row.modelMetaId), revision: row.revision },
  };
}
