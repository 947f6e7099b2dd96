import { created } from "@weft/db/base";
import { getAny, getLive, restore as restoreRow, softDeleteOp, updateOp } from "@weft/db/change";
import { listPage } from "@weft/db/page";
import { transact, tx, type WriteOp } from "@weft/db/write";
import { isoTime } from "@weft/kernel/clock";
import { type Ctx, requireSpace } from "@weft/kernel/ctx";
import { type Id, newId } from "@weft/kernel/ids";
import type { Page } from "@weft/kernel/page";
import { listenersChanged, listenOps, requireRoom, unlistenOps } from "../event/event.listen.ts";
import * as Workflow from "../workflow/workflow.service.ts";
import { newAddress, wantsMail } from "./event-trigger.address.ts";
import { EventTriggerEntity, type EventTriggerRow, NO_MAIL } from "./event-trigger.entity.ts";
import type {
  CreateEventTrigger,
  EventTrigger,
  ListEventTriggers,
  UpdateEventTrigger,
} from "./event-trigger.schema.ts";
import { cancelFirings, listFirings } from "./trigger.firing.ts";
import type { Firing } from "./trigger.schema.ts";

type EventTriggerId = Id<"eventTrigger">;

export async function create(ctx: Ctx, domain: string, input: CreateEventTrigger): Promise<EventTrigger> {
  const spaceId = requireSpace(ctx);
  await checkWorkflow(ctx, input);
  if (input.isEnabled) await requireRoom(ctx);
  const eventTriggerId = newId("eventTrigger", ctx.clock.now());
  const { name, description, types, filter, workflowId, version, policy, isEnabled } = input;
  const row: EventTriggerRow = {
    ...{ spaceId, eventTriggerId, name, description, types, workflowId, policy, isEnabled },
    ...(filter === null ? {} : { filter }),
    ...(version === undefined ? {} : { version }),
    ...(input.input === undefined ? {} : { input: input.input }),
    ...(isEnabled ? {} : { pausedAt: isoTime(ctx.clock.now()) }),
    ...(wantsMail(types) ? newAddress() : { mailHash: NO_MAIL }),
    ...created(ctx),
  };
  await change(ctx, row, [tx(EventTriggerEntity).create(row).commit()]);
  return toEventTrigger(row, domain);
}

export async function get(
  ctx: Ctx,
  domain: string,
  { eventTriggerId }: { eventTriggerId: EventTriggerId },
): Promise<EventTrigger> {
  return toEventTrigger(await getLive(ctx, target(ctx, eventTriggerId)), domain);
}

/** Newest first; those of one workflow where it is named. */
export async function list(ctx: Ctx, domain: string, input: ListEventTriggers): Promise<Page<EventTrigger>> {
  const spaceId = requireSpace(ctx);
  const { workflowId, state, limit, cursor } = input;
  const base =
    workflowId === undefined
      ? EventTriggerEntity.query.primary({ spaceId })
      : EventTriggerEntity.query.byWorkflow({ spaceId, workflowId });
  const filtered = base.where((attr, op) => {
    if (state === "deleted") return op.exists(attr.deletedAt);
    const live = op.notExists(attr.deletedAt);
    return state === "all" ? live : `${live} AND ${op.eq(attr.isEnabled, state === "enabled")}`;
  });
  const scope = { operation: "listEventTriggers", spaceId, filters: { workflowId, state } };
  const page = await listPage(filtered as typeof base, { scope, limit, cursor });
  const items = (page.items as EventTriggerRow[]).map((row) => toEventTrigger(row, domain));
  return { items, nextCursor: page.nextCursor };
}

/** Changes what it does, or whether it is on; the one never changes the other. */
export async function update(
  ctx: Ctx,
  domain: string,
  input: UpdateEventTrigger & { eventTriggerId: EventTriggerId },
): Promise<EventTrigger> {
  const { eventTriggerId, expectedRevision, filter, version, input: mapping, name, description, policy } = input;
  const row = await getLive(ctx, target(ctx, eventTriggerId));
  const { isEnabled = row.isEnabled, types = row.types } = input;
  const workflowId = (input.workflowId ?? row.workflowId) as Id<"workflow">;
  if (input.workflowId !== undefined || version)
    await checkWorkflow(ctx, { workflowId, version: version ?? undefined });
  if (isEnabled && !row.isEnabled) await requireRoom(ctx);
  const isPausing = row.isEnabled && !isEnabled;
  const mail = wantsMail(types) && row.mailToken === undefined ? newAddress() : {};
  const set = {
    ...{ name, description, policy, types, isEnabled, workflowId },
    ...mail,
    ...(filter ? { filter } : {}),
    ...(version ? { version } : {}),
    ...(mapping ? { input: mapping } : {}),
    ...(isPausing ? { pausedAt: isoTime(ctx.clock.now()) } : {}),
  };
  const remove = [
    ...(filter === null ? (["filter"] as const) : []),
    ...(version === null ? (["version"] as const) : []),
    ...(mapping === null ? (["input"] as const) : []),
    ...(isEnabled && !row.isEnabled ? (["pausedAt", "lastError"] as const) : []),
  ];
  const op = updateOp(ctx, target(ctx, eventTriggerId), { set, remove, expectedRevision });
  await change(ctx, { eventTriggerId, types, isEnabled }, [op]);
  if (isPausing) await cancelFirings(ctx, eventTriggerId);
  return get(ctx, domain, { eventTriggerId });
}

