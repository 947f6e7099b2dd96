import { StateFailure } from "../errors.ts";
import { finishContainer } from "./containers.ts";
import type { Execution } from "./execution.ts";
import { recount, startIterations } from "./map-inline.ts";
import type { MapRunRecord } from "./map-runs.ts";
import { BUCKETS, type Flow, type TaskBlock } from "./records.ts";
import { armWait } from "./simple-states.ts";
import { resumeLater, runFlow } from "./steps.ts";
import { armTask, endTask } from "./task.ts";
import { checkNested, startNested } from "./work.ts";

/** As AWS words a function that gave no answer. */
const UNKNOWN_CAUSE =
  "The cause could not be determined because Lambda did not return an error type. Returned payload: null";

/** Takes an execution up again after the process ended: every flow goes on with what it was waiting for. */
export async function recover(execution: Execution): Promise<void> {
  for (const flow of [...execution.flows.values()]) {
    if (flow.outcome || !execution.isRunning) continue;
    await recoverFlow(execution, flow);
  }
}

async function recoverFlow(execution: Execution, flow: Flow): Promise<void> {
  const { block } = flow;
  if (!block) return execution.makeReady(() => runFlow(execution, flow));
  switch (block.kind) {
    case "wait":
      return armWait(execution, flow, block.until);
    case "retry":
      return execution.setTimer(flow, block.until, () => runFlow(execution, flow));
    case "children":
      return resumeChildren(execution, flow);
    case "mapRun":
      return resumeMapRun(execution, flow, block.arn);
    case "task":
      return recoverTask(execution, flow, block);
  }
}

/** A container whose children are stored: it ends or starts more as they allow. */
export function resumeChildren(execution: Execution, flow: Flow): void {
  const { block } = flow;
  if (block?.kind !== "children") return;
  recount(execution, flow);
  const { done } = execution.progressOf(flow);
  if (done === block.total) resumeLater(execution, flow, (node) => finishContainer(execution, flow, node));
  else if (block.items) resumeLater(execution, flow, (node) => startIterations(execution, flow, node));
}

async function resumeMapRun(execution: Execution, flow: Flow, arn: string): Promise<void> {
  const text = await execution.host.store.get(BUCKETS.mapRuns, arn);
  if (text === undefined) throw new Error(`The map run ${arn} is not stored`);
  const record = JSON.parse(text) as MapRunRecord;
  execution.afterCommit(() => execution.host.mapRuns.begin(record, execution, flow));
}

async function recoverTask(execution: Execution, flow: Flow, block: TaskBlock): Promise<void> {
  const resource = execution.nodeOf(flow).resource!;
  if (resource.kind === "activity") {
    armTask(execution, flow);
    const task = { token: block.token, input: block.input! };
    if (!block.isSubmitted) execution.afterCommit(() => execution.host.activities.offer(resource.arn, task));
    return;
  }
  if (resource.kind === "service" && (block.isSubmitted || block.nested)) {
    armTask(execution, flow);
    if (!block.isSubmitted) startNested(execution, flow, block.nested!);
    else if (block.child !== undefined) await checkNested(execution, flow, block.child);
    return;
  }
  // The call was under way: whether it did anything cannot be known.
  const isLambda = resource.kind === "function" || resource.service === "lambda";
  const error = isLambda ? "Lambda.Unknown" : `${serviceName(resource.service)}.SdkClientException`;
  const cause = isLambda ? UNKNOWN_CAUSE : "The connection was lost before the service answered";
  await endTask(execution, flow, { failure: new StateFailure({ error, cause }) });
}

function serviceName(service: string): string {
  return service === "sqs" ? "SQS" : service[0]!.toUpperCase() + service.slice(1);
}
