import { FakeTimerClock, MemoryStore, ServiceError, type StatusChange } from "@weft/local/sfn/index";
import { expect, test } from "vitest";
import { single, testSfn, types } from "./sfn-world.ts";

const TOKEN_TASK = {
  Type: "Task",
  Resource: "arn:aws:states:::lambda:invoke.waitForTaskToken",
  Arguments: { FunctionName: "ask", Payload: { token: "{% $states.context.Task.Token %}" } },
};
const DAY = 86_400_000;

test("starting a name again with the same input while it runs answers the same execution", async () => {
  const sfn = await testSfn();
  const stateMachineArn = await sfn.machine(single({ Type: "Wait", Seconds: 60 }));
  const body = { stateMachineArn, name: "once", input: '{"a":1}' };
  const [first, second] = await Promise.all([sfn.call("StartExecution", body), sfn.call("StartExecution", body)]);
  await sfn.clock.advanceTo(sfn.clock.now() + 1_000);
  const third = await sfn.call("StartExecution", body);
  expect(second).toEqual(first);
  expect(third).toEqual(first);
  await expect(sfn.call("StartExecution", { ...body, input: '{"a":2}' })).rejects.toMatchObject({
    type: "ExecutionAlreadyExists",
  });
  await sfn.clock.run(sfn.service.whenEnded(String(first.executionArn)));
  await expect(sfn.call("StartExecution", body)).rejects.toMatchObject({ type: "ExecutionAlreadyExists" });
  const { executions } = await sfn.call("ListExecutions", { stateMachineArn });
  expect(executions).toHaveLength(1);
});

test("a wait of a year passes at once, and a restart in the middle does not lengthen it", async () => {
  const store = new MemoryStore();
  const clock = new FakeTimerClock();
  const before = await testSfn({ store, clock });
  const stateMachineArn = await before.machine(single({ Type: "Wait", Seconds: 365 * 86_400 }));
  const start = clock.now();
  const { executionArn } = await before.call("StartExecution", { stateMachineArn });
  await clock.advanceTo(start + 100 * DAY);
  await before.close();
  const after = await testSfn({ store, clock });
  await clock.run(after.service.whenEnded(String(executionArn)));
  const described = await after.call("DescribeExecution", { executionArn: executionArn! });
  expect(described).toMatchObject({ status: "SUCCEEDED", stopDate: (start + 365 * DAY) / 1000 });
});

test("a token outlives a restart; a call in flight fails with Lambda.Unknown and is retried", async () => {
  const store = new MemoryStore();
  const clock = new FakeTimerClock();
  const tokens: string[] = [];
  const hangs = { invokeLambda: () => new Promise<never>(() => undefined) };
  const answers = {
    invokeLambda: async (_name: string, payload: string) => {
      tokens.push((JSON.parse(payload) as { token: string }).token);
      return { payload: "null" };
    },
  };
  const definition = {
    QueryLanguage: "JSONata",
    StartAt: "Ask",
    States: { Ask: { ...TOKEN_TASK, Retry: [{ ErrorEquals: ["Lambda.Unknown"], MaxAttempts: 1 }], End: true } },
  };
  const first = await testSfn({ store, clock, environment: hangs });
  const stateMachineArn = await first.machine(definition);
  const { executionArn } = await first.call("StartExecution", { stateMachineArn });
  await first.close();
  const second = await testSfn({ store, clock, environment: answers });
  await clock.advanceTo(clock.now() + 5_000);
  await second.close();
  const third = await testSfn({ store, clock, environment: answers });
  await clock.advanceTo(clock.now() + 5_000);
  await third.call("SendTaskSuccess", { taskToken: tokens[0]!, output: '"yes"' });
  const described = await third.call("DescribeExecution", { executionArn: executionArn! });
  expect(tokens).toHaveLength(1);
  expect(described).toMatchObject({ status: "SUCCEEDED", output: '"yes"' });
  const events = await third.history(String(executionArn));
  expect(types(events)).toEqual([
    ...["ExecutionStarted", "TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskFailed", "TaskScheduled"],
    ...["TaskStarted", "TaskSubmitted", "TaskSucceeded", "TaskStateExited", "ExecutionSucceeded"],
  ]);
  expect(events[4]).toMatchObject({ taskFailedEventDetails: { error: "Lambda.Unknown" } });
  await expect(third.call("SendTaskSuccess", { taskToken: tokens[0]!, output: "1" })).rejects.toMatchObject({
    type: "TaskTimedOut",
  });
  await expect(third.call("SendTaskSuccess", { taskToken: "made up", output: "1" })).rejects.toMatchObject({
    type: "InvalidToken",
  });
});

