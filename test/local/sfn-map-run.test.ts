import { MemoryStore, ServiceError, type SfnEnvironment } from "@weft/local/sfn/index";
import type { JsonObject } from "@weft/local/sfn/json";
import { expect, test } from "vitest";
import { testSfn } from "./sfn-world.ts";

function bucketOf(objects: Record<string, string>): NonNullable<SfnEnvironment["s3"]> {
  return {
    getObject: async (_bucket, key) => objects[key] ?? Promise.reject(new Error("The specified key does not exist.")),
    putObject: async (_bucket, key, body) => {
      objects[key] = body;
    },
    listObjectsV2: async () => [],
  };
}

function distributed(state: JsonObject, executionType = "EXPRESS"): JsonObject {
  const Work = {
    Type: "Task",
    Resource: "arn:aws:states:::lambda:invoke",
    Arguments: { FunctionName: "work", Payload: "{% $states.input %}" },
    Output: "{% $states.result.Payload %}",
    End: true,
  };
  const ProcessorConfig = { Mode: "DISTRIBUTED", ExecutionType: executionType };
  const Each = {
    Type: "Map",
    Label: "Each",
    ItemProcessor: { ProcessorConfig, StartAt: "Work", States: { Work } },
    End: true,
    ...state,
  };
  return { QueryLanguage: "JSONata", StartAt: "Each", States: { Each } };
}

const reader = (InputType: string, more: JsonObject = {}): JsonObject => ({
  Resource: "arn:aws:states:::s3:getObject",
  ReaderConfig: { InputType, ...more },
  Arguments: { Bucket: "in", Key: "{% $states.input.key %}" },
});

const writer = (more: JsonObject = {}): JsonObject => ({
  Resource: "arn:aws:states:::s3:putObject",
  Arguments: { Bucket: "out", Prefix: "results" },
  ...more,
});

test("JSON lines are read in order, blank lines skipped, a bad line named", async () => {
  const objects = { "rows.jsonl": '{"n":1}\n\n{"n":2}\r\n  {"n":3}\n', "bad.jsonl": '{"n":1}\n{"n":\n' };
  const sfn = await testSfn({
    environment: { invokeLambda: async (_n, payload) => ({ payload }), s3: bucketOf(objects) },
  });
  const definition = distributed({
    ItemReader: reader("JSONL"),
    ItemSelector: { row: "{% $states.context.Map.Item.Value.n %}", at: "{% $states.context.Map.Item.Index %}" },
  });
  const good = await sfn.run(definition, { key: "rows.jsonl" });
  expect(JSON.parse(String(good.output))).toEqual([1, 2, 3].map((row, at) => ({ row, at })));
  const bad = await sfn.run(definition, { key: "bad.jsonl" });
  expect(bad).toMatchObject({ status: "FAILED", error: "States.ItemReaderFailed" });
  expect(bad.cause).toContain("line 2");
  const absent = await sfn.run(definition, { key: "none" });
  expect(absent).toMatchObject({
    status: "FAILED",
    error: "States.ItemReaderFailed",
    cause: "The specified key does not exist.",
  });
});

test("MaxItems and other delimiters are kept", async () => {
  const objects = { "rows.csv": 'a;b\n1;"x;""y"""\n2;z\n3;w\n' };
  const sfn = await testSfn({
    environment: { invokeLambda: async (_n, payload) => ({ payload }), s3: bucketOf(objects) },
  });
  const ItemReader = reader("CSV", { CSVHeaderLocation: "FIRST_ROW", CSVDelimiter: "SEMICOLON", MaxItems: 2 });
  const done = await sfn.run(distributed({ ItemReader }), { key: "rows.csv" });
  expect(JSON.parse(String(done.output))).toEqual([
    { a: "1", b: 'x;"y"' },
    { a: "2", b: "z" },
  ]);
});

