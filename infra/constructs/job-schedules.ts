import { Aws, Stack } from "aws-cdk-lib";
import { Policy, PolicyStatement, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { CfnSchedule, CfnScheduleGroup } from "aws-cdk-lib/aws-scheduler";
import type { IQueue } from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";
import { constructId } from "./names.ts";
import type { WeftFunction } from "./weft-function.ts";

/** Scheduler's own default is 185 attempts over a day; a job runs again soon anyway. */
const RETRIES = 2;
const MAX_EVENT_AGE_SECONDS = 300;

export interface JobSchedulesProps {
  readonly jobs: readonly { readonly name: string; readonly schedule: string; readonly function: string }[];
  /** The functions that jobs name. */
  readonly targets: readonly WeftFunction[];
  readonly failedEvents: IQueue;
}

/** One schedule a job, all in one group and with one role that can do nothing but call the functions. */
export class JobSchedules extends Construct {
  constructor(scope: Construct, id: string, props: JobSchedulesProps) {
    super(scope, id);
    const role = new Role(this, "Role", {
      assumedBy: new ServicePrincipal("scheduler.amazonaws.com", {
        conditions: { StringEquals: { "aws:SourceAccount": Aws.ACCOUNT_ID } },
      }),
    });
    const policy = new Policy(this, "Policy", {
      statements: [
        new PolicyStatement({
          actions: ["lambda:InvokeFunction"],
          resources: props.targets.map(({ fn }) => fn.functionArn),
        }),
        new PolicyStatement({ actions: ["sqs:SendMessage"], resources: [props.failedEvents.queueArn] }),
      ],
    });
    policy.attachToRole(role);
    const group = new CfnScheduleGroup(this, "Group", { name: `${Stack.of(this).stackName}-jobs` });
    for (const job of props.jobs) {
      const target = props.targets.find(({ spec }) => spec.name === job.function);
      if (!target) throw new Error(`the job ${job.name} has no function ${job.function}`);
      const schedule = new CfnSchedule(this, constructId(job.name), {
        groupName: group.ref,
        flexibleTimeWindow: { mode: "OFF" },
        scheduleExpression: job.schedule,
        scheduleExpressionTimezone: "UTC",
        state: "ENABLED",
        target: {
          arn: target.fn.functionArn,
          roleArn: role.roleArn,
          input: JSON.stringify({ job: job.name }),
          deadLetterConfig: { arn: props.failedEvents.queueArn },
          retryPolicy: { maximumRetryAttempts: RETRIES, maximumEventAgeInSeconds: MAX_EVENT_AGE_SECONDS },
        },
      });
      schedule.node.addDependency(policy);
    }
  }
}
