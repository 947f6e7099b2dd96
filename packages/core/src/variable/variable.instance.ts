import { createHash } from "node:crypto";
import { listPage } from "@weft/db/page";
import { canonical } from "@weft/db/unique";
import { guarded, read, transact, tx, type WriteOp } from "@weft/db/write";
import { isoTime } from "@weft/kernel/clock";
import { type Ctx, requireSpace, requireUser } from "@weft/kernel/ctx";
import { AppError, conflict, forbidden, invalidField, notFound } from "@weft/kernel/errors";
import type { Page } from "@weft/kernel/page";
import type { EntityItem } from "electrodb";
import { VariableInstanceEntity } from "./variable.entity.ts";
import { changeOps, changes, type NodeWrite, WrittenBefore } from "./variable.history.ts";
import { declaredBy } from "./variable.meta.ts";
import type { DeclaredVariable, Holder, SetInstance, VariableChange, VariableInstance } from "./variable.schema.ts";
import { valueText } from "./variable.value.ts";

type Row = EntityItem<typeof VariableInstanceEntity>;

/** Tries of a write while others write the same value. */
const ATTEMPTS = 10;

/** Whose value: an owner's user at a connector. */
export interface FullHolder {
  ownerKind: Holder["ownerKind"];
  ownerId: string;
  connectorId: string;
  userId: string;
}

/** What a request names, with the caller and the space where it names nobody. */
export function holderOf(ctx: Ctx, given: Holder): FullHolder {
  const { ownerKind, ownerId, userId, connectorId } = given;
  if (ownerKind !== "space" && ownerId === undefined) throw invalidField("ownerId", `is required for an ${ownerKind}`);
  const spaceId = requireSpace(ctx);
  if (ownerKind === "space" && ownerId !== undefined && ownerId !== spaceId) {
    throw invalidField("ownerId", "is this space, or left out");
  }
  return { ownerKind, ownerId: ownerId ?? spaceId, connectorId, userId: userId ?? requireUser(ctx) };
}

/** One value: the user's own, else the declared default. Throws `not_found` where there is neither. */
export async function get(ctx: Ctx, holder: FullHolder, name: string): Promise<VariableInstance> {
  const row = await find(ctx, holder, name);
  if (row) return toInstance(row);
  const declared = await declaration(ctx, holder, name);
  if (!declared) throw notFound("variable", name);
  return {
    ...holder,
    ...{ name: declared.name, kind: declared.kind },
    value: declared.default ?? (declared.kind === "list" ? [] : null),
    ...{ isDefault: true, updatedAt: null },
  };
}

/** {@link get} for nodes: undefined where there is neither. */
export async function readValue(ctx: Ctx, holder: FullHolder, name: string): Promise<unknown> {
  try {
    return (await get(ctx, holder, name)).value;
  } catch (thrown) {
    if (thrown instanceof AppError && thrown.code === "not_found") return undefined;
    throw thrown;
  }
}

/** A user's own values. */
export async function list(
  ctx: Ctx,
  holder: FullHolder,
  input: { limit?: number | undefined; cursor?: string | undefined },
): Promise<Page<VariableInstance>> {
  const spaceId = requireSpace(ctx);
  const holderHash = hashOf(holder);
  const page = await listPage(VariableInstanceEntity.query.primary({ spaceId, holderHash }), {
    scope: { operation: "listVariableInstances", spaceId, filters: { holderHash } },
    ...input,
    order: "asc",
  });
  return { items: page.items.map(toInstance), nextCursor: page.nextCursor };
}

/** Sets a value. A declared one has to be of its type and not read-only; another may be any JSON value. */
export async function set(
  ctx: Ctx,
  holder: FullHolder,
  { name, value }: Pick<SetInstance, "name" | "value">,
  write?: NodeWrite,
): Promise<VariableInstance> {
  const declared = await writable(ctx, holder, name);
  const kind = declared?.kind ?? "kv";
  const next = () => {
    if (kind === "list" && !Array.isArray(value)) throw invalidField("value", "must be a list");
    for (const entry of kind === "list" ? (value as unknown[]) : [value]) checkEntry(declared, entry);
    return value;
  };
  return change(ctx, holder, name, kind, next, write);
}

/** Adds an entry at the end of a list, which is begun where there is none. */
export async function append(
  ctx: Ctx,
  holder: FullHolder,
  { name, value }: Pick<SetInstance, "name" | "value">,
): Promise<VariableInstance> {
  const declared = await writable(ctx, holder, name);
  if (declared?.kind === "kv") throw invalidField("name", `"${name}" is no list`);
  checkEntry(declared, value);
  return change(ctx, holder, name, "list", (before) => {
    if (before !== undefined && !Array.isArray(before)) throw invalidField("name", `"${name}" is no list`);
    return [...((before as unknown[] | undefined) ?? []), value];
  });
}

