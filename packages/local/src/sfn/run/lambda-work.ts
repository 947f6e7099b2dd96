import { randomUUID } from "node:crypto";
import type { LambdaAnswer, LambdaCall } from "../environment.ts";
import { StateFailure } from "../errors.ts";
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
  const { FunctionName: name, Payload: payload, InvocationType: type, Qualifier: qualifier, ClientContext: client } = parameters;
  const call: LambdaCall = {
    ...(typeof type === "string" ? { invocationType: type } : {}),
    ...(typeof qualifier === "string" ? { qualifier } : {}),
    ...(client === undefined ? {} : { clientContext: JSON.stringify(client) }),
  };
  const event = payload === undefined ? "{}" : JSON.stringify(payload);
  const answer = await execution.host.environment.invokeLambda(String(name), event, call);
  const value = parseText(answer.payload);
  if (answer.functionError !== undefined) throw functionFailure(answer.payload, JSON.stringify(value));
  return describe(answer, value);
}

/** Nothing was waiting in the payload: AWS leaves it out for asynchronous calls. */
function describe(answer: LambdaAnswer, value: Json): JsonObject {
  const statusCode = answer.statusCode ?? 200;
  const result: JsonObject = { ExecutedVersion: answer.executedVersion ?? "$LATEST" };
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