test("a heartbeat moves the deadline, and its absence can be caught by its own name", async () => {
  const clock = new FakeTimerClock();
  let token = "";
  const environment = {
    invokeLambda: async (_name: string, payload: string) => {
      token = (JSON.parse(payload) as { token: string }).token;
      return { payload: "null" };
    },
  };
  const sfn = await testSfn({ clock, environment });
  const caught = { ErrorEquals: ["States.HeartbeatTimeout"], Next: "Late" };
  const Ask = { ...TOKEN_TASK, HeartbeatSeconds: 10, TimeoutSeconds: 600, Catch: [caught], End: true };
  const stateMachineArn = await sfn.machine({
    QueryLanguage: "JSONata",
    StartAt: "Ask",
    States: { Ask, Late: { Type: "Succeed" } },
  });
  const start = clock.now();
  const { executionArn } = await sfn.call("StartExecution", { stateMachineArn });
  await clock.advanceTo(start + 8_000);
  await sfn.call("SendTaskHeartbeat", { taskToken: token });
  await clock.run(sfn.service.whenEnded(String(executionArn)));
  const described = await sfn.call("DescribeExecution", { executionArn: executionArn! });
  expect(described).toMatchObject({ status: "SUCCEEDED", stopDate: (start + 18_000) / 1000 });
});

test("a redrive runs what failed and keeps what was done", async () => {
  const calls: string[] = [];
  let isBroken = true;
  const invokeLambda = async (name: string, payload: string) => {
    calls.push(name);
    if (name === "shaky" && isBroken) throw new ServiceError("Lambda.ServiceException", "down");
    return { payload };
  };
  const sfn = await testSfn({ environment: { invokeLambda } });
  const task = (FunctionName: string) => ({
    StartAt: FunctionName,
    States: {
      [FunctionName]: {
        Type: "Task",
        Resource: "arn:aws:states:::lambda:invoke",
        Arguments: { FunctionName },
        Output: FunctionName,
        End: true,
      },
    },
  });
  const described = await sfn.run(single({ Type: "Parallel", Branches: [task("steady"), task("shaky")] }));
  expect(described).toMatchObject({ status: "FAILED", error: "Lambda.ServiceException", redriveStatus: "REDRIVABLE" });
  isBroken = false;
  const { executionArn } = described;
  await sfn.call("RedriveExecution", { executionArn: executionArn! });
  await sfn.clock.run(sfn.service.whenEnded(String(executionArn)));
  const after = await sfn.call("DescribeExecution", { executionArn: executionArn! });
  expect(after).toMatchObject({ status: "SUCCEEDED", output: '["steady","shaky"]', redriveCount: 1 });
  expect(calls.sort()).toEqual(["shaky", "shaky", "steady"]);
  await expect(sfn.call("RedriveExecution", { executionArn: executionArn! })).rejects.toMatchObject({
    type: "ExecutionNotRedrivable",
  });
  expect(types(await sfn.history(String(executionArn)))).toContain("ExecutionRedriven");
});

test("stopping an execution stops the one that it waits for", async () => {
  const sfn = await testSfn();
  const childArn = await sfn.machine(single({ Type: "Wait", Seconds: 600 }), "STANDARD", "child");
  const Resource = "arn:aws:states:::states:startExecution.sync:2";
  const parentArn = await sfn.machine(
    single({ Type: "Task", Resource, Arguments: { StateMachineArn: childArn, Name: "c1" } }),
  );
  const { executionArn } = await sfn.call("StartExecution", { stateMachineArn: parentArn });
  await sfn.clock.advanceTo(sfn.clock.now() + 1_000);
  await sfn.call("StopExecution", { executionArn: executionArn!, error: "Enough", cause: "by hand" });
  await sfn.clock.advanceTo(sfn.clock.now() + 1_000);
  expect(await sfn.call("DescribeExecution", { executionArn: executionArn! })).toMatchObject({
    status: "ABORTED",
    error: "Enough",
  });
  const child = await sfn.call("DescribeExecution", {
    executionArn: "arn:aws:states:us-east-1:000000000000:execution:child:c1",
  });
  expect(child).toMatchObject({ status: "ABORTED" });
});

