import type { LambdaFunction } from "../lambda/types.ts";
import type { Log } from "../log.ts";
import { Properties } from "../template/properties.ts";
import type { Resource } from "../template/types.ts";
import { queueUrlOf, sendMessage } from "./queue-client.ts";

/** Adds retries and failure destinations of the templates to the functions they are for. */
export function withAsyncConfig(
  functions: readonly LambdaFunction[],
  resources: readonly Resource[],
  sqsUrl: string,
  log: Log,
): LambdaFunction[] {
  const configs = new Map(
    resources
      .filter((resource) => resource.type === "AWS::Lambda::EventInvokeConfig")
      .map((resource) => [new Properties(resource).string("FunctionName"), new Properties(resource)]),
  );
  return functions.map((fn) => {
    const config = configs.get(fn.name);
    if (!config) return fn;
    const destination = config.child("DestinationConfig").child("OnFailure").optional("Destination");
    if (destination && !destination.includes(":sqs:")) throw config.error("only a queue can be a failure destination");
    return {
      ...fn,
      asyncRetries: config.number("MaximumRetryAttempts", 2),
      ...(destination ? { onAsyncFailure: toQueue(queueUrlOf(sqsUrl, destination), sqsUrl, log) } : {}),
    };
  });
}

function toQueue(QueueUrl: string, sqsUrl: string, log: Log): NonNullable<LambdaFunction["onAsyncFailure"]> {
  return ({ functionArn, requestId, payload, result }) => {
    const record = {
      version: "1.0",
      requestContext: { requestId, functionArn: `${functionArn}:$LATEST`, condition: "RetriesExhausted" },
      requestPayload: JSON.parse(payload) as unknown,
      responseContext: { statusCode: 200, executedVersion: "$LATEST", functionError: result.functionError },
      responsePayload: JSON.parse(result.payload) as unknown,
    };
    sendMessage(sqsUrl, { QueueUrl, MessageBody: JSON.stringify(record) }).catch((error: unknown) => {
      log({ source: "lambda", level: "error", text: `failure destination: ${String(error)}` });
    });
  };
}
