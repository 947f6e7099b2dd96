import { expiresIn } from "@weft/db/base";
import { read, tryTransact, tryWrite, tx } from "@weft/db/write";
import { isoTime } from "@weft/kernel/clock";
import { type Ctx, requireSpace } from "@weft/kernel/ctx";
import { AppError } from "@weft/kernel/errors";
import { type Id, idAt } from "@weft/kernel/ids";
import type { EntityItem } from "electrodb";
import type { ExecutionDeps } from "../execution/deps.ts";
import { cancel } from "../execution/execution.service.ts";
import { ScheduleEntity, ScheduleFiringEntity } from "./schedule.entity.ts";
import type { FIRING_SOURCE } from "./schedule.schema.ts";
import { nextCheck, type ScheduleRow, SETTLE_MS, sweepKeys } from "./schedule.sync.ts";
import { delayOf, occurrence, timesOf } from "./schedule.times.ts";
import { cancelFiring, isUnderWay } from "./trigger.firing.ts";
import { type Fired, fire } from "./trigger.service.ts";

export type ScheduleFiringRow = EntityItem<typeof ScheduleFiringEntity>;
export type FiringSource = (typeof FIRING_SOURCE)[number];

/** How long it can be seen what came of a time. */
const KEEP_MS = 90 * 86_400_000;

/** The run of a nominal time: one, however often the time is delivered. */
export function executionOf(scheduleId: string, at: number): Id<"execution"> {
  return idAt("execution", at, scheduleId);
}

export async function findScheduleFiring(
  { spaceId, scheduleId }: { spaceId: string; scheduleId: string },
  { at, executionId }: { at: string; executionId: string },
): Promise<ScheduleFiringRow | undefined> {
  const key = { spaceId, scheduleId, at, executionId };
  const { data } = await read(() => ScheduleFiringEntity.get(key).go({ consistent: true }));
  return data ?? undefined;
}

/** What the overlap policy makes of a time: decided once, and written before anything is done. */
type Decision = Pick<ScheduleFiringRow, "status" | "error" | "after" | "cancels">;

async function decide(row: ScheduleRow): Promise<Decision> {
  const before = row.lastExecutionId;
  const isOpen = row.overlap !== "allow" && before !== undefined && (await isUnderWay(row.spaceId, before));
  if (!isOpen || row.overlap === "allow") return { status: "starting" };
  if (row.overlap === "queue") return { status: "starting", after: before };
  if (row.overlap === "cancel_previous") return { status: "starting", cancels: before };
  return { status: "skipped", error: { code: "overlap", message: `run ${before} was under way` } };
}

/**
 * Fires a time after all that were dealt with before. Gives the schedule as it is then, or null where somebody else
 * changed it or fired the time meanwhile.
 */
export async function fireAt(
  ctx: Ctx,
  deps: ExecutionDeps,
  row: ScheduleRow,
  { at, source }: { at: number; source: FiringSource },
): Promise<ScheduleRow | null> {
  const now = ctx.clock.now();
  const decision = await decide(row);
  const delay = source === "schedule" ? delayOf(row.scheduleId, row.windowMinutes) : 0;
  const firing = firingOf(row, { at, source, now, startsAt: Math.max(now, at + delay) }, decision);
  const claimed = await claim(row, firing, { cursorAt: isoTime(at), lastNominalAt: isoTime(at) }, now);
  if (!claimed) return null;
  if (firing.status === "starting") await act(ctx, deps, claimed, firing);
  return claimed;
}

/** Passes over times that nobody makes up for; one row says so. */
export async function noteMissed(ctx: Ctx, row: ScheduleRow, missed: readonly number[]): Promise<ScheduleRow | null> {
  const now = ctx.clock.now();
  const at = missed.at(-1) as number;
  const error = { code: "missed", message: "the time passed during an outage" };
  const place = { at, source: "schedule" as const, now, startsAt: at };
  const firing = { ...firingOf(row, place, { status: "missed", error }), count: missed.length };
  return claim(row, firing, { cursorAt: isoTime(at), lastNominalAt: isoTime(at) }, now);
}

