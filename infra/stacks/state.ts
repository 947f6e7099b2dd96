import { Aws, type RemovalPolicy, Stack, type StackProps } from "aws-cdk-lib";
import type { Table } from "aws-cdk-lib/aws-dynamodb";
import { EventBus } from "aws-cdk-lib/aws-events";
import { PolicyStatement, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import type { Key } from "aws-cdk-lib/aws-kms";
import type { Bucket } from "aws-cdk-lib/aws-s3";
import type { Queue } from "aws-cdk-lib/aws-sqs";
import type { Construct } from "constructs";
import { dataKey } from "../constructs/data-key.ts";
import { failedQueue } from "../constructs/failed-queue.ts";
import { filesBucket } from "../constructs/files-bucket.ts";
import { letMailIn } from "../constructs/inbound-mail.ts";
import { singleTable } from "../constructs/single-table.ts";
import type { StageConfig } from "../stages.ts";

export interface StateStackProps extends StackProps {
  readonly stage: StageConfig;
}

/** Everything that holds data. Its logical ids are pinned by a test: a changed id replaces the resource. */
export class StateStack extends Stack {
  readonly key: Key;
  readonly table: Table;
  readonly files: Bucket;
  readonly bus: EventBus;
  readonly failedEvents: Queue;

  constructor(scope: Construct, id: string, props: StateStackProps) {
    super(scope, id, props);
    const { removalPolicy, protectData, recoveryDays, maxTableUnits, browserOrigins = [] } = props.stage;
    this.key = dataKey(this, "DataKey", { removalPolicy });
    this.table = singleTable(this, "Table", {
      key: this.key,
      removalPolicy,
      deletionProtection: protectData,
      recoveryDays,
      maxUnits: maxTableUnits,
    });
    this.files = filesBucket(this, "Files", { key: this.key, removalPolicy, browserOrigins });
    letMailIn(this.files, this.key);
    this.bus = new EventBus(this, "Bus", { description: "Weft domain events" });
    this.failedEvents = this.failedEventsQueue(removalPolicy);
  }

  private failedEventsQueue(removalPolicy: RemovalPolicy): Queue {
    const queue = failedQueue(this, "FailedEvents", removalPolicy);
    queue.addToResourcePolicy(
      new PolicyStatement({
        sid: "RulesOfThisAccount",
        principals: [new ServicePrincipal("events.amazonaws.com")],
        actions: ["sqs:SendMessage"],
        resources: [queue.queueArn],
        conditions: { StringEquals: { "aws:SourceAccount": Aws.ACCOUNT_ID } },
      }),
    );
    return queue;
  }
}
