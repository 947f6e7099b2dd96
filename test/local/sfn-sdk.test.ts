import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import {
  CreateStateMachineCommand,
  DescribeExecutionCommand,
  GetExecutionHistoryCommand,
  InvalidDefinition,
  ListExecutionsCommand,
  ListStateMachinesCommand,
  SendTaskSuccessCommand,
  SFNClient,
  StartExecutionCommand,
  StartSyncExecutionCommand,
  StateMachineDoesNotExist,
  StopExecutionCommand,
} from "@aws-sdk/client-sfn";
import { createSfn, type Sfn } from "@weft/local/sfn/index";
import { afterAll, beforeAll, expect, test } from "vitest";
import { single } from "./sfn-world.ts";

const ROLE = "arn:aws:iam::000000000000:role/sfn";
const tokens: string[] = [];
let sfn: Sfn;
let server: Server;
let client: SFNClient;

beforeAll(async () => {
  const invokeLambda = async (_name: string, payload: string) => {
    const { token } = JSON.parse(payload) as { token?: string };
    if (token !== undefined) tokens.push(token);
    return { payload: '{"ok":true}' };
  };
  sfn = await createSfn({ environment: { invokeLambda } });
  server = createServer(async (request, response) => {
    let text = "";
    for await (const chunk of request) text += chunk;
    const answer = await sfn.handler(String(request.headers["x-amz-target"]), JSON.parse(text));
    response.writeHead(answer.status, { "content-type": "application/x-amz-json-1.0" });
    response.end(JSON.stringify(answer.body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const credentials = { accessKeyId: "local", secretAccessKey: "local" };
  // The SDK would put "sync-" before the host of StartSyncExecution.
  client = new SFNClient({
    endpoint: `http://127.0.0.1:${port}`,
    region: "us-east-1",
    credentials,
    disableHostPrefix: true,
  });
});

afterAll(async () => {
  client.destroy();
  await sfn.close();
  await new Promise((resolve) => server.close(resolve));
});

async function create(name: string, definition: unknown, type: "STANDARD" | "EXPRESS" = "STANDARD"): Promise<string> {
  const command = new CreateStateMachineCommand({ name, type, roleArn: ROLE, definition: JSON.stringify(definition) });
  return (await client.send(command)).stateMachineArn!;
}

async function ended(executionArn: string): Promise<void> {
  await sfn.service.whenEnded(executionArn);
}

test("the AWS SDK creates, runs and reads a machine", async () => {
  const Ask = {
    Type: "Task",
    Resource: "arn:aws:states:::lambda:invoke.waitForTaskToken",
    Arguments: { FunctionName: "ask", Payload: { token: "{% $states.context.Task.Token %}" } },
  };
  const stateMachineArn = await create("asks", single(Ask));
  const { executionArn, startDate } = await client.send(
    new StartExecutionCommand({ stateMachineArn, name: "one", input: "{}" }),
  );
  expect(startDate).toBeInstanceOf(Date);
  await expect.poll(() => tokens.length).toBe(1);
  await client.send(new SendTaskSuccessCommand({ taskToken: tokens[0]!, output: '{"answer":42}' }));
  await ended(executionArn!);
  const described = await client.send(new DescribeExecutionCommand({ executionArn }));
  expect(described).toMatchObject({
    status: "SUCCEEDED",
    output: '{"answer":42}',
    name: "one",
    redriveStatus: "NOT_REDRIVABLE",
  });
  const { events } = await client.send(
    new GetExecutionHistoryCommand({ executionArn, reverseOrder: true, maxResults: 1 }),
  );
  expect(events?.[0]).toMatchObject({
    type: "ExecutionSucceeded",
    executionSucceededEventDetails: { output: '{"answer":42}' },
  });
  const { executions } = await client.send(new ListExecutionsCommand({ stateMachineArn, statusFilter: "SUCCEEDED" }));
  expect(executions?.map((one) => one.name)).toEqual(["one"]);
  const { stateMachines } = await client.send(new ListStateMachinesCommand({}));
  expect(stateMachines?.map((one) => one.name)).toContain("asks");
});

test("Express machines answer in the call", async () => {
  const stateMachineArn = await create(
    "adds",
    single({ Type: "Pass", Output: "{% $states.input.a + 1 %}" }),
    "EXPRESS",
  );
  const answer = await client.send(new StartSyncExecutionCommand({ stateMachineArn, input: '{"a":1}' }));
  expect(answer).toMatchObject({ status: "SUCCEEDED", output: "2" });
});

test("errors are the SDK's own classes", async () => {
  const stateMachineArn = "arn:aws:states:us-east-1:000000000000:stateMachine:none";
  await expect(client.send(new StartExecutionCommand({ stateMachineArn }))).rejects.toBeInstanceOf(
    StateMachineDoesNotExist,
  );
  await expect(create("bad", { StartAt: "A", States: {} })).rejects.toBeInstanceOf(InvalidDefinition);
});

test("a running execution can be stopped", async () => {
  const stateMachineArn = await create("waits", single({ Type: "Wait", Seconds: 1_000 }));
  const { executionArn } = await client.send(new StartExecutionCommand({ stateMachineArn }));
  const { stopDate } = await client.send(new StopExecutionCommand({ executionArn, error: "Enough", cause: "by hand" }));
  expect(stopDate).toBeInstanceOf(Date);
  const described = await client.send(new DescribeExecutionCommand({ executionArn }));
  expect(described).toMatchObject({ status: "ABORTED", error: "Enough", cause: "by hand" });
});
