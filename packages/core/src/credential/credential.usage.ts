import { expiresIn, isExpired } from "@weft/db/base";
import { getLive } from "@weft/db/change";
import { getMany } from "@weft/db/get-many";
import { listPage } from "@weft/db/page";
import { tryWrite, tx, type WriteOp } from "@weft/db/write";
import { isoTime } from "@weft/kernel/clock";
import { type Ctx, requireSpace } from "@weft/kernel/ctx";
import { isId } from "@weft/kernel/ids";
import { MAX_PAGE, type Page } from "@weft/kernel/page";
import { AUDIT_RETENTION_DAYS } from "../audit/audit.schema.ts";
import { CredentialEntity, CredentialUsageEntity, CredentialUseEntity } from "./credential.entity.ts";
import type {
  CredentialId,
  CredentialNeed,
  CredentialUsage,
  CredentialUse,
  USAGE_SOURCE,
} from "./credential.schema.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
/** The last use is shown this exactly, so that a busy credential's row is not written by every run. */
const LAST_USE_MS = 60_000;

interface Listing {
  credentialId: CredentialId;
  limit?: number | undefined;
  cursor?: string | undefined;
}

/** The workflows whose draft or published version names this credential. */
export async function workflows(ctx: Ctx, input: Listing): Promise<Page<CredentialUsage>> {
  const { spaceId, credentialId } = await existing(ctx, input.credentialId);
  const scope = { operation: "listCredentialWorkflows", spaceId, filters: { credentialId } };
  const { limit, cursor } = input;
  const query = CredentialUsageEntity.query.primary({ spaceId, credentialId });
  const page = await listPage(query, { scope, limit, cursor, order: "asc" });
  const items = page.items.map(({ workflowId, source, nodeIds }) => {
    return { workflowId: workflowId as CredentialUsage["workflowId"], source, nodeIds };
  });
  return { items, nextCursor: page.nextCursor };
}

/** The executions that used this credential, newest first. */
export async function uses(ctx: Ctx, input: Listing): Promise<Page<CredentialUse>> {
  const { spaceId, credentialId } = await existing(ctx, input.credentialId);
  const scope = { operation: "listCredentialUses", spaceId, filters: { credentialId } };
  const now = ctx.clock.now();
  const query = CredentialUseEntity.query.primary({ spaceId, credentialId });
  const { limit, cursor } = input;
  const page = await listPage(query, { scope, limit, cursor, keep: (row) => !isExpired(row, now) });
  const items = page.items.map(({ executionId, workflowId, isDraft, version, path, usedAt, usedBy }) => ({
    executionId: executionId as CredentialUse["executionId"],
    workflowId: workflowId as CredentialUse["workflowId"],
    ...{ isDraft, version, path, usedAt, usedBy },
  }));
  return { items, nextCursor: page.nextCursor };
}

/** Ids of some of the workflows whose published version uses it. */
export async function publishedUsers(ctx: Ctx, credentialId: string): Promise<string[]> {
  const spaceId = requireSpace(ctx);
  const query = CredentialUsageEntity.query
    .primary({ spaceId, credentialId })
    .where((attr, op) => op.eq(attr.source, "published"));
  const scope = { operation: "publishedUsers", spaceId };
  const { items } = await listPage(query, { scope, limit: MAX_PAGE, order: "asc", consistent: true });
  return items.map(({ workflowId }) => workflowId);
}

