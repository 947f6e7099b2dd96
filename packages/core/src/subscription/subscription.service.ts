import { created } from "@weft/db/base";
import { getAny, getLive, restore as restoreRow, softDeleteOp, updateOp } from "@weft/db/change";
import { listPage } from "@weft/db/page";
import { transact, tx } from "@weft/db/write";
import { isoTime } from "@weft/kernel/clock";
import { type Ctx, requireSpace } from "@weft/kernel/ctx";
import { invalidField } from "@weft/kernel/errors";
import { type Id, newId } from "@weft/kernel/ids";
import type { Page } from "@weft/kernel/page";
import { listenersChanged, listenOps, requireRoom, unlistenOps } from "../event/event.listen.ts";
import type { Sealer } from "../platform/sealer.ts";
import type { SendDeps } from "./subscription.deps.ts";
import { SubscriptionEntity, type SubscriptionRow } from "./subscription.entity.ts";
import type {
  CreateSubscription,
  ListSubscriptions,
  RotateSecret,
  Subscription,
  SubscriptionTest,
  SubscriptionWithSecret,
  UpdateSubscription,
} from "./subscription.schema.ts";
import { openSealed, sealOp } from "./subscription.secret.ts";
import { isDelivered, send } from "./subscription.send.ts";
import { newSecret } from "./subscription.signature.ts";

type SubscriptionId = Id<"subscription">;
const TEST_TYPE = "subscription.test";

/** Its secret is shown in this answer and never again. */
export async function create(ctx: Ctx, sealer: Sealer, input: CreateSubscription): Promise<SubscriptionWithSecret> {
  const spaceId = requireSpace(ctx);
  if (input.isEnabled) await requireRoom(ctx);
  const subscriptionId = newId("subscription", ctx.clock.now());
  const { name, description, url, types, filter, headers, isEnabled, secret = newSecret() } = input;
  const row: SubscriptionRow = {
    ...{ spaceId, subscriptionId, name, description, url, types, isEnabled, headerNames: Object.keys(headers) },
    ...(filter === null ? {} : { filter }),
    ...(isEnabled ? {} : { pausedAt: isoTime(ctx.clock.now()) }),
    ...created(ctx),
  };
  await transact([
    tx(SubscriptionEntity).create(row).commit(),
    await sealOp(ctx, sealer, subscriptionId, { secret, headers }),
    ...listening(ctx, row),
  ]);
  await listenersChanged(ctx);
  return { ...toSubscription(row), secret };
}

export async function get(ctx: Ctx, { subscriptionId }: { subscriptionId: SubscriptionId }): Promise<Subscription> {
  return toSubscription(await getLive(ctx, target(ctx, subscriptionId)));
}

/** Newest first. */
export async function list(ctx: Ctx, input: ListSubscriptions): Promise<Page<Subscription>> {
  const spaceId = requireSpace(ctx);
  const { state, limit, cursor } = input;
  const query = SubscriptionEntity.query.primary({ spaceId }).where((attr, op) => {
    if (state === "deleted") return op.exists(attr.deletedAt);
    const live = op.notExists(attr.deletedAt);
    return state === "all" ? live : `${live} AND ${op.eq(attr.isEnabled, state === "enabled")}`;
  });
  const scope = { operation: "listSubscriptions", spaceId, filters: { state } };
  const page = await listPage(query, { scope, limit, cursor });
  return { items: page.items.map(toSubscription), nextCursor: page.nextCursor };
}

/** Changes where and what is sent, or whether anything is; the one never changes the other. */
export async function update(
  ctx: Ctx,
  sealer: Sealer,
  input: UpdateSubscription & { subscriptionId: SubscriptionId },
): Promise<Subscription> {
  const { subscriptionId, expectedRevision, filter, headers, name, description } = input;
  const row = await getLive(ctx, target(ctx, subscriptionId));
  const { isEnabled = row.isEnabled, types = row.types, url = row.url } = input;
  const isMoved = new URL(url).origin !== new URL(row.url).origin;
  if (isMoved && headers === undefined && row.headerNames.length > 0) {
    throw invalidField("headers", "are given again together with another host: what was set goes nowhere else");
  }
  if (isEnabled && !row.isEnabled) await requireRoom(ctx);
  const set = {
    ...{ name, description, url, types, isEnabled },
    ...(filter ? { filter } : {}),
    ...(headers ? { headerNames: Object.keys(headers) } : {}),
    ...(row.isEnabled && !isEnabled ? { pausedAt: isoTime(ctx.clock.now()) } : {}),
  };
  const remove = [...(filter === null ? (["filter"] as const) : []), ...(isEnabled && !row.isEnabled ? ON_AGAIN : [])];
  // What is sealed is rewritten from what was read: nobody may have changed it meanwhile.
  const revision = expectedRevision ?? (headers ? row.revision : undefined);
  const sealed = headers ? { ...(await openSealed(ctx, sealer, subscriptionId)), headers } : undefined;
  await transact([
    updateOp(ctx, target(ctx, subscriptionId), { set, remove, expectedRevision: revision }),
    ...listening(ctx, { subscriptionId, types, isEnabled }),
    ...(sealed ? [await sealOp(ctx, sealer, subscriptionId, sealed)] : []),
  ]);
  await listenersChanged(ctx);
  return get(ctx, { subscriptionId });
}

