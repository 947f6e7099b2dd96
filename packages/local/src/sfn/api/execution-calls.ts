import { randomUUID } from "node:crypto";
import { SfnError } from "../errors.ts";
import { isOversized, type Json, type JsonObject } from "../json.ts";
import { type ExecutionRecord, executionsBucket, historyBucket } from "../run/records.ts";
import { notRedrivable } from "../run/redrive.ts";
import type { SfnService } from "../service.ts";
import { arn, type Body, name, nextToken, optionalText, page, seconds, text } from "./checks.ts";
import { requireMachine } from "./machine-calls.ts";

function inputOf(body: Body): string {
  const input = optionalText(body, "input") ?? "{}";
  if (isOversized(input)) {
    throw new SfnError("InvalidExecutionInput", "Invalid Execution Input: 'Input is over the limit of 262144 bytes'");
  }
  try {
    JSON.parse(input);
  } catch {
    throw new SfnError("InvalidExecutionInput", "Invalid State Machine Execution Input: 'The input is not valid JSON'");
  }
  return input;
}

async function startExecution(service: SfnService, body: Body): Promise<Json> {
  const machine = requireMachine(service, text(body, "stateMachineArn"));
  const given = optionalText(body, "name");
  const input = inputOf(body);
  const record = service.newRecord(machine, given === undefined ? randomUUID() : name(given), input);
  if (record.isExpress) record.isKept = true;
  // A running execution of this name with this input is the one that was asked for.
  const started = await service.start(record, (other) => other.status === "RUNNING" && other.input === input);
  return { executionArn: started.arn, startDate: seconds(started.startMs) };
}

async function startSyncExecution(service: SfnService, body: Body): Promise<Json> {
  const machine = requireMachine(service, text(body, "stateMachineArn"));
  if (machine.type !== "EXPRESS") {
    throw new SfnError("StateMachineTypeNotSupported", "This operation is not supported by this type of state machine");
  }
  const given = optionalText(body, "name");
  const record = service.newRecord(machine, given === undefined ? randomUUID() : name(given), inputOf(body));
  const execution = await service.run(record);
  const ended = execution.isRunning ? await service.whenEnded(record.arn) : record;
  return {
    executionArn: ended.arn,
    stateMachineArn: ended.machineArn,
    name: ended.name,
    startDate: seconds(ended.startMs),
    stopDate: seconds(ended.stopMs!),
    status: ended.status === "ABORTED" ? "FAILED" : ended.status,
    ...resultOf(ended),
    input: ended.input,
    inputDetails: { included: true },
    billingDetails: { billedMemoryUsedInMB: 64, billedDurationInMilliseconds: billed(ended) },
  };
}

/** Express runs are billed in steps of 100 ms. */
function billed(record: ExecutionRecord): number {
  return Math.max(1, Math.ceil((record.stopMs! - record.startMs) / 100)) * 100;
}

function resultOf(record: ExecutionRecord): JsonObject {
  const result: JsonObject = {};
  if (record.output !== undefined) Object.assign(result, { output: record.output, outputDetails: { included: true } });
  if (record.error !== undefined) result.error = record.error;
  if (record.cause !== undefined) result.cause = record.cause;
  return result;
}

async function requireExecution(service: SfnService, body: Body): Promise<ExecutionRecord> {
  const executionArn = arn(text(body, "executionArn"), "execution");
  const record = await service.settled(executionArn);
  if (record && !record.isExpress) return record;
  throw new SfnError("ExecutionDoesNotExist", `Execution Does Not Exist: '${executionArn}'`);
}

function redriveState(service: SfnService, record: ExecutionRecord): JsonObject {
  const reason = notRedrivable(record, service.clock.now());
  const state: JsonObject = { redriveCount: record.redriveCount };
  if (record.mapRun) return { ...state, redriveStatus: "REDRIVABLE_BY_MAP_RUN", mapRunArn: record.mapRun.arn };
  if (record.redriveMs !== undefined) state.redriveDate = seconds(record.redriveMs);
  if (reason === undefined) return { ...state, redriveStatus: "REDRIVABLE" };
  return { ...state, redriveStatus: "NOT_REDRIVABLE", redriveStatusReason: reason };
}

