import { Stack, type StackProps } from "aws-cdk-lib";
import { Topic } from "aws-cdk-lib/aws-sns";
import type { Construct } from "constructs";
import { Alarms } from "../constructs/alarms.ts";
import { OverviewDashboard } from "../constructs/overview-dashboard.ts";
import type { ApiStack } from "./api.ts";
import type { ExecutionStack } from "./execution.ts";
import type { ScheduleStack } from "./schedule.ts";
import type { StateStack } from "./state.ts";

export interface ObservabilityStackProps extends StackProps {
  readonly state: StateStack;
  readonly api: ApiStack;
  readonly execution: ExecutionStack;
  readonly schedule: ScheduleStack;
}

/** Alarms, the topic they speak to, and one dashboard. */
export class ObservabilityStack extends Stack {
  constructor(scope: Construct, id: string, props: ObservabilityStackProps) {
    super(scope, id, props);
    const { state, api, execution, schedule } = props;
    const topic = new Topic(this, "Alerts", { enforceSSL: true, masterKey: state.key });
    const watched = {
      table: state.table,
      failedEvents: state.failedEvents,
      failedSchedules: schedule.users.failed,
      api: api.api,
      machine: execution.machine,
      deadDeliveries: execution.deadDeliveries,
      functions: [...api.functions.all, ...execution.functions.all, ...schedule.functions.all],
    };
    new Alarms(this, "Alarms", { topic, ...watched });
    new OverviewDashboard(this, "Overview", watched);
  }
}
