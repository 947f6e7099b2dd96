import { randomUUID } from "node:crypto";
import type { StateNode } from "../asl/machine.ts";
import { StateFailure } from "../errors.ts";
import type { Json } from "../json.ts";
import { planBatches } from "./batches.ts";
import { leaveWithResult } from "./data-flow.ts";
import type { Execution } from "./execution.ts";
import { planReader } from "./item-reader.ts";
import { concurrencyOf, itemsOf, toleranceOf } from "./map-fields.ts";
import type { MapRunRecord } from "./map-runs.ts";
import { BUCKETS, type Flow } from "./records.ts";
import { planWriter } from "./result-writer.ts";
import { resumeFlow, type Step } from "./steps.ts";

/** Starts the map run of a distributed Map state. */
export async function startMapRun(execution: Execution, flow: Flow, node: StateNode): Promise<Step> {
  const concurrency = await concurrencyOf(execution, flow, node);
  const reader = await planReader(execution, flow, node);
  const items = reader ? undefined : await itemsOf(execution, flow, node);
  execution.addEvent(flow, "MapStateStarted", { length: items?.length ?? 0 });
  const tolerance = await toleranceOf(execution, flow, node);
  const batches = await planBatches(execution, flow, node);
  const writer = await planWriter(execution, flow, node);
  const label = typeof node.definition.Label === "string" ? node.definition.Label : randomUUID();
  const arn = `${execution.machineArn.replace(":stateMachine:", ":mapRun:")}/${label}:${randomUUID()}`;
  const record: MapRunRecord = {
    arn,
    label,
    executionArn: execution.record.arn,
    flow: flow.id,
    machineArn: execution.machineArn,
    definitionId: execution.record.definitionId,
    scope: node.scopes[0]!.key,
    isExpress: isExpress(node),
    roleArn: execution.record.roleArn,
    concurrency,
    tolerance,
    status: "RUNNING",
    startMs: execution.host.clock.now(),
    redriveCount: 0,
    ...(items ? { items } : {}),
    ...(reader ? { reader } : {}),
    ...(batches ? { batches } : {}),
    ...(writer ? { writer } : {}),
  };
  execution.addEvent(flow, "MapRunStarted", { mapRunArn: arn });
  flow.block = { kind: "mapRun", arn };
  execution.write({ bucket: BUCKETS.mapRuns, key: arn, value: JSON.stringify(record) });
  execution.afterCommit(() => execution.host.mapRuns.begin(record, execution, flow));
  return "stopped";
}

function isExpress(node: StateNode): boolean {
  const processor = (node.definition.ItemProcessor ?? node.definition.Iterator) as {
    ProcessorConfig: { ExecutionType: string };
  };
  return processor.ProcessorConfig.ExecutionType === "EXPRESS";
}

export type MapRunOutcome = { result: Json } | { failure: StateFailure };

/** The map run that a state waited for is over. */
export async function mapRunEnded(execution: Execution, flow: Flow, outcome: MapRunOutcome): Promise<void> {
  await resumeFlow(execution, flow, (node) => {
    if ("failure" in outcome) {
      execution.addEvent(flow, "MapRunFailed", { ...outcome.failure.info });
      throw outcome.failure;
    }
    execution.addEvent(flow, "MapRunSucceeded");
    execution.addEvent(flow, "MapStateSucceeded");
    return leaveWithResult(execution, flow, node, outcome.result);
  });
}

export function thresholdFailure(): StateFailure {
  return new StateFailure({
    error: "States.ExceedToleratedFailureThreshold",
    cause: "The specified tolerated failure threshold was exceeded",
  });
}
