import { isoTime } from "@weft/kernel/clock";
import type { EndDeps } from "./deps.ts";
import { wakeAnswered } from "./events.ts";
import { ExecutionEntity } from "./execution.entity.ts";
import { launch } from "./launch.ts";
import { sweepWaiting } from "./queue.ts";
import { fail, followUp, settle, timeOut } from "./settle.ts";
import {
  CHECK_INTERVAL_MS,
  changeOpen,
  type ExecutionRow,
  isTerminal,
  PROCESS_LIMIT_MS,
  START_INTERVAL_MS,
} from "./store.ts";

/** The sweeper takes an execution over this often before it gives it up. */
const MAX_RECOVERIES = 5;
/** Executions that one sweep looks at in one shard; the next sweep goes on. */
const SWEEP_BATCH = 200;

/** The sweeper's look at one execution that is due. Returns what it did. */
export async function sweepOne(deps: EndDeps, row: ExecutionRow): Promise<string> {
  const now = deps.clock.now();
  if (isTerminal(row.status)) {
    await followUp(deps, row, row.status);
    return "finished its end";
  }
  if (row.status === "failing") {
    const error = row.error ?? { code: "internal", message: "the execution failed" };
    await settle(deps, row, { status: "failed", error });
    return "failed";
  }
  if (row.queuedUntil !== undefined) return sweepWaiting(deps, row, now);
  if (row.mode !== "async") return lostProcess(deps, row, now);
  if (now >= Date.parse(row.deadlineAt)) {
    await timeOut(deps, row);
    return "timed out";
  }
  if (row.status === "queued" || row.status === "handing_over") return startAgain(deps, row, now);
  return checkLanes(deps, row, now);
}

/** A process that runs a workflow alone ends it or hands it over in time; what is still open then is never run again. */
async function lostProcess(deps: EndDeps, row: ExecutionRow, now: number): Promise<string> {
  const due = Math.min(Date.parse(row.createdAt) + PROCESS_LIMIT_MS, Date.parse(row.deadlineAt));
  if (now < due) {
    await changeOpen(row, now, { sweepAtMs: due });
    return "waits for its process";
  }
  const message = "the process that ran the workflow ended before the workflow did";
  await fail(deps, row, { code: "interrupted", message });
  return "interrupted";
}

/** In an epoch of its own: whoever was to start it and is only slow must not meet what is launched here. */
async function startAgain(deps: EndDeps, row: ExecutionRow, now: number): Promise<string> {
  const due = Math.min(now + START_INTERVAL_MS, Date.parse(row.deadlineAt));
  const current = await changeOpen(row, now, { epoch: row.epoch + 1, sweepAtMs: due });
  if (!current) return "changed meanwhile";
  await launch(deps, current);
  return "started";
}

async function checkLanes(deps: EndDeps, row: ExecutionRow, now: number): Promise<string> {
  const lanes = [...(row.lanes ?? [])].filter((name) => name.includes(`-${row.epoch}-`));
  for (const name of lanes) {
    if (!(await deps.machine.isRunning(name))) continue;
    await wakeAnswered(deps, row);
    await changeOpen(row, now, { sweepAtMs: Math.min(now + CHECK_INTERVAL_MS, Date.parse(row.deadlineAt)) });
    return "runs";
  }
  const recoveries = (row.recoveries ?? 0) + 1;
  if (recoveries > MAX_RECOVERIES) {
    await fail(deps, row, { code: "internal", message: "the execution's lanes ended again and again" });
    return "given up";
  }
  const taken = await changeOpen(row, now, {
    epoch: row.epoch + 1,
    recoveries,
    sweepAtMs: Math.min(now + START_INTERVAL_MS, Date.parse(row.deadlineAt)),
  });
  if (!taken) return "changed meanwhile";
  await launch(deps, taken);
  return "taken over";
}

/** Looks at every open execution that is due; one that cannot be dealt with does not keep the others. */
export async function sweep(deps: EndDeps, shards: number): Promise<{ looked: number; failed: number }> {
  const now = isoTime(deps.clock.now());
  let looked = 0;
  let failed = 0;
  for (let shard = 0; shard < shards; shard += 1) {
    const { data } = await ExecutionEntity.query
      .due({ sweepShard: String(shard) })
      .lte({ sweepAt: `${now}~` })
      .go({ limit: SWEEP_BATCH, order: "asc" });
    for (const row of data) {
      looked += 1;
      try {
        const done = await sweepOne(deps, row);
        deps.log("swept an execution", { executionId: row.executionId, status: row.status, done });
      } catch (cause) {
        failed += 1;
        deps.log("could not sweep an execution", { executionId: row.executionId, cause: String(cause) });
      }
    }
  }
  return { looked, failed };
}
