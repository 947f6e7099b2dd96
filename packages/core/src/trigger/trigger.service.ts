import { requireRate } from "@weft/db/rate-limit";
import { evaluateExpression } from "@weft/engine/expressions/evaluate";
import type { RunMode } from "@weft/engine/status";
import { type Ctx, requireSpace } from "@weft/kernel/ctx";
import { AppError, messageOf } from "@weft/kernel/errors";
import { type Id, newId } from "@weft/kernel/ids";
import type { ExecutionDeps } from "../execution/deps.ts";
import { findExecution } from "../execution/store.ts";
import type { FiredTrigger } from "./trigger.entity.ts";
import { defer, findFiring, firingIdOf, gather, isUnderWay, toFiring } from "./trigger.firing.ts";
import { keyValue, paceKey, takeStart } from "./trigger.pace.ts";
import { type StartedRun, startRun } from "./trigger.run.ts";
import { type Firing, MAX_DELAY_SECONDS } from "./trigger.schema.ts";

/** Something that happened, as a kind of trigger tells it. */
export interface TriggerEvent {
  /** What the trigger's mapping reads. */
  data: Readonly<Record<string, unknown>>;
  /** The run's input where the trigger has no mapping. */
  input: Record<string, unknown>;
  /** The run's id where the event has an identity: a repeat of it starts nothing. */
  executionId?: Id<"execution">;
  /** The id was made for this event just now: there is nothing of it to look for. */
  isFirst?: boolean;
  /** async where it is left out, and for every run that is put off. */
  mode?: RunMode;
  /** The run that has to end before this one starts. */
  after?: string | undefined;
  /** Milliseconds since the epoch: the run starts no earlier. */
  notBefore?: number;
  /** For whom it runs (`sys_uuid` and the like). */
  system?: Record<string, string>;
}

/** What came of an event. */
export type Fired = StartedRun | { status: "deferred"; firing: Firing };

/**
 * Starts the run of an event as far as the trigger's policy and its workflow's limits allow: now, later, or not at all.
 * A repeat with the same `executionId` gives what the first one gave. Throws `rate_limited`, `unprocessable` where the
 * mapping or a key gives nothing usable or the workflow may not run, `invalid_input` naming the start node's field, and
 * `not_found` where the workflow or its version is gone; nothing is started then.
 */
export async function fire(
  ctx: Ctx,
  deps: ExecutionDeps,
  trigger: FiredTrigger & { input?: string | undefined },
  event: TriggerEvent,
): Promise<Fired> {
  const spaceId = requireSpace(ctx);
  const now = ctx.clock.now();
  const { policy, triggerId } = trigger;
  const executionId = event.executionId ?? newId("execution", now);
  if (event.executionId !== undefined && !event.isFirst) {
    const before = await earlier(ctx, deps, trigger, event, executionId);
    if (before) return before;
  }
  const input = trigger.input === undefined ? event.input : await mapped(trigger.input, event.data, now);
  if (policy.rateLimit) {
    const { limit, windowSeconds } = policy.rateLimit;
    const rule = { scope: spaceId, name: "trigger:run", subject: triggerId, limit };
    await requireRate(ctx.clock, { ...rule, windowMs: windowSeconds * 1000 });
  }
  const { input: _mapping, ...fired } = trigger;
  const start = { trigger: fired, input, executionId, after: event.after, system: event.system };
  if (policy.debounce) {
    const value = await keyValue("debounce", policy.debounce.key, input, now);
    const firing = await gather(ctx, deps, paceKey(spaceId, triggerId, "debounce", value), policy.debounce, start);
    return { status: "deferred", firing };
  }
  let dueAt = Math.max(now, event.notBefore ?? now);
  if (policy.throttle) {
    const value = await keyValue("throttle", policy.throttle.key, input, now);
    const key = paceKey(spaceId, triggerId, "throttle", value);
    dueAt = Math.max(dueAt, await takeStart(key, policy.throttle, now, MAX_DELAY_SECONDS * 1000));
  }
  if (dueAt > now || (event.after !== undefined && (await isUnderWay(spaceId, event.after)))) {
    return { status: "deferred", firing: await defer(ctx, deps, { ...start, dueAt }) };
  }
  return startRun(ctx, deps, fired, { input, executionId, mode: event.mode ?? "async", system: event.system });
}

/** What came of this event before. */
async function earlier(
  ctx: Ctx,
  deps: ExecutionDeps,
  trigger: FiredTrigger,
  event: TriggerEvent,
  executionId: Id<"execution">,
): Promise<Fired | undefined> {
  const spaceId = requireSpace(ctx);
  if (await findExecution({ spaceId, executionId })) {
    // The run is there: nothing of the request is looked at but its id.
    const { input, mode = "async", system } = event;
    return startRun(ctx, deps, { ...trigger, policy: {} }, { input, executionId, mode, system });
  }
  const firing = await findFiring({ spaceId, firingId: firingIdOf(executionId) });
  return firing ? { status: "deferred", firing: toFiring(firing) } : undefined;
}

async function mapped(
  text: string,
  data: Readonly<Record<string, unknown>>,
  now: number,
): Promise<Record<string, unknown>> {
  let value: unknown;
  try {
    value = await evaluateExpression("jsonata", text, data, now);
  } catch (thrown) {
    throw new AppError("unprocessable", `the input mapping failed: ${messageOf(thrown)}`, { cause: thrown });
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new AppError("unprocessable", "the input mapping gives no object for what arrived");
}
