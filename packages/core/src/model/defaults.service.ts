import { created } from "@weft/db/base";
import { getLive, softDelete, updateOp } from "@weft/db/change";
import { listPage } from "@weft/db/page";
import { claim, move, release, type UniqueValue } from "@weft/db/unique";
import { transact, tx } from "@weft/db/write";
import { type Ctx, requireSpace } from "@weft/kernel/ctx";
import { type Id, newId } from "@weft/kernel/ids";
import type { Page } from "@weft/kernel/page";
import { ModelDefaultsRows } from "./model.entity.ts";
import { type DefaultsRow, forgetDefaults } from "./model.find.ts";
import type { CreateModelEntity, ListModelEntities, ModelEntity, ModelId, UpdateModelEntity } from "./model.schema.ts";
import { requireModels } from "./model.service.ts";

type EntityId = Id<"modelEntity">;

/** Makes a name for a model with its parameters. Throws `not_found` for models that the space does not see. */
export async function create(ctx: Ctx, input: CreateModelEntity): Promise<ModelEntity> {
  const spaceId = requireSpace(ctx);
  await requireModels(ctx, [input.modelId, ...input.fallbackModelIds]);
  const modelEntityId = newId("modelEntity", ctx.clock.now());
  const { scenario, ...rest } = input;
  const row = { spaceId, modelEntityId, ...rest, ...(scenario ? { scenario } : {}), ...created(ctx) };
  await transact([tx(ModelDefaultsRows).create(row).commit(), claim(ctx, nameOf(row))]);
  return get(ctx, { modelEntityId });
}

export async function get(ctx: Ctx, { modelEntityId }: { modelEntityId: EntityId }): Promise<ModelEntity> {
  return toEntity(await getLive(ctx, target(ctx, modelEntityId)));
}

/** Newest first. */
export async function list(ctx: Ctx, { limit, cursor, scenario }: ListModelEntities): Promise<Page<ModelEntity>> {
  const spaceId = requireSpace(ctx);
  const page = await listPage(ModelDefaultsRows.query.primary({ spaceId }), {
    scope: { operation: "listModelEntities", spaceId, filters: { scenario } },
    ...{ limit, cursor },
    keep: (row) => !row.deletedAt && (!scenario || row.scenario === scenario),
  });
  return { items: page.items.map(toEntity), nextCursor: page.nextCursor };
}

export async function update(ctx: Ctx, input: UpdateModelEntity & { modelEntityId: EntityId }): Promise<ModelEntity> {
  const { modelEntityId, expectedRevision, scenario, ...given } = input;
  const row = await getLive(ctx, target(ctx, modelEntityId));
  await requireModels(ctx, [...(given.modelId ? [given.modelId] : []), ...(given.fallbackModelIds ?? [])]);
  const remove = scenario === null ? (["scenario"] as const) : [];
  const set = { ...given, ...(scenario ? { scenario } : {}) };
  await transact([
    updateOp(ctx, target(ctx, modelEntityId), { set, remove, expectedRevision }),
    ...(given.name === undefined ? [] : move(ctx, nameOf(row), given.name)),
  ]);
  forgetDefaults(row.spaceId, modelEntityId);
  return get(ctx, { modelEntityId });
}

export async function remove(ctx: Ctx, { modelEntityId }: { modelEntityId: EntityId }): Promise<void> {
  const row = await getLive(ctx, target(ctx, modelEntityId));
  await softDelete(ctx, target(ctx, modelEntityId), { also: [release(nameOf(row))] });
  forgetDefaults(row.spaceId, modelEntityId);
}

function target(ctx: Ctx, modelEntityId: string) {
  const key = { spaceId: requireSpace(ctx), modelEntityId };
  return { entity: ModelDefaultsRows, key, what: "model entity", id: modelEntityId };
}

function nameOf(row: { spaceId: string; modelEntityId: string; name: string }): UniqueValue {
  return { scope: row.spaceId, kind: "model_entity_name", value: row.name, ownerId: row.modelEntityId };
}

function toEntity(row: DefaultsRow): ModelEntity {
  return {
    id: row.modelEntityId as EntityId,
    spaceId: row.spaceId as Id<"space">,
    ...{ name: row.name, description: row.description, scenario: row.scenario ?? null },
    modelId: row.modelId as ModelId,
    params: row.params,
    fallbackModelIds: row.fallbackModelIds as ModelId[],
    ...{ status: row.status, revision: row.revision, createdAt: row.createdAt, updatedAt: row.updatedAt },
    createdBy: row.createdBy,
  };
}
