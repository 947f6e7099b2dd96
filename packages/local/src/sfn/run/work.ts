import { randomUUID } from "node:crypto";
import type { StateNode } from "../asl/machine.ts";
import type { Resource } from "../asl/resource.ts";
import { ServiceError, StateFailure } from "../errors.ts";
import type { Json, JsonObject } from "../json.ts";
import type { Execution } from "./execution.ts";
import { invokeFunction, invokeService } from "./lambda-work.ts";
import type { ExecutionRecord, Flow, NestedStart, TaskBlock } from "./records.ts";
import { asObject, endTask, submitted, type TaskResult, taskFailure } from "./task.ts";

type Service = Resource & { kind: "service" };

/** Starts what a task is for, once it is durable that the task has started. */
export function startWork(execution: Execution, flow: Flow, node: StateNode, parameters: Json): void {
  const resource = node.resource!;
  const { generation } = flow;
  if (resource.kind === "activity") {
    const { token, input } = flow.block as TaskBlock;
    execution.afterCommit(() => execution.host.activities.offer(resource.arn, { token, input: input! }));
    return;
  }
  const settle = (result: TaskResult): void =>
    execution.send(() => (execution.isCurrent(flow, generation) ? endTask(execution, flow, result) : undefined));
  if (resource.kind === "function") {
    execution.afterCommit(() => void invokeFunction(execution, resource.arn, parameters).then(settle));
    return;
  }
  if (resource.key === "states:startExecution") {
    const block = flow.block as TaskBlock;
    block.nested = nestedStart(asObject(parameters));
    startNested(execution, flow, block.nested);
    return;
  }
  execution.afterCommit(() => {
    callService(execution, flow, resource, parameters).then(
      (output) => {
        if (resource.pattern === "request") settle({ text: JSON.stringify(output) });
        else
          execution.send(() =>
            execution.isCurrent(flow, generation) ? submitted(execution, flow, output) : undefined,
          );
      },
      (error: unknown) => settle({ failure: taskFailure(error) }),
    );
  });
}

async function callService(execution: Execution, flow: Flow, resource: Service, raw: Json): Promise<Json> {
  const parameters = asObject(raw);
  const { environment } = execution.host;
  switch (resource.key) {
    case "lambda:invoke":
      return invokeService(execution, parameters);
    case "sqs:sendMessage":
      return sendMessage(execution, parameters);
  }
  if (resource.service === "sfn" && resource.key.startsWith("aws-sdk:")) {
    return execution.host.callApi(resource.action, parameters);
  }
  const integration = environment.integrations?.[resource.key];
  if (!integration) throw new ServiceError("States.Runtime", `The integration '${resource.key}' is not supported`);
  return integration(parameters, { executionArn: execution.record.arn, stateName: flow.state });
}

async function sendMessage(execution: Execution, parameters: JsonObject): Promise<Json> {
  const { sqs } = execution.host.environment;
  if (!sqs) throw new ServiceError("SQS.SdkClientException", "There is no SQS in this environment");
  const { MessageBody: body } = parameters;
  const text = body === undefined || body === null ? null : typeof body === "string" ? body : JSON.stringify(body);
  return { ...(await sqs.sendMessage({ ...parameters, MessageBody: text })) };
}

function nestedStart(parameters: JsonObject): NestedStart {
  const { StateMachineArn: arn, Name: name, Input: input } = parameters;
  const text = input === undefined || input === null ? "{}" : typeof input === "string" ? input : JSON.stringify(input);
  return { machineArn: String(arn), name: typeof name === "string" ? name : randomUUID(), input: text };
}

/**
 * Starts an execution of another machine. Its name is durable before, and the execution knows who started it: doing
 * this again after a restart finds the same one.
 */
export function startNested(execution: Execution, flow: Flow, start: NestedStart): void {
  const { generation } = flow;
  const parent = { arn: execution.record.arn, flow: flow.id, generation };
  const isAwaited = (execution.nodeOf(flow).resource as Service).pattern.startsWith("sync");
  execution.afterCommit(() => {
    execution.host.startChild({ ...start, parent, isAwaited }).then(
      (record) => execution.send(() => nestedStarted(execution, flow, generation, record)),
      (error: unknown) =>
        execution.send(() =>
          execution.isCurrent(flow, generation) ? endTask(execution, flow, { failure: taskFailure(error) }) : undefined,
        ),
    );
  });
}

async function nestedStarted(
  execution: Execution,
  flow: Flow,
  generation: number,
  record: ExecutionRecord,
): Promise<void> {
  const resource = execution.nodeOf(flow).resource as Service;
  const isAwaited = resource.pattern.startsWith("sync");
  if (!execution.isCurrent(flow, generation)) {
    if (isAwaited) execution.afterCommit(() => execution.host.stopChild(record.arn));
    return;
  }
  const output: JsonObject = { ExecutionArn: record.arn, StartDate: record.startMs };
  if (resource.pattern === "request") return endTask(execution, flow, { text: JSON.stringify(output) });
  if (isAwaited) (flow.block as TaskBlock).child = record.arn;
  submitted(execution, flow, output);
  if (isAwaited) await checkNested(execution, flow, record.arn);
}

/** Ends the task if the execution that it waits for has already ended. */
export async function checkNested(execution: Execution, flow: Flow, arn: string): Promise<void> {
  const child = await execution.host.findExecution(arn);
  if (!child || child.status === "RUNNING") return;
  const resource = execution.nodeOf(flow).resource as Service;
  await endTask(execution, flow, nestedResult(child, resource.pattern === "sync:2"));
}

/** A nested execution that a task waits for has ended. */
export async function nestedEnded(execution: Execution, child: ExecutionRecord): Promise<void> {
  const { flow: id, generation } = child.parent!;
  const flow = execution.flows.get(id);
  if (!flow || !execution.isCurrent(flow, generation) || flow.block?.kind !== "task") return;
  if (flow.block.isSubmitted && flow.block.child === child.arn) await checkNested(execution, flow, child.arn);
}

/** DescribeExecution of a nested execution; `.sync:2` has its input and output as JSON. */
function nestedResult(child: ExecutionRecord, isParsed: boolean): TaskResult {
  const json = (text: string): Json => (isParsed ? (JSON.parse(text) as Json) : text);
  const described: JsonObject = {
    ExecutionArn: child.arn,
    Input: json(child.input),
    InputDetails: { Included: true },
    Name: child.name,
    StartDate: child.startMs,
    StateMachineArn: child.machineArn,
    Status: child.status,
    StopDate: child.stopMs ?? child.startMs,
  };
  if (child.output !== undefined)
    Object.assign(described, { Output: json(child.output), OutputDetails: { Included: true } });
  if (child.status === "SUCCEEDED") return { text: JSON.stringify(described) };
  if (child.error !== undefined) described.Error = child.error;
  if (child.cause !== undefined) described.Cause = child.cause;
  return { failure: new StateFailure({ error: "States.TaskFailed", cause: JSON.stringify(described) }) };
}

/** A JSON value inside an answer that is text. */
export function parseText(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}
