import { ServiceError } from "@weft/local/sfn/index";
import type { Json, JsonObject } from "@weft/local/sfn/json";
import { expect, test } from "vitest";
import { single, testSfn, types } from "./sfn-world.ts";

/** Runs a task that fails until told otherwise; the answer is when it was called, in seconds from the start. */
async function callTimes(retry: JsonObject, failures: number, random?: () => number): Promise<number[]> {
  const times: number[] = [];
  const environment = {
    invokeLambda: async () => {
      times.push(sfn.clock.now() - start);
      if (times.length <= failures) throw new ServiceError("Lambda.ServiceException", "down");
      return { payload: "1" };
    },
  };
  const sfn = await testSfn(random ? { environment, random } : { environment });
  const start = sfn.clock.now();
  const Retry = [{ ErrorEquals: ["Lambda.ServiceException"], ...retry }];
  const done = await sfn.run(single({ Type: "Task", Resource: "arn:aws:states:::lambda:invoke", Retry }));
  expect(done.status).toBe("SUCCEEDED");
  return times.map((ms) => ms / 1000);
}

test("retries wait longer each time, up to MaxDelaySeconds", async () => {
  expect(await callTimes({}, 3)).toEqual([0, 1, 3, 7]);
  expect(await callTimes({ IntervalSeconds: 2, BackoffRate: 1.5, MaxAttempts: 3 }, 3)).toEqual([0, 2, 5, 9.5]);
  expect(await callTimes({ IntervalSeconds: 3, MaxDelaySeconds: 5, MaxAttempts: 4 }, 4)).toEqual([0, 3, 8, 13, 18]);
});

test("full jitter waits a random part of the delay", async () => {
  expect(await callTimes({ IntervalSeconds: 4, JitterStrategy: "FULL" }, 2, () => 0.25)).toEqual([0, 1, 3]);
});

const CHOICES: [rule: JsonObject, input: Json, holds: boolean][] = [
  [{ Variable: "$.a", StringMatches: "log-*.txt" }, { a: "log-1.txt" }, true],
  [{ Variable: "$.a", StringMatches: "log-*.txt" }, { a: "log-.tx" }, false],
  [{ Variable: "$.a", StringMatches: "*a*b*" }, { a: "xxaxxbxx" }, true],
  [{ Variable: "$.a", StringMatches: "a*a" }, { a: "a" }, false],
  [{ Variable: "$.a", StringMatches: "a\\*b" }, { a: "a*b" }, true],
  [{ Variable: "$.a", StringMatches: "a\\*b" }, { a: "axb" }, false],
  [{ Variable: "$.a", StringMatches: "a\\\\*" }, { a: "a\\b" }, true],
  [{ Variable: "$.a", IsTimestamp: true }, { a: "2026-01-01T00:00:00Z" }, true],
  [{ Variable: "$.a", IsTimestamp: true }, { a: "2026-02-30T00:00:00Z" }, false],
  [{ Variable: "$.a", IsTimestamp: false }, { a: 1 }, true],
  [
    {
      Or: [
        { Variable: "$.a", NumericEquals: 1 },
        { Variable: "$.a", NumericGreaterThan: 5 },
      ],
    },
    { a: 7 },
    true,
  ],
  [{ Not: { Variable: "$.a", IsPresent: true } }, {}, true],
];

test.each(CHOICES)("the rule %j on %j: %s", async (rule, input, holds) => {
  const sfn = await testSfn();
  const done = await sfn.run(
    {
      StartAt: "C",
      States: {
        C: { Type: "Choice", Choices: [{ ...rule, Next: "Yes" }], Default: "No" },
        Yes: { Type: "Pass", Result: true, End: true },
        No: { Type: "Pass", Result: false, End: true },
      },
    },
    input,
  );
  expect(done.output).toBe(String(holds));
});

const PATHS: [path: string, expected: Json][] = [
  ["$.list[-1]", 3],
  ["$.list[0,2]", [1, 3]],
  ["$..id", ["x", "y"]],
  ["$.deep['a b'].id", "x"],
  ["$.deep[?(@.n > 1 && @.id == 'y')]", [{ id: "y", n: 2 }]],
];

test.each(PATHS)("the path %s", async (path, expected) => {
  const sfn = await testSfn();
  const input = { list: [1, 2, 3], deep: { "a b": { id: "x", n: 1 }, c: { id: "y", n: 2 } } };
  const definition = single({ Type: "Pass", Parameters: { "found.$": path } }, { QueryLanguage: "JSONPath" });
  expect(JSON.parse(String((await sfn.run(definition, input)).output))).toEqual({ found: expected });
});

const EXPRESSIONS: [expression: string, expected: Json][] = [
  ["$hash('a', 'SHA-256')", "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"],
  ["$partition([1..5], 2)", [[1, 2], [3, 4], [5]]],
  ["$random(7) = $random(7)", true],
  ["$millis() = $toMillis($now())", true],
  ["$now('[Y0001]')", "2026"],
  ["$match('abc', /b/).match", "b"],
  ["$states.context.State.Name", "Only"],
  ["$exists($eval)", false],
];

test.each(EXPRESSIONS)("the expression %s", async (expression, expected) => {
  const sfn = await testSfn();
  const done = await sfn.run(single({ Type: "Pass", Output: `{% ${expression} %}` }));
  expect(JSON.parse(String(done.output))).toEqual(expected);
});

test("a failed branch aborts its siblings, and what they answer later changes nothing", async () => {
  let release: (answer: { payload: string }) => void = () => undefined;
  const invokeLambda = (name: string) =>
    name === "slow"
      ? new Promise<{ payload: string }>((resolve) => {
          release = resolve;
        })
      : Promise.reject(new ServiceError("Lambda.ServiceException", "no"));
  const branch = (FunctionName: string) => ({
    StartAt: FunctionName,
    States: {
      [FunctionName]: {
        Type: "Task",
        Resource: "arn:aws:states:::lambda:invoke",
        Arguments: { FunctionName },
        End: true,
      },
    },
  });
  const sfn = await testSfn({ environment: { invokeLambda } });
  const Fork = {
    Type: "Parallel",
    Branches: [branch("slow"), branch("bad")],
    Catch: [{ ErrorEquals: ["States.ALL"], Next: "Rest" }],
    End: true,
  };
  const States = { Fork, Rest: { Type: "Wait", Seconds: 5, Output: "rested", End: true } };
  const stateMachineArn = await sfn.machine({ QueryLanguage: "JSONata", StartAt: "Fork", States });
  const { executionArn } = await sfn.call("StartExecution", { stateMachineArn });
  await sfn.clock.advanceTo(sfn.clock.now() + 1_000);
  release({ payload: "1" });
  await sfn.clock.run(sfn.service.whenEnded(String(executionArn)));
  expect(await sfn.call("DescribeExecution", { executionArn: executionArn! })).toMatchObject({
    status: "SUCCEEDED",
    output: '"rested"',
  });
  const seen = types(await sfn.history(String(executionArn)));
  expect(seen.filter((type) => type === "TaskSucceeded")).toEqual([]);
  expect(seen.filter((type) => type === "TaskStateAborted")).toHaveLength(2);
});
