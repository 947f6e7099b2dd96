import type { TerminalStatus } from "@weft/engine/status";
import { type Ctx, systemCtx } from "@weft/kernel/ctx";
import { type Id, idAt } from "@weft/kernel/ids";
import { emit } from "../event/event.emit.ts";
import { isHeard } from "../event/event.listen.ts";
import type { EndDeps } from "./deps.ts";
import type { EventRow } from "./journal.ts";
import { type ExecutionRow, isTerminal } from "./store.ts";

/** Larger results are read from the execution. */
const MAX_OUTPUT_CHARS = 32_000;

/** Of whom a run is, for how many events it stands below. */
const DEPTH = "sys_event_depth";

type TellDeps = Pick<EndDeps, "bus" | "clock">;

/** Whether somebody wants to know of this end. Asked before it is written, so that it is told for certain. */
export async function isEndHeard(deps: TellDeps, row: ExecutionRow, status: TerminalStatus): Promise<boolean> {
  if (!deps.bus || row.isDebug) return false;
  return isHeard(row.spaceId, `execution.${status}`);
}

/** Tells of an execution's end. A repeat tells of the same event, which is told once. */
export async function tellEnd(deps: TellDeps, row: ExecutionRow): Promise<void> {
  const { status, endedAt, executionId, epoch, error, outcome } = row;
  if (!deps.bus || !row.isHeard || !isTerminal(status) || endedAt === undefined) return;
  const isShown = outcome && "json" in outcome && outcome.json.length <= MAX_OUTPUT_CHARS;
  const { output } = isShown
    ? (JSON.parse(outcome.json) as { output: Record<string, unknown> })
    : { output: undefined };
  await emit(ctxOf(deps, row), deps.bus, {
    id: idAt("event", Date.parse(endedAt), `${executionId}:${status}:${epoch}`),
    type: `execution.${status}`,
    data: {
      ...headOf(row),
      status,
      error: error
        ? { code: error.code, message: error.message, ...(error.nodeId ? { nodeId: error.nodeId } : {}) }
        : null,
      ...(output ? { output } : {}),
      usage: { ...row.usage } as Record<string, number>,
      startedAt: row.startedAt ?? null,
      endedAt,
    },
    ...causeOf(row),
  });
}

/** Tells that an execution waits for people. */
export async function tellWaiting(deps: TellDeps, row: ExecutionRow, asked: EventRow): Promise<void> {
  if (!deps.bus || row.isDebug || !(await isHeard(row.spaceId, "execution.waiting"))) return;
  const { eventId, type, nodeId, path } = asked;
  await emit(ctxOf(deps, row), deps.bus, {
    id: idAt("event", Date.parse(asked.createdAt), `${row.executionId}:waiting:${eventId}`),
    type: "execution.waiting",
    data: { ...headOf(row), status: row.status, eventId, eventType: type, nodeId, path },
    ...causeOf(row),
  });
}

/** How many events of runs stand above an execution. */
export function eventDepthOf(row: Pick<ExecutionRow, "system">): number {
  return Number(row.system?.[DEPTH] ?? 0);
}

/** What a run is given that stands below so many. */
export function systemBelow(depth: number): Record<string, string> {
  return { [DEPTH]: String(depth) };
}

function headOf(row: ExecutionRow) {
  const { executionId, workflowId, version, mode, trigger } = row;
  return { executionId, workflowId, version: version ?? null, mode, trigger };
}

function causeOf(row: ExecutionRow) {
  return { executionId: row.executionId, depth: eventDepthOf(row) };
}

function ctxOf(deps: TellDeps, row: ExecutionRow): Ctx {
  return systemCtx("execution", { spaceId: row.spaceId as Id<"space">, clock: deps.clock });
}
