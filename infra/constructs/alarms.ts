import { Duration } from "aws-cdk-lib";
import type { RestApi } from "aws-cdk-lib/aws-apigateway";
import { ComparisonOperator, Metric, TreatMissingData } from "aws-cdk-lib/aws-cloudwatch";
import { SnsAction } from "aws-cdk-lib/aws-cloudwatch-actions";
import type { Table } from "aws-cdk-lib/aws-dynamodb";
import type { MetricFilter } from "aws-cdk-lib/aws-logs";
import type { ITopic } from "aws-cdk-lib/aws-sns";
import type { Queue } from "aws-cdk-lib/aws-sqs";
import type { StateMachine } from "aws-cdk-lib/aws-stepfunctions";
import { Construct } from "constructs";
import { constructId } from "./names.ts";
import type { WeftFunction } from "./weft-function.ts";

const PERIOD = Duration.minutes(5);

/** Bad answers in five minutes that are more than one client's bad luck. */
const SERVER_ERRORS = 5;
const FUNCTION_ERRORS = 5;
const FAILED_LANES = 5;

export interface Watched {
  readonly table: Table;
  readonly failedEvents: Queue;
  readonly failedSchedules: Queue;
  readonly api: RestApi;
  readonly machine: StateMachine;
  /** Deliveries of events that were given up. */
  readonly deadDeliveries: MetricFilter;
  readonly functions: readonly WeftFunction[];
}

const sum = { period: PERIOD, statistic: "Sum" };

/** Requests that the table refused for lack of capacity. The table's own metric exists per operation; this one is per kind. */
export function tableThrottles(table: Table, kind: "Read" | "Write"): Metric {
  return new Metric({
    namespace: "AWS/DynamoDB",
    metricName: `${kind}ThrottleEvents`,
    dimensionsMap: { TableName: table.tableName },
    ...sum,
  });
}

function depthOf(queue: Queue): Metric {
  return queue.metricApproximateNumberOfMessagesVisible({ period: PERIOD, statistic: "Maximum" });
}

/** One alarm for each thing that should wake somebody, all speaking to one topic, when they start and when they end. */
export class Alarms extends Construct {
  private readonly action: SnsAction;

  constructor(scope: Construct, id: string, props: Watched & { readonly topic: ITopic }) {
    super(scope, id);
    this.action = new SnsAction(props.topic);
    const { table, failedEvents, failedSchedules, api, machine } = props;
    for (const { fn, spec } of props.functions) {
      this.alarm(`${constructId(spec.name)}Errors`, fn.metricErrors(sum), FUNCTION_ERRORS);
      this.alarm(`${constructId(spec.name)}Throttles`, fn.metricThrottles(sum), 1);
    }
    this.alarm("FailedEventsDepth", depthOf(failedEvents), 1);
    this.alarm("FailedSchedulesDepth", depthOf(failedSchedules), 1);
    this.alarm("DeadDeliveries", props.deadDeliveries.metric(sum), 1);
    this.alarm("ApiServerErrors", api.metricServerError(sum), SERVER_ERRORS);
    this.alarm("RunWorkflowThrottled", machine.metricThrottled(sum), 1);
    this.alarm("RunWorkflowFailed", machine.metricFailed(sum), FAILED_LANES);
    this.alarm("RunWorkflowTimedOut", machine.metricTimedOut(sum), 1);
    this.alarm("TableReadThrottles", tableThrottles(table, "Read"), 1);
    this.alarm("TableWriteThrottles", tableThrottles(table, "Write"), 1);
  }

  private alarm(id: string, metric: Metric, threshold: number): void {
    const alarm = metric.createAlarm(this, id, {
      threshold,
      evaluationPeriods: 1,
      comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
    alarm.addAlarmAction(this.action);
    alarm.addOkAction(this.action);
  }
}
