import { describe, expect, test } from "vitest";
import { functions } from "../../functions/manifest.ts";
import { resources } from "../support/templates.ts";

const metricsAlarmed = () =>
  resources("AWS::CloudWatch::Alarm").map(({ Properties }) => `${Properties.Namespace} ${Properties.MetricName}`);

describe("observability", () => {
  test("alarms watch throttles, failures, the dead-letter queue, Step Functions, the API and the table", () => {
    expect(metricsAlarmed()).toEqual(
      expect.arrayContaining([
        "AWS/SQS ApproximateNumberOfMessagesVisible",
        "AWS/ApiGateway 5XXError",
        "AWS/States ExecutionThrottled",
        "AWS/States ExecutionsFailed",
        "AWS/States ExecutionsTimedOut",
        "AWS/DynamoDB ReadThrottleEvents",
        "AWS/DynamoDB WriteThrottleEvents",
      ]),
    );
    for (const metric of ["AWS/Lambda Errors", "AWS/Lambda Throttles"]) {
      expect(metricsAlarmed().filter((alarmed) => alarmed === metric)).toHaveLength(functions.length);
    }
  });

  test("every alarm speaks when it starts and when it ends, and silence is no alarm", () => {
    const topic = resources("AWS::SNS::Topic");
    expect(topic).toHaveLength(1);
    expect(topic[0]!.Properties.KmsMasterKeyId).toBeDefined();
    const action = [{ Ref: topic[0]!.id }];
    for (const { Properties } of resources("AWS::CloudWatch::Alarm")) {
      expect(Properties).toMatchObject({ AlarmActions: action, OKActions: action, TreatMissingData: "notBreaching" });
      expect(Properties.Threshold).toBeGreaterThan(0);
    }
  });

  test("there is one dashboard", () => {
    expect(resources("AWS::CloudWatch::Dashboard")).toHaveLength(1);
  });
});
