import { getMany } from "@weft/db/get-many";
import type { Ctx } from "@weft/kernel/ctx";
import type { Id } from "@weft/kernel/ids";
import type { ScheduleFiringRow } from "./schedule.fire.ts";
import type { Occurrence, Schedule, ScheduleFiring, ScheduleId } from "./schedule.schema.ts";
import type { ScheduleRow } from "./schedule.sync.ts";
import { delayOf, occurrence, timesOf } from "./schedule.times.ts";
import { FiringEntity } from "./trigger.entity.ts";
import { firingIdOf } from "./trigger.firing.ts";

/** The API's form of a firing's row. */
export function toFiring(row: ScheduleFiringRow): ScheduleFiring {
  const { status, source, at, startsAt, count, createdAt } = row;
  const hasRun = status === "starting" || status === "deferred" || status === "started";
  return {
    scheduleId: row.scheduleId as ScheduleId,
    workflowId: row.workflowId as Id<"workflow">,
    ...{ at, source, status, startsAt, count, createdAt },
    executionId: hasRun ? ((row.startedId ?? row.executionId) as Id<"execution">) : null,
    error: row.error ?? null,
  };
}

/** The API's form of a row. */
export function toSchedule(ctx: Ctx, row: ScheduleRow): Schedule {
  const next = nextOccurrence(row, ctx.clock.now());
  const { lastExecutionId, lastFiring } = row;
  return {
    id: row.scheduleId as ScheduleId,
    spaceId: row.spaceId as Id<"space">,
    ...{ name: row.name, description: row.description, status: statusOf(row, next) },
    ...{ when: row.when, timezone: row.timezone, overlap: row.overlap, catchUp: row.catchUp, policy: row.policy },
    ...{ start: row.start ?? null, end: row.end ?? null, windowMinutes: row.windowMinutes ?? null },
    workflowId: row.workflowId as Id<"workflow">,
    ...{ version: row.version ?? null, input: row.input ?? null },
    ...{ pausedAt: row.pausedAt ?? null, pausedBy: row.pausedBy ?? null },
    ...{ lastNominalAt: row.lastNominalAt ?? null, lastFiredAt: row.lastFiredAt ?? null },
    lastExecution: lastExecutionId && lastFiring ? { id: lastExecutionId as Id<"execution">, at: lastFiring.at } : null,
    lastError: row.lastError ?? null,
    nextExecution: row.pausedAt === undefined && row.deletedAt === undefined ? next : null,
    ...{ revision: row.revision, createdAt: row.createdAt, updatedAt: row.updatedAt, createdBy: row.createdBy },
    deletedAt: row.deletedAt ?? null,
  };
}

function nextOccurrence(row: ScheduleRow, now: number): Occurrence | null {
  const next = timesOf(row).next(now);
  if (next === undefined) return null;
  return occurrence(row.timezone, next, delayOf(row.scheduleId, row.windowMinutes));
}

function statusOf(row: ScheduleRow, next: Occurrence | null): Schedule["status"] {
  if (row.deletedAt !== undefined) return "deleted";
  if (row.pausedAt !== undefined) return "paused";
  return next ? "active" : "ended";
}

/** What was put off when it was noted may have started, or been dropped, since. */
export async function toFirings(rows: readonly ScheduleFiringRow[]): Promise<ScheduleFiring[]> {
  const deferred = rows.filter(({ status }) => status === "deferred");
  const keyOf = ({ spaceId, startedId, executionId }: ScheduleFiringRow) => {
    return { spaceId, firingId: firingIdOf(startedId ?? executionId) };
  };
  const found = await getMany(deferred.map((row) => ({ entity: FiringEntity, key: keyOf(row) })));
  const starts = new Map(deferred.map((row, index) => [row, found[index]]));
  return rows.map((row) => {
    if (row.status !== "deferred") return toFiring(row);
    const start = starts.get(row);
    if (start?.status === "pending") return toFiring({ ...row, startsAt: start.dueAt });
    // Rows of starts are kept for a while after the start.
    if (!start) return toFiring({ ...row, status: "started" });
    const { status, executionId: startedId, error } = start;
    return toFiring({ ...row, status, startedId, ...(error ? { error } : {}) });
  });
}
