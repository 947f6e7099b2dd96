import { randomBytes } from "node:crypto";
import { created } from "@weft/db/base";
import { getLive, restore as restoreRow, softDelete, type Target, updateOp, updateWithRevision } from "@weft/db/change";
import { listPage } from "@weft/db/page";
import { transact, tx } from "@weft/db/write";
import type { PlanGraph } from "@weft/engine/plan";
import { isoTime } from "@weft/kernel/clock";
import { type Ctx, requireSpace } from "@weft/kernel/ctx";
import { AppError, conflict, invalidField } from "@weft/kernel/errors";
import { type Id, newId } from "@weft/kernel/ids";
import type { Page } from "@weft/kernel/page";
import type { Sealer } from "../platform/sealer.ts";
import { removeSecretOp } from "../platform/vault.ts";
import { resolvePlan } from "../workflow/workflow.plans.ts";
import * as Workflow from "../workflow/workflow.service.ts";
import { cancelFirings } from "./trigger.firing.ts";
import { hasSecret, type WebhookAuth, type WebhookAuthInput } from "./webhook.auth.schema.ts";
import { WebhookEntity, type WebhookRow } from "./webhook.entity.ts";
import { forgetWebhook } from "./webhook.lookup.ts";
import type {
  CreateWebhook,
  ListWebhooks,
  RotateWebhookSecret,
  UpdateWebhook,
  Webhook,
  WebhookWithSecret,
} from "./webhook.schema.ts";
import { infoOf, type LiveSecret, newSecret, openSecrets, sealOp, secretRef } from "./webhook.secret.ts";

type WebhookId = Id<"webhook">;

const LINK_KEY_BYTES = 32;

/** Makes a webhook. Throws `not_found` for a workflow or version that is not in the space. */
export async function create(ctx: Ctx, sealer: Sealer, input: CreateWebhook): Promise<WebhookWithSecret> {
  const spaceId = requireSpace(ctx);
  const { auth: given, version, input: mapping, ipAllow, cors, idempotency, ...rest } = input;
  await checkTarget(ctx, { workflowId: input.workflowId, version, mode: input.response.mode });
  const webhookId = newId("webhook", ctx.clock.now());
  const { auth, secrets, made } = secretsOf(ctx, given);
  const row = {
    ...rest,
    ...{ spaceId, webhookId, auth, secrets: infoOf(secrets) },
    ...(version === undefined ? {} : { version }),
    ...(mapping === undefined ? {} : { input: mapping }),
    ...(ipAllow ? { ipAllow } : {}),
    ...(cors ? { cors } : {}),
    idempotency: idempotency ?? defaultIdempotency(auth),
    linkKey: randomBytes(LINK_KEY_BYTES).toString("base64url"),
    ...created(ctx),
  };
  const seal = secrets.length > 0 ? [await sealOp(ctx, sealer, webhookId, secrets)] : [];
  await transact([tx(WebhookEntity).create(row).commit(), ...seal]);
  return { ...toWebhook(row as WebhookRow), secret: made };
}

/** Throws `not_found`, for a webhook of another space too. */
export async function get(ctx: Ctx, { webhookId }: { webhookId: WebhookId }): Promise<Webhook> {
  return toWebhook(await getLive(ctx, target(ctx, webhookId)));
}

/** Newest first. */
export async function list(ctx: Ctx, query: ListWebhooks): Promise<Page<Webhook>> {
  const spaceId = requireSpace(ctx);
  const { workflowId, status, limit, cursor } = query;
  const base =
    workflowId === undefined
      ? WebhookEntity.query.primary({ spaceId })
      : WebhookEntity.query.byWorkflow({ spaceId, workflowId });
  const filtered = base.where((attr, op) =>
    status === "deleted" ? op.exists(attr.deletedAt) : op.notExists(attr.deletedAt),
  );
  const scope = { operation: "listWebhooks", spaceId, filters: { workflowId, status } };
  const page = await listPage(filtered as typeof base, { scope, limit, cursor });
  return { items: (page.items as WebhookRow[]).map(toWebhook), nextCursor: page.nextCursor };
}

