import { SfnError } from "../errors.ts";
import type { Execution } from "./execution.ts";
import { recount } from "./map-inline.ts";
import { BUCKETS, type ExecutionRecord, type Flow } from "./records.ts";
import { resumeChildren } from "./recovery.ts";
import { runFlow } from "./steps.ts";

/** Executions can be redriven for this long (Step Functions: 14 days). */
const REDRIVABLE_MS = 14 * 86_400_000;

/** Why an execution cannot be redriven, or undefined when it can. */
export function notRedrivable(record: ExecutionRecord, nowMs: number): string | undefined {
  if (record.isExpress) return "Express executions cannot be redriven";
  if (record.status === "RUNNING" || record.status === "SUCCEEDED") {
    return `Execution is ${record.status} and cannot be redriven`;
  }
  return nowMs - record.startMs > REDRIVABLE_MS ? "Execution has exceeded the redrivable period" : undefined;
}

/** Checks that an execution can be redriven. */
export function requireRedrivable(record: ExecutionRecord, nowMs: number): void {
  const reason = notRedrivable(record, nowMs);
  if (reason !== undefined) throw new SfnError("ExecutionNotRedrivable", reason);
}

/** Makes the record of an ended execution that of a running one. */
export function reopen(record: ExecutionRecord, nowMs: number, timeoutSeconds: number | undefined): void {
  record.status = "RUNNING";
  record.redriveCount++;
  record.redriveMs = nowMs;
  delete record.stopMs;
  delete record.error;
  delete record.cause;
  delete record.output;
  if (timeoutSeconds !== undefined) record.timeoutAt = nowMs + timeoutSeconds * 1000;
}

/** Runs again what failed or was aborted; what was done stays done. */
export function redrive(execution: Execution): void {
  const { record } = execution;
  execution.saveRecord();
  execution.write({ bucket: BUCKETS.running, key: record.arn, value: "" });
  execution.addEvent(undefined, "ExecutionRedriven", { redriveCount: record.redriveCount });
  const open = [...execution.flows.values()].filter((flow) => flow.outcome !== "done");
  for (const flow of open) {
    delete flow.outcome;
    flow.retries = [];
    execution.touch(flow);
  }
  for (const flow of open) redriveFlow(execution, flow);
}

function redriveFlow(execution: Execution, flow: Flow): void {
  const { block } = flow;
  if (block?.kind === "children") {
    recount(execution, flow);
    resumeChildren(execution, flow);
    return;
  }
  if (block?.kind === "mapRun") {
    execution.addEvent(flow, "MapRunRedriven", { mapRunArn: block.arn, redriveCount: execution.record.redriveCount });
    execution.afterCommit(() => execution.host.mapRuns.redrive(block.arn, execution, flow));
    return;
  }
  delete flow.block;
  execution.makeReady(() => runFlow(execution, flow));
}
