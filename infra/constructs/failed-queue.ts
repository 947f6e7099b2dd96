import { Duration, type RemovalPolicy, Validations } from "aws-cdk-lib";
import { Queue, QueueEncryption } from "aws-cdk-lib/aws-sqs";
import type { Construct } from "constructs";

/** The most that SQS keeps a message. */
const RETENTION = Duration.days(14);

/** A dead-letter queue: what it holds is looked at by people, whom an alarm on its depth calls. */
export function failedQueue(scope: Construct, id: string, removalPolicy: RemovalPolicy): Queue {
  const queue = new Queue(scope, id, {
    encryption: QueueEncryption.SQS_MANAGED,
    enforceSSL: true,
    retentionPeriod: RETENTION,
    removalPolicy,
  });
  const reason = "This is the dead-letter queue; an alarm watches its depth.";
  Validations.of(queue).acknowledge({ id: "AwsSolutions-SQS3", reason }, { id: "Serverless-SQSRedrivePolicy", reason });
  return queue;
}