const failOnOdd = async (_name: string, payload: string) => {
  if ((JSON.parse(payload) as number) % 2 === 1) throw new ServiceError("Lambda.ServiceException", "odd");
  return { payload };
};

test("the result writer leaves a manifest and one file for each outcome, as documented", async () => {
  const objects: Record<string, string> = {};
  const sfn = await testSfn({ environment: { invokeLambda: failOnOdd, s3: bucketOf(objects) } });
  const definition = distributed({ Items: [1, 2, 4], ToleratedFailureCount: 1, ResultWriter: writer() }, "STANDARD");
  const done = await sfn.run(definition);
  const output = JSON.parse(String(done.output)) as { MapRunArn: string; ResultWriterDetails: JsonObject };
  const id = output.MapRunArn.split(":").at(-1);
  expect(output.MapRunArn).toMatch(/:mapRun:machine-0\/Each:/);
  expect(output.ResultWriterDetails).toEqual({ Bucket: "out", Key: `results/${id}/manifest.json` });
  const [failedKey, succeededKey] = [`results/${id}/FAILED_0.json`, `results/${id}/SUCCEEDED_0.json`];
  expect(Object.keys(objects).sort()).toEqual([failedKey, succeededKey, `results/${id}/manifest.json`]);
  const sizeOf = (key: string): number => Buffer.byteLength(objects[key]!);
  expect(JSON.parse(objects[`results/${id}/manifest.json`]!)).toEqual({
    DestinationBucket: "out",
    MapRunArn: output.MapRunArn,
    ResultFiles: {
      FAILED: [{ Key: failedKey, Size: sizeOf(failedKey) }],
      PENDING: [],
      SUCCEEDED: [{ Key: succeededKey, Size: sizeOf(succeededKey) }],
    },
  });
  const [failed] = JSON.parse(objects[failedKey]!) as JsonObject[];
  expect(failed).toMatchObject({
    Status: "FAILED",
    Error: "Lambda.ServiceException",
    Cause: "odd",
    Input: "1",
    RedriveCount: 0,
    RedriveStatus: "REDRIVABLE",
  });
  expect(failed).not.toHaveProperty("Output");
  const succeeded = JSON.parse(objects[succeededKey]!) as JsonObject[];
  expect(succeeded.map((one) => one.Output)).toEqual(["2", "4"]);
  expect(Object.keys(succeeded[0]!).sort()).toEqual([
    ...["ExecutionArn", "Input", "InputDetails", "Name", "Output", "OutputDetails", "RedriveCount", "RedriveStatus"],
    ...["RedriveStatusReason", "StartDate", "StateMachineArn", "Status", "StopDate"],
  ]);
  expect(succeeded[0]).toMatchObject({
    InputDetails: { Included: true },
    Status: "SUCCEEDED",
    RedriveStatus: "NOT_REDRIVABLE",
  });
  expect(String(succeeded[0]!.StateMachineArn)).toMatch(/:stateMachine:machine-0\/Each$/);
});

test("results can be written bare, flat and as JSON lines, or handed on so without S3", async () => {
  const objects: Record<string, string> = {};
  const sfn = await testSfn({
    environment: { invokeLambda: async (_n, payload) => ({ payload }), s3: bucketOf(objects) },
  });
  const flat = { Transformation: "FLATTEN", OutputType: "JSONL" };
  const Items = [[1, 2], [3], 4] as never;
  await sfn.run(distributed({ Items, ResultWriter: writer({ WriterConfig: flat }) }));
  const written = Object.entries(objects).find(([key]) => key.endsWith("SUCCEEDED_0.jsonl"));
  expect(written?.[1]).toBe("1\n2\n3\n4\n");
  const only = await sfn.run(
    distributed({ Items, ResultWriter: { WriterConfig: { Transformation: "COMPACT", OutputType: "JSON" } } }),
  );
  expect(JSON.parse(String(only.output))).toEqual([[1, 2], [3], 4]);
});

