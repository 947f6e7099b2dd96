import { SfnError } from "../errors.ts";
import { isObject, type Json, type JsonObject } from "../json.ts";
import type { SfnService } from "../service.ts";
import { type Body, requireBody } from "./checks.ts";
import { EXECUTION_CALLS } from "./execution-calls.ts";
import { MACHINE_CALLS } from "./machine-calls.ts";
import { MAP_RUN_CALLS } from "./map-run-calls.ts";
import { TASK_CALLS } from "./task-calls.ts";

type Call = (service: SfnService, body: Body) => Promise<Json>;

const CALLS: Record<string, Call> = { ...MACHINE_CALLS, ...EXECUTION_CALLS, ...TASK_CALLS, ...MAP_RUN_CALLS };
const TARGET = /^AWSStepFunctions\.([A-Za-z]+)$/;

export interface SfnAnswer {
  status: number;
  body: Json;
}

/** Answers one request of the AWS JSON 1.0 protocol: the `X-Amz-Target` header and the parsed body. */
export type SfnHandler = (target: string, body: unknown) => Promise<SfnAnswer>;

/** Makes the API of a service; the HTTP server around it sends the answers as `application/x-amz-json-1.0`. */
export function createSfnHandler(service: SfnService): SfnHandler {
  return async (target, body) => {
    try {
      return { status: 200, body: await call(service, TARGET.exec(target)?.[1] ?? "", body) };
    } catch (error) {
      if (error instanceof SfnError) {
        return {
          status: error.status,
          body: { __type: error.type, message: error.message, ...(error.details as JsonObject) },
        };
      }
      return { status: 500, body: { __type: "InternalServerException", message: (error as Error).message } };
    }
  };
}

async function call(service: SfnService, action: string, body: unknown): Promise<Json> {
  const run = Object.hasOwn(CALLS, action) ? CALLS[action] : undefined;
  if (!run) throw new SfnError("UnknownOperationException", `The operation '${action}' is not supported`);
  return run(service, requireBody(body));
}

/** An `aws-sdk:sfn` task: the same calls with names in the form of the SDK for Java. */
export async function callAsTask(service: SfnService, action: string, parameters: JsonObject): Promise<Json> {
  const output = parameters.Output;
  const prepared =
    output === undefined || typeof output === "string" ? parameters : { ...parameters, Output: JSON.stringify(output) };
  const cause = prepared.Cause;
  const body =
    cause === undefined || typeof cause === "string" ? prepared : { ...prepared, Cause: JSON.stringify(cause) };
  const answer = await call(
    service,
    capital(action),
    recase(body, (key) => key[0]!.toLowerCase() + key.slice(1)),
  );
  return recase(answer, capital);
}

const capital = (text: string): string => text[0]!.toUpperCase() + text.slice(1);

function recase(value: Json, rename: (key: string) => string): Json {
  if (Array.isArray(value)) return value.map((item) => recase(item, rename));
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [rename(key), recase(item, rename)]));
}
