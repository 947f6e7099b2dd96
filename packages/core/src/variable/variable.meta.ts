import { created } from "@weft/db/base";
import { getAny, getLive, updateWithRevision } from "@weft/db/change";
import { listPage } from "@weft/db/page";
import { claim, ownerOf, release, type UniqueValue } from "@weft/db/unique";
import { transact, tx } from "@weft/db/write";
import { type Ctx, requireSpace } from "@weft/kernel/ctx";
import { newId } from "@weft/kernel/ids";
import type { Page } from "@weft/kernel/page";
import type { EntityItem } from "electrodb";
import { VariableMetaEntity } from "./variable.entity.ts";
import type {
  CreateVariableMeta,
  DeclaredVariable,
  ListMetas,
  OwnerKind,
  UpdateVariableMeta,
  VariableMeta,
  VariableMetaId,
} from "./variable.schema.ts";
import { valueText } from "./variable.value.ts";

type Row = EntityItem<typeof VariableMetaEntity>;

/** Declares the variables of an app's or agent's users, or of every workflow's. One declaration for each owner. */
export async function create(ctx: Ctx, input: CreateVariableMeta): Promise<VariableMeta> {
  const spaceId = requireSpace(ctx);
  const { ownerKind, ownerId, variables } = input;
  checkDefaults(variables);
  const variableMetaId = newId("variableMeta", ctx.clock.now());
  const row = { spaceId, variableMetaId, ownerKind, ownerId, variables, ...created(ctx) };
  await transact([claim(ctx, ownerKeyOf(row)), tx(VariableMetaEntity).create(row).commit()]);
  return toMeta(row);
}

export async function get(ctx: Ctx, { variableMetaId }: { variableMetaId: VariableMetaId }): Promise<VariableMeta> {
  return toMeta(await getLive(ctx, target(ctx, variableMetaId)));
}

/** Newest first. */
export async function list(ctx: Ctx, input: ListMetas): Promise<Page<VariableMeta>> {
  const { ownerKind, ownerId, limit, cursor } = input;
  const spaceId = requireSpace(ctx);
  const page = await listPage(VariableMetaEntity.query.primary({ spaceId }), {
    scope: { operation: "listVariableMetas", spaceId, filters: { ownerKind, ownerId } },
    limit,
    cursor,
    keep: (row) => (!ownerKind || row.ownerKind === ownerKind) && (!ownerId || row.ownerId === ownerId),
  });
  return { items: page.items.map(toMeta), nextCursor: page.nextCursor };
}

/** Replaces the declaration. Values that users have stay, also those that are declared no more. */
export async function update(
  ctx: Ctx,
  input: UpdateVariableMeta & { variableMetaId: VariableMetaId },
): Promise<VariableMeta> {
  const { variableMetaId, expectedRevision, variables } = input;
  if (variables) checkDefaults(variables);
  const set = variables ? { variables } : {};
  return toMeta(await updateWithRevision(ctx, target(ctx, variableMetaId), { set, expectedRevision }));
}

export async function remove(ctx: Ctx, { variableMetaId }: { variableMetaId: VariableMetaId }): Promise<void> {
  const row = await getLive(ctx, target(ctx, variableMetaId));
  const { spaceId } = row;
  await transact([tx(VariableMetaEntity).delete({ spaceId, variableMetaId }).commit(), release(ownerKeyOf(row))]);
}

/** What an owner declares; empty where it declares nothing. */
export async function declaredBy(
  ctx: Ctx,
  owner: { ownerKind: OwnerKind; ownerId: string },
): Promise<readonly DeclaredVariable[]> {
  const spaceId = requireSpace(ctx);
  const variableMetaId = await ownerOf(ownerKeyOf({ spaceId, variableMetaId: "", ...owner }));
  if (!variableMetaId) return [];
  const key = { spaceId, variableMetaId };
  const row = await getAny({ entity: VariableMetaEntity, key, what: "variable meta" });
  return row?.variables ?? [];
}

function checkDefaults(variables: readonly DeclaredVariable[]): void {
  for (const [index, { kind, type, default: value }] of variables.entries()) {
    if (value === undefined) continue;
    const path = `variables.${index}.default`;
    if (kind === "list") valueText("json", value, path);
    for (const entry of kind === "list" && Array.isArray(value) ? value : [value]) valueText(type, entry, path);
  }
}

function target(ctx: Ctx, variableMetaId: string) {
  const key = { spaceId: requireSpace(ctx), variableMetaId };
  return { entity: VariableMetaEntity, key, what: "variable meta", id: variableMetaId };
}

function ownerKeyOf(row: Pick<Row, "spaceId" | "variableMetaId" | "ownerKind" | "ownerId">): UniqueValue {
  const value = `${row.ownerKind} ${row.ownerId}`;
  return { scope: row.spaceId, kind: "variable_owner", value, ownerId: row.variableMetaId };
}

function toMeta({ variableMetaId, ...row }: Row): VariableMeta {
  return { ...row, id: variableMetaId as VariableMetaId, spaceId: row.spaceId as VariableMeta["spaceId"] };
}
