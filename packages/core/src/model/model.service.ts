import { created } from "@weft/db/base";
import { getLive, softDelete, updateOp } from "@weft/db/change";
import { listPage } from "@weft/db/page";
import { listParts } from "@weft/db/partitions";
import { searchFilter, searchText } from "@weft/db/search";
import { claim, move, release, type UniqueValue } from "@weft/db/unique";
import { transact, tx } from "@weft/db/write";
import { NodeError } from "@weft/engine/node";
import type { Ctx } from "@weft/kernel/ctx";
import { AppError, invalidField, invalidInput, notFound } from "@weft/kernel/errors";
import { type Id, newId } from "@weft/kernel/ids";
import type { Page } from "@weft/kernel/page";
import { openForSpace } from "../credential/credential.open.ts";
import { PLATFORM } from "../identity/settings.ts";
import type { Sealer } from "../platform/sealer.ts";
import { putSecretOp, removeSecretOp, removeSecrets } from "../platform/vault.ts";
import { splitConnection } from "./connection.split.ts";
import * as Meta from "./meta.service.ts";
import { ModelRows } from "./model.entity.ts";
import { forgetModel, type ModelRow } from "./model.find.ts";
import { vaultCtx } from "./model.open.ts";
import type {
  Capability,
  CreateModel,
  ListModels,
  Model,
  ModelId,
  ParamSchema,
  Params,
  UpdateModel,
} from "./model.schema.ts";
import { checkParams } from "./params.ts";

/** Models of the platform are made outside of any space, and every space sees them. */
export const scopeOf = (ctx: Ctx): string => ctx.spaceId ?? PLATFORM;

const NO_CAPABILITY: Capability = {
  ...{ tools: false, images: false, files: false, audio: false, video: false, reasoning: false },
  ...{ json: "none", contextTokens: null, maxOutputTokens: null, dimensions: null },
};

/** Makes a model in the ctx's space, or of the platform. The secrets of its connection are sealed and never given back. */
export async function create(ctx: Ctx, sealer: Sealer, input: CreateModel): Promise<Model> {
  const scope = scopeOf(ctx);
  const modelId = newId("model", ctx.clock.now());
  const { connection, credentialId, metaId, ...given } = input;
  const meta = metaId === null ? undefined : await Meta.get({ modelMetaId: metaId });
  if (meta && meta.provider !== input.provider) throw invalidField("metaId", `is of the provider ${meta.provider}`);
  const split = splitConnection(input.provider, connection, place(scope, credentialId));
  await requireCredential(ctx, sealer, credentialId);
  const { prices = meta?.prices ?? null, ...rest } = given;
  const row = {
    ...rest,
    ...{ scope, modelId },
    capability: given.capability ?? meta?.capability ?? NO_CAPABILITY,
    parameters: given.parameters ?? meta?.parameters ?? [],
    ...(prices ? { prices } : {}),
    ...(metaId ? { metaId } : {}),
    ...(credentialId ? { credentialId } : {}),
    ...{ connection: split.connection, secrets: split.secrets },
    ...(split.sealed ? { secretVersion: 1 } : {}),
    searchText: searchText(given.name, given.description, given.model),
    ...created(ctx),
  };
  requireParams(row.defaults, row.parameters, row.capability);
  const vault = vaultCtx(ctx, scope);
  await transact([
    tx(ModelRows).create(row).commit(),
    claim(ctx, nameOf(row)),
    ...(split.sealed ? [await putSecretOp(vault, sealer, { ownerId: modelId, version: "1" }, split.sealed)] : []),
  ]);
  return get(ctx, { modelId });
}

/** A model of the ctx's own scope, with its connection. */
export async function get(ctx: Ctx, { modelId }: { modelId: ModelId }): Promise<Model> {
  return toModel(await getLive(ctx, target(scopeOf(ctx), modelId)), true);
}

