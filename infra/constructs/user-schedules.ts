import { Aws, type RemovalPolicy, Stack } from "aws-cdk-lib";
import { Policy, PolicyStatement, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { CfnScheduleGroup } from "aws-cdk-lib/aws-scheduler";
import type { Queue } from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";
import { failedQueue } from "./failed-queue.ts";
import type { WeftFunction } from "./weft-function.ts";

/** What a function needs to know to make schedules of users. */
export interface SchedulePlace {
  /** Name of the group that holds them all. */
  readonly group: string;
  readonly roleArn: string;
  readonly targetArn: string;
  readonly queueArn: string;
}

export interface UserSchedulesProps {
  readonly target: WeftFunction;
  readonly removalPolicy: RemovalPolicy;
}

/**
 * Where the schedules of users live: a group of their own, the role by which EventBridge Scheduler calls the one function
 * that they may call, and the queue of what could not be delivered. The schedules themselves are made at run time.
 */
export class UserSchedules extends Construct {
  readonly place: SchedulePlace;
  readonly failed: Queue;

  constructor(scope: Construct, id: string, { target, removalPolicy }: UserSchedulesProps) {
    super(scope, id);
    const group = `${Stack.of(this).stackName}-users`;
    new CfnScheduleGroup(this, "Group", { name: group });
    this.failed = failedQueue(this, "Failed", removalPolicy);
    const role = new Role(this, "Role", {
      assumedBy: new ServicePrincipal("scheduler.amazonaws.com", {
        conditions: { StringEquals: { "aws:SourceAccount": Aws.ACCOUNT_ID } },
      }),
    });
    new Policy(this, "Policy", {
      statements: [
        new PolicyStatement({ actions: ["lambda:InvokeFunction"], resources: [target.fn.functionArn] }),
        new PolicyStatement({ actions: ["sqs:SendMessage"], resources: [this.failed.queueArn] }),
      ],
    }).attachToRole(role);
    const { functionArn: targetArn } = target.fn;
    this.place = { group, roleArn: role.roleArn, targetArn, queueArn: this.failed.queueArn };
  }
}
