import { getAny } from "@weft/db/change";
import { ownerOf } from "@weft/db/unique";
import { transact } from "@weft/db/write";
import { NodeError } from "@weft/engine/node";
import { type Ctx, requireSpace } from "@weft/kernel/ctx";
import { AppError } from "@weft/kernel/errors";
import type { Sealer } from "../platform/sealer.ts";
import { openSecret } from "../platform/vault.ts";
import { VariableEntity } from "./variable.entity.ts";
import { type NodeWrite, WrittenBefore } from "./variable.history.ts";
import { nameOf, SECRET_VERSION, type VariableRow, valueOps } from "./variable.service.ts";

/** Tries of a node's write while others write the same variable. */
const ATTEMPTS = 10;

/** A variable as a node names it: of the space, or of the workflow that the node stands in. */
export interface SharedName {
  name: string;
  /** Absent: of the space. */
  workflowId?: string | undefined;
}

/** The value that a variable has now; undefined where there is none of that name. */
export async function readShared(
  ctx: Ctx,
  sealer: Sealer,
  name: SharedName,
): Promise<{ value: unknown; isSecret: boolean } | undefined> {
  const row = await find(ctx, name);
  if (!row) return undefined;
  if (row.type !== "secret") return { value: JSON.parse(row.json ?? "null"), isSecret: false };
  const value = await openSecret(ctx, sealer, { ownerId: row.variableId, version: SECRET_VERSION });
  return { value: value ?? null, isSecret: true };
}

/**
 * Sets a variable for a node, once for each key. Throws NodeError `unknown_variable` where there is none, and
 * `secret_not_allowed` for a secret, which only people set; `invalid_input` for a value of another type.
 */
export async function writeShared(
  ctx: Ctx,
  sealer: Sealer,
  name: SharedName,
  value: unknown,
  write: NodeWrite,
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const row = await find(ctx, name);
    if (!row) throw refusal("unknown_variable", `there is no variable "${name.name}"`);
    if (row.type === "secret") throw refusal("secret_not_allowed", `"${name.name}" is a secret, which no node sets`);
    try {
      await transact(await valueOps(ctx, sealer, row, value, {}, write));
      return;
    } catch (thrown) {
      if (thrown instanceof WrittenBefore) return;
      const isOvertaken = thrown instanceof AppError && thrown.code === "conflict";
      if (!isOvertaken || attempt >= ATTEMPTS) throw thrown;
    }
  }
}

async function find(ctx: Ctx, { name, workflowId }: SharedName): Promise<VariableRow | null> {
  const spaceId = requireSpace(ctx);
  const variableId = await ownerOf(nameOf({ spaceId, variableId: "", name, workflowId }));
  return variableId ? getAny({ entity: VariableEntity, key: { spaceId, variableId }, what: "variable" }) : null;
}

function refusal(code: string, message: string): NodeError {
  return new NodeError(code, message, { retryable: false });
}
