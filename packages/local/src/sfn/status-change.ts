import type { StatusChange } from "./environment.ts";
import type { ExecutionRecord } from "./run/records.ts";

/** The EventBridge event of a change of status. */
export function statusChange(record: ExecutionRecord, nowMs: number): StatusChange {
  return {
    source: "aws.states",
    detailType: "Step Functions Execution Status Change",
    resources: [record.arn],
    time: nowMs,
    detail: {
      executionArn: record.arn,
      stateMachineArn: record.machineArn,
      name: record.name,
      status: record.status,
      startDate: record.startMs,
      stopDate: record.stopMs ?? null,
      input: record.input,
      output: record.output ?? null,
      inputDetails: { included: true },
      outputDetails: record.output === undefined ? null : { included: true },
      error: record.error ?? null,
      cause: record.cause ?? null,
      redriveCount: record.redriveCount,
    },
  };
}