/** What turns a workflow's usage rows from `before` into `after`. Ids that are none of ours have no row. */
export function usageOps(
  ctx: Ctx,
  workflowId: string,
  source: (typeof USAGE_SOURCE)[number],
  before: readonly CredentialNeed[],
  after: readonly CredentialNeed[],
): WriteOp[] {
  const key = (credentialId: string) => ({ spaceId: requireSpace(ctx), credentialId, workflowId, source });
  const known = (needs: readonly CredentialNeed[]) =>
    needs.filter(({ credentialId }) => isId("credential", credentialId));
  const kept = new Map(known(before).map((need) => [need.credentialId, JSON.stringify(need.nodeIds)]));
  const wanted = new Set(known(after).map(({ credentialId }) => credentialId));
  const gone = [...kept.keys()].filter((credentialId) => !wanted.has(credentialId));
  const changed = known(after).filter((need) => kept.get(need.credentialId) !== JSON.stringify(need.nodeIds));
  return [
    ...gone.map((credentialId) => tx(CredentialUsageEntity).delete(key(credentialId)).commit()),
    ...changed.map(({ credentialId, nodeIds }) =>
      tx(CredentialUsageEntity)
        .put({ ...key(credentialId), nodeIds })
        .commit(),
    ),
  ];
}

/** Of the credentials that a workflow names, those it may not use, with the reason. */
export async function refused(
  ctx: Ctx,
  workflowId: string,
  needs: readonly CredentialNeed[],
): Promise<(CredentialNeed & { code: string; message: string })[]> {
  const spaceId = requireSpace(ctx);
  const ids = needs.map(({ credentialId }) => credentialId).filter((id) => isId("credential", id));
  const found = await getMany(
    ids.map((credentialId) => ({ entity: CredentialEntity, key: { spaceId, credentialId } })),
  );
  const rows = new Map(found.flatMap((row) => (row ? [[row.credentialId, row]] : [])));
  return needs.flatMap((need) => {
    const row = rows.get(need.credentialId);
    if (!row) {
      return [{ ...need, code: "unknown_credential", message: `credential ${need.credentialId} is not in this space` }];
    }
    if (row.workflowIds === undefined || row.workflowIds.includes(workflowId)) return [];
    const message = `credential ${need.credentialId} is not shared with this workflow`;
    return [{ ...need, code: "credential_not_shared", message }];
  });
}

/** Of some credentials those that are not in this space. */
export async function missingCredentials(ctx: Ctx, credentialIds: readonly string[]): Promise<Set<string>> {
  const needs = credentialIds.map((credentialId) => ({ credentialId, nodeIds: [] }));
  const found = await refused(ctx, "", needs);
  return new Set(found.flatMap(({ code, credentialId }) => (code === "unknown_credential" ? [credentialId] : [])));
}

/** Who uses a credential: one node of one execution. */
export interface UseOf {
  executionId: string;
  /** The workflow that the node stands in, which may be one that the execution's own calls. */
  workflowId: string;
  /** The execution runs a draft. */
  isDraft: boolean;
  path: string;
  usedBy: string;
}

/** Writes the row of the execution's first use, and the time on the credential. */
export async function recordUse(
  ctx: Ctx,
  credential: { spaceId: string; credentialId: string; currentVersion: number; lastUsedAt?: string | undefined },
  use: UseOf,
): Promise<void> {
  const now = ctx.clock.now();
  const { spaceId, credentialId, currentVersion: version, lastUsedAt } = credential;
  const expiresAt = expiresIn(AUDIT_RETENTION_DAYS * DAY_MS, now);
  const row = { spaceId, credentialId, ...use, version, usedAt: isoTime(now), expiresAt };
  const isFirst = await tryWrite(() => CredentialUseEntity.create(row).go());
  if (!isFirst || (lastUsedAt !== undefined && now - Date.parse(lastUsedAt) < LAST_USE_MS)) return;
  // Not a change of the credential: its revision stays.
  await tryWrite(() =>
    CredentialEntity.patch({ spaceId, credentialId })
      .set({ lastUsedAt: isoTime(now) })
      .go(),
  );
}

async function existing(ctx: Ctx, credentialId: CredentialId) {
  const spaceId = requireSpace(ctx);
  const key = { spaceId, credentialId };
  return getLive(ctx, { entity: CredentialEntity, key, what: "credential", id: credentialId });
}
