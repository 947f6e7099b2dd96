import { randomBytes } from "node:crypto";
import type { StateNode } from "../asl/machine.ts";
import { type Resource, resourceName } from "../asl/resource.ts";
import { runtimeFailure, ServiceError, StateFailure } from "../errors.ts";
import { isOversized, type Json, type JsonObject } from "../json.ts";
import { evaluateTemplate } from "../lang/jsonata.ts";
import { fillTemplate } from "../lang/template.ts";
import { jsonataScope, pathScope } from "./context.ts";
import { effectiveInput, leaveWithResult } from "./data-flow.ts";
import type { Execution } from "./execution.ts";
import { NOT_TRUNCATED } from "./history.ts";
import type { Flow, TaskBlock } from "./records.ts";
import { dataLimit, resumeFlow, type Step } from "./steps.ts";
import { deadlines, limitsOf, type TaskLimits, timeoutFailure } from "./task-timeouts.ts";
import { startWork } from "./work.ts";

const REGION = /^arn:[^:]*:[^:]*:([^:]*):/;

/** What the work of a task came to; the text is the result as JSON. */
export type TaskResult = { text: string } | { failure: StateFailure };

export async function runTask(execution: Execution, flow: Flow, node: StateNode): Promise<Step> {
  const resource = node.resource!;
  const token = makeToken(execution, flow);
  // Only tasks that somebody else can complete see their token.
  const isShown = resource.kind === "service" && resource.pattern !== "request";
  const parameters = await taskInput(execution, flow, node, isShown ? token : undefined);
  const limits = await limitsOf(execution, flow, node);
  const text = JSON.stringify(parameters);
  if (isOversized(text)) throw dataLimit(node.name, false);
  if (resource.kind === "activity" && !execution.host.activities.exists(resource.arn)) {
    throw runtimeFailure(`The activity ${resource.arn} does not exist.`);
  }
  recordScheduled(execution, flow, resource, text, limits);
  const block: TaskBlock = {
    kind: "task",
    token,
    isSubmitted: false,
    ...deadlines(limits, execution.host.clock.now()),
  };
  if (resource.kind === "activity") block.input = text;
  flow.block = block;
  armTask(execution, flow);
  startWork(execution, flow, node, parameters);
  return "stopped";
}

/** Tokens say where they lead, so that they need no index, and hold a secret, so that they cannot be made up. */
function makeToken(execution: Execution, flow: Flow): string {
  const place = JSON.stringify([execution.record.arn, flow.id, randomBytes(16).toString("base64url")]);
  return Buffer.from(place).toString("base64url");
}

async function taskInput(execution: Execution, flow: Flow, node: StateNode, token: string | undefined): Promise<Json> {
  const { Arguments: args, Parameters: parameters } = node.definition;
  if (node.language === "JSONata") {
    if (args === undefined) return node.resource?.kind === "service" ? {} : flow.input;
    return evaluateTemplate(
      args,
      "Arguments",
      jsonataScope(execution, flow, node, token === undefined ? {} : { token }),
    );
  }
  const input = effectiveInput(execution, flow, node);
  return parameters === undefined ? input : fillTemplate(parameters, pathScope(execution, flow, node, input, token));
}

function recordScheduled(execution: Execution, flow: Flow, resource: Resource, text: string, limits: TaskLimits): void {
  if (resource.kind === "service") {
    const about = { resourceType: resource.resourceType, resource: resourceName(resource) };
    const region = REGION.exec(execution.record.machineArn)?.[1];
    execution.addEvent(flow, "TaskScheduled", { ...about, region, parameters: text, ...limits });
    execution.addEvent(flow, "TaskStarted", about);
    return;
  }
  const details = { resource: resource.arn, input: text, inputDetails: NOT_TRUNCATED, ...limits };
  if (resource.kind === "activity") execution.addEvent(flow, "ActivityScheduled", details);
  else {
    execution.addEvent(flow, "LambdaFunctionScheduled", details);
    execution.addEvent(flow, "LambdaFunctionStarted");
  }
}

/** Sets the timers of a task that is under way. */
export function armTask(execution: Execution, flow: Flow): void {
  const block = flow.block as TaskBlock;
  const expire = (isHeartbeat: boolean) => () => endTask(execution, flow, { failure: timeoutFailure(isHeartbeat) });
  if (block.timeoutAt !== undefined) execution.setTimer(flow, block.timeoutAt, expire(false));
  if (block.heartbeatAt !== undefined) execution.setTimer(flow, block.heartbeatAt, expire(true));
}

/** A heartbeat came: the timers start again. */
export function beat(execution: Execution, flow: Flow): void {
  const block = flow.block as TaskBlock;
  if (block.heartbeatMs === undefined) return;
  block.heartbeatAt = execution.host.clock.now() + block.heartbeatMs;
  execution.touch(flow);
  execution.clearTimers(flow);
  armTask(execution, flow);
}

/** The call that starts the work came back, and the task goes on waiting. */
export function submitted(execution: Execution, flow: Flow, output: Json): void {
  const block = flow.block as TaskBlock;
  const resource = execution.nodeOf(flow).resource as Resource & { kind: "service" };
  block.isSubmitted = true;
  const about = { resourceType: resource.resourceType, resource: resourceName(resource) };
  execution.addEvent(flow, "TaskSubmitted", { ...about, output: JSON.stringify(output), outputDetails: NOT_TRUNCATED });
  execution.touch(flow);
}

/** The work of a task is over, one way or the other. */
export async function endTask(execution: Execution, flow: Flow, result: TaskResult): Promise<void> {
  await resumeFlow(execution, flow, async (node) => {
    const checked =
      "text" in result && isOversized(result.text) ? { failure: dataLimit(subjectOf(node), true) } : result;
    if ("failure" in checked) {
      execution.giveUpWork(flow);
      recordFailure(execution, flow, node.resource!, checked.failure);
      throw checked.failure;
    }
    recordSuccess(execution, flow, node.resource!, checked.text);
    return leaveWithResult(execution, flow, node, JSON.parse(checked.text) as Json);
  });
}

function subjectOf(node: StateNode): string {
  const resource = node.resource!;
  return resource.kind === "service" ? resource.resourceType : resource.arn;
}

const EVENT_PREFIX = { function: "LambdaFunction", activity: "Activity", service: "Task" } as const;

function aboutOf(resource: Resource): Record<string, string> {
  if (resource.kind !== "service") return {};
  return { resourceType: resource.resourceType, resource: resourceName(resource) };
}

function recordFailure(execution: Execution, flow: Flow, resource: Resource, failure: StateFailure): void {
  const kind = failure.info.error === "States.Timeout" ? "TimedOut" : "Failed";
  execution.addEvent(flow, `${EVENT_PREFIX[resource.kind]}${kind}`, { ...aboutOf(resource), ...failure.info });
}

function recordSuccess(execution: Execution, flow: Flow, resource: Resource, text: string): void {
  const details = { ...aboutOf(resource), output: text, outputDetails: NOT_TRUNCATED };
  execution.addEvent(flow, `${EVENT_PREFIX[resource.kind]}Succeeded`, details);
}

/** What a thrown value means to Retry and Catch. */
export function taskFailure(error: unknown): StateFailure {
  if (error instanceof StateFailure) return error;
  if (error instanceof ServiceError) return new StateFailure({ error: error.name, cause: error.message });
  return new StateFailure({ error: "States.TaskFailed", cause: String((error as Error)?.message ?? error) });
}

export function asObject(value: Json): JsonObject {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  throw runtimeFailure("The parameters of a service integration must be an object.");
}
