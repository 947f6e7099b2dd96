import { createHash } from "node:crypto";
import { getAny } from "@weft/db/change";
import { read, transact, tryWrite, tx } from "@weft/db/write";
import { isoTime } from "@weft/kernel/clock";
import { type Ctx, systemCtx } from "@weft/kernel/ctx";
import { AppError } from "@weft/kernel/errors";
import type { Id } from "@weft/kernel/ids";
import { listenersChanged, unlistenOps } from "../event/event.listen.ts";
import * as Event from "../event/event.service.ts";
import type { LaneInput, LaneRoute } from "../execution/machine.ts";
import { START_INTERVAL_MS, sweepKeys } from "./delivery.lane.ts";
import type { DeliveryDeps } from "./subscription.deps.ts";
import {
  DeliveryEntity,
  type DeliveryRow,
  NEVER,
  SubscriptionEntity,
  type SubscriptionRow,
} from "./subscription.entity.ts";
import type { Attempt } from "./subscription.schema.ts";
import { isDelivered, type Sent, send } from "./subscription.send.ts";
import { target } from "./subscription.service.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
/** Pauses between tries: three days and a little, in the steps that Standard Webhooks recommends and longer ones. */
export const RETRY_PAUSES_MS = [
  ...[5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR],
  ...[14 * HOUR, 20 * HOUR, 24 * HOUR],
];
/** So that what failed together is not sent together again. */
const JITTER = 0.1;
/** A receiver may ask for a longer pause, up to this. */
const MAX_RETRY_AFTER_MS = 24 * HOUR;
/** A subscription to which nothing came through for so long is turned off. */
export const FAILING_LIMIT_MS = 5 * 24 * HOUR;
/** Attempts that are shown. */
const MAX_SHOWN = 12;
const GONE = 410;

/** One state of a delivery's lane: it waits until it is due, then sends. */
export async function runDelivery(deps: DeliveryDeps, input: LaneInput): Promise<LaneRoute> {
  const { spaceId, executionId: deliveryId } = input;
  const done: LaneRoute = { ...input, next: "done" };
  const { data } = await read(() => DeliveryEntity.get({ spaceId, deliveryId }).go({ consistent: true }));
  const row = data as DeliveryRow | null;
  if (row?.status !== "pending" || row.lanes !== input.epoch) return done;
  const until = Date.parse(row.nextAt) > deps.clock.now() ? row.nextAt : await attempt(deps, row);
  return until === null ? done : { ...input, hops: input.hops + 1, next: "wait", until };
}

/** Sends once. Gives the time of the next try, null where there is none. */
async function attempt(deps: DeliveryDeps, row: DeliveryRow): Promise<string | null> {
  const ctx = systemCtx("subscription", { spaceId: row.spaceId as Id<"space">, clock: deps.clock });
  const subscription = await getAny(target(ctx, row.subscriptionId));
  if (!subscription || subscription.deletedAt) return end(deps, row, "cancelled", "the subscription was deleted");
  if (!subscription.isEnabled) return end(deps, row, "cancelled", "the subscription is off");
  const event = await eventOf(ctx, row);
  if (!event) return end(deps, row, "dead", "the event is no longer kept");
  const sent = await send(ctx, deps, subscription, event);
  if (isDelivered(sent.attempt)) {
    await succeeded(subscription);
    return end(deps, row, "succeeded", undefined, sent.attempt);
  }
  const isOver = await failed(ctx, deps, subscription, sent.attempt);
  const error = sent.attempt.error ?? "failed";
  if (isOver || sent.isFinal || row.tries >= RETRY_PAUSES_MS.length) return end(deps, row, "dead", error, sent.attempt);
  return putOff(deps, row, sent);
}

async function eventOf(ctx: Ctx, { eventId }: DeliveryRow): Promise<Event.KeptEvent | null> {
  try {
    return await Event.get(ctx, { eventId: eventId as Id<"event"> });
  } catch (thrown) {
    if (thrown instanceof AppError && (thrown.code === "not_found" || thrown.code === "gone")) return null;
    throw thrown;
  }
}

