import { isoTime } from "@weft/kernel/clock";
import type { Ctx } from "@weft/kernel/ctx";
import { type AppError, conflict, notFound } from "@weft/kernel/errors";
import type { Entity, EntityIdentifiers, EntityItem, UpdateEntityItem } from "electrodb";
import { isExpired } from "./base.ts";
import { guarded, read, transact, type WriteOp, write } from "./write.ts";

// biome-ignore lint/suspicious/noExplicitAny: ElectroDB's own helpers take an entity of any schema by these four.
export type AnyEntity = Entity<any, any, any, any>;

/** Which row, and what to call it in an error. */
export interface Target<E extends AnyEntity> {
  entity: E;
  key: EntityIdentifiers<E>;
  /** `workflow`: the noun of "workflow wfl_… not found". */
  what: string;
  id?: string;
}

export interface Change<E extends AnyEntity> {
  set?: UpdateEntityItem<E>;
  remove?: readonly (keyof EntityItem<E> & string)[];
  /** The revision that the change was made from; left out, the last writer wins. */
  expectedRevision?: number | undefined;
}

interface BaseItem {
  revision?: number;
  deletedAt?: string;
  expiresAt?: number;
}

interface Attr {
  readonly [name: string]: unknown;
}

interface Condition {
  eq(attribute: unknown, value: unknown): string;
  exists(attribute: unknown): string;
  notExists(attribute: unknown): string;
}

interface Chain {
  set(values: object): Chain;
  add(values: object): Chain;
  remove(names: readonly string[]): Chain;
  where(condition: (attr: Attr, op: Condition) => string): Chain;
  go(options?: object): Promise<{ data: unknown }>;
  commit(): WriteOp;
}

/** The part of an entity that works on any schema; the typed face is {@link Target} and {@link Change}. */
interface LooseEntity {
  patch(key: unknown): Chain;
  get(key: unknown): Chain;
}

/**
 * Reads one row by its key, strongly consistent unless told otherwise. Throws `not_found` where there is none, where
 * it is deleted and where its time to live is over.
 */
export async function getLive<E extends AnyEntity>(
  ctx: Ctx,
  target: Target<E>,
  options: { consistent?: boolean } = {},
): Promise<EntityItem<E>> {
  const item = await getAny(target, options);
  if (!item || (item as BaseItem).deletedAt || isExpired(item as BaseItem, ctx.clock.now())) throw missing(target);
  return item;
}

/** The row whatever its state, deleted ones too; null where there is none. */
export async function getAny<E extends AnyEntity>(
  target: Target<E>,
  options: { consistent?: boolean } = {},
): Promise<EntityItem<E> | null> {
  const consistent = options.consistent ?? true;
  const { data } = await read(() => loose(target.entity).get(target.key).go({ consistent }));
  return data as EntityItem<E> | null;
}

/**
 * Changes a live row and counts its revision up. Throws `not_found` for a missing or deleted one, `conflict` with the
 * current revision where `expectedRevision` is not it. Returns the row as it is now.
 */
export async function updateWithRevision<E extends AnyEntity>(
  ctx: Ctx,
  target: Target<E>,
  change: Change<E>,
): Promise<EntityItem<E>> {
  const chain = () => changeChain(ctx, target, change, "live");
  const refusal = () => whyRefused(target, change.expectedRevision);
  const { data } = await write(() => chain().go({ response: "all_new" }), refusal);
  return data as EntityItem<E>;
}

/** {@link updateWithRevision} as an action of a transaction. */
export function updateOp<E extends AnyEntity>(ctx: Ctx, target: Target<E>, change: Change<E>): WriteOp {
  const op = changeChain(ctx, target, change, "live").commit();
  return guarded(op, () => whyRefused(target, change.expectedRevision));
}

/**
 * Marks a live row as deleted, in one transaction with `also` (the release of its unique names). Throws `not_found`
 * where it is missing or deleted already.
 */
export async function softDelete<E extends AnyEntity>(
  ctx: Ctx,
  target: Target<E>,
  options: { expectedRevision?: number | undefined; also?: readonly WriteOp[]; set?: UpdateEntityItem<E> } = {},
): Promise<void> {
  const { expectedRevision, also = [], set } = options;
  await transact([softDeleteOp(ctx, target, expectedRevision, set), ...also]);
}

/** {@link softDelete} as an action of a transaction. `also` changes further attributes with it. */
export function softDeleteOp<E extends AnyEntity>(
  ctx: Ctx,
  target: Target<E>,
  expectedRevision?: number,
  also?: UpdateEntityItem<E>,
): WriteOp {
  const set = { ...also, deletedAt: isoTime(ctx.clock.now()) } as unknown as UpdateEntityItem<E>;
  return updateOp(ctx, target, { set, expectedRevision });
}

/**
 * Brings a deleted row back, in one transaction with `also` (the claim of its unique names, whose `conflict` stands if
 * one was taken meanwhile). Throws `not_found` for a missing row and `conflict` for one that is not deleted.
 */
export async function restore<E extends AnyEntity>(
  ctx: Ctx,
  target: Target<E>,
  options: { also?: readonly WriteOp[]; set?: UpdateEntityItem<E> } = {},
): Promise<EntityItem<E>> {
  const remove = ["deletedAt" as keyof EntityItem<E> & string];
  const change = options.set === undefined ? { remove } : { set: options.set, remove };
  const op = changeChain(ctx, target, change, "deleted").commit();
  const refusal = async () => {
    const item = await getAny(target);
    return item ? conflict(`${label(target)} is not deleted`) : missing(target);
  };
  await transact([guarded(op, refusal), ...(options.also ?? [])]);
  return getLive(ctx, target);
}

function changeChain<E extends AnyEntity>(ctx: Ctx, target: Target<E>, change: Change<E>, state: "live" | "deleted") {
  const given = Object.entries(change.set ?? {}).filter(([, value]) => value !== undefined);
  const set = { ...Object.fromEntries(given), updatedAt: isoTime(ctx.clock.now()) };
  let chain = loose(target.entity).patch(target.key).set(set).add({ revision: 1 });
  if (change.remove?.length) chain = chain.remove(change.remove);
  const { expectedRevision } = change;
  return chain.where((attr, op) => {
    const found = state === "live" ? op.notExists(attr.deletedAt) : op.exists(attr.deletedAt);
    return expectedRevision === undefined ? found : `${found} AND ${op.eq(attr.revision, expectedRevision)}`;
  });
}

async function whyRefused<E extends AnyEntity>(target: Target<E>, expectedRevision?: number): Promise<AppError> {
  const item = (await getAny(target)) as BaseItem | null;
  if (!item || item.deletedAt) return missing(target);
  if (expectedRevision === undefined) return conflict(`${label(target)} was changed by someone else`);
  const details = { revision: item.revision, expectedRevision };
  return conflict(`${label(target)} is at revision ${item.revision}, not ${expectedRevision}`, { details });
}

function missing<E extends AnyEntity>(target: Target<E>): AppError {
  return notFound(target.what, target.id);
}

function label<E extends AnyEntity>(target: Target<E>): string {
  return target.id ? `${target.what} ${target.id}` : target.what;
}

function loose(entity: AnyEntity): LooseEntity {
  return entity as unknown as LooseEntity;
}