/** A model that the ctx's space sees; of the platform's ones without what they are reached by. */
export async function getVisible(ctx: Ctx, { modelId }: { modelId: ModelId }): Promise<Model> {
  try {
    return await get(ctx, { modelId });
  } catch (thrown) {
    if (!(thrown instanceof AppError) || thrown.code !== "not_found") throw thrown;
    return toModel(await getLive(ctx, target(PLATFORM, modelId)), false);
  }
}

/** Newest first: of the platform alone, or of the space and then the active ones of the platform. */
export async function list(ctx: Ctx, input: ListModels): Promise<Page<Model>> {
  const { limit, cursor, ...filters } = input;
  const scope = scopeOf(ctx);
  const partitions = scope === PLATFORM ? [PLATFORM] : [scope, PLATFORM];
  const page = await listParts((part, options) => listPage(queryOf(part, filters, part !== scope), options), {
    scope: { operation: "listModels", spaceId: scope, filters },
    ...{ partitions, limit, cursor },
  });
  return { items: page.items.map((row) => toModel(row, row.scope === scope)), nextCursor: page.nextCursor };
}

function queryOf(
  scope: string,
  { q, type, provider, status }: Omit<ListModels, "limit" | "cursor">,
  isForeign: boolean,
) {
  const search = searchFilter(q);
  const query = ModelRows.query.primary({ scope });
  return query.where((attr, op) =>
    [
      op.notExists(attr.deletedAt),
      ...(type ? [op.eq(attr.type, type)] : []),
      ...(provider ? [op.eq(attr.provider, provider)] : []),
      ...(status ? [op.eq(attr.status, status)] : []),
      ...(isForeign ? [op.eq(attr.status, "active")] : []),
      ...(search ? [search(attr as never, op as never)] : []),
    ].join(" AND "),
  ) as unknown as typeof query;
}

export async function update(ctx: Ctx, sealer: Sealer, input: UpdateModel & { modelId: ModelId }): Promise<Model> {
  const { modelId, expectedRevision, connection, credentialId, prices, ...given } = input;
  const scope = scopeOf(ctx);
  const row = await getLive(ctx, target(scope, modelId));
  const nextCredential = credentialId === undefined ? (row.credentialId ?? null) : credentialId;
  // A key stays with the address that it was given for: another connection brings its own.
  if (credentialId !== undefined && connection === undefined) {
    throw invalidField("connection", "is needed where the credential changes");
  }
  const split = connection && splitConnection(row.provider, connection, place(scope, nextCredential));
  if (credentialId) await requireCredential(ctx, sealer, credentialId);
  requireParams(
    given.defaults ?? (row.defaults as Params),
    given.parameters ?? (row.parameters as ParamSchema[]),
    given.capability ?? (row.capability as Capability),
  );
  const version = (row.secretVersion ?? 0) + 1;
  const set = {
    ...given,
    ...(prices ? { prices } : {}),
    ...(nextCredential ? { credentialId: nextCredential } : {}),
    ...(split ? { connection: split.connection, secrets: split.secrets } : {}),
    ...(split?.sealed ? { secretVersion: version } : {}),
    searchText: searchText(given.name ?? row.name, given.description ?? row.description, given.model ?? row.model),
  };
  const remove = [
    ...(prices === null ? (["prices"] as const) : []),
    ...(nextCredential === null && row.credentialId !== undefined ? (["credentialId"] as const) : []),
    ...(split && !split.sealed && row.secretVersion !== undefined ? (["secretVersion"] as const) : []),
  ];
  const vault = vaultCtx(ctx, scope);
  const isNewer = split !== undefined && row.secretVersion !== undefined;
  await transact([
    // A secret's version is counted by the row that it was made from.
    updateOp(ctx, target(scope, modelId), {
      ...{ set, remove },
      expectedRevision: expectedRevision ?? (split ? row.revision : undefined),
    }),
    ...(given.name === undefined ? [] : move(ctx, nameOf(row), given.name)),
    ...(split?.sealed
      ? [await putSecretOp(vault, sealer, { ownerId: modelId, version: String(version) }, split.sealed)]
      : []),
    ...(isNewer ? [removeSecretOp(vault, { ownerId: modelId, version: String(row.secretVersion) })] : []),
  ]);
  forgetModel(scope, modelId);
  return get(ctx, { modelId });
}

