import { getLive, updateOp } from "@weft/db/change";
import { listPage } from "@weft/db/page";
import { guarded, transact, tx } from "@weft/db/write";
import { isoTime } from "@weft/kernel/clock";
import { type Ctx, requireSpace } from "@weft/kernel/ctx";
import { conflict, notFound } from "@weft/kernel/errors";
import type { Page } from "@weft/kernel/page";
import type { Sealer } from "../platform/sealer.ts";
import { removeSecretOp } from "../platform/vault.ts";
import { splitData } from "./credential.data.ts";
import { CredentialVersionEntity } from "./credential.entity.ts";
import type {
  Credential,
  CredentialId,
  CredentialVersion,
  RollbackCredential,
  RotateCredential,
} from "./credential.schema.ts";
import { changedOps, get, MAX_VERSIONS, target, type VersionRow, versionOf, versionOps } from "./credential.service.ts";
import { tokensVersion } from "./credential.tokens.ts";
import { credentialType } from "./types/index.ts";

/** Tokens belong to the version that they were made with. */
const FORGET_TOKENS = ["connection", "needsReconnect"] as const;

/**
 * Gives the credential a new version, which every use from now on takes. The one before is kept until it is revoked. A
 * credential that needs a person's consent needs it again.
 */
export async function rotate(
  ctx: Ctx,
  sealer: Sealer,
  input: RotateCredential & { credentialId: CredentialId },
): Promise<Credential> {
  const { credentialId, expectedRevision, data, allowedHosts } = input;
  const row = await getLive(ctx, target(ctx, credentialId));
  const before = await versionOf(row, row.currentVersion);
  const split = splitData(credentialType(row.type), data, allowedHosts ?? before.allowedHosts);
  const number = (await latestNumber(ctx, credentialId)) + 1;
  if (number > MAX_VERSIONS) throw conflict(`a credential has at most ${MAX_VERSIONS} versions`);
  const change = {
    set: { currentVersion: number },
    remove: FORGET_TOKENS,
    expectedRevision: expectedRevision ?? row.revision,
  };
  await transact([
    updateOp(ctx, target(ctx, credentialId), change),
    ...(await versionOps(ctx, sealer, credentialId, number, split)),
    ...(await changedOps(ctx, { ...row, currentVersion: number }, "rotated")),
  ]);
  return get(ctx, { credentialId });
}

/** Takes an earlier version, which was not revoked, for every use from now on. */
export async function rollback(
  ctx: Ctx,
  input: RollbackCredential & { credentialId: CredentialId },
): Promise<Credential> {
  const { credentialId, expectedRevision, version } = input;
  const row = await getLive(ctx, target(ctx, credentialId));
  const found = await versionOf(row, version);
  if (found.revokedAt) throw conflict(`version ${version} was revoked`);
  if (version === row.currentVersion) throw conflict(`version ${version} is the current one`);
  const { spaceId } = row;
  const unrevoked = tx(CredentialVersionEntity)
    .check({ spaceId, credentialId, number: version })
    .where((attr, op) => op.notExists(attr.revokedAt))
    .commit();
  await transact([
    updateOp(ctx, target(ctx, credentialId), {
      set: { currentVersion: version },
      remove: FORGET_TOKENS,
      expectedRevision: expectedRevision ?? row.revision,
    }),
    guarded(unrevoked, () => conflict(`version ${version} was revoked`)),
    removeSecretOp(ctx, { ownerId: credentialId, version: tokensVersion(version) }),
    ...(await changedOps(ctx, { ...row, currentVersion: version }, "rolled_back")),
  ]);
  return get(ctx, { credentialId });
}

/** Destroys the secret of a version that is not the current one. What is known of the version stays. */
export async function revoke(
  ctx: Ctx,
  { credentialId, version }: { credentialId: CredentialId; version: number },
): Promise<CredentialVersion> {
  const row = await getLive(ctx, target(ctx, credentialId));
  const found = await versionOf(row, version);
  if (found.revokedAt) return toVersion(found, row.currentVersion);
  if (version === row.currentVersion) throw conflict("the current version cannot be revoked: rotate first");
  const { spaceId } = row;
  const revokedAt = isoTime(ctx.clock.now());
  await transact([
    // Nobody makes it the current one meanwhile.
    updateOp(ctx, target(ctx, credentialId), { expectedRevision: row.revision }),
    tx(CredentialVersionEntity).patch({ spaceId, credentialId, number: version }).set({ revokedAt }).commit(),
    removeSecretOp(ctx, { ownerId: credentialId, version: String(version) }),
    removeSecretOp(ctx, { ownerId: credentialId, version: tokensVersion(version) }),
  ]);
  return toVersion({ ...found, revokedAt }, row.currentVersion);
}

/** Newest first. */
export async function versions(
  ctx: Ctx,
  input: { credentialId: CredentialId; limit?: number | undefined; cursor?: string | undefined },
): Promise<Page<CredentialVersion>> {
  const { credentialId, limit, cursor } = input;
  const { spaceId, currentVersion } = await getLive(ctx, target(ctx, credentialId));
  const scope = { operation: "listCredentialVersions", spaceId, filters: { credentialId } };
  const query = CredentialVersionEntity.query.primary({ spaceId, credentialId });
  const page = await listPage(query, { scope, limit, cursor });
  return { items: page.items.map((row) => toVersion(row, currentVersion)), nextCursor: page.nextCursor };
}

async function latestNumber(ctx: Ctx, credentialId: string): Promise<number> {
  const spaceId = requireSpace(ctx);
  const query = CredentialVersionEntity.query.primary({ spaceId, credentialId });
  const { items } = await listPage(query, {
    scope: { operation: "latestVersion", spaceId },
    limit: 1,
    consistent: true,
  });
  const [latest] = items;
  if (!latest) throw notFound("credential", credentialId);
  return latest.number;
}

function toVersion(row: VersionRow, currentVersion: number): CredentialVersion {
  return {
    version: row.number,
    status: row.revokedAt ? "revoked" : "active",
    isCurrent: row.number === currentVersion,
    ...{ data: row.data, secrets: row.secrets, allowedHosts: row.allowedHosts },
    ...{ createdAt: row.createdAt, createdBy: row.createdBy, revokedAt: row.revokedAt ?? null },
  };
}
