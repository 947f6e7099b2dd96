import { createSfn, FakeTimerClock, type LambdaAnswer, ServiceError, type StatusChange } from "@weft/local/sfn/index";
import { describe, expect, test } from "vitest";
import { runWorkflowDefinition } from "../../infra/constructs/run-workflow-definition.ts";

const RUN_STEP = "arn:aws:lambda:eu-west-1:123456789012:function:run-step";
const SETTLE = "arn:aws:lambda:eu-west-1:123456789012:function:settle";
const START = { spaceId: "spc_1", executionId: "exe_1", segmentId: "s", step: 0, epoch: 1, hops: 0 };

interface Call {
  fn: "run-step" | "settle";
  // biome-ignore lint/suspicious/noExplicitAny: the payload is what the test looks at
  payload: any;
}

type Answer = object | { throws: string } | { fails: string };

/** Runs one lane; `answer` plays both functions. */
async function runLane(answer: (call: Call, calls: Call[], wake: (token: string) => void) => Answer) {
  const clock = new FakeTimerClock();
  const calls: Call[] = [];
  let wake = (_token: string) => {};
  const invokeLambda = async (name: string, payload: string): Promise<LambdaAnswer> => {
    const call: Call = { fn: name === RUN_STEP ? "run-step" : "settle", payload: JSON.parse(payload) };
    calls.push(call);
    const given = answer(call, calls, wake);
    if ("throws" in given) throw new ServiceError(given.throws, "no luck");
    if ("fails" in given) {
      return {
        payload: JSON.stringify({ errorType: given.fails, errorMessage: "no luck" }),
        functionError: "Unhandled",
      };
    }
    return { payload: JSON.stringify(given) };
  };
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const emitEvent = ({ detail }: StatusChange) => {
    if (detail.status !== "RUNNING") end();
  };
  const sfn = await createSfn({ clock, environment: { invokeLambda, emitEvent }, random: () => 0.5 });
  const api = async (action: string, body: object) => {
    const { body: answered } = await sfn.handler(`AWSStepFunctions.${action}`, body);
    // biome-ignore lint/suspicious/noExplicitAny: an answer of the service
    return answered as any;
  };
  wake = (taskToken) => void api("SendTaskSuccess", { taskToken, output: "{}" });
  const definition = JSON.stringify(runWorkflowDefinition({ runStepArn: RUN_STEP, settleArn: SETTLE }));
  const roleArn = "arn:aws:iam::123456789012:role/machine";
  const { stateMachineArn } = await api("CreateStateMachine", { name: "RunWorkflow", definition, roleArn });
  const startedAt = clock.now();
  const { executionArn } = await api("StartExecution", { stateMachineArn, input: JSON.stringify(START), name: "lane" });
  await clock.run(ended);
  const described = await api("DescribeExecution", { executionArn });
  await sfn.close();
  return { described, calls, stateMachineArn, executionArn, elapsedMs: clock.now() - startedAt };
}

const moved = (payload: { step: number }) => ({
  segmentId: "s",
  step: payload.step + 1,
  epoch: 1,
  hops: payload.step + 1,
});

describe("RunWorkflow in the interpreter", () => {
  test("goes on step by step, with ids only, until run-step says done", async () => {
    const { described, calls, stateMachineArn, executionArn } = await runLane(({ payload }) => ({
      ...moved(payload),
      next: payload.step === 2 ? "done" : "step",
      junk: "must not travel",
    }));
    expect(described.status).toBe("SUCCEEDED");
    expect(calls.map(({ payload }) => payload)).toEqual(
      [0, 1, 2].map((step) => ({ ...START, step, hops: step, machineArn: stateMachineArn, laneArn: executionArn })),
    );
    expect(JSON.parse(described.output)).toEqual({ ...START, step: 3, hops: 3 });
  });

  test("waits until the time it was told", async () => {
    const until = "2026-06-01T00:00:00Z";
    const { described, calls, elapsedMs } = await runLane(({ payload }) => ({
      ...moved(payload),
      ...(payload.step === 0 ? { next: "wait", until } : { next: "done" }),
    }));
    expect(described.status).toBe("SUCCEEDED");
    expect(elapsedMs).toBeGreaterThanOrEqual(Date.parse(until) - Date.UTC(2026, 0, 1));
    expect(calls).toHaveLength(2);
  });

  test("a signal registers its token and wakes the step that waits for it", async () => {
    const { described, calls } = await runLane(({ payload }, _calls, wake) => {
      if (payload.register) {
        setImmediate(() => wake(payload.token));
        return {};
      }
      return {
        ...moved(payload),
        ...(payload.signal ? { next: "done" } : { next: "signal", path: "ask", timeoutSeconds: 60 }),
      };
    });
    expect(described.status).toBe("SUCCEEDED");
    expect(calls.map(({ payload }) => [payload.register ?? false, payload.signal ?? null])).toEqual([
      [false, null],
      [true, null],
      [false, { path: "ask" }],
    ]);
    expect(calls[1]?.payload).toMatchObject({ path: "ask", token: expect.any(String), segmentId: "s", step: 1 });
  });

  test("a signal that nobody sends comes back as timed out", async () => {
    const { described, calls } = await runLane(({ payload }) => {
      if (payload.register) return {};
      return {
        ...moved(payload),
        ...(payload.signal ? { next: "done" } : { next: "signal", path: "ask", timeoutSeconds: 60 }),
      };
    });
    expect(described.status).toBe("SUCCEEDED");
    expect(calls.at(-1)?.payload.signal).toEqual({ path: "ask", timedOut: true });
  });

  test.each(["Lambda.Unknown", "Lambda.TooManyRequestsException"])("%s is tried again", async (throws) => {
    const { described, calls } = await runLane(({ payload }, all) =>
      all.length < 3 ? { throws } : { ...moved(payload), next: "done" },
    );
    expect(described.status).toBe("SUCCEEDED");
    expect(calls).toHaveLength(3);
    expect(new Set(calls.map(({ payload }) => JSON.stringify(payload))).size).toBe(1);
  });

  test("RetryableStepError of the function is tried again, any other error settles and fails the lane", async () => {
    const retried = await runLane(({ payload }, all) =>
      all.length === 1 ? { fails: "RetryableStepError" } : { ...moved(payload), next: "done" },
    );
    expect(retried.described.status).toBe("SUCCEEDED");
    const failed = await runLane(({ fn }) => (fn === "settle" ? {} : { fails: "TypeError" }));
    expect(failed.calls.map(({ fn }) => fn)).toEqual(["run-step", "settle"]);
    expect(failed.calls[1]?.payload).toMatchObject({ ...START, error: { Error: "TypeError" } });
    expect(failed.described).toMatchObject({ status: "FAILED", error: "TypeError" });
  });

  test("a route that is not known settles too", async () => {
    const { described, calls } = await runLane(({ fn, payload }) =>
      fn === "settle" ? {} : { ...moved(payload), next: "sideways" },
    );
    expect(calls.at(-1)?.payload).toMatchObject({ segmentId: "s", error: { Error: "UnknownRoute" } });
    expect(described).toMatchObject({ status: "FAILED", error: "UnknownRoute" });
  });

  test("a Settle that cannot succeed still ends the lane", async () => {
    const { described, calls } = await runLane(({ fn }) =>
      fn === "settle" ? { throws: "Lambda.Unknown" } : { fails: "TypeError" },
    );
    expect(described).toMatchObject({ status: "FAILED", error: "Lambda.Unknown" });
    expect(calls.filter(({ fn }) => fn === "settle")).toHaveLength(61);
  });
});
