import { enableCompileCache, flushCompileCache } from "node:module";
import { pathToFileURL } from "node:url";
import { parentPort, workerData } from "node:worker_threads";
import { errorPayload } from "./errors.ts";
import { HTTP_INTEGRATION_TYPE, ResponseStream } from "./response-stream.ts";
import { shiftDate } from "./shift-date.ts";
import type { ErrorPayload, FromWorker, StreamPart, ToWorker, WorkerSetup } from "./types.ts";

const STREAMING = Symbol.for("aws.lambda.runtime.handler.streaming");

type Handler = ((...args: unknown[]) => unknown) & { [STREAMING]?: string };
type Invocation = Extract<ToWorker, { type: "invoke" }>;

const setup = workerData as WorkerSetup;
const port = parentPort!;
const send = (message: FromWorker) => port.postMessage(message);
const realNow = shiftDate(setup.clock);
let stream: ResponseStream | undefined;

Object.assign(globalThis, {
  awslambda: {
    streamifyResponse: (handler: Handler) => Object.assign(handler, { [STREAMING]: "response" }),
    HttpResponseStream: {
      from: (target: ResponseStream, metadata: unknown) => {
        target.setContentType(HTTP_INTEGRATION_TYPE);
        target.setMetadata(metadata);
        return target;
      },
    },
  },
});

function die(error: ErrorPayload): void {
  send({ type: "fatal", error });
  process.exit(1);
}

process.on("uncaughtException", (error) => die(errorPayload(error)));
process.on("unhandledRejection", (reason) => {
  const error = errorPayload(reason);
  die({ ...error, errorType: "Runtime.UnhandledPromiseRejection", errorMessage: error.errorMessage });
});

async function loadHandler(): Promise<Handler> {
  if (setup.compileCache) enableCompileCache(setup.compileCache);
  const url = setup.entry.startsWith("file:") ? setup.entry : pathToFileURL(setup.entry).href;
  const module = (await import(url)) as Record<string, unknown>;
  const handler = module[setup.exportName];
  if (typeof handler !== "function") {
    const error = new Error(`${setup.exportName} is undefined or not exported`);
    error.name = "Runtime.HandlerNotFound";
    throw error;
  }
  const found = handler as Handler;
  if (found.length > 2 && !found[STREAMING]) {
    const error = new Error("AWS Lambda has removed support for callback-based function handlers in Node.js 24");
    error.name = "Runtime.CallbackHandlerDeprecated";
    throw error;
  }
  return found;
}

function contextOf(invocation: Invocation): Record<string, unknown> {
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionName: setup.functionName,
    functionVersion: "$LATEST",
    invokedFunctionArn: setup.functionArn,
    memoryLimitInMB: String(setup.memoryMb),
    awsRequestId: invocation.requestId,
    ...(setup.tenantId === undefined ? {} : { tenantId: setup.tenantId }),
    logGroupName: `/aws/lambda/${setup.functionName}`,
    logStreamName: "local",
    getRemainingTimeInMillis: () => Math.max(0, invocation.deadline - realNow()),
  };
}

async function runStreaming(handler: Handler, event: unknown, context: unknown): Promise<StreamPart> {
  const response = new ResponseStream((part) => send({ type: "part", part }));
  stream = response;
  // A write after the receiver gave up must not take the worker down; the handler sees it on its own calls.
  response.on("error", () => {});
  await handler(event, response, context);
  if (!response.writableEnded) response.end();
  if (!response.writableFinished) await new Promise((resolve) => response.once("close", resolve));
  return response.takePending();
}

async function run(handler: Handler, invocation: Invocation): Promise<void> {
  try {
    const event: unknown = JSON.parse(invocation.payload);
    if (handler[STREAMING]) {
      const part = await runStreaming(handler, event, contextOf(invocation));
      send({ type: "done", part });
    } else {
      const result = await handler(event, contextOf(invocation));
      send({ type: "done", payload: JSON.stringify(result) ?? "null" });
    }
  } catch (thrown) {
    const pending = stream?.takePending();
    send({ type: "done", error: errorPayload(thrown), ...(pending ? { part: pending } : {}) });
  } finally {
    stream = undefined;
  }
}

try {
  const handler = await loadHandler();
  port.on("message", (message: ToWorker) => {
    if (message.type === "ack") stream?.acknowledge(message.bytes);
    else void run(handler, message);
  });
  send({ type: "ready" });
  // Workers are terminated, which is too late to keep what they compiled.
  if (setup.compileCache) flushCompileCache();
} catch (thrown) {
  die(errorPayload(thrown));
}