test("changes of status are told as EventBridge events", async () => {
  const told: StatusChange[] = [];
  const environment = {
    invokeLambda: async () => ({ payload: "1" }),
    emitEvent: (event: StatusChange) => told.push(event),
  };
  const sfn = await testSfn({ environment });
  const { executionArn, stateMachineArn, name } = await sfn.run(
    { StartAt: "F", States: { F: { Type: "Fail", Error: "E", Cause: "c" } } },
    { a: 1 },
  );
  expect(told.map((event) => event.detail.status)).toEqual(["RUNNING", "FAILED"]);
  expect(told[1]).toMatchObject({
    source: "aws.states",
    detailType: "Step Functions Execution Status Change",
    detail: { executionArn, stateMachineArn, name, input: '{"a":1}', output: null, error: "E", cause: "c" },
  });
});

test("an execution that would pass 25,000 events fails", async () => {
  const sfn = await testSfn();
  const described = await sfn.run({
    StartAt: "A",
    States: { A: { Type: "Pass", Next: "B" }, B: { Type: "Pass", Next: "A" } },
  });
  expect(described).toMatchObject({ status: "FAILED", error: "States.Runtime" });
  expect(described.cause).toContain("25000");
});

test("an expression that does not end fails its state", async () => {
  const sfn = await testSfn();
  const endless = "{% ($f := function($n) { $f($n + 1) }; $f(0)) %}";
  const described = await sfn.run(single({ Type: "Pass", Output: endless }));
  expect(described).toMatchObject({ status: "FAILED", error: "States.QueryEvaluationError" });
  const deep = "{% ($f := function($n) { 1 + $f($n + 1) }; $f(0)) %}";
  expect(await sfn.run(single({ Type: "Pass", Output: deep }))).toMatchObject({
    status: "FAILED",
    error: "States.QueryEvaluationError",
  });
});

test("a pattern that would backtrack without end is matched in linear time", async () => {
  const sfn = await testSfn();
  const slow = `{% $contains("${"a".repeat(4000)}b", /(a+)+$/) %}`;
  expect(await sfn.run(single({ Type: "Pass", Output: slow }))).toMatchObject({ status: "SUCCEEDED", output: "false" });
});

test("histories are paged in both directions", async () => {
  const sfn = await testSfn();
  const { executionArn } = await sfn.run(single({ Type: "Pass" }));
  const all = types(await sfn.history(String(executionArn)));
  const read = async (reverseOrder: boolean): Promise<string[]> => {
    const seen: string[] = [];
    let nextToken: string | undefined;
    do {
      const body = { executionArn: executionArn!, maxResults: 1, reverseOrder, ...(nextToken ? { nextToken } : {}) };
      const page = await sfn.call("GetExecutionHistory", body);
      seen.push(...types(page.events as never));
      nextToken = page.nextToken as string | undefined;
    } while (nextToken);
    return seen;
  };
  expect(await read(false)).toEqual(all);
  expect(await read(true)).toEqual(all.toReversed());
});

test("updating a machine does not touch what runs", async () => {
  const sfn = await testSfn();
  const stateMachineArn = await sfn.machine({
    StartAt: "W",
    States: { W: { Type: "Wait", Seconds: 10, Next: "P" }, P: { Type: "Pass", Result: "old", End: true } },
  });
  const { executionArn } = await sfn.call("StartExecution", { stateMachineArn });
  await sfn.call("UpdateStateMachine", {
    stateMachineArn,
    definition: JSON.stringify(single({ Type: "Pass", Output: "new" })),
  });
  await sfn.clock.run(sfn.service.whenEnded(String(executionArn)));
  expect(await sfn.call("DescribeExecution", { executionArn: executionArn! })).toMatchObject({ output: '"old"' });
  const described = await sfn.call("DescribeStateMachineForExecution", { executionArn: executionArn! });
  expect(described.definition).toContain("old");
});