/** A firing by hand: it is no time of the schedule, and no overlap policy holds it up. */
export async function fireNow(
  ctx: Ctx,
  deps: ExecutionDeps,
  row: ScheduleRow,
  executionId: Id<"execution">,
): Promise<ScheduleFiringRow> {
  const now = ctx.clock.now();
  const place = { at: now, source: "manual" as const, now, startsAt: now };
  const firing = { ...firingOf(row, place, { status: "starting" }), executionId: executionId as string };
  const { spaceId, scheduleId } = row;
  const op = tx(ScheduleEntity)
    .patch({ spaceId, scheduleId })
    .set({ ...lastOf(firing), ...sweepKeys(scheduleId, now + SETTLE_MS) })
    .where((attr, is) => is.notExists(attr.deletedAt))
    .commit();
  const refused = await tryTransact([tx(ScheduleFiringEntity).create(firing).commit(), op]);
  if (refused) throw new AppError("conflict", `schedule ${scheduleId} was changed by someone else`);
  const { outcome, thrown } = await act(ctx, deps, { ...row, ...lastOf(firing) }, firing);
  if (thrown) throw thrown;
  return { ...firing, ...outcome };
}

function firingOf(
  row: ScheduleRow,
  { at, source, now, startsAt }: { at: number; source: FiringSource; now: number; startsAt: number },
  decision: Decision,
): ScheduleFiringRow {
  return {
    ...{ spaceId: row.spaceId, scheduleId: row.scheduleId, workflowId: row.workflowId },
    at: isoTime(at),
    executionId: executionOf(row.scheduleId, at),
    source,
    ...decision,
    startsAt: isoTime(startsAt),
    count: 1,
    createdAt: isoTime(now),
    expiresAt: expiresIn(KEEP_MS, now),
  };
}

/** The run that the overlap policy looks at from now on. */
function lastOf({ at, executionId }: ScheduleFiringRow) {
  return { lastExecutionId: executionId, lastFiring: { at, executionId } };
}

async function claim(
  row: ScheduleRow,
  firing: ScheduleFiringRow,
  moved: { cursorAt: string; lastNominalAt: string },
  now: number,
): Promise<ScheduleRow | null> {
  const { spaceId, scheduleId } = row;
  const starts = firing.status === "starting";
  const changed: ScheduleRow = { ...row, ...moved, ...(starts ? lastOf(firing) : {}) };
  const sweep = sweepKeys(scheduleId, starts ? now + SETTLE_MS : checkAt(changed, now));
  const op = tx(ScheduleEntity)
    .patch({ spaceId, scheduleId })
    .set({ ...moved, ...(starts ? lastOf(firing) : {}), ...sweep })
    .where((attr, is) =>
      [
        is.eq(attr.cursorAt, row.cursorAt),
        is.eq(attr.generation, row.generation),
        row.lastExecutionId === undefined
          ? is.notExists(attr.lastExecutionId)
          : is.eq(attr.lastExecutionId, row.lastExecutionId),
        is.notExists(attr.pausedAt),
        is.notExists(attr.deletedAt),
      ].join(" AND "),
    )
    .commit();
  const refused = await tryTransact([tx(ScheduleFiringEntity).create(firing).commit(), op]);
  return refused ? null : { ...changed, ...sweep };
}

/** What the scheduler has not been given yet is to be looked at soon, whatever fires meanwhile. */
function checkAt(row: ScheduleRow, now: number): number | undefined {
  return row.syncedGeneration === row.generation ? nextCheck(row) : now + SETTLE_MS;
}

type Outcome = Pick<ScheduleFiringRow, "status" | "error" | "startedId">;