/** Changes the definition. A paused webhook stays paused. */
export async function update(
  ctx: Ctx,
  sealer: Sealer,
  { webhookId, expectedRevision, ...input }: UpdateWebhook & { webhookId: WebhookId },
): Promise<WebhookWithSecret> {
  const row = await getLive(ctx, target(ctx, webhookId));
  const { auth: given, version, input: mapping, ipAllow, cors, ...rest } = input;
  await checkTarget(ctx, {
    workflowId: input.workflowId ?? (row.workflowId as Id<"workflow">),
    version: version === undefined ? row.version : (version ?? undefined),
    mode: (input.response ?? row.response).mode,
  });
  const changed = given === undefined ? undefined : secretsOf(ctx, given, row);
  const nullable = { version, input: mapping, ipAllow, cors };
  const remove = Object.entries(nullable).flatMap(([name, value]) => (value === null ? [name] : []));
  const set = Object.entries({ ...rest, ...nullable }).filter(([, value]) => value !== undefined && value !== null);
  const secret = changed ? { auth: changed.auth, ...(changed.kept ? {} : { secrets: infoOf(changed.secrets) }) } : {};
  const change = {
    set: { ...Object.fromEntries(set), ...secret },
    remove: remove as never,
    expectedRevision: expectedRevision ?? row.revision,
  };
  await transact([
    updateOp(ctx, target(ctx, webhookId), change),
    ...(changed && !changed.kept ? [await secretOp(ctx, sealer, webhookId, changed.secrets)] : []),
  ]);
  forgetWebhook(webhookId);
  return { ...(await get(ctx, { webhookId })), secret: changed?.made ?? null };
}

/** Gives the webhook a new secret; the one before stays good for a while. Two are good at once, never more. */
export async function rotate(
  ctx: Ctx,
  sealer: Sealer,
  { webhookId, expectedRevision, secret, keepOldSeconds }: RotateWebhookSecret & { webhookId: WebhookId },
): Promise<WebhookWithSecret> {
  const row = await getLive(ctx, target(ctx, webhookId));
  if (!hasSecret(row.auth)) throw conflict("the webhook's way of proof has no secret");
  const now = ctx.clock.now();
  const value = secret ?? newSecret();
  const [before] = await openSecrets(ctx, sealer, webhookId);
  const old = before && keepOldSeconds > 0 ? [{ ...before, endsAt: isoTime(now + keepOldSeconds * 1000) }] : [];
  const secrets = [{ value, createdAt: isoTime(now) }, ...old];
  await transact([
    updateOp(ctx, target(ctx, webhookId), {
      set: { secrets: infoOf(secrets) },
      expectedRevision: expectedRevision ?? row.revision,
    }),
    await sealOp(ctx, sealer, webhookId, secrets),
  ]);
  forgetWebhook(webhookId);
  return { ...(await get(ctx, { webhookId })), secret: secret === undefined ? value : null };
}

/** Stops a webhook; what it put off is dropped. Publishing and changing it never starts it again. */
export async function pause(ctx: Ctx, { webhookId }: { webhookId: WebhookId }): Promise<Webhook> {
  const set = { pausedAt: isoTime(ctx.clock.now()) };
  const row = await updateWithRevision(ctx, target(ctx, webhookId), { set });
  forgetWebhook(webhookId);
  await cancelFirings(ctx, webhookId);
  return toWebhook(row);
}

export async function resume(ctx: Ctx, { webhookId }: { webhookId: WebhookId }): Promise<Webhook> {
  const row = await updateWithRevision(ctx, target(ctx, webhookId), { remove: ["pausedAt"] });
  forgetWebhook(webhookId);
  return toWebhook(row);
}

/** Deletes a webhook: its address answers nobody until it is restored. */
export async function remove(ctx: Ctx, { webhookId }: { webhookId: WebhookId }): Promise<void> {
  await softDelete(ctx, target(ctx, webhookId));
  forgetWebhook(webhookId);
  await cancelFirings(ctx, webhookId);
}

