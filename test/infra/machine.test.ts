import aslValidator from "asl-validator";
import jsonata from "jsonata";
import { describe, expect, test } from "vitest";
import { runWorkflowDefinition } from "../../infra/constructs/run-workflow-definition.ts";
import { actionsOf, resources, resourcesOf, statementsOfRole } from "../support/templates.ts";

const RUN_STEP = "arn:aws:lambda:eu-west-1:123456789012:function:run-step";
const SETTLE = "arn:aws:lambda:eu-west-1:123456789012:function:settle";
const definition = runWorkflowDefinition({ runStepArn: RUN_STEP, settleArn: SETTLE });

// biome-ignore lint/suspicious/noExplicitAny: a States Language state has any shape
const states: Record<string, any> = definition.States;
const tasks = Object.entries(states).filter(([, state]) => state.Type === "Task");

/** A template's definition with every token written as an ARN, as CloudFormation would. */
function definitionsInTemplates() {
  return resources("AWS::StepFunctions::StateMachine").map((machine) => {
    const parts: unknown[] = machine.Properties.DefinitionString["Fn::Join"][1];
    const text = parts.map((part) => (typeof part === "string" ? part : RUN_STEP)).join("");
    return { id: machine.id, definition: JSON.parse(text) };
  });
}

/** Evaluates a `{% … %}` field as the service does. */
function evaluate(field: string, $states: unknown): Promise<unknown> {
  const source = /^\{%(.*)%\}$/s.exec(field)?.[1];
  expect(source).toBeDefined();
  return jsonata(source!)
    .evaluate({}, { states: $states })
    .then((value) => JSON.parse(JSON.stringify(value)));
}

const ids = { spaceId: "spc_1", executionId: "exe_1", segmentId: "a", step: 3, epoch: 1, hops: 7 };
const context = {
  StateMachine: { Id: "arn:machine" },
  Execution: { Id: "arn:lane" },
  Task: { Token: "token-1" },
};

describe("machines", () => {
  test("asl-validator accepts every machine of the templates, and would refuse a dangling state", () => {
    const found = definitionsInTemplates();
    expect(found).toHaveLength(1);
    for (const { definition } of found) {
      expect(aslValidator(definition)).toMatchObject({ isValid: true, errors: [] });
      const broken = { ...definition, States: { ...definition.States, Done: { Type: "Pass", Next: "Nowhere" } } };
      expect(aslValidator(broken).isValid).toBe(false);
    }
  });

  test("log errors only and no data, trace, and end within a year", () => {
    for (const { Properties } of resources("AWS::StepFunctions::StateMachine")) {
      expect(Properties.StateMachineType).toBe("STANDARD");
      expect(Properties.LoggingConfiguration).toMatchObject({ Level: "ERROR", IncludeExecutionData: false });
      expect(Properties.TracingConfiguration).toEqual({ Enabled: true });
    }
    for (const { definition } of definitionsInTemplates()) {
      expect(definition.TimeoutSeconds).toBe(365 * 24 * 60 * 60);
      expect(definition.QueryLanguage).toBe("JSONata");
    }
  });

  test("the machine may call its two functions and they may run it, without a dependency cycle", () => {
    const machine = resources("AWS::StepFunctions::StateMachine")[0]!;
    const invoke = statementsOfRole("execution", machine.Properties.RoleArn["Fn::GetAtt"][0]).filter((statement) =>
      actionsOf(statement).includes("lambda:InvokeFunction"),
    );
    expect(invoke).toHaveLength(1);
    const called = resourcesOf(invoke[0]!).map((resource) => (resource as { "Fn::GetAtt": string[] })["Fn::GetAtt"][0]);
    const functions = resources("AWS::Lambda::Function").filter((lambda) =>
      ["run-step", "settle"].includes(lambda.Metadata?.weft),
    );
    expect(called.sort()).toEqual(functions.map((lambda) => lambda.id).sort());
    for (const lambda of functions) {
      expect(JSON.stringify(lambda.DependsOn ?? [])).not.toContain("Runs");
      const statements = statementsOfRole("execution", lambda.Properties.Role["Fn::GetAtt"][0]);
      expect(statements.flatMap(actionsOf)).toEqual(
        expect.arrayContaining(["states:StartExecution", "states:StopExecution"]),
      );
    }
  });
});