/** It can be restored. What it put off is dropped. */
export async function remove(ctx: Ctx, { eventTriggerId }: { eventTriggerId: EventTriggerId }): Promise<void> {
  await transact([softDeleteOp(ctx, target(ctx, eventTriggerId)), ...unlistenOps(ctx, eventTriggerId)]);
  await listenersChanged(ctx);
  await cancelFirings(ctx, eventTriggerId);
}

/** Back as it was: one that was off is off. Its workflow has to be there. */
export async function restore(
  ctx: Ctx,
  domain: string,
  { eventTriggerId }: { eventTriggerId: EventTriggerId },
): Promise<EventTrigger> {
  const row = await getAny(target(ctx, eventTriggerId));
  if (row) await checkWorkflow(ctx, { workflowId: row.workflowId as Id<"workflow"> });
  if (row?.isEnabled) await requireRoom(ctx);
  const also = row?.isEnabled ? listenOps(ctx, eventTriggerId, row.types) : [];
  await restoreRow(ctx, target(ctx, eventTriggerId), { also });
  await listenersChanged(ctx);
  return get(ctx, domain, { eventTriggerId });
}

/** Gives it another address; mails to the one before start nothing any more. */
export async function rotateAddress(
  ctx: Ctx,
  domain: string,
  { eventTriggerId }: { eventTriggerId: EventTriggerId },
): Promise<EventTrigger> {
  const row = await getLive(ctx, target(ctx, eventTriggerId));
  if (row.mailToken !== undefined) {
    const set = newAddress();
    await transact([updateOp(ctx, target(ctx, eventTriggerId), { set, expectedRevision: row.revision })]);
  }
  return get(ctx, domain, { eventTriggerId });
}

/** Starts that it put off, newest first. */
export async function firings(
  ctx: Ctx,
  input: { eventTriggerId: EventTriggerId; limit: number; cursor?: string | undefined },
): Promise<Page<Firing>> {
  const { eventTriggerId, ...page } = input;
  await getLive(ctx, target(ctx, eventTriggerId));
  return listFirings(ctx, eventTriggerId, page);
}

export function target(ctx: Ctx, eventTriggerId: string) {
  const key = { spaceId: requireSpace(ctx), eventTriggerId };
  return { entity: EventTriggerEntity, key, what: "event trigger", id: eventTriggerId };
}

/** Writes a trigger together with what it listens to. */
async function change(
  ctx: Ctx,
  row: { eventTriggerId: string; types: string[]; isEnabled: boolean },
  ops: readonly WriteOp[],
): Promise<void> {
  const { eventTriggerId, types, isEnabled } = row;
  await transact([...ops, ...(isEnabled ? listenOps(ctx, eventTriggerId, types) : unlistenOps(ctx, eventTriggerId))]);
  await listenersChanged(ctx);
}

/** Throws `not_found` for a workflow or a version that the space does not have. */
async function checkWorkflow(
  ctx: Ctx,
  { workflowId, version }: { workflowId: Id<"workflow">; version?: string | undefined },
): Promise<void> {
  await Workflow.get(ctx, { workflowId });
  if (version !== undefined) await getLive(ctx, Workflow.versionTarget(ctx, workflowId, version));
}

function toEventTrigger(row: EventTriggerRow, domain: string): EventTrigger {
  const { eventTriggerId, mailToken, mailHash: _hash, deletedAt, ...rest } = row;
  return {
    ...rest,
    id: eventTriggerId as EventTriggerId,
    spaceId: row.spaceId as EventTrigger["spaceId"],
    workflowId: row.workflowId as EventTrigger["workflowId"],
    filter: row.filter ?? null,
    version: row.version ?? null,
    input: row.input ?? null,
    pausedAt: row.pausedAt ?? null,
    address: mailToken !== undefined && wantsMail(row.types) ? `${mailToken}@${domain}` : null,
    lastFiredAt: row.lastFiredAt ?? null,
    lastExecutionId: row.lastExecutionId ?? null,
    lastError: row.lastError ?? null,
    ...(deletedAt ? { deletedAt } : {}),
  };
}
