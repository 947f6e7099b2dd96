import { randomUUID } from "node:crypto";
import type { LambdaAnswer, LambdaCall } from "../environment.ts";
import { ServiceError, StateFailure } from "../errors.ts";
import { isObject, type Json, type JsonObject } from "../json.ts";
import type { Execution } from "./execution.ts";
import { type TaskResult, taskFailure } from "./task.ts";
import { parseText } from "./work.ts";

/** A Task whose Resource is a function: the input is the event, the answer the result. */
export async function invokeFunction(execution: Execution, arn: string, input: Json): Promise<TaskResult> {
  try {
    const answer = await execution.host.environment.invokeLambda(arn, JSON.stringify(input), {});
    if (answer.functionError !== undefined) return { failure: functionFailure(answer.payload, answer.payload) };
    return { text: JSON.stringify(parseText(answer.payload)) };
  } catch (error) {
    return { failure: taskFailure(error) };
  }
}

/** `lambda:invoke`: the answer of the Invoke call with its payload as JSON. */
export async function invokeService(execution: Execution, parameters: JsonObject): Promise<Json> {
  const { FunctionName: name, Payload: payload } = parameters;
  const call = callOf(parameters);
  const event = eventOf(payload);
  const answer = await execution.host.environment.invokeLambda(String(name), event, call);
  const value = parseText(answer.payload);
  if (answer.functionError !== undefined) throw functionFailure(answer.payload, JSON.stringify(value));
  return describe(answer, value);
}

function callOf(parameters: JsonObject): LambdaCall {
  const { InvocationType: type, Qualifier: qualifier, ClientContext: client, LogType: logType } = parameters;
  return {
    ...(typeof type === "string" ? { invocationType: type } : {}),
    ...(typeof qualifier === "string" ? { qualifier } : {}),
    ...(typeof logType === "string" ? { logType } : {}),
    ...(client === undefined ? {} : { clientContext: JSON.stringify(client) }),
  };
}

/** Text is sent as it is, and must then be JSON; no payload is an empty object. */
function eventOf(payload: Json | undefined): string {
  if (payload === undefined || payload === null) return "{}";
  if (typeof payload !== "string") return JSON.stringify(payload);
  try {
    JSON.parse(payload);
    return payload;
  } catch (error) {
    const reason = `Could not parse request body into json: ${(error as Error).message}`;
    throw new ServiceError("Lambda.InvalidRequestContentException", reason);
  }
}

/** Nothing was waiting in the payload: AWS leaves it out for asynchronous calls. */
function describe(answer: LambdaAnswer, value: Json): JsonObject {
  const statusCode = answer.statusCode ?? 200;
  const result: JsonObject = { ExecutedVersion: answer.executedVersion ?? "$LATEST" };
  if (answer.logResult !== undefined) result.LogResult = answer.logResult;
  if (answer.payload !== "") result.Payload = value;
  result.SdkHttpMetadata = { HttpStatusCode: statusCode };
  result.SdkResponseMetadata = { RequestId: randomUUID() };
  result.StatusCode = statusCode;
  return result;
}

/** The function's own error: its type is the name that Retry and Catch see. */
function functionFailure(payload: string, cause: string): StateFailure {
  const value = parseText(payload);
  const type = isObject(value) && typeof value.errorType === "string" ? value.errorType : undefined;
  return new StateFailure({ error: type ?? "Lambda.Unknown", cause });
}