/** Deletes a model and destroys its secrets. What names it fails from then on, as the ledger goes on to show. */
export async function remove(ctx: Ctx, { modelId }: { modelId: ModelId }): Promise<void> {
  const scope = scopeOf(ctx);
  const row = await getLive(ctx, target(scope, modelId));
  await removeSecrets(vaultCtx(ctx, scope), modelId);
  await softDelete(ctx, target(scope, modelId), { also: [release(nameOf(row))] });
  forgetModel(scope, modelId);
}

/** Throws `not_found` where one of these is no model that the ctx's space sees. */
export async function requireModels(ctx: Ctx, modelIds: readonly ModelId[]): Promise<void> {
  for (const modelId of modelIds) {
    await getVisible(ctx, { modelId });
  }
}

function place(scope: string, credentialId: string | null) {
  return { isPlatform: scope === PLATFORM, hasCredential: credentialId !== null };
}

/** Credentials are a space's: a model of the platform has its own key. */
async function requireCredential(ctx: Ctx, sealer: Sealer, credentialId: Id<"credential"> | null): Promise<void> {
  if (credentialId === null) return;
  if (ctx.spaceId === undefined) throw invalidField("credentialId", "models of the platform have a key of their own");
  try {
    const { type } = await openForSpace(ctx, { sealer }, credentialId);
    if (!type.apply) throw invalidField("credentialId", `credentials of type ${type.type} are not sent with requests`);
  } catch (thrown) {
    if (thrown instanceof NodeError && thrown.code === "credential_not_found")
      throw notFound("credential", credentialId);
    if (thrown instanceof NodeError) throw invalidField("credentialId", thrown.message);
    throw thrown;
  }
}

function requireParams(defaults: Params, parameters: readonly ParamSchema[], capability: Capability): void {
  const wrong = parameters.flatMap(({ name, min, max }) =>
    min !== undefined && max !== undefined && min > max
      ? [{ path: `parameters.${name}`, message: "min is above max" }]
      : [],
  );
  const { issues } = checkParams(defaults, parameters, capability);
  const all = [...wrong, ...issues.map(({ path, message }) => ({ path: `defaults.${path}`, message }))];
  if (all.length > 0) throw invalidInput(all);
}

function target(scope: string, modelId: string) {
  return { entity: ModelRows, key: { scope, modelId }, what: "model", id: modelId };
}

function nameOf(row: { scope: string; modelId: string; name: string }): UniqueValue {
  return { scope: row.scope, kind: "model_name", value: row.name, ownerId: row.modelId };
}

function toModel(row: ModelRow, isOwn: boolean): Model {
  const isPlatform = row.scope === PLATFORM;
  return {
    id: row.modelId as ModelId,
    spaceId: isPlatform ? null : (row.scope as Id<"space">),
    visibility: isPlatform ? "platform" : "space",
    ...{ name: row.name, description: row.description, type: row.type, provider: row.provider, model: row.model },
    metaId: (row.metaId as Id<"modelMeta"> | undefined) ?? null,
    connection: isOwn ? row.connection : null,
    secrets: isOwn ? row.secrets : [],
    credentialId: (row.credentialId as Id<"credential"> | undefined) ?? null,
    ...{ capability: row.capability, parameters: row.parameters, defaults: row.defaults },
    ...{ prices: row.prices ?? null, quota: row.quota, attempts: row.attempts, timeoutMs: row.timeoutMs },
    ...{ status: row.status, revision: row.revision, createdAt: row.createdAt, updatedAt: row.updatedAt },
    createdBy: row.createdBy,
  };
}
