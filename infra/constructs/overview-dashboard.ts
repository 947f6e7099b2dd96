import { Duration } from "aws-cdk-lib";
import { Dashboard, GraphWidget, type IMetric } from "aws-cdk-lib/aws-cloudwatch";
import { Construct } from "constructs";
import { tableThrottles, type Watched } from "./alarms.ts";

/** A row of a CloudWatch dashboard is 24 units wide. */
const HALF_ROW = 12;

const graph = (title: string, left: IMetric[], right: IMetric[] = []) =>
  new GraphWidget({ title, left, right, width: HALF_ROW });

/** What to look at first: traffic, failures and limits of each part. */
export class OverviewDashboard extends Construct {
  constructor(scope: Construct, id: string, { api, machine, table, failedEvents, functions }: Watched) {
    super(scope, id);
    const sum = { statistic: "Sum" };
    const dashboard = new Dashboard(this, "Dashboard", { defaultInterval: Duration.hours(12) });
    dashboard.addWidgets(
      graph(
        "API",
        [api.metricCount(sum), api.metricClientError(sum), api.metricServerError(sum)],
        [api.metricLatency({ statistic: "p50" }), api.metricLatency({ statistic: "p99" })],
      ),
      graph(
        "Lanes",
        [machine.metricStarted(), machine.metricSucceeded(), machine.metricFailed()],
        [machine.metricTime({ statistic: "p99" })],
      ),
      graph(
        "Function errors",
        functions.map(({ fn }) => fn.metricErrors(sum)),
      ),
      graph(
        "Function duration p99",
        functions.map(({ fn }) => fn.metricDuration({ statistic: "p99" })),
      ),
      graph(
        "Table units",
        [table.metricConsumedReadCapacityUnits(sum), table.metricConsumedWriteCapacityUnits(sum)],
        [tableThrottles(table, "Read"), tableThrottles(table, "Write")],
      ),
      graph("Failed events", [failedEvents.metricApproximateNumberOfMessagesVisible({ statistic: "Maximum" })]),
    );
  }
}
