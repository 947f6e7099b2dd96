/**
 * Loads one deployed bundle in a process of its own and calls it once: `node run-bundle.ts <module> <kind>`. Prints one
 * line of JSON: whether it exports a handler, how long loading took, and what the call came to.
 */
interface Outcome {
  handler: string;
  loadMs: number;
  status?: number;
  body?: string;
  error?: string;
}

const [modulePath = "", kind = ""] = process.argv.slice(2);

/** What the Lambda runtime puts in place for streamed answers. */
const outcome: Outcome = { handler: "undefined", loadMs: 0 };
Object.assign(globalThis, {
  awslambda: {
    streamifyResponse: (handler: unknown) => handler,
    HttpResponseStream: {
      from: (stream: unknown, prelude: { statusCode: number }) => {
        outcome.status = prelude.statusCode;
        return stream;
      },
    },
  },
});

const apiEvent = {
  resource: "/{proxy+}",
  path: "/no/such/path",
  httpMethod: "GET",
  headers: {},
  multiValueHeaders: {},
  queryStringParameters: null,
  multiValueQueryStringParameters: null,
  pathParameters: { proxy: "no/such/path" },
  stageVariables: null,
  requestContext: { requestId: "req-1", identity: { sourceIp: "127.0.0.1" }, authorizer: {}, stage: "dev" },
  body: null,
  isBase64Encoded: false,
};

/** One plausible event of each kind that is not called by the API. */
const EVENTS: Record<string, object> = {
  authorizer: {
    type: "REQUEST",
    methodArn: "arn:aws:execute-api:eu-west-1:123456789012:api/dev/GET/api/me",
    headers: { Authorization: "Bearer none" },
    requestContext: apiEvent.requestContext,
  },
  task: { spaceId: "spc_1", executionId: "exe_1", segmentId: "s", step: 0, epoch: 1, hops: 0 },
  event: { source: "aws.states", detail: { name: "exe_1-s-1", status: "FAILED", input: "{}" } },
  schedule: { job: "sweep-executions" },
};

const context = {
  awsRequestId: "req-1",
  functionName: "bundle",
  invokedFunctionArn: "arn:aws:lambda:eu-west-1:123456789012:function:bundle",
  getRemainingTimeInMillis: () => 5_000,
};

async function call(handler: (...args: unknown[]) => unknown): Promise<void> {
  if (kind !== "api") {
    outcome.body = JSON.stringify(await handler(EVENTS[kind] ?? {}, context));
    return;
  }
  const { PassThrough } = await import("node:stream");
  const stream = new PassThrough();
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  await handler(apiEvent, stream, context);
  outcome.body = Buffer.concat(chunks).toString("utf8");
}

const started = performance.now();
const loaded: { handler?: unknown } = await import(modulePath);
outcome.loadMs = Math.round(performance.now() - started);
outcome.handler = typeof loaded.handler;
try {
  await call(loaded.handler as (...args: unknown[]) => unknown);
} catch (error) {
  outcome.error = String(error);
}
process.stdout.write(`${JSON.stringify(outcome)}\n`, () => process.exit(0));