/** Does what was decided of a firing and notes what came of it. A repeat does the same once more, and starts nothing new. */
export async function act(
  ctx: Ctx,
  deps: ExecutionDeps,
  row: ScheduleRow,
  firing: ScheduleFiringRow,
): Promise<{ outcome: Outcome; thrown?: AppError }> {
  let thrown: AppError | undefined;
  let outcome: Outcome;
  try {
    if (firing.cancels !== undefined) await makeWay(ctx, deps, firing.cancels);
    outcome = outcomeOf(firing, await start(ctx, deps, row, firing));
  } catch (caught) {
    if (!(caught instanceof AppError) || caught.status >= 500) throw caught;
    thrown = caught;
    outcome = { status: "failed", error: { code: caught.code, message: caught.message } };
    deps.log("a schedule started no run", { scheduleId: row.scheduleId, at: firing.at, why: caught.message });
  }
  await settle(ctx, row, firing, outcome);
  return thrown ? { outcome, thrown } : { outcome };
}

async function start(ctx: Ctx, deps: ExecutionDeps, row: ScheduleRow, firing: ScheduleFiringRow): Promise<Fired> {
  const { scheduleId, workflowId, version, policy, input, name, timezone } = row;
  const at = Date.parse(firing.at);
  const next = timesOf(row).next(at);
  const data = {
    ...{ scheduleId, name, timezone, source: firing.source },
    scheduledAt: firing.at,
    localTime: occurrence(timezone, at, 0).localTime,
    nextAt: next === undefined ? null : isoTime(next),
  };
  const trigger = {
    ...{ type: "scheduled" as const, triggerId: scheduleId, workflowId, policy, input },
    ...(version === undefined ? {} : { version }),
  };
  return fire(ctx, deps, trigger, {
    data,
    input: data,
    executionId: firing.executionId as Id<"execution">,
    after: firing.after,
    notBefore: Date.parse(firing.startsAt),
  });
}

function outcomeOf(firing: ScheduleFiringRow, fired: Fired): Outcome {
  if (fired.status === "skipped") return { status: "skipped", error: { code: "skipped", message: fired.reason } };
  const id = fired.status === "started" ? fired.execution.id : fired.firing.executionId;
  return { status: fired.status, ...(id === firing.executionId ? {} : { startedId: id }) };
}

/** Ends the run before; nothing more of it starts when this returns. Throws `unavailable` where it does not end. */
async function makeWay(ctx: Ctx, deps: ExecutionDeps, executionId: string): Promise<void> {
  await cancelFiring(ctx, executionId);
  try {
    await cancel(ctx, deps, executionId);
  } catch (thrown) {
    if (!(thrown instanceof AppError) || !["not_found", "conflict"].includes(thrown.code)) throw thrown;
  }
  if (await isUnderWay(requireSpace(ctx), executionId)) {
    throw new AppError("unavailable", `run ${executionId} does not end`, { retryable: true });
  }
}

async function settle(ctx: Ctx, row: ScheduleRow, firing: ScheduleFiringRow, outcome: Outcome): Promise<void> {
  const { spaceId, scheduleId } = row;
  const { at, executionId } = firing;
  const written = await tryWrite(() =>
    ScheduleFiringEntity.patch({ spaceId, scheduleId, at, executionId })
      .set(outcome)
      .where((attr, is) => is.eq(attr.status, "starting"))
      .go(),
  );
  if (!written) return;
  const now = ctx.clock.now();
  const error = outcome.status === "failed" ? outcome.error : undefined;
  const { startedId } = outcome;
  await tryWrite(() =>
    ScheduleEntity.patch({ spaceId, scheduleId })
      .set({
        lastFiredAt: isoTime(now),
        ...(startedId === undefined ? {} : { lastExecutionId: startedId }),
        ...(error ? { lastError: { ...error, at: isoTime(now) } } : {}),
        ...sweepKeys(scheduleId, checkAt(row, now)),
      })
      .remove(error ? [] : ["lastError"])
      // Whoever moved on meanwhile notes what came of that.
      .where((attr, is) => `${is.eq(attr.generation, row.generation)} AND ${is.eq(attr.cursorAt, row.cursorAt)}`)
      .go(),
  );
}
