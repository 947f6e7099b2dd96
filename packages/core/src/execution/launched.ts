import { RunStopped } from "@weft/engine/run/io";
import type { ExecutionDeps } from "./deps.ts";
import { callOnFailure } from "./error-workflow.ts";
import { runLane } from "./lane.ts";
import { isLaunch, isOnFailure } from "./launch.ts";
import type { LaneInput, LaneRoute } from "./machine.ts";
import { resumeLanes } from "./recover.ts";
import { changeOpen, findExecution, forget, isOurs, isTerminal, START_INTERVAL_MS } from "./store.ts";

/** One state of any lane of an execution: what is to be launched is, everything else is a step. */
export async function runState(deps: ExecutionDeps, input: LaneInput): Promise<LaneRoute> {
  if (isLaunch(input)) await startOwnLanes(deps, input);
  else if (isOnFailure(input)) await startErrorWorkflow(deps, input);
  else return runLane(deps, input);
  return { ...input, next: "done" };
}

/** In an epoch of its own: a launch that is repeated must not meet what the lanes of the first one do. */
async function startOwnLanes(deps: ExecutionDeps, input: LaneInput): Promise<void> {
  const found = await findExecution(input);
  if (!isOurs(found, input.epoch)) return;
  const now = deps.clock.now();
  const sweepAtMs = Math.min(now + START_INTERVAL_MS, Date.parse(found.deadlineAt));
  const row = await changeOpen(found, now, { epoch: found.epoch + 1, sweepAtMs });
  if (!row) return;
  try {
    await resumeLanes(deps, row);
  } catch (thrown) {
    // Somebody ended it meanwhile.
    if (!(thrown instanceof RunStopped)) throw thrown;
  }
}

async function startErrorWorkflow(deps: ExecutionDeps, input: LaneInput): Promise<void> {
  const row = await findExecution(input);
  if (!row || row.epoch !== input.epoch || !isTerminal(row.status)) return;
  await callOnFailure(deps, row);
  await forget(row);
}
