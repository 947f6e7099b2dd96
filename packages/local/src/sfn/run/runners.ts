import type { StateNode } from "../asl/machine.ts";
import { runParallel } from "./containers.ts";
import type { Execution } from "./execution.ts";
import { runMap } from "./map-inline.ts";
import type { Flow } from "./records.ts";
import { runChoice, runFail, runPass, runSucceed, runWait } from "./simple-states.ts";
import type { Step } from "./steps.ts";
import { runTask } from "./task.ts";

type Runner = (execution: Execution, flow: Flow, node: StateNode) => Promise<Step>;

/** How each type of state is run. */
export const RUNNERS: Record<string, Runner> = {
  Pass: runPass,
  Choice: runChoice,
  Wait: runWait,
  Succeed: runSucceed,
  Fail: runFail,
  Task: runTask,
  Parallel: runParallel,
  Map: runMap,
};
