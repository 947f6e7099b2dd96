import { SfnError } from "../errors.ts";
import type { Json, JsonObject } from "../json.ts";
import type { ChildInput } from "../run/batches.ts";
import type { MapRunRecord } from "../run/map-runs.ts";
import { BUCKETS, type ChildResult, itemBucket, resultBucket, type Status } from "../run/records.ts";
import type { SfnService } from "../service.ts";
import { arn, type Body, seconds, text } from "./checks.ts";

const COUNTED: Record<Status, string> = {
  RUNNING: "running",
  SUCCEEDED: "succeeded",
  FAILED: "failed",
  TIMED_OUT: "timedOut",
  ABORTED: "aborted",
};

async function listMapRuns(service: SfnService, body: Body): Promise<Json> {
  const executionArn = arn(text(body, "executionArn"), "execution");
  const runs = (await service.store.list(BUCKETS.mapRuns)).map(([, value]) => JSON.parse(value) as MapRunRecord);
  const mapRuns = runs
    .filter((run) => run.executionArn === executionArn)
    .map((run) => ({
      executionArn,
      mapRunArn: run.arn,
      stateMachineArn: run.machineArn,
      startDate: seconds(run.startMs),
      ...(run.stopMs === undefined ? {} : { stopDate: seconds(run.stopMs) }),
    }));
  return { mapRuns };
}

async function describeMapRun(service: SfnService, body: Body): Promise<Json> {
  const mapRunArn = arn(text(body, "mapRunArn"), "mapRun");
  const stored = await service.store.get(BUCKETS.mapRuns, mapRunArn);
  if (stored === undefined) throw new SfnError("ResourceNotFound", `Resource not found: '${mapRunArn}'`);
  const run = JSON.parse(stored) as MapRunRecord;
  const { executions, items } = await countsOf(service, run);
  return {
    mapRunArn,
    executionArn: run.executionArn,
    status: run.status,
    startDate: seconds(run.startMs),
    ...(run.stopMs === undefined ? {} : { stopDate: seconds(run.stopMs) }),
    maxConcurrency: run.concurrency,
    toleratedFailurePercentage: run.tolerance.percentage ?? 0,
    toleratedFailureCount: run.tolerance.count ?? 0,
    itemCounts: items,
    executionCounts: executions,
    redriveCount: run.redriveCount,
  };
}

function noCounts(): Record<string, number> {
  const names = [
    ...Object.values(COUNTED),
    "pending",
    "resultsWritten",
    "total",
    "failuresNotRedrivable",
    "pendingRedrive",
  ];
  return Object.fromEntries(names.map((one) => [one, 0]));
}

async function countsOf(
  service: SfnService,
  run: MapRunRecord,
): Promise<{ executions: JsonObject; items: JsonObject }> {
  const inputs = (await service.store.list(itemBucket(run.arn))).flatMap(
    ([, value]) => JSON.parse(value) as ChildInput[],
  );
  const [executions, items] = [noCounts(), noCounts()];
  const count = (name: string, index: number): void => {
    executions[name]! += 1;
    items[name]! += inputs[index]!.items;
  };
  const settled = new Set<number>();
  for (const [key, value] of await service.store.list(resultBucket(run.arn))) {
    settled.add(Number(key));
    count(COUNTED[(JSON.parse(value) as ChildResult).status], Number(key));
    if (run.status === "SUCCEEDED") count("resultsWritten", Number(key));
  }
  const live = service.liveChildren(run.arn);
  for (const index of inputs.keys()) {
    count("total", index);
    if (!settled.has(index)) count(live.has(index) ? "running" : "pending", index);
  }
  return { executions, items };
}

export const MAP_RUN_CALLS = { ListMapRuns: listMapRuns, DescribeMapRun: describeMapRun };
