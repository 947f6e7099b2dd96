import type { JsonObject } from "@weft/local/sfn/json";
import { expect, test } from "vitest";
import { single, testSfn } from "./sfn-world.ts";

const LAMBDA = "arn:aws:states:::lambda:invoke";
const path = (state: JsonObject): JsonObject => single(state, { QueryLanguage: "JSONPath" });
const inner = { StartAt: "P", States: { P: { Type: "Pass", End: true } } };
const map = (state: JsonObject, config: JsonObject = { Mode: "DISTRIBUTED", ExecutionType: "STANDARD" }): JsonObject =>
  single({ Type: "Map", ItemProcessor: { ...inner, ProcessorConfig: config }, ...state });
const getObject = "arn:aws:states:::s3:getObject";

const REFUSED: [name: string, definition: JsonObject, says: string][] = [
  ["an unknown state type", single({ Type: "Teleport" }), "State type 'Teleport'"],
  ["an unknown field", single({ Type: "Pass", Outptu: 1 }), "/States/Only/Outptu"],
  ["a field of the other language", single({ Type: "Pass", ResultPath: "$.a" }), "/States/Only/ResultPath"],
  ["an unknown field of the machine", single({ Type: "Pass" }, { Tags: 1 }), "/Tags"],
  [
    "a target that is not there",
    { StartAt: "A", States: { A: { Type: "Pass", Next: "B" } } },
    "Missing 'Next' target: B",
  ],
  [
    "a start that is not there",
    { StartAt: "B", States: { A: { Type: "Pass", End: true } } },
    "Missing 'StartAt' target: B",
  ],
  ["neither Next nor End", { StartAt: "A", States: { A: { Type: "Pass" } } }, "either 'Next' or 'End'"],
  [
    "an integration that is not there",
    single({ Type: "Task", Resource: "arn:aws:states:::batch:submitJob.sync" }),
    "'batch:submitJob'",
  ],
  [
    "an SDK call that is not there",
    single({ Type: "Task", Resource: "arn:aws:states:::aws-sdk:ec2:runInstances" }),
    "'aws-sdk:ec2:runInstances'",
  ],
  ["an HTTP task", single({ Type: "Task", Resource: "arn:aws:states:::http:invoke" }), "'http:invoke'"],
  [
    "a pattern that the service lacks",
    single({ Type: "Task", Resource: `${LAMBDA}.sync` }),
    "does not support the pattern",
  ],
  ["a broken expression", single({ Type: "Pass", Output: "{% 1 + %}" }), "Invalid JSONata expression"],
  ["a broken path", path({ Type: "Pass", InputPath: "$.a[" }), "/States/Only/InputPath"],
  ["a filter that calls", path({ Type: "Pass", InputPath: "$.a[?(@.constructor('x'))]" }), "/States/Only/InputPath"],
  ["a script in a path", path({ Type: "Pass", InputPath: "$.a[(@.length-1)]" }), "/States/Only/InputPath"],
  [
    "an unknown intrinsic function",
    path({ Type: "Pass", Parameters: { "a.$": "States.Nope($.a)" } }),
    "valid intrinsic function call",
  ],
  [
    "too few arguments",
    path({ Type: "Pass", Parameters: { "a.$": "States.MathAdd(1)" } }),
    "valid intrinsic function call",
  ],
  ["a result path that is no reference", path({ Type: "Pass", ResultPath: "$.a[*]" }), "not a Reference Path"],
  [
    "States.ALL not in the last place",
    single({ Type: "Task", Resource: LAMBDA, Retry: [{ ErrorEquals: ["States.ALL"] }, { ErrorEquals: ["E"] }] }),
    "States.ALL",
  ],
  [
    "a backoff below one",
    single({ Type: "Task", Resource: LAMBDA, Retry: [{ ErrorEquals: ["E"], BackoffRate: 0.5 }] }),
    "BackoffRate",
  ],
  [
    "a heartbeat over the timeout",
    single({ Type: "Task", Resource: LAMBDA, TimeoutSeconds: 5, HeartbeatSeconds: 5 }),
    "HeartbeatSeconds",
  ],
  ["a wait for two things", single({ Type: "Wait", Seconds: 1, Timestamp: "2026-01-01T00:00:00Z" }), "exactly one of"],
  ["a reserved variable", single({ Type: "Pass", Assign: { states: 1 } }), "Invalid variable name 'states'"],
  [
    "a manifest reader",
    map({ ItemReader: { Resource: getObject, ReaderConfig: { InputType: "MANIFEST" } } }),
    "'MANIFEST'",
  ],
  [
    "a parquet reader",
    map({ ItemReader: { Resource: getObject, ReaderConfig: { InputType: "PARQUET" } } }),
    "'PARQUET'",
  ],
  [
    "a reader of another service",
    map({ ItemReader: { Resource: "arn:aws:states:::dynamodb:scan" } }),
    "is not supported",
  ],
  [
    "a reader on an inline map",
    map({ ItemReader: { Resource: getObject } }, { Mode: "INLINE" }),
    "DISTRIBUTED mode only",
  ],
  [
    "a choice without a comparison",
    path({ Type: "Choice", Choices: [{ Variable: "$.a", Next: "Only" }] }),
    "exactly one comparison",
  ],
  [
    "a type of output that is not there",
    map({ ResultWriter: { WriterConfig: { Transformation: "NONE", OutputType: "XML" } } }),
    "OutputType",
  ],
];

