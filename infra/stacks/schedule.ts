import { Stack, type StackProps } from "aws-cdk-lib";
import type { Construct } from "constructs";
import { jobs } from "../../functions/manifest.ts";
import { FunctionSet, type FunctionSetProps } from "../constructs/function-set.ts";
import { JobSchedules } from "../constructs/job-schedules.ts";

export interface ScheduleStackProps extends StackProps, FunctionSetProps {}

/** What the platform does by the clock: one EventBridge Scheduler schedule for each manifest job. */
export class ScheduleStack extends Stack {
  readonly functions: FunctionSet;

  constructor(scope: Construct, id: string, props: ScheduleStackProps) {
    super(scope, id, props);
    this.functions = new FunctionSet(this, props);
    new JobSchedules(this, "JobSchedules", {
      jobs,
      target: this.functions.add("jobs"),
      failedEvents: props.state.failedEvents,
    });
  }
}
