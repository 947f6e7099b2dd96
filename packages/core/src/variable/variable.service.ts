import { created } from "@weft/db/base";
import { getLive, updateOp } from "@weft/db/change";
import { listPage } from "@weft/db/page";
import { searchFilter, searchText } from "@weft/db/search";
import { claim, move, release, type UniqueValue } from "@weft/db/unique";
import { transact, tx, type WriteOp } from "@weft/db/write";
import { type Ctx, requireSpace } from "@weft/kernel/ctx";
import { invalidField } from "@weft/kernel/errors";
import { newId } from "@weft/kernel/ids";
import type { Page } from "@weft/kernel/page";
import type { EntityItem } from "electrodb";
import { emitOps } from "../event/event.emit.ts";
import type { EventData } from "../event/event.types.ts";
import type { Sealer } from "../platform/sealer.ts";
import { putSecretOp, removeSecretOp } from "../platform/vault.ts";
import { VariableEntity } from "./variable.entity.ts";
import { changeOps, changes, type NodeWrite } from "./variable.history.ts";
import type {
  CreateVariable,
  ListVariables,
  UpdateVariable,
  Variable,
  VariableChange,
  VariableId,
} from "./variable.schema.ts";
import { valueText } from "./variable.value.ts";

export type VariableRow = EntityItem<typeof VariableEntity>;

/** A secret variable has one version in the vault; history keeps none of its values. */
export const SECRET_VERSION = "1";

/** Makes a variable of the space or of one workflow. Its name is unique there. */
export async function create(ctx: Ctx, sealer: Sealer, input: CreateVariable): Promise<Variable> {
  const spaceId = requireSpace(ctx);
  const variableId = newId("variable", ctx.clock.now());
  const { name, description, type, scope, workflowId, value } = input;
  if (scope === "workflow" && workflowId === undefined) throw invalidField("workflowId", "is required for this scope");
  if (scope === "global" && workflowId !== undefined) throw invalidField("workflowId", "is of no use for this scope");
  const text = valueText(type, value, "value");
  const row = {
    ...{ spaceId, variableId, name, description, type, reach: scope },
    ...(workflowId ? { workflowId } : {}),
    ...(type === "secret" ? {} : { json: text }),
    searchText: searchText(name, description),
    ...created(ctx),
  };
  await transact([
    claim(ctx, nameOf(row)),
    tx(VariableEntity).create(row).commit(),
    ...changeOps(ctx, variableId, { after: row.json }),
    ...(type === "secret" ? [await secretOp(ctx, sealer, variableId, value)] : []),
    ...(await changedOps(ctx, row, "created")),
  ]);
  return toVariable(row);
}

export async function get(ctx: Ctx, { variableId }: { variableId: VariableId }): Promise<Variable> {
  return toVariable(await getLive(ctx, target(ctx, variableId)));
}

/** Newest first. */
export async function list(ctx: Ctx, input: ListVariables): Promise<Page<Variable>> {
  const { q, scope, workflowId, limit, cursor } = input;
  const spaceId = requireSpace(ctx);
  const search = searchFilter(q);
  const query = VariableEntity.query.primary({ spaceId });
  const filtered = query.where((attr, op) =>
    [
      op.exists(attr.name),
      ...(scope ? [op.eq(attr.reach, scope)] : []),
      ...(workflowId ? [op.eq(attr.workflowId, workflowId as string)] : []),
      ...(search ? [search(attr as never, op as never)] : []),
    ].join(" AND "),
  );
  const page = await listPage(filtered as typeof query, {
    scope: { operation: "listVariables", spaceId, filters: { q, scope, workflowId } },
    limit,
    cursor,
  });
  return { items: page.items.map(toVariable), nextCursor: page.nextCursor };
}