const ON_AGAIN = ["pausedAt", "disabledReason", "failingSince", "lastError"] as const;

/** It can be restored. What waits to be sent is cancelled. */
export async function remove(ctx: Ctx, { subscriptionId }: { subscriptionId: SubscriptionId }): Promise<void> {
  await transact([softDeleteOp(ctx, target(ctx, subscriptionId)), ...unlistenOps(ctx, subscriptionId)]);
  await listenersChanged(ctx);
}

/** Back as it was: one that was off is off. */
export async function restore(ctx: Ctx, { subscriptionId }: { subscriptionId: SubscriptionId }): Promise<Subscription> {
  const row = await getAny(target(ctx, subscriptionId));
  if (row?.isEnabled) await requireRoom(ctx);
  const also = row?.isEnabled ? listenOps(ctx, subscriptionId, row.types) : [];
  const restored = await restoreRow(ctx, target(ctx, subscriptionId), { also });
  await listenersChanged(ctx);
  return toSubscription(restored);
}

/** A new signing secret, shown this once; the one before signs beside it for a while. */
export async function rotate(
  ctx: Ctx,
  sealer: Sealer,
  input: RotateSecret & { subscriptionId: SubscriptionId },
): Promise<SubscriptionWithSecret> {
  const { subscriptionId, expectedRevision, overlapSeconds, secret = newSecret() } = input;
  const row = await getLive(ctx, target(ctx, subscriptionId));
  const before = await openSealed(ctx, sealer, subscriptionId);
  const untilMs = ctx.clock.now() + overlapSeconds * 1000;
  const previous = overlapSeconds > 0 ? { previous: { secret: before.secret, untilMs } } : {};
  const change =
    overlapSeconds > 0
      ? { set: { previousSecretUntil: isoTime(untilMs) } }
      : { remove: ["previousSecretUntil" as const] };
  await transact([
    updateOp(ctx, target(ctx, subscriptionId), { ...change, expectedRevision: expectedRevision ?? row.revision }),
    await sealOp(ctx, sealer, subscriptionId, { secret, ...previous, headers: before.headers }),
  ]);
  return { ...(await get(ctx, { subscriptionId })), secret };
}

/** Sends a ping, once and now, and says what came of it. Nothing of it is kept. */
export async function test(
  ctx: Ctx,
  deps: SendDeps,
  { subscriptionId }: { subscriptionId: SubscriptionId },
): Promise<SubscriptionTest> {
  const row = await getLive(ctx, target(ctx, subscriptionId));
  const now = ctx.clock.now();
  const data = { subscriptionId, message: "This is a test of the subscription." };
  const ping = { id: newId("event", now), type: TEST_TYPE, time: isoTime(now), data };
  const { attempt } = await send(ctx, deps, row, ping);
  return { ...attempt, delivered: isDelivered(attempt) };
}

export function target(ctx: Ctx, subscriptionId: string) {
  const key = { spaceId: requireSpace(ctx), subscriptionId };
  return { entity: SubscriptionEntity, key, what: "subscription", id: subscriptionId };
}

function listening(ctx: Ctx, row: { subscriptionId: string; types: string[]; isEnabled: boolean }) {
  return row.isEnabled ? listenOps(ctx, row.subscriptionId, row.types) : unlistenOps(ctx, row.subscriptionId);
}

function toSubscription(row: SubscriptionRow): Subscription {
  const { subscriptionId, deletedAt, ...rest } = row;
  return {
    ...rest,
    id: subscriptionId as SubscriptionId,
    spaceId: row.spaceId as Subscription["spaceId"],
    filter: row.filter ?? null,
    pausedAt: row.pausedAt ?? null,
    disabledReason: row.disabledReason ?? null,
    failingSince: row.failingSince ?? null,
    lastError: row.lastError ?? null,
    previousSecretUntil: row.previousSecretUntil ?? null,
    ...(deletedAt ? { deletedAt } : {}),
  };
}
