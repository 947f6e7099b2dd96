/** The States Language definition of RunWorkflow: one machine for all workflows, one execution of it is one lane. */

const YEAR_SECONDS = 365 * 24 * 60 * 60;

/** Over the function's own 900 s, so that the function's timeout is seen first and this one only if Lambda hangs. */
const STEP_TIMEOUT_SECONDS = 960;
const SETTLE_TIMEOUT_SECONDS = 120;

/** Failures of the platform, and the one name by which run-step asks to be called again. */
export const RETRYABLE_ERRORS = [
  "Lambda.ServiceException",
  "Lambda.AWSLambdaException",
  "Lambda.SdkClientException",
  "Lambda.TooManyRequestsException",
  "Lambda.Unknown",
  "Lambda.ClientExecutionTimeoutException",
  "Sandbox.Timedout",
  "RetryableStepError",
];

const BACKOFF = { IntervalSeconds: 1, BackoffRate: 2, MaxDelaySeconds: 15, JitterStrategy: "FULL" };

/**
 * Some ten minutes of trying: a step outlives an outage of the store and every restart of what runs it. One attempt more
 * costs a history event or two, and running a step again changes nothing.
 */
const MAX_ATTEMPTS = 60;

/** The ids that make a lane. They are rebuilt in every state, so that nothing else ever piles up in its data. */
const LANE_IDS = ["spaceId", "executionId", "segmentId", "step", "epoch", "hops"];

/** What run-step decides; only Route reads it. */
const ROUTE_FIELDS = ["next", "until", "path", "timeoutSeconds"];

const expression = (source: string) => `{% ${source} %}`;

/** A JSONata object with these fields of `source`; a field that is absent there is absent here. */
const fields = (names: readonly string[], source: string) => names.map((name) => `'${name}': ${source}.${name}`);

const object = (...parts: string[]) => expression(`{ ${parts.join(", ")} }`);

const inputIds = fields(LANE_IDS, "$states.input");

const lane = ["'machineArn': $states.context.StateMachine.Id", "'laneArn': $states.context.Execution.Id"];

function retry(errors: readonly string[]) {
  return [{ ErrorEquals: errors, ...BACKOFF, MaxAttempts: MAX_ATTEMPTS }];
}

const catchAll = {
  ErrorEquals: ["States.ALL"],
  Output: object(...inputIds, "'error': $states.errorOutput"),
  Next: "Settle",
};

export interface RunWorkflowFunctions {
  readonly runStepArn: string;
  readonly settleArn: string;
}

/** Calls run-step. Its answer names the next state and where the lane stands now. */
function stepState(runStepArn: string) {
  return {
    Type: "Task",
    Resource: "arn:aws:states:::lambda:invoke",
    Arguments: {
      FunctionName: runStepArn,
      Payload: object(...inputIds, ...lane, "'signal': $states.input.signal"),
    },
    TimeoutSeconds: STEP_TIMEOUT_SECONDS,
    Retry: retry([...RETRYABLE_ERRORS, "States.Timeout"]),
    Catch: [catchAll],
    Output: object(
      ...fields(["spaceId", "executionId"], "$states.input"),
      ...fields(["segmentId", "step", "epoch", "hops", ...ROUTE_FIELDS], "$states.result.Payload"),
    ),
    Next: "Route",
  };
}

function routeState() {
  const when = (next: string, state: string, keep: string[]) => ({
    Condition: expression(`$states.input.next = '${next}'`),
    Output: object(...inputIds, ...keep),
    Next: state,
  });
  return {
    Type: "Choice",
    Choices: [
      when("step", "Step", []),
      when("wait", "Wait", fields(["until"], "$states.input")),
      when("signal", "Signal", fields(["path", "timeoutSeconds"], "$states.input")),
      when("done", "Done", []),
    ],
    Default: "Settle",
    Output: object(
      ...inputIds,
      "'error': { 'Error': 'UnknownRoute', 'Cause': 'run-step returned the route ' & $string($states.input.next) }",
    ),
  };
}

/** Registers the task token by run-step, then waits until somebody answers it. */
function signalState(runStepArn: string) {
  const path = "'path': $states.input.path";
  const answer = "$type($states.result) = 'object' ? $states.result : { 'value': $states.result }";
  return {
    Type: "Task",
    Resource: "arn:aws:states:::lambda:invoke.waitForTaskToken",
    Arguments: {
      FunctionName: runStepArn,
      Payload: object(...inputIds, ...lane, "'register': true", "'token': $states.context.Task.Token", path),
    },
    TimeoutSeconds: expression(
      `$exists($states.input.timeoutSeconds) ? $states.input.timeoutSeconds : ${YEAR_SECONDS}`,
    ),
    Retry: retry(RETRYABLE_ERRORS),
    Catch: [
      {
        ErrorEquals: ["States.Timeout"],
        Output: object(...inputIds, `'signal': { ${path}, 'timedOut': true }`),
        Next: "Step",
      },
      catchAll,
    ],
    Output: object(...inputIds, `'signal': $merge([${answer}, { ${path} }])`),
    Next: "Step",
  };
}

/** Makes the execution final after an error that no retry absorbed. */
function settleState(settleArn: string) {
  return {
    Type: "Task",
    Resource: "arn:aws:states:::lambda:invoke",
    Arguments: {
      FunctionName: settleArn,
      Payload: object(...inputIds, ...lane, "'error': $states.input.error"),
    },
    TimeoutSeconds: SETTLE_TIMEOUT_SECONDS,
    Retry: retry([...RETRYABLE_ERRORS, "States.Timeout"]),
    Catch: [{ ErrorEquals: ["States.ALL"], Output: object("'error': $states.errorOutput"), Next: "Failed" }],
    Output: object("'error': $states.input.error"),
    Next: "Failed",
  };
}

/** The whole machine, as an object that may hold CDK tokens for the functions' ARNs. */
export function runWorkflowDefinition({ runStepArn, settleArn }: RunWorkflowFunctions) {
  const either = (field: string, otherwise: string) =>
    expression(`$exists($states.input.error.${field}) ? $string($states.input.error.${field}) : '${otherwise}'`);
  return {
    Comment: "One lane of a workflow execution",
    QueryLanguage: "JSONata",
    StartAt: "Step",
    TimeoutSeconds: YEAR_SECONDS,
    States: {
      Step: stepState(runStepArn),
      Route: routeState(),
      Wait: { Type: "Wait", Timestamp: expression("$states.input.until"), Output: object(...inputIds), Next: "Step" },
      Signal: signalState(runStepArn),
      Done: { Type: "Succeed", Output: object(...inputIds) },
      Settle: settleState(settleArn),
      Failed: { Type: "Fail", Error: either("Error", "Unknown"), Cause: either("Cause", "") },
    },
  };
}
