import { createHash, randomUUID } from "node:crypto";
import { createSfn, FakeTimerClock, ServiceError, type Sfn, type SfnEnvironment } from "@weft/local/sfn/index";
import type { Json, JsonObject } from "@weft/local/sfn/json";
import type { Fixture, WorkerCall } from "./asl-fixture.ts";

/** A few seconds before the times that the recorded inputs hold. */
const START_MS = Date.UTC(2026, 10, 21, 22, 57, 50);
const ROLE = "arn:aws:iam::000000000000:role/sfn";

export interface World {
  sfn: Sfn;
  clock: FakeTimerClock;
  call(action: string, body: JsonObject): Promise<JsonObject>;
  close(): Promise<void>;
}

/** Everything around the machine of one recorded case. */
export async function createWorld(fixture: Fixture): Promise<World> {
  const clock = new FakeTimerClock(START_MS);
  const sleep = (seconds: number): Promise<void> =>
    new Promise((resolve) => clock.setTimer(clock.now() + seconds * 1000, resolve));
  const world = { clock } as World;
  const sfn = await createSfn({ clock, environment: environmentOf(fixture, world, sleep) });
  clock.holdWhile(() => sfn.service.isBusy);
  world.sfn = sfn;
  world.call = async (action, body) => {
    const answer = await sfn.handler(`AWSStepFunctions.${action}`, body);
    if (answer.status !== 200) throw Object.assign(new Error(JSON.stringify(answer.body)), { body: answer.body });
    return answer.body as JsonObject;
  };
  world.close = () => sfn.close();
  await prepare(fixture, world);
  return world;
}

async function prepare(fixture: Fixture, world: World): Promise<void> {
  for (const [arn, definition] of Object.entries(fixture.stateMachines ?? {})) {
    await createMachine(world, arn.slice(arn.lastIndexOf(":") + 1), definition);
  }
  const activities = new Set(JSON.stringify(fixture.definition).match(/:activity:[\w-]+/g) ?? []);
  if (!fixture.name.endsWith("on_deleted") && fixture.area !== "validation") {
    for (const one of activities) await world.call("CreateActivity", { name: one.slice(":activity:".length) });
  }
  for (const [i, worker] of (fixture.workers ?? []).entries()) {
    if (!worker.definition) continue;
    const stateMachineArn = await createMachine(world, `worker-${i}`, worker.definition);
    await world.call("StartExecution", { stateMachineArn, input: JSON.stringify(worker.input ?? {}) });
  }
}

export async function createMachine(
  world: World,
  name: string,
  definition: unknown,
  type = "STANDARD",
): Promise<string> {
  const text = JSON.stringify(definition);
  const created = await world.call("CreateStateMachine", { name, definition: text, roleArn: ROLE, type });
  return String(created.stateMachineArn);
}

function environmentOf(fixture: Fixture, world: World, sleep: (seconds: number) => Promise<void>): SfnEnvironment {
  const objects = new Map((fixture.s3 ?? []).map(({ bucket, key, body }) => [`${bucket}/${key}`, body]));
  return {
    invokeLambda: async (name, payload, call) => ({
      ...(await behave(fixture, name, payload, sleep)),
      ...(call.logType === "Tail" ? { logResult: "bG9n" } : {}),
    }),
    s3: {
      getObject: async (bucket, key) =>
        objects.get(`${bucket}/${key}`) ?? Promise.reject(new Error("The specified key does not exist.")),
      putObject: async (bucket, key, body) => void objects.set(`${bucket}/${key}`, body),
      listObjectsV2: async (bucket, prefix) =>
        [...objects]
          .filter(([key]) => key.startsWith(`${bucket}/${prefix}`))
          .map(([key, body]) => ({
            key: key.slice(bucket.length + 1),
            size: Buffer.byteLength(body),
            etag: createHash("md5").update(body).digest("hex"),
            lastModified: START_MS,
          })),
    },
    integrations: { "aws-sdk:s3:listBuckets": async () => ({ Buckets: [] }) },
    sqs: { sendMessage: async (parameters) => sendMessage(fixture, world, parameters, sleep) },
  };
}

