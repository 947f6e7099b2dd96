import { listenersOf } from "@weft/core/event/event.listen";
import * as Event from "@weft/core/event/event.service";
import { claim, finish, leave } from "@weft/core/event/event.tell";
import { prepare } from "@weft/core/subscription/delivery.prepare";
import { fireEventTrigger } from "@weft/core/trigger/event-trigger.fire";
import { log } from "@weft/http/log";
import { systemCtx } from "@weft/kernel/ctx";
import { readEnv } from "@weft/kernel/env";
import { AppError, messageOf } from "@weft/kernel/errors";
import { type Id, isId } from "@weft/kernel/ids";
import type { Context, EventBridgeEvent } from "aws-lambda";
import * as z from "zod";
import { executionDeps } from "../execution/wiring.ts";
import { deliveryDeps } from "./delivery-deps.ts";

const Detail = z.object({ id: z.string(), spaceId: z.string() });

/** Listeners that are told side by side. */
const AT_ONCE = 10;

/**
 * Tells an event of the bus to the triggers and subscriptions of its space. Who was told is not told again; what fails
 * is thrown, so that Lambda tries again, and the sweeper after it.
 */
export async function handler(event: EventBridgeEvent<string, unknown>, context: Context): Promise<void> {
  const { id: eventId, spaceId } = Detail.parse(event.detail);
  const { RUN_WORKFLOW_ARN: machineArn } = readEnv({ RUN_WORKFLOW_ARN: z.string() });
  const deps = executionDeps({ machineArn, timeLeftMs: () => context.getRemainingTimeInMillis() });
  const row = await claim({ spaceId, eventId }, deps.clock);
  if (!row) return;
  const ctx = systemCtx("trigger", { spaceId: spaceId as Id<"space">, clock: deps.clock });
  const told: string[] = [];
  const failures: unknown[] = [];
  try {
    const known: ReadonlySet<string> = new Set(row.told ?? []);
    const listeners = (await listenersOf(spaceId, row.type)).filter((listenerId) => !known.has(listenerId));
    const data = listeners.length > 0 ? await Event.dataOf(ctx, row) : {};
    const tell = async (listenerId: string): Promise<void> => {
      if (isId("eventTrigger", listenerId)) await fireEventTrigger(ctx, deps, listenerId, row, data);
      else await prepare(ctx, deliveryDeps(deps), listenerId, row, data);
      told.push(listenerId);
    };
    for (let at = 0; at < listeners.length; at += AT_ONCE) {
      const results = await Promise.allSettled(listeners.slice(at, at + AT_ONCE).map(tell));
      failures.push(...results.flatMap((result) => (result.status === "rejected" ? [result.reason] : [])));
    }
  } catch (thrown) {
    failures.push(thrown);
  }
  if (failures.length === 0) return finish(row);
  const error = messageOf(failures[0]);
  await leave(row, deps.clock, { told, error });
  log.error("an event was not told to all", { eventId, spaceId, failed: failures.length, error });
  throw new AppError("unavailable", `event ${eventId} was not told to ${failures.length} who want it`);
}