/** Brings a deleted webhook back, with its address and its secret. */
export async function restore(ctx: Ctx, { webhookId }: { webhookId: WebhookId }): Promise<Webhook> {
  return toWebhook(await restoreRow(ctx, target(ctx, webhookId)));
}

export function target(ctx: Ctx, webhookId: string): Target<typeof WebhookEntity> {
  return { entity: WebhookEntity, key: { spaceId: requireSpace(ctx), webhookId }, what: "webhook", id: webhookId };
}

function secretOp(ctx: Ctx, sealer: Sealer, webhookId: string, secrets: readonly LiveSecret[]) {
  return secrets.length > 0
    ? sealOp(ctx, sealer, webhookId, secrets)
    : Promise.resolve(removeSecretOp(ctx, secretRef(webhookId)));
}

/** What a definition's secret becomes. One that was there is kept where the way of proof stays and none is given. */
function secretsOf(ctx: Ctx, { ...given }: WebhookAuthInput, before?: WebhookRow) {
  const value = "secret" in given ? given.secret : undefined;
  if ("secret" in given) delete given.secret;
  const auth = given as WebhookAuth;
  if (!hasSecret(auth)) return { auth, secrets: [] as LiveSecret[], made: null, kept: false };
  const isSame = before !== undefined && before.auth.type === auth.type && before.secrets.length > 0;
  if (isSame && value === undefined) return { auth, secrets: [] as LiveSecret[], made: null, kept: true };
  const made = value === undefined ? newSecret() : null;
  const secrets: LiveSecret[] = [{ value: value ?? (made as string), createdAt: isoTime(ctx.clock.now()) }];
  return { auth, secrets, made, kept: false };
}

function defaultIdempotency({ type }: WebhookAuth): Webhook["idempotency"] {
  return ["github", "stripe", "slack", "shopify", "twilio", "hmac"].includes(type) ? "provider" : "header";
}

/** The workflow is of the space, its version is there, and who is to answer by a node has one. */
async function checkTarget(
  ctx: Ctx,
  { workflowId, version, mode }: { workflowId: Id<"workflow">; version: string | undefined; mode: string },
): Promise<void> {
  await Workflow.get(ctx, { workflowId });
  const resolved = await resolvePlan(ctx, { workflowId, version }).catch((thrown: unknown) => {
    // What is not published yet, or paused, can be given a webhook; what it is to be is not known.
    if (thrown instanceof AppError && thrown.code === "unprocessable") return undefined;
    throw thrown;
  });
  if (mode !== "respond_node" || !resolved || mayRespond(resolved.plan.root)) return;
  throw invalidField("response.mode", "the workflow has no node respond_to_webhook");
}

function mayRespond({ nodes }: PlanGraph): boolean {
  return nodes.some(
    ({ type, body }) => type === "respond_to_webhook" || type === "sub_workflow" || (body ? mayRespond(body) : false),
  );
}

/** A row as the API shows it. */
export function toWebhook(row: WebhookRow): Webhook {
  return {
    id: row.webhookId as WebhookId,
    spaceId: row.spaceId as Webhook["spaceId"],
    ...{ name: row.name, description: row.description },
    workflowId: row.workflowId as Webhook["workflowId"],
    version: row.version ?? null,
    input: row.input ?? null,
    policy: row.policy,
    path: `/hooks/${row.webhookId}`,
    testPath: `/hooks/${row.webhookId}/-/test`,
    ...{ routes: row.routes, auth: row.auth, secrets: row.secrets },
    ipAllow: row.ipAllow ?? null,
    cors: row.cors ?? null,
    ...{ response: row.response, idempotency: row.idempotency, body: row.body },
    isEnabled: row.pausedAt === undefined,
    pausedAt: row.pausedAt ?? null,
    lastFiredAt: row.lastFiredAt ?? null,
    lastExecutionId: row.lastExecutionId ?? null,
    lastError: row.lastError ?? null,
    ...{ revision: row.revision, createdAt: row.createdAt, updatedAt: row.updatedAt, createdBy: row.createdBy },
    ...(row.deletedAt ? { deletedAt: row.deletedAt } : {}),
  };
}
