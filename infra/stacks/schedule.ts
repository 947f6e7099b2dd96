import { Stack, type StackProps } from "aws-cdk-lib";
import type { Construct } from "constructs";
import { jobs } from "../../functions/manifest.ts";
import { FunctionSet, type FunctionSetProps } from "../constructs/function-set.ts";
import { JobSchedules } from "../constructs/job-schedules.ts";
import { UserSchedules } from "../constructs/user-schedules.ts";
import type { WeftFunction } from "../constructs/weft-function.ts";

export interface ScheduleStackProps extends StackProps, FunctionSetProps {}

/**
 * What happens by the clock: one EventBridge Scheduler schedule for each manifest job, and the place where those of users
 * are made.
 */
export class ScheduleStack extends Stack {
  readonly functions: FunctionSet;
  readonly users: UserSchedules;
  /** What runs platform jobs. */
  readonly jobs: { readonly jobs: WeftFunction; readonly canvasJobs: WeftFunction };

  constructor(scope: Construct, id: string, props: ScheduleStackProps) {
    super(scope, id, props);
    this.functions = new FunctionSet(this, props);
    this.users = new UserSchedules(this, "UserSchedules", {
      target: this.functions.add("fire-schedule"),
      removalPolicy: props.stage.removalPolicy,
    });
    this.functions.schedules = this.users.place;
    this.jobs = { jobs: this.functions.add("jobs"), canvasJobs: this.functions.add("canvas-jobs") };
    new JobSchedules(this, "JobSchedules", {
      jobs,
      targets: [this.jobs.jobs, this.jobs.canvasJobs],
      failedEvents: props.state.failedEvents,
    });
  }
}