test.each(REFUSED)("creation refuses %s", async (_name, definition, says) => {
  const sfn = await testSfn();
  await expect(sfn.machine(definition)).rejects.toMatchObject({
    type: "InvalidDefinition",
    message: expect.stringContaining(says),
  });
  expect((await sfn.call("ListStateMachines", {})).stateMachines).toEqual([]);
});

test("an integration of the environment is taken, and called with its parameters", async () => {
  const seen: JsonObject[] = [];
  const putEvents = async (parameters: JsonObject) => {
    seen.push(parameters);
    return { FailedEntryCount: 0 };
  };
  const environment = { invokeLambda: async () => ({ payload: "1" }), integrations: { "events:putEvents": putEvents } };
  const sfn = await testSfn({ environment });
  const done = await sfn.run(
    single({ Type: "Task", Resource: "arn:aws:states:::events:putEvents", Arguments: { Entries: [] } }),
  );
  expect(done).toMatchObject({ status: "SUCCEEDED", output: '{"FailedEntryCount":0}' });
  expect(seen).toEqual([{ Entries: [] }]);
});

test("the API refuses what it does not know, by name", async () => {
  const sfn = await testSfn();
  await expect(sfn.call("TestState", {})).rejects.toMatchObject({ type: "UnknownOperationException" });
  await expect(sfn.call("StartExecution", { stateMachineArn: "x" })).rejects.toMatchObject({ type: "InvalidArn" });
  await expect(sfn.call("StartExecution", {})).rejects.toMatchObject({ type: "ValidationException" });
  const stateMachineArn = await sfn.machine(single({ Type: "Pass" }));
  const refused: [JsonObject, string][] = [
    [{ input: "{" }, "InvalidExecutionInput"],
    [{ input: JSON.stringify("a".repeat(262_144)) }, "InvalidExecutionInput"],
    [{ name: "a b" }, "InvalidName"],
    [{ name: "a".repeat(81) }, "InvalidName"],
  ];
  for (const [body, type] of refused)
    await expect(sfn.call("StartExecution", { stateMachineArn, ...body })).rejects.toMatchObject({ type });
  const bad = { stateMachineArn, nextToken: "***" };
  await expect(sfn.call("ListExecutions", bad)).rejects.toMatchObject({ type: "InvalidToken" });
});
