import { created } from "@weft/db/base";
import { getLive, updateOp } from "@weft/db/change";
import { getMany } from "@weft/db/get-many";
import { listAll, listPage } from "@weft/db/page";
import { searchFilter, searchText } from "@weft/db/search";
import { claim, move, release, type UniqueValue } from "@weft/db/unique";
import { read, transact, tryWrite, tx, type WriteOp } from "@weft/db/write";
import { isoTime } from "@weft/kernel/clock";
import { actorId, type Ctx, requireSpace } from "@weft/kernel/ctx";
import { conflict, notFound } from "@weft/kernel/errors";
import { newId } from "@weft/kernel/ids";
import type { Page } from "@weft/kernel/page";
import type { EntityItem } from "electrodb";
import { emitOps } from "../event/event.emit.ts";
import type { EventData } from "../event/event.types.ts";
import type { Sealer } from "../platform/sealer.ts";
import { putSecretOp, removeSecrets } from "../platform/vault.ts";
import { dataSchema, type SplitData, splitData } from "./credential.data.ts";
import { CredentialEntity, CredentialUsageEntity, CredentialVersionEntity } from "./credential.entity.ts";
import type {
  CreateCredential,
  Credential,
  CredentialId,
  CredentialTypeInfo,
  ListCredentials,
  UpdateCredential,
} from "./credential.schema.ts";
import { publishedUsers } from "./credential.usage.ts";
import { credentialType, credentialTypes } from "./types/index.ts";

export type CredentialRow = EntityItem<typeof CredentialEntity>;
export type VersionRow = EntityItem<typeof CredentialVersionEntity>;

/** Versions of one credential that are ever kept; rotating further needs a new credential. */
export const MAX_VERSIONS = 400;

/** The types that credentials may be of. */
export function types(): CredentialTypeInfo[] {
  return [...credentialTypes.values()].map((type) => ({
    type: type.type,
    title: type.title,
    description: type.description,
    schema: dataSchema(type),
    secrets: [...type.secrets],
    isForHttp: type.apply !== undefined,
    needsConsent: type.grant === "authorization_code",
  }));
}

/** Makes a credential with its first version. Its secret fields are sealed and never given back. */
export async function create(ctx: Ctx, sealer: Sealer, input: CreateCredential): Promise<Credential> {
  const spaceId = requireSpace(ctx);
  const credentialId = newId("credential", ctx.clock.now());
  const { name, description, type, workflowIds, allowsDrafts, expiresAt, testUrl } = input;
  const found = credentialTypes.get(type);
  if (!found) throw notFound("credential type", type);
  const split = splitData(found, input.data, input.allowedHosts);
  const row = {
    ...{ spaceId, credentialId, name, description, type, allowsDrafts, currentVersion: 1 },
    ...(workflowIds ? { workflowIds } : {}),
    ...(expiresAt ? { endsAt: expiresAt } : {}),
    ...(testUrl ? { testUrl } : {}),
    searchText: searchText(name, description),
    ...created(ctx),
  };
  await transact([
    tx(CredentialEntity).create(row).commit(),
    ...(await versionOps(ctx, sealer, credentialId, 1, split)),
    claim(ctx, nameOf(row)),
    ...(await changedOps(ctx, row, "created")),
  ]);
  return toCredential(ctx, row, await versionOf(row, 1));
}

/** The actions that store one version: its row, and its secret in the vault. */
export async function versionOps(
  ctx: Ctx,
  sealer: Sealer,
  credentialId: string,
  number: number,
  { sealed, ...rest }: SplitData,
) {
  const made = { createdAt: isoTime(ctx.clock.now()), createdBy: actorId(ctx) };
  const row = { spaceId: requireSpace(ctx), credentialId, number, ...rest, ...made };
  return [
    tx(CredentialVersionEntity).create(row).commit(),
    await putSecretOp(ctx, sealer, { ownerId: credentialId, version: String(number) }, sealed),
  ];
}

export async function get(ctx: Ctx, { credentialId }: { credentialId: CredentialId }): Promise<Credential> {
  const row = await getLive(ctx, target(ctx, credentialId));
  return toCredential(ctx, row, await versionOf(row, row.currentVersion));
}

/** Newest first. */
export async function list(ctx: Ctx, input: ListCredentials): Promise<Page<Credential>> {
  const { q, type, limit, cursor } = input;
  const spaceId = requireSpace(ctx);
  const search = searchFilter(q);
  const query = CredentialEntity.query.primary({ spaceId });
  const filtered =
    search || type
      ? query.where((attr, op) =>
          [...(type ? [op.eq(attr.type, type)] : []), ...(search ? [search(attr as never, op as never)] : [])].join(
            " AND ",
          ),
        )
      : query;
  const page = await listPage(filtered as typeof query, {
    scope: { operation: "listCredentials", spaceId, filters: { q, type } },
    limit,
    cursor,
  });
  const keys = page.items.map(({ credentialId, currentVersion }) => ({
    spaceId,
    credentialId,
    number: currentVersion,
  }));
  const versions = await getMany(keys.map((key) => ({ entity: CredentialVersionEntity, key })));
  const items = page.items.flatMap((row, index) => {
    const version = versions[index];
    // One that is being destroyed has none any more.
    return version ? [toCredential(ctx, row, version)] : [];
  });
  return { items, nextCursor: page.nextCursor };
}