/** Null where another lane was faster. */
async function putOff(deps: DeliveryDeps, row: DeliveryRow, sent: Sent): Promise<string | null> {
  const { spaceId, deliveryId, tries } = row;
  const now = deps.clock.now();
  const at = now + pauseMs(row, sent, now);
  const written = await tryWrite(() =>
    DeliveryEntity.patch({ spaceId, deliveryId })
      .set({
        nextAt: isoTime(at),
        attempts: shown(row, sent.attempt),
        ...sweepKeys(deliveryId, at + START_INTERVAL_MS),
      })
      .add({ tries: 1 })
      .where(
        (attr, op) =>
          `${op.eq(attr.status, "pending")} AND ${op.eq(attr.tries, tries)} AND ${op.eq(attr.lanes, row.lanes)}`,
      )
      .go(),
  );
  return written ? isoTime(at) : null;
}

/** The schedule's pause, somewhat varied, or the one that the receiver asks for where that is longer. */
function pauseMs({ deliveryId, tries }: DeliveryRow, { retryAfter }: Sent, now: number): number {
  const base = RETRY_PAUSES_MS[tries] ?? MAX_RETRY_AFTER_MS;
  const drawn = (createHash("sha256").update(`${deliveryId}:${tries}`).digest()[0] ?? 0) / 255;
  return Math.max(Math.round(base * (1 + JITTER * drawn)), askedMs(retryAfter, now));
}

function askedMs(retryAfter: string | undefined, now: number): number {
  if (retryAfter === undefined) return 0;
  const seconds = Number(retryAfter);
  const ms = Number.isFinite(seconds) ? seconds * SECOND : Date.parse(retryAfter) - now;
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), MAX_RETRY_AFTER_MS) : 0;
}

async function end(
  deps: DeliveryDeps,
  row: DeliveryRow,
  status: "succeeded" | "dead" | "cancelled",
  error?: string,
  last?: Attempt,
): Promise<null> {
  const { spaceId, deliveryId, subscriptionId, eventId } = row;
  await tryWrite(() =>
    DeliveryEntity.patch({ spaceId, deliveryId })
      .set({
        ...{ status, endedAt: isoTime(deps.clock.now()), ...sweepKeys(deliveryId, NEVER) },
        ...(last ? { attempts: shown(row, last) } : {}),
        ...(error === undefined ? {} : { error }),
      })
      .where((attr, op) => `${op.eq(attr.status, "pending")} AND ${op.eq(attr.lanes, row.lanes)}`)
      .go(),
  );
  // A metric counts these lines, and an alarm watches it.
  if (status === "dead") deps.log("a delivery was given up", { deliveryId, subscriptionId, eventId, error });
  return null;
}

function shown(row: DeliveryRow, last: Attempt): Attempt[] {
  return [...row.attempts, last].slice(-MAX_SHOWN);
}

async function succeeded({ spaceId, subscriptionId, failingSince }: SubscriptionRow): Promise<void> {
  if (failingSince === undefined) return;
  await tryWrite(() => SubscriptionEntity.patch({ spaceId, subscriptionId }).remove(["failingSince"]).go());
}

/** Notes since when it fails. Whoever says that it is gone, or fails too long, is asked no more: true then. */
async function failed(ctx: Ctx, deps: DeliveryDeps, row: SubscriptionRow, { status }: Attempt): Promise<boolean> {
  const { spaceId, subscriptionId, failingSince } = row;
  const now = deps.clock.now();
  if (status === GONE) {
    await turnOff(ctx, row, `the receiver answered ${GONE}: it is gone`);
    return true;
  }
  if (failingSince === undefined) {
    await tryWrite(() =>
      SubscriptionEntity.patch({ spaceId, subscriptionId })
        .set({ failingSince: isoTime(now) })
        .where((attr, op) => op.notExists(attr.failingSince))
        .go(),
    );
    return false;
  }
  if (now - Date.parse(failingSince) < FAILING_LIMIT_MS) return false;
  await turnOff(ctx, row, `no delivery succeeded since ${failingSince}`);
  return true;
}

async function turnOff(ctx: Ctx, row: SubscriptionRow, disabledReason: string): Promise<void> {
  const { spaceId, subscriptionId } = row;
  const now = isoTime(ctx.clock.now());
  const off = tx(SubscriptionEntity)
    .patch({ spaceId, subscriptionId })
    .set({ isEnabled: false, pausedAt: now, updatedAt: now, disabledReason })
    .add({ revision: 1 })
    .commit();
  await transact([off, ...unlistenOps(ctx, subscriptionId)]);
  await listenersChanged(ctx);
}