export async function update(
  ctx: Ctx,
  sealer: Sealer,
  input: UpdateVariable & { variableId: VariableId },
): Promise<Variable> {
  const { variableId, expectedRevision, name, description, value } = input;
  const row = await getLive(ctx, target(ctx, variableId));
  const set = { name, description, searchText: searchText(name ?? row.name, description ?? row.description) };
  const renamed = name === undefined ? [] : move(ctx, nameOf(row), nameOf({ ...row, name }).value);
  if (value === undefined) {
    const told = await changedOps(ctx, { ...row, name: name ?? row.name }, "updated");
    await transact([updateOp(ctx, target(ctx, variableId), { set, expectedRevision }), ...renamed, ...told]);
  } else {
    await transact([...(await valueOps(ctx, sealer, row, value, { set, expectedRevision })), ...renamed]);
  }
  return get(ctx, { variableId });
}

/** The actions that give a variable another value and write that down. */
export async function valueOps(
  ctx: Ctx,
  sealer: Sealer,
  row: VariableRow,
  value: unknown,
  change: { set?: { name?: string | undefined }; expectedRevision?: number | undefined },
  write?: NodeWrite,
) {
  const { variableId, type } = row;
  const text = valueText(type, value, "value");
  const isSecret = type === "secret";
  // What the history calls the value before is the one that this replaces.
  const expectedRevision = change.expectedRevision ?? row.revision;
  return [
    ...changeOps(ctx, variableId, isSecret ? {} : { before: row.json, after: text }, write),
    updateOp(ctx, target(ctx, variableId), {
      set: { ...change.set, ...(isSecret ? {} : { json: text }) },
      expectedRevision,
    }),
    ...(isSecret ? [await secretOp(ctx, sealer, variableId, value)] : []),
    ...(await changedOps(ctx, { ...row, name: change.set?.name ?? row.name }, "updated", write?.executionId)),
  ];
}

/** Tells of a change in the transaction that makes it. */
function changedOps(
  ctx: Ctx,
  { variableId, name, reach, workflowId }: Pick<VariableRow, "variableId" | "name" | "reach" | "workflowId">,
  change: EventData<"variable.changed">["change"],
  executionId?: string,
): Promise<WriteOp[]> {
  const data = { variableId, name, scope: reach, workflowId: workflowId ?? null, change };
  return emitOps(ctx, { type: "variable.changed", data, executionId });
}

/** Removes a variable for good. Its history stays as long as history does. */
export async function remove(ctx: Ctx, { variableId }: { variableId: VariableId }): Promise<void> {
  const row = await getLive(ctx, target(ctx, variableId));
  const { spaceId } = row;
  await transact([
    tx(VariableEntity).delete({ spaceId, variableId }).commit(),
    release(nameOf(row)),
    ...changeOps(ctx, variableId, { before: row.json }),
    removeSecretOp(ctx, { ownerId: variableId, version: SECRET_VERSION }),
    ...(await changedOps(ctx, row, "removed")),
  ]);
}

export async function history(
  ctx: Ctx,
  input: { variableId: VariableId; limit?: number | undefined; cursor?: string | undefined },
): Promise<Page<VariableChange>> {
  const { variableId, ...page } = input;
  await getLive(ctx, target(ctx, variableId));
  return changes(ctx, variableId, page);
}

export function target(ctx: Ctx, variableId: string) {
  const key = { spaceId: requireSpace(ctx), variableId };
  return { entity: VariableEntity, key, what: "variable", id: variableId };
}

/** Where a name is unique: in the space, or in one workflow of it. */
export function nameOf(row: {
  spaceId: string;
  variableId: string;
  name: string;
  workflowId?: string | undefined;
}): UniqueValue {
  const value = `${row.workflowId ?? "global"} ${row.name}`;
  return { scope: row.spaceId, kind: "variable_name", value, ownerId: row.variableId };
}

function secretOp(ctx: Ctx, sealer: Sealer, variableId: string, value: unknown) {
  return putSecretOp(ctx, sealer, { ownerId: variableId, version: SECRET_VERSION }, value);
}

function toVariable(row: VariableRow): Variable {
  const { variableId, reach, workflowId, json, searchText: _s, deletedAt: _d, ...rest } = row;
  return {
    ...rest,
    id: variableId as VariableId,
    spaceId: row.spaceId as Variable["spaceId"],
    scope: reach,
    workflowId: (workflowId as Variable["workflowId"]) ?? null,
    value: json === undefined ? null : JSON.parse(json),
  };
}
