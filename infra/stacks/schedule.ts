import { Stack, type StackProps } from "aws-cdk-lib";
import type { Construct } from "constructs";
import { jobs } from "../../functions/manifest.ts";
import { FunctionSet, type FunctionSetProps } from "../constructs/function-set.ts";
import { JobSchedules } from "../constructs/job-schedules.ts";
import type { WeftFunction } from "../constructs/weft-function.ts";

export interface ScheduleStackProps extends StackProps, FunctionSetProps {}

/** What the platform does by the clock: one EventBridge Scheduler schedule for each manifest job. */
export class ScheduleStack extends Stack {
  readonly functions: FunctionSet;
  /** What runs platform jobs. */
  readonly jobs: { readonly jobs: WeftFunction; readonly canvasJobs: WeftFunction };

  constructor(scope: Construct, id: string, props: ScheduleStackProps) {
    super(scope, id, props);
    this.functions = new FunctionSet(this, props);
    this.jobs = { jobs: this.functions.add("jobs"), canvasJobs: this.functions.add("canvas-jobs") };
    new JobSchedules(this, "JobSchedules", {
      jobs,
      targets: [this.jobs.jobs, this.jobs.canvasJobs],
      failedEvents: props.state.failedEvents,
    });
  }
}