/** Changes everything but what it holds and where it is sent. */
export async function update(ctx: Ctx, input: UpdateCredential & { credentialId: CredentialId }): Promise<Credential> {
  const { credentialId, expectedRevision, name, description, workflowIds, allowsDrafts, expiresAt, testUrl } = input;
  const row = await getLive(ctx, target(ctx, credentialId));
  const set = {
    ...{ name, description, allowsDrafts },
    ...(workflowIds ? { workflowIds } : {}),
    ...(expiresAt ? { endsAt: expiresAt } : {}),
    ...(testUrl ? { testUrl } : {}),
    searchText: searchText(name ?? row.name, description ?? row.description),
  };
  const remove = [
    ...(workflowIds === null ? (["workflowIds"] as const) : []),
    ...(expiresAt === null ? (["endsAt"] as const) : []),
    ...(testUrl === null ? (["testUrl"] as const) : []),
  ];
  await transact([
    updateOp(ctx, target(ctx, credentialId), { set, remove, expectedRevision }),
    ...(name === undefined ? [] : move(ctx, nameOf(row), name)),
    ...(await changedOps(ctx, { ...row, name: name ?? row.name }, "updated")),
  ]);
  return get(ctx, { credentialId });
}

/**
 * Destroys a credential with every version of its secret, for good. Refused while published workflows use it, unless
 * `force`: their runs would fail at the node.
 */
export async function remove(ctx: Ctx, input: { credentialId: CredentialId; force?: boolean }): Promise<void> {
  const { credentialId, force } = input;
  const spaceId = requireSpace(ctx);
  const row = await getLive(ctx, target(ctx, credentialId));
  const workflows = force ? [] : await publishedUsers(ctx, credentialId);
  if (workflows.length > 0) throw conflict("published workflows use this credential", { details: { workflows } });
  // Its own row goes last: what is interrupted before can be done again.
  await removeSecrets(ctx, credentialId);
  const versions = CredentialVersionEntity.query.primary({ spaceId, credentialId });
  for (const { number } of await listAll(versions, { max: MAX_VERSIONS, consistent: true })) {
    await tryWrite(() => CredentialVersionEntity.delete({ spaceId, credentialId, number }).go());
  }
  const users = CredentialUsageEntity.query.primary({ spaceId, credentialId });
  const { data } = await read(() => users.go({ pages: "all", consistent: true }));
  for (const { workflowId, source } of data) {
    await tryWrite(() => CredentialUsageEntity.delete({ spaceId, credentialId, workflowId, source }).go());
  }
  const told = await changedOps(ctx, row, "removed");
  await transact([tx(CredentialEntity).delete({ spaceId, credentialId }).commit(), release(nameOf(row)), ...told]);
}

/** Tells of a change in the transaction that makes it. */
export function changedOps(
  ctx: Ctx,
  {
    credentialId,
    name,
    type,
    currentVersion: version,
  }: Pick<CredentialRow, "credentialId" | "name" | "type" | "currentVersion">,
  change: EventData<"credential.changed">["change"],
): Promise<WriteOp[]> {
  return emitOps(ctx, { type: "credential.changed", data: { credentialId, name, type, change, version } });
}

export function target(ctx: Ctx, credentialId: string) {
  const key = { spaceId: requireSpace(ctx), credentialId };
  return { entity: CredentialEntity, key, what: "credential", id: credentialId };
}

/** One version of a credential's row. Throws `not_found`. */
export async function versionOf(
  { spaceId, credentialId }: { spaceId: string; credentialId: string },
  number: number,
): Promise<VersionRow> {
  const key = { spaceId, credentialId, number };
  const { data } = await read(() => CredentialVersionEntity.get(key).go({ consistent: true }));
  if (!data) throw notFound("version", String(number));
  return data;
}

function nameOf(row: { spaceId: string; credentialId: string; name: string }): UniqueValue {
  return { scope: row.spaceId, kind: "credential_name", value: row.name, ownerId: row.credentialId };
}

/** The API's form of a row and its current version. */
export function toCredential(ctx: Ctx, row: CredentialRow, version: VersionRow): Credential {
  return {
    id: row.credentialId as CredentialId,
    spaceId: row.spaceId as Credential["spaceId"],
    ...{ name: row.name, description: row.description, type: row.type },
    status: statusOf(ctx, row),
    version: row.currentVersion,
    ...{ data: version.data, secrets: version.secrets, allowedHosts: version.allowedHosts },
    workflowIds: (row.workflowIds as Credential["workflowIds"] | undefined) ?? null,
    allowsDrafts: row.allowsDrafts,
    expiresAt: row.endsAt ?? null,
    testUrl: row.testUrl ?? null,
    connection: row.connection ?? null,
    lastUsedAt: row.lastUsedAt ?? null,
    ...{ revision: row.revision, createdAt: row.createdAt, updatedAt: row.updatedAt, createdBy: row.createdBy },
  };
}

function statusOf(ctx: Ctx, row: CredentialRow): Credential["status"] {
  if (row.endsAt !== undefined && Date.parse(row.endsAt) <= ctx.clock.now()) return "expired";
  if (row.needsReconnect) return "reconnect";
  const needsConsent = credentialType(row.type).grant === "authorization_code";
  return needsConsent && !row.connection ? "unconnected" : "ready";
}
