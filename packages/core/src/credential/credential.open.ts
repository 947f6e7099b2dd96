import { getAny } from "@weft/db/change";
import { NodeError } from "@weft/engine/node";
import { type Ctx, requireSpace } from "@weft/kernel/ctx";
import { isId } from "@weft/kernel/ids";
import { openSecret } from "../platform/vault.ts";
import type { CredentialDeps } from "./credential.deps.ts";
import { CredentialEntity } from "./credential.entity.ts";
import { type CredentialRow, versionOf } from "./credential.service.ts";
import { recordUse, type UseOf } from "./credential.usage.ts";
import { credentialType } from "./types/index.ts";
import type { CredentialType } from "./types/type.ts";

/** A credential with its secrets: it stays in memory and goes into no row, log, trace or answer. */
export interface OpenCredential {
  credentialId: string;
  version: number;
  type: CredentialType;
  /** Every field. */
  data: Record<string, unknown>;
  /** The sealed fields alone. */
  secrets: Record<string, unknown>;
  allowedHosts: string[];
}

/**
 * Opens a credential of the ctx's space for a node, and writes down that it was used. Throws NodeError
 * `credential_not_found` for one of another space, `credential_not_shared` for a workflow that it is not shared with or a
 * draft where drafts may not use it, `credential_expired`.
 */
export async function openForNode(
  ctx: Ctx,
  deps: Pick<CredentialDeps, "sealer">,
  credentialId: string,
  use: UseOf,
): Promise<OpenCredential> {
  const row = await find(ctx, credentialId);
  if (!row) throw refusal("credential_not_found", `credential ${credentialId} is not in this space`);
  if (row.workflowIds && !row.workflowIds.includes(use.workflowId)) {
    throw refusal("credential_not_shared", `credential ${credentialId} is not shared with this workflow`);
  }
  if (use.isDraft && !row.allowsDrafts) {
    throw refusal("credential_not_shared", `credential ${credentialId} may not be used by drafts`);
  }
  const opened = await open(ctx, deps, row);
  await recordUse(ctx, row, use);
  return opened;
}

/**
 * Opens a credential of the ctx's space for something that every workflow of the space may use, such as a model. Throws
 * NodeError `credential_not_found`, `credential_not_shared` for one that is kept to some workflows or to versions, and
 * `credential_expired`.
 */
export async function openForSpace(
  ctx: Ctx,
  deps: Pick<CredentialDeps, "sealer">,
  credentialId: string,
): Promise<OpenCredential> {
  const row = await find(ctx, credentialId);
  if (!row) throw refusal("credential_not_found", `credential ${credentialId} is not in this space`);
  if (row.workflowIds || !row.allowsDrafts) {
    throw refusal("credential_not_shared", `credential ${credentialId} is not shared with the whole space`);
  }
  return open(ctx, deps, row);
}

/** Opens a credential's current version. Throws NodeError `credential_expired` where its time is over. */
export async function open(
  ctx: Ctx,
  { sealer }: Pick<CredentialDeps, "sealer">,
  row: CredentialRow,
): Promise<OpenCredential> {
  const { credentialId, currentVersion } = row;
  if (row.endsAt !== undefined && Date.parse(row.endsAt) <= ctx.clock.now()) {
    throw refusal("credential_expired", `credential ${credentialId} is over since ${row.endsAt}`);
  }
  const [version, sealed] = await Promise.all([
    versionOf(row, currentVersion),
    openSecret(ctx, sealer, { ownerId: credentialId, version: String(currentVersion) }),
  ]);
  if (sealed === undefined) throw refusal("credential_not_found", `credential ${credentialId} has no secret`);
  const secrets = sealed as Record<string, unknown>;
  return {
    credentialId,
    version: currentVersion,
    type: credentialType(row.type),
    data: { ...version.data, ...secrets },
    secrets,
    allowedHosts: version.allowedHosts,
  };
}

async function find(ctx: Ctx, credentialId: string): Promise<CredentialRow | null> {
  if (!isId("credential", credentialId)) return null;
  return getAny({ entity: CredentialEntity, key: { spaceId: requireSpace(ctx), credentialId }, what: "credential" });
}

function refusal(code: string, message: string): NodeError {
  return new NodeError(code, message, { retryable: false });
}