/** Forgets a user's own value: the default holds again. */
export async function reset(ctx: Ctx, holder: FullHolder, name: string): Promise<void> {
  const row = await find(ctx, holder, name);
  if (!row) throw notFound("variable", name);
  const key = keyOf(ctx, holder, name);
  await transact([
    ...changeOps(ctx, subjectOf(key), { before: row.json }),
    unchanged(row, tx(VariableInstanceEntity).delete(key)),
  ]);
}

export function history(
  ctx: Ctx,
  holder: FullHolder,
  name: string,
  page: { limit?: number | undefined; cursor?: string | undefined },
): Promise<Page<VariableChange>> {
  return changes(ctx, subjectOf(keyOf(ctx, holder, name)), page);
}

async function change(
  ctx: Ctx,
  holder: FullHolder,
  name: string,
  kind: Row["kind"],
  next: (before: unknown) => unknown,
  write?: NodeWrite,
): Promise<VariableInstance> {
  const key = keyOf(ctx, holder, name);
  for (let attempt = 1; ; attempt += 1) {
    const before = await find(ctx, holder, name);
    const json = valueText("json", next(before ? JSON.parse(before.json) : undefined), "value");
    const updatedAt = isoTime(ctx.clock.now());
    const row = { ...key, ...holder, name, kind, json, revision: (before?.revision ?? 0) + 1, updatedAt };
    try {
      await transact([
        ...changeOps(ctx, subjectOf(key), { before: before?.json, after: json }, write),
        before
          ? unchanged(before, tx(VariableInstanceEntity).put(row))
          : guarded(tx(VariableInstanceEntity).create(row).commit(), overtaken),
      ]);
      return toInstance(row);
    } catch (thrown) {
      if (thrown instanceof WrittenBefore) return toInstance(before ?? row);
      const isOvertaken = thrown instanceof AppError && thrown.code === "conflict";
      if (!isOvertaken || attempt >= ATTEMPTS) throw thrown;
    }
  }
}

interface Conditional {
  where(condition: (attr: { revision: unknown }, op: { eq(attribute: unknown, value: unknown): string }) => string): {
    commit(): WriteOp;
  };
}

/** The action, if nobody has written the row since it was read. */
function unchanged(row: Row, chain: unknown): WriteOp {
  const op = (chain as Conditional).where((attr, is) => is.eq(attr.revision, row.revision)).commit();
  return guarded(op, overtaken);
}

function overtaken(): AppError {
  return conflict("the variable was changed by someone else", { retryable: true });
}

async function writable(ctx: Ctx, holder: FullHolder, name: string): Promise<DeclaredVariable | undefined> {
  const declared = await declaration(ctx, holder, name);
  if (declared?.isReadOnly) throw forbidden(`"${name}" is read-only`);
  return declared;
}

async function declaration(ctx: Ctx, holder: FullHolder, name: string): Promise<DeclaredVariable | undefined> {
  const wanted = canonical(name);
  return (await declaredBy(ctx, holder)).find((variable) => canonical(variable.name) === wanted);
}

function checkEntry(declared: DeclaredVariable | undefined, value: unknown): void {
  valueText(declared?.type ?? "json", value, "value");
}

async function find(ctx: Ctx, holder: FullHolder, name: string): Promise<Row | null> {
  const key = keyOf(ctx, holder, name);
  const { data } = await read(() => VariableInstanceEntity.get(key).go({ consistent: true }));
  return data;
}

function keyOf(ctx: Ctx, holder: FullHolder, name: string) {
  return { spaceId: requireSpace(ctx), holderHash: hashOf(holder), nameHash: sha256(canonical(name)) };
}

function hashOf({ ownerKind, ownerId, connectorId, userId }: FullHolder): string {
  return sha256(JSON.stringify([ownerKind, ownerId, connectorId, userId]));
}

function subjectOf({ holderHash, nameHash }: { holderHash: string; nameHash: string }): string {
  return sha256(`${holderHash} ${nameHash}`);
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function toInstance(row: Row): VariableInstance {
  const { ownerKind, ownerId, connectorId, userId, name, kind, json, updatedAt } = row;
  return { ownerKind, ownerId, connectorId, userId, name, kind, value: JSON.parse(json), isDefault: false, updatedAt };
}
