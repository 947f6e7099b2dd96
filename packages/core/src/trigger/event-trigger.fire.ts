import { getAny } from "@weft/db/change";
import { takeRate } from "@weft/db/rate-limit";
import { tryWrite } from "@weft/db/write";
import { conditionHolds } from "@weft/engine/expressions/evaluate";
import { NodeError } from "@weft/engine/node";
import { isoTime } from "@weft/kernel/clock";
import { actorId, type Ctx } from "@weft/kernel/ctx";
import { AppError } from "@weft/kernel/errors";
import { idAt } from "@weft/kernel/ids";
import { type EventRow, viewOf } from "../event/event.tell.ts";
import { matchesType } from "../event/event.types.ts";
import type { ExecutionDeps } from "../execution/deps.ts";
import { eventDepthOf, systemBelow } from "../execution/execution.events.ts";
import { findExecution } from "../execution/store.ts";
import { MAIL_TYPE } from "./event-trigger.address.ts";
import { EventTriggerEntity, type EventTriggerRow } from "./event-trigger.entity.ts";
import { MAX_CHAINED_RUNS, MAX_EVENT_DEPTH, type Trouble } from "./event-trigger.schema.ts";
import { target } from "./event-trigger.service.ts";
import { type Fired, fire } from "./trigger.service.ts";

const MINUTE_MS = 60_000;

/**
 * Starts the run of one trigger for an event, where the trigger is on and wants it. A repeat starts nothing. What is
 * wrong with the trigger, its filter or its workflow is noted on it; what is wrong with us is thrown, and tried again.
 */
export async function fireEventTrigger(
  ctx: Ctx,
  deps: ExecutionDeps,
  eventTriggerId: string,
  event: EventRow,
  data: Record<string, unknown>,
): Promise<Fired | undefined> {
  const row = await getAny(target(ctx, eventTriggerId));
  if (!row || row.deletedAt || !row.isEnabled || !isWanted(row, event, data)) return undefined;
  const view = viewOf(event, data);
  const now = ctx.clock.now();
  try {
    if (row.filter !== undefined && !(await conditionHolds(row.filter, view, now))) return undefined;
    const depth = await depthBelow(event);
    if (depth !== undefined) await checkDepth(ctx, depth);
    const fired = await fire(ctx, deps, firedTrigger(row), {
      data: view,
      input: data,
      executionId: idAt("execution", Date.parse(event.createdAt), `${event.eventId}:${eventTriggerId}`),
      ...(depth === undefined ? {} : { system: { sys_uuid: actorId(ctx), ...systemBelow(depth) } }),
    });
    await note(row, { lastFiredAt: isoTime(now), ...executionOf(fired) }, ["lastError"]);
    return fired;
  } catch (thrown) {
    const isOurs = thrown instanceof AppError ? thrown.status >= 500 : !(thrown instanceof NodeError);
    if (isOurs) throw thrown;
    const { code, message } = thrown as AppError | NodeError;
    const lastError: Trouble = { code, message: message.slice(0, 1_000), eventId: event.eventId, at: isoTime(now) };
    await note(row, { lastError });
    return undefined;
  }
}

/** What was changed since the event was matched counts as it is now. A mail is for the one whose address it came to. */
function isWanted(row: EventTriggerRow, { type }: EventRow, data: Record<string, unknown>): boolean {
  if (!row.types.some((pattern) => matchesType(pattern, type))) return false;
  return type !== MAIL_TYPE || data.triggerId === row.eventTriggerId;
}

/** How many events of runs stand above a run that this event starts; undefined where it is no event of a run. */
async function depthBelow(event: EventRow): Promise<number | undefined> {
  const { spaceId, executionId } = event;
  if (executionId === undefined) return undefined;
  if (event.depth !== undefined) return event.depth + 1;
  const cause = await findExecution({ spaceId, executionId });
  return (cause ? eventDepthOf(cause) : 0) + 1;
}

async function checkDepth(ctx: Ctx, depth: number): Promise<void> {
  if (depth > MAX_EVENT_DEPTH) {
    const message = `runs and their events start each other: more than ${MAX_EVENT_DEPTH} stand above this one`;
    throw new AppError("unprocessable", message, { details: { depth } });
  }
  const spaceId = ctx.spaceId ?? "";
  const rule = { scope: spaceId, name: "event:chain", subject: spaceId, limit: MAX_CHAINED_RUNS, windowMs: MINUTE_MS };
  const { allowed } = await takeRate(ctx.clock, rule);
  if (allowed) return;
  throw new AppError("rate_limited", `events of runs start at most ${MAX_CHAINED_RUNS} runs of a space in a minute`);
}

function firedTrigger(row: EventTriggerRow) {
  const { eventTriggerId: triggerId, workflowId, version, policy, input } = row;
  return {
    ...{ type: "event" as const, triggerId, workflowId, policy },
    ...(version === undefined ? {} : { version }),
    ...(input === undefined ? {} : { input }),
  };
}

function executionOf(fired: Fired): { lastExecutionId?: string } {
  if (fired.status === "started") return { lastExecutionId: fired.execution.id };
  return fired.status === "deferred" ? { lastExecutionId: fired.firing.executionId } : {};
}

/** Beside the definition: it changes no revision, and nothing fails by it. */
async function note(
  { spaceId, eventTriggerId }: EventTriggerRow,
  set: { lastFiredAt?: string; lastExecutionId?: string; lastError?: Trouble },
  remove: readonly "lastError"[] = [],
): Promise<void> {
  await tryWrite(() =>
    EventTriggerEntity.patch({ spaceId, eventTriggerId })
      .set(set)
      .remove([...remove])
      .go(),
  ).catch(() => null);
}