describe("RunWorkflow", () => {
  test("every task has a timeout, retries service errors with jitter, and catches the rest", () => {
    expect(tasks.map(([name]) => name)).toEqual(["Step", "Signal", "Settle"]);
    for (const [name, state] of tasks) {
      expect([name, state.TimeoutSeconds !== undefined]).toEqual([name, true]);
      for (const retry of state.Retry) {
        expect(retry).toMatchObject({ JitterStrategy: "FULL", BackoffRate: 2 });
        expect(retry.MaxDelaySeconds).toBeGreaterThan(0);
        expect(retry.ErrorEquals).toEqual(
          expect.arrayContaining(["Lambda.Unknown", "Sandbox.Timedout", "RetryableStepError"]),
        );
      }
      expect(state.Catch.at(-1).ErrorEquals).toEqual(["States.ALL"]);
    }
    expect(states.Step.Retry[0].ErrorEquals).toContain("States.Timeout");
    expect(states.Signal.Retry[0].ErrorEquals).not.toContain("States.Timeout");
  });

  test("Step gives run-step the lane and the machine, and a signal only when there is one", async () => {
    const plain = await evaluate(states.Step.Arguments.Payload, { input: { ...ids, next: "step" }, context });
    expect(plain).toEqual({ ...ids, machineArn: "arn:machine", laneArn: "arn:lane" });
    const signal = { path: "ask", timedOut: true };
    const woken = await evaluate(states.Step.Arguments.Payload, { input: { ...ids, signal }, context });
    expect(woken).toEqual({ ...ids, machineArn: "arn:machine", laneArn: "arn:lane", signal });
  });

  test("what run-step returned beyond the ids and the route does not travel on", async () => {
    const Payload = {
      next: "wait",
      segmentId: "b",
      step: 4,
      epoch: 2,
      hops: 8,
      until: "2030-01-01T00:00:00Z",
      junk: "x",
    };
    const output = await evaluate(states.Step.Output, {
      input: { ...ids, signal: { path: "p" } },
      result: { Payload },
    });
    const moved = { spaceId: "spc_1", executionId: "exe_1", segmentId: "b", step: 4, epoch: 2, hops: 8 };
    expect(output).toEqual({ ...moved, next: "wait", until: "2030-01-01T00:00:00Z" });
    const [, wait] = states.Route.Choices;
    expect(await evaluate(wait.Output, { input: output })).toEqual({ ...moved, until: "2030-01-01T00:00:00Z" });
    expect(await evaluate(states.Wait.Output, { input: { ...moved, until: "x" } })).toEqual(moved);
  });

  test.each([
    ["step", "Step"],
    ["wait", "Wait"],
    ["signal", "Signal"],
    ["done", "Done"],
  ])("the route %s leads to %s alone", async (next, state) => {
    const taken = [];
    for (const choice of states.Route.Choices) {
      if ((await evaluate(choice.Condition, { input: { ...ids, next } })) === true) taken.push(choice.Next);
    }
    expect(taken).toEqual([state]);
  });

  test("a route that is not known settles the execution", async () => {
    expect(states.Route.Default).toBe("Settle");
    for (const input of [{ ...ids, next: "sideways" }, ids]) {
      const output = (await evaluate(states.Route.Output, { input })) as { error: { Error: string } };
      expect(output).toMatchObject(ids);
      expect(output.error.Error).toBe("UnknownRoute");
    }
  });

  test("Signal registers its token, waits as long as it was told, and wakes Step with the answer", async () => {
    const input = { ...ids, path: "ask", timeoutSeconds: 90 };
    expect(states.Signal.Resource).toBe("arn:aws:states:::lambda:invoke.waitForTaskToken");
    expect(await evaluate(states.Signal.Arguments.Payload, { input, context })).toEqual({
      ...ids,
      machineArn: "arn:machine",
      laneArn: "arn:lane",
      register: true,
      token: "token-1",
      path: "ask",
    });
    expect(await evaluate(states.Signal.TimeoutSeconds, { input })).toBe(90);
    expect(await evaluate(states.Signal.TimeoutSeconds, { input: ids })).toBe(365 * 24 * 60 * 60);
    const answered = await evaluate(states.Signal.Output, { input, result: { eventId: "evt_1", path: "other" } });
    expect(answered).toEqual({ ...ids, signal: { eventId: "evt_1", path: "ask" } });
    expect(await evaluate(states.Signal.Output, { input, result: "yes" })).toEqual({
      ...ids,
      signal: { value: "yes", path: "ask" },
    });
    const timeout = states.Signal.Catch[0];
    expect(timeout).toMatchObject({ ErrorEquals: ["States.Timeout"], Next: "Step" });
    expect(await evaluate(timeout.Output, { input, errorOutput: { Error: "States.Timeout" } })).toEqual({
      ...ids,
      signal: { path: "ask", timedOut: true },
    });
  });

  test("an error reaches Settle with the lane, and then fails the lane under its own name", async () => {
    const errorOutput = { Error: "Boom", Cause: "why" };
    for (const name of ["Step", "Signal"]) {
      const caught = states[name].Catch.at(-1);
      expect(caught.Next).toBe("Settle");
      expect(await evaluate(caught.Output, { input: ids, errorOutput })).toEqual({ ...ids, error: errorOutput });
    }
    const input = { ...ids, error: errorOutput };
    expect(await evaluate(states.Settle.Arguments.Payload, { input, context })).toEqual({
      ...input,
      machineArn: "arn:machine",
      laneArn: "arn:lane",
    });
    expect(states.Settle.Arguments.FunctionName).toBe(SETTLE);
    const settled = await evaluate(states.Settle.Output, { input });
    expect(await evaluate(states.Failed.Error, { input: settled })).toBe("Boom");
    expect(await evaluate(states.Failed.Cause, { input: settled })).toBe("why");
    expect(await evaluate(states.Failed.Cause, { input: { error: { Error: "Boom" } } })).toBe("");
  });
});