test("a run fails when more fail than is tolerated, and a redrive runs only those again", async () => {
  let isBroken = true;
  const calls: number[] = [];
  const invokeLambda = async (_name: string, payload: string) => {
    calls.push(JSON.parse(payload) as number);
    if (isBroken && payload === "3") throw new ServiceError("Lambda.ServiceException", "three");
    return { payload };
  };
  const sfn = await testSfn({ environment: { invokeLambda } });
  const failed = await sfn.run(distributed({ Items: [1, 2, 3], MaxConcurrency: 1 }, "STANDARD"));
  expect(failed).toMatchObject({ status: "FAILED", error: "States.ExceedToleratedFailureThreshold" });
  isBroken = false;
  const { executionArn } = failed;
  await sfn.call("RedriveExecution", { executionArn: executionArn! });
  await sfn.clock.run(sfn.service.whenEnded(String(executionArn)));
  const after = await sfn.call("DescribeExecution", { executionArn: executionArn! });
  expect(after).toMatchObject({ status: "SUCCEEDED", output: "[1,2,3]" });
  expect(calls).toEqual([1, 2, 3, 3]);
});

test("batches are cut by number and by bytes", async () => {
  const sfn = await testSfn();
  const byNumber = await sfn.run(
    distributed({
      Items: [1, 2, 3],
      ItemBatcher: { MaxItemsPerBatch: 2, BatchInput: { of: "{% $states.input.run %}" } },
    }),
    { run: "r1" },
  );
  expect(JSON.parse(String(byNumber.output))).toEqual([
    { BatchInput: { of: "r1" }, Items: [1, 2] },
    { BatchInput: { of: "r1" }, Items: [3] },
  ]);
  const Items = ["aaaaaaaaaa", "bbbbbbbbbb", "c"];
  const byBytes = await sfn.run(distributed({ Items, ItemBatcher: { MaxInputBytesPerBatch: 30 } }));
  const batches = JSON.parse(String(byBytes.output)) as { Items: string[] }[];
  expect(batches.flatMap((batch) => batch.Items)).toEqual(Items);
  expect(batches.every((batch) => JSON.stringify(batch).length <= 30)).toBe(true);
});

test("a restart in the middle of a run keeps what was done", async () => {
  const store = new MemoryStore();
  const done: string[] = [];
  const answersFirstTwo = async (_name: string, payload: string) => {
    if (Number(payload) > 2) return new Promise<never>(() => undefined);
    done.push(payload);
    return { payload };
  };
  const Retry = [{ ErrorEquals: ["Lambda.Unknown"], MaxAttempts: 1 }];
  for (const executionType of ["EXPRESS", "STANDARD"]) {
    done.length = 0;
    const before = await testSfn({ store, environment: { invokeLambda: answersFirstTwo } });
    const definition = distributed({ Items: [1, 2, 3, 4], MaxConcurrency: 2 }, executionType);
    const work = (definition as { States: { Each: { ItemProcessor: { States: { Work: JsonObject } } } } }).States.Each
      .ItemProcessor.States.Work;
    Object.assign(work, { Retry });
    const stateMachineArn = await before.machine(definition, "STANDARD", `run-${executionType}`);
    const { executionArn } = await before.call("StartExecution", { stateMachineArn });
    await before.clock.advanceTo(before.clock.now() + 1_000);
    await before.close();
    const answers = async (_name: string, payload: string) => {
      done.push(payload);
      return { payload };
    };
    const after = await testSfn({ store, clock: before.clock, environment: { invokeLambda: answers } });
    await after.clock.run(after.service.whenEnded(String(executionArn)));
    const described = await after.call("DescribeExecution", { executionArn: executionArn! });
    expect(described).toMatchObject({ status: "SUCCEEDED", output: "[1,2,3,4]" });
    expect(done.toSorted()).toEqual(["1", "2", "3", "4"]);
    await after.close();
  }
});
