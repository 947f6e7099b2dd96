import { createHash } from "node:crypto";
import { expiresIn, isExpired } from "@weft/db/base";
import { listPage } from "@weft/db/page";
import { guarded, tx, type WriteOp } from "@weft/db/write";
import { isoTime } from "@weft/kernel/clock";
import { actorId, type Ctx, requireSpace } from "@weft/kernel/ctx";
import { AppError } from "@weft/kernel/errors";
import { newId } from "@weft/kernel/ids";
import type { Page } from "@weft/kernel/page";
import { AUDIT_RETENTION_DAYS } from "../audit/audit.schema.ts";
import { VariableChangeEntity, VariableWriteEntity } from "./variable.entity.ts";
import type { VariableChange } from "./variable.schema.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

/** A write of a node: the same key writes once, however often its step is repeated. */
export interface NodeWrite {
  executionId: string;
  idempotencyKey: string;
  by: string;
}

/** What {@link changeOps} fail with where the node's write was done before. */
export class WrittenBefore extends AppError {
  constructor() {
    super("conflict", "the node has written this before");
  }
}

/** Writes down a change, as the first actions of the transaction that makes it. */
export function changeOps(
  ctx: Ctx,
  subject: string,
  change: { before?: string | undefined; after?: string | undefined },
  write?: NodeWrite,
): WriteOp[] {
  const now = ctx.clock.now();
  const spaceId = requireSpace(ctx);
  const { before, after } = change;
  const expiresAt = expiresIn(AUDIT_RETENTION_DAYS * DAY_MS, now);
  const row = {
    spaceId,
    subject,
    variableChangeId: newId("variableChange", now),
    at: isoTime(now),
    by: write?.by ?? actorId(ctx),
    ...(write ? { executionId: write.executionId } : {}),
    ...(before === undefined ? {} : { before }),
    ...(after === undefined ? {} : { after }),
    expiresAt,
  };
  const changed = tx(VariableChangeEntity).create(row).commit();
  if (!write) return [changed];
  const keyHash = createHash("sha256").update(write.idempotencyKey).digest("hex");
  const once = tx(VariableWriteEntity).create({ spaceId, executionId: write.executionId, keyHash, expiresAt }).commit();
  return [guarded(once, () => new WrittenBefore()), changed];
}

/** What became of one variable, or of one user's value, newest first. */
export async function changes(
  ctx: Ctx,
  subject: string,
  input: { limit?: number | undefined; cursor?: string | undefined },
): Promise<Page<VariableChange>> {
  const spaceId = requireSpace(ctx);
  const now = ctx.clock.now();
  const page = await listPage(VariableChangeEntity.query.primary({ spaceId, subject }), {
    scope: { operation: "listVariableChanges", spaceId, filters: { subject } },
    ...input,
    keep: (row) => !isExpired(row, now),
  });
  const items = page.items.map(({ variableChangeId, at, by, executionId, before, after }) => ({
    id: variableChangeId as VariableChange["id"],
    ...{ at, by },
    executionId: executionId ?? null,
    before: before === undefined ? null : JSON.parse(before),
    after: after === undefined ? null : JSON.parse(after),
  }));
  return { items, nextCursor: page.nextCursor };
}