/** The recorded functions ran on Python: its JSON has a space after each separator. */
function pythonError(message: string, type: string, line: number, source: string): string {
  const trace = JSON.stringify(`  File "/var/task/handler.py", line ${line}, in handler\n    ${source}\n`);
  return `{"errorMessage": ${JSON.stringify(message)}, "errorType": "${type}", "requestId": "${randomUUID()}", "stackTrace": [${trace}]}`;
}

async function behave(
  fixture: Fixture,
  functionName: string,
  payload: string,
  sleep: (seconds: number) => Promise<void>,
): Promise<{ payload: string; functionError?: string }> {
  const name = functionName.slice(functionName.lastIndexOf(":") + 1);
  if (!(name in (fixture.lambdas ?? {}))) throw missing(name);
  const failed = (text: string) => ({ payload: text, functionError: "Unhandled" });
  switch (name) {
    case "echo":
      return { payload };
    case "hello":
      return { payload: '{"Return": "HelloWorld"}' };
    case "bytes":
      return { payload: '"HelloWorld!"' };
    case "large_output":
      return { payload: JSON.stringify("a".repeat(263_168)) };
    case "fails":
      return failed(
        pythonError("Some exception was raised.", "Exception", 2, 'raise Exception("Some exception was raised.")'),
      );
    case "fails_custom":
      return failed(pythonError("", "CustomException", 9, "raise CustomException()"));
    case "wait_60":
      await sleep(60);
      return { payload };
  }
  throw new Error(`no behaviour for ${name}`);
}

function missing(name: string): ServiceError {
  const arn = `arn:aws:lambda:us-east-1:000000000000:function:${name}:$LATEST`;
  const about = `Service: AWSLambda; Status Code: 404; Error Code: ResourceNotFoundException; Request ID: ${randomUUID()}; Proxy: null`;
  return new ServiceError("Lambda.ResourceNotFoundException", `Function not found: ${arn} (${about})`);
}

const sent = new WeakMap<World, number>();

async function sendMessage(
  fixture: Fixture,
  world: World,
  parameters: JsonObject,
  sleep: (seconds: number) => Promise<void>,
): Promise<{ MessageId: string; MD5OfMessageBody: string }> {
  const { QueueUrl: url, MessageBody: body } = parameters;
  if (!fixture.queues?.includes(String(url))) {
    const host = new URL(String(url)).hostname;
    throw new ServiceError(
      "SQS.SdkClientException",
      `Unable to execute HTTP request: ${host}: Name or service not known`,
    );
  }
  if (typeof body !== "string") {
    const about = `Service: AmazonSQS; Status Code: 400; Error Code: MissingParameter; Request ID: ${randomUUID()}; Proxy: null`;
    throw new ServiceError("SQS.AmazonSQSException", `The request must contain the parameter MessageBody. (${about})`);
  }
  const count = (sent.get(world) ?? 0) + 1;
  sent.set(world, count);
  for (const worker of fixture.workers ?? []) {
    if (!worker.calls || (worker.on?.includes("first message") && count > 1)) continue;
    void work(world, worker.calls, body, sleep);
  }
  return { MessageId: randomUUID(), MD5OfMessageBody: createHash("md5").update(body).digest("hex") };
}

async function work(
  world: World,
  calls: WorkerCall[],
  body: string,
  sleep: (seconds: number) => Promise<void>,
): Promise<void> {
  // A worker sees the message after the call that put it there has returned.
  await sleep(0.1);
  const message = JSON.parse(body) as { TaskToken: string; Message: Json };
  for (const call of calls) {
    if (call.wait !== undefined) await sleep(call.wait);
    if (call.api === undefined) continue;
    const output = call.output === "JSON of body.Message" ? JSON.stringify(message.Message) : body;
    const about: JsonObject = { taskToken: message.TaskToken };
    if (call.api === "SendTaskSuccess") about.output = output;
    if (call.error !== undefined) about.error = call.error;
    if (call.cause !== undefined) about.cause = call.cause;
    for (let i = 0; i < (call.times ?? 1); i++) await world.call(call.api, about);
  }
}
