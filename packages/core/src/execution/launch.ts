import type { ExecutionDeps } from "./deps.ts";
import { type LaneInput, laneName } from "./machine.ts";
import { addLanes, type ExecutionRow, START_INTERVAL_MS } from "./store.ts";

/*
 * What needs plans is started in two steps: whoever ends, admits or sweeps executions notes what is to be started and
 * starts a lane that does nothing else; the function that runs plans does the rest (launched.ts). Ids of nodes cannot hold
 * the sign that these names of segments begin with.
 */

/** A lane that starts the execution's own lanes. */
const LAUNCH = "@launch";
/** A lane that starts the workflow for the execution's failure. */
const ON_FAILURE = "@on-failure";

export const isLaunch = ({ segmentId }: LaneInput): boolean => segmentId === LAUNCH;
export const isOnFailure = ({ segmentId }: LaneInput): boolean => segmentId === ON_FAILURE;

/**
 * Has an open execution go on from what is stored. Does nothing where somebody closed it or took it over: its end gives up
 * what it holds. One launch for each epoch; where that is lost, the sweeper starts one in a later epoch.
 */
export async function launch(deps: Pick<ExecutionDeps, "machine">, row: ExecutionRow): Promise<void> {
  const name = laneName(row.executionId, LAUNCH, row.epoch, 0);
  if (await addLanes(row, [name])) await deps.machine.start(name, inputOf(row, LAUNCH));
}

/**
 * Has the workflow started that an ended execution names for its failures. The execution stays on the sweeper's list until
 * that is done, and each sweep asks again under another name: that workflow's own id keeps it from being started twice.
 */
export async function launchOnFailure(
  deps: Pick<ExecutionDeps, "machine" | "clock">,
  row: ExecutionRow,
): Promise<void> {
  const round = Math.floor(deps.clock.now() / START_INTERVAL_MS);
  await deps.machine.start(laneName(row.executionId, ON_FAILURE, row.epoch, round), inputOf(row, ON_FAILURE));
}

function inputOf({ spaceId, executionId, epoch }: ExecutionRow, segmentId: string): LaneInput {
  return { spaceId, executionId, segmentId, step: 0, epoch, hops: 0 };
}
