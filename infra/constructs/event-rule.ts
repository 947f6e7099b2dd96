import { CfnRule, type IEventBus } from "aws-cdk-lib/aws-events";
import { ServicePrincipal } from "aws-cdk-lib/aws-iam";
import type { IQueue } from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";
import type { WeftFunction } from "./weft-function.ts";

const RETRIES = 10;
const MAX_EVENT_AGE_SECONDS = 3600;

export interface EventRuleProps {
  readonly description: string;
  readonly pattern: Record<string, unknown>;
  readonly target: WeftFunction;
  readonly failedEvents: IQueue;
  /** Default: the account's own bus, where the services of AWS tell of themselves. */
  readonly bus?: IEventBus;
}

/**
 * A rule of a bus to one function. An L1 on purpose: the L2 would write the rule's ARN into the queue's policy
 * and so make the state stack depend on this one.
 */
export class EventRule extends Construct {
  constructor(scope: Construct, id: string, props: EventRuleProps) {
    super(scope, id);
    const rule = new CfnRule(this, "Rule", {
      description: props.description,
      ...(props.bus ? { eventBusName: props.bus.eventBusName } : {}),
      eventPattern: props.pattern,
      state: "ENABLED",
      targets: [
        {
          id: "Function",
          arn: props.target.fn.functionArn,
          deadLetterConfig: { arn: props.failedEvents.queueArn },
          retryPolicy: { maximumRetryAttempts: RETRIES, maximumEventAgeInSeconds: MAX_EVENT_AGE_SECONDS },
        },
      ],
    });
    props.target.fn.addPermission(id, {
      principal: new ServicePrincipal("events.amazonaws.com"),
      sourceArn: rule.attrArn,
    });
  }
}
