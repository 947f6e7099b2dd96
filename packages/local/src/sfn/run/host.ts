import type { TimerClock } from "../clock.ts";
import type { SfnEnvironment } from "../environment.ts";
import type { Json, JsonObject } from "../json.ts";
import type { SfnStore } from "../store/store.ts";
import type { Activities } from "./activities.ts";
import type { Execution } from "./execution.ts";
import type { MapRunRecord, MapRuns } from "./map-runs.ts";
import type { ExecutionRecord, NestedStart } from "./records.ts";

/** How a task starts an execution of another machine. */
export interface ChildStart extends NestedStart {
  parent: NonNullable<ExecutionRecord["parent"]>;
  isAwaited: boolean;
}

/** What executions need from the service that runs them. */
export interface Host {
  readonly clock: TimerClock;
  readonly environment: SfnEnvironment;
  readonly store: SfnStore;
  readonly random: () => number;
  readonly activities: Activities;
  readonly mapRuns: MapRuns;
  /** Work of an execution began or ended; tells a fake clock when nothing is going on. */
  busy(change: 1 | -1): void;
  /** A state began, or began again by a retry: what AWS bills as a transition. */
  entered(): void;
  ended(execution: Execution): void;
  startChild(start: ChildStart): Promise<ExecutionRecord>;
  findExecution(arn: string): Promise<ExecutionRecord | undefined>;
  /** Stops an execution because the task that waits for it was given up. */
  stopChild(arn: string): void;
  /** Starts the execution of one item or batch of a map run. */
  startMapChild(run: MapRunRecord, index: number, input: string): Promise<void>;
  /** The executions of a map run that are under way, by index. */
  liveChildren(mapRunArn: string): Map<number, Execution>;
  /** Redrives a Standard child of a map run; false when that cannot be done. */
  redriveChild(arn: string): Promise<boolean>;
  /** One call of the Step Functions API, as `aws-sdk:sfn` tasks make it. */
  callApi(action: string, parameters: JsonObject): Promise<Json>;
}
