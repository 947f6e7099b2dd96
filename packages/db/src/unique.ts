import { createHash } from "node:crypto";
import { isoTime } from "@weft/kernel/clock";
import { actorId, type Ctx } from "@weft/kernel/ctx";
import { conflict } from "@weft/kernel/errors";
import { Entity } from "electrodb";
import { modelOf } from "./base.ts";
import { ELECTRO } from "./table.ts";
import { guarded, read, tx, type WriteOp } from "./write.ts";

/**
 * Constraint rows: one per taken value.
 *
 * | pattern | index | question |
 * |---|---|---|
 * | primary | table | is this value of this kind taken in this scope, and by whom? |
 */
export const Unique = new Entity(
  {
    model: modelOf("unique"),
    attributes: {
      scope: { type: "string", required: true },
      kind: { type: "string", required: true },
      hash: { type: "string", required: true },
      ownerId: { type: "string", required: true },
      createdAt: { type: "string", required: true },
      createdBy: { type: "string", required: true },
    },
    indexes: {
      primary: { pk: { field: "pk", composite: ["scope", "kind", "hash"] }, sk: { field: "sk", composite: [] } },
    },
  },
  ELECTRO,
);

/** A value that only one owner may hold. */
export interface UniqueValue {
  /** `platform`, or the space (or other parent) inside which the value is unique. */
  scope: string;
  /** What is unique, in lower snake case: `user_email`, `workflow_name`. Also names it in the `conflict`. */
  kind: string;
  value: string;
  ownerId: string;
}

/**
 * The form in which values are compared: NFKC, without case, blanks joined and cut at both ends. `ß` and `ss`, `ς` and
 * `σ` are one.
 */
export function canonical(value: string): string {
  const folded = value
    .normalize("NFKC")
    .toLowerCase()
    .toUpperCase()
    .toLowerCase()
    .replaceAll("ς", "σ")
    .normalize("NFKC");
  return folded.replace(/\s+/gu, " ").trim();
}

/** Takes the value for its owner. The transaction fails with `conflict` where another or the same owner has it. */
export function claim(ctx: Ctx, unique: UniqueValue): WriteOp {
  const row = { createdAt: isoTime(ctx.clock.now()), createdBy: actorId(ctx), ownerId: unique.ownerId };
  const op = tx(Unique)
    .create({ ...keyOf(unique), ...row })
    .commit();
  return guarded(op, () => taken(unique));
}

/** Gives the value up; does nothing where it is free, and fails with `conflict` where another owner has it. */
export function release(unique: UniqueValue): WriteOp {
  const op = tx(Unique)
    .delete(keyOf(unique))
    .where((attr, is) => `${is.notExists(attr.ownerId)} OR ${is.eq(attr.ownerId, unique.ownerId)}`)
    .commit();
  return guarded(op, () => taken(unique));
}

/** From one value to another of the same owner: no actions at all where both are the same but for case. */
export function move(ctx: Ctx, from: UniqueValue, value: string): WriteOp[] {
  if (canonical(from.value) === canonical(value)) return [];
  return [release(from), claim(ctx, { ...from, value })];
}

/** Who holds the value, strongly consistent; null where it is free. */
export async function ownerOf(unique: Omit<UniqueValue, "ownerId">): Promise<string | null> {
  const { data } = await read(() => Unique.get(keyOf(unique)).go({ consistent: true }));
  return data?.ownerId ?? null;
}

function keyOf({ scope, kind, value }: Omit<UniqueValue, "ownerId">) {
  return { scope, kind, hash: createHash("sha256").update(canonical(value)).digest("hex") };
}

function taken(unique: UniqueValue) {
  const name = unique.kind.replaceAll("_", " ");
  return conflict(`${name} is already taken`, { details: { field: unique.kind } });
}