async function describeExecution(service: SfnService, body: Body): Promise<Json> {
  const record = await requireExecution(service, body);
  return {
    executionArn: record.arn,
    stateMachineArn: record.machineArn,
    name: record.name,
    status: record.status,
    startDate: seconds(record.startMs),
    ...(record.stopMs === undefined ? {} : { stopDate: seconds(record.stopMs) }),
    input: record.input,
    inputDetails: { included: true },
    ...resultOf(record),
    ...redriveState(service, record),
  };
}

async function describeStateMachineForExecution(service: SfnService, body: Body): Promise<Json> {
  const record = await requireExecution(service, body);
  const machine = service.machines.find(record.machineArn);
  return {
    stateMachineArn: record.machineArn,
    name: record.machineArn.slice(record.machineArn.lastIndexOf(":") + 1),
    definition: await service.machines.definition(record.definitionId),
    roleArn: record.roleArn,
    updateDate: seconds(machine?.createdMs ?? record.startMs),
    ...(record.mapRun ? { mapRunArn: record.mapRun.arn } : {}),
  };
}

async function getExecutionHistory(service: SfnService, body: Body): Promise<Json> {
  const record = await requireExecution(service, body);
  const { limit, after } = page(body);
  const reverse = body.reverseOrder === true;
  const range = after === undefined ? {} : { after };
  const found = await service.store.list(historyBucket(record.arn), { ...range, reverse, limit: limit + 1 });
  const shown = found.slice(0, limit);
  const events = shown.map(([, value]) => {
    const event = JSON.parse(value) as JsonObject;
    return { ...event, timestamp: seconds(event.timestamp as number) };
  });
  return { events, ...nextToken(found.length > limit ? shown.at(-1)?.[0] : undefined) };
}

async function listExecutions(service: SfnService, body: Body): Promise<Json> {
  const mapRunArn = optionalText(body, "mapRunArn");
  const owner =
    mapRunArn === undefined ? requireMachine(service, text(body, "stateMachineArn")).arn : arn(mapRunArn, "mapRun");
  const wanted = optionalText(body, "statusFilter");
  const { limit, after } = page(body);
  const executions: JsonObject[] = [];
  let last = after;
  for (;;) {
    const range = last === undefined ? {} : { after: last };
    const found = await service.store.list(executionsBucket(owner), { ...range, reverse: true, limit: limit + 1 });
    for (const [key, executionArn] of found) {
      if (executions.length === limit) return { executions, ...nextToken(last) };
      last = key;
      const record = await service.findExecution(executionArn);
      if (record && (wanted === undefined || record.status === wanted)) executions.push(summary(record));
    }
    if (found.length <= limit) return { executions };
  }
}

function summary(record: ExecutionRecord): JsonObject {
  return {
    executionArn: record.arn,
    stateMachineArn: record.machineArn,
    name: record.name,
    status: record.status,
    startDate: seconds(record.startMs),
    ...(record.stopMs === undefined ? {} : { stopDate: seconds(record.stopMs) }),
    ...(record.mapRun ? { mapRunArn: record.mapRun.arn } : {}),
    redriveCount: record.redriveCount,
  };
}

async function stopExecution(service: SfnService, body: Body): Promise<Json> {
  const record = await requireExecution(service, body);
  const live = service.live(record.arn);
  if (live) await service.stop(live, { error: optionalText(body, "error"), cause: optionalText(body, "cause") });
  return { stopDate: seconds(live?.record.stopMs ?? record.stopMs ?? service.clock.now()) };
}

async function redriveExecution(service: SfnService, body: Body): Promise<Json> {
  const record = await requireExecution(service, body);
  if (record.mapRun) throw new SfnError("ExecutionNotRedrivable", "Execution is redrivable by its map run only");
  return { redriveDate: seconds(await service.redrive(record)) };
}

export const EXECUTION_CALLS = {
  StartExecution: startExecution,
  StartSyncExecution: startSyncExecution,
  DescribeExecution: describeExecution,
  DescribeStateMachineForExecution: describeStateMachineForExecution,
  GetExecutionHistory: getExecutionHistory,
  ListExecutions: listExecutions,
  StopExecution: stopExecution,
  RedriveExecution: redriveExecution,
};
