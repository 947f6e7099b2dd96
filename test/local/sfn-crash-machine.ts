const Retry = [{ ErrorEquals: ["Lambda.Unknown"], MaxAttempts: 1_000, BackoffRate: 1, JitterStrategy: "FULL" }];

function task(FunctionName: string, more: object = { End: true }): object {
  return {
    Type: "Task",
    Resource: "arn:aws:states:::lambda:invoke",
    Arguments: {
      FunctionName,
      Payload: { run: "{% $states.context.Execution.Name %}", state: "{% $states.context.State.Name %}" },
    },
    Output: "{% $states.result.Payload.did %}",
    Retry,
    ...more,
  };
}

const ask = {
  Type: "Task",
  Resource: "arn:aws:states:::lambda:invoke.waitForTaskToken",
  Arguments: { FunctionName: "ask", Payload: { token: "{% $states.context.Task.Token %}" } },
  Assign: { answer: "{% $states.result %}" },
  Retry,
  Next: "Quick",
};

function rows(ExecutionType: string, Next: string): object {
  return {
    Type: "Map",
    Items: [1, 2, 3, 4],
    MaxConcurrency: 2,
    ItemProcessor: {
      ProcessorConfig: { Mode: "DISTRIBUTED", ExecutionType },
      StartAt: "Row",
      States: { Row: task("row", { Next: "Mark" }), Mark: task("mark") },
    },
    Assign: { [ExecutionType]: "{% $states.result %}" },
    Next,
  };
}

const nested = {
  Type: "Task",
  Resource: "arn:aws:states:::states:startExecution.sync:2",
  Arguments: {
    StateMachineArn: "arn:aws:states:us-east-1:000000000000:stateMachine:child",
    Input: { of: "{% $states.context.Execution.Name %}" },
  },
  Output: {
    forked: "{% $forked %}",
    answer: "{% $answer %}",
    rows: "{% [$EXPRESS, $STANDARD] %}",
    child: "{% $states.result.Output %}",
  },
  End: true,
};

const fork = {
  Type: "Parallel",
  Branches: [
    { StartAt: "Left", States: { Left: task("left") } },
    { StartAt: "Pause", States: { Pause: { Type: "Wait", Seconds: 1, Next: "Right" }, Right: task("right") } },
    {
      StartAt: "Each",
      States: {
        Each: {
          Type: "Map",
          Items: [1, 2, 3],
          MaxConcurrency: 2,
          ItemProcessor: { StartAt: "Item", States: { Item: task("item") } },
          End: true,
        },
      },
    },
  ],
  Assign: { forked: "{% $states.result %}" },
  Next: "Ask",
};

/** A machine with every kind of waiting in it. */
export const CRASH_MACHINE = {
  QueryLanguage: "JSONata",
  StartAt: "First",
  States: {
    First: task("first", { Next: "Fork" }),
    Fork: fork,
    Ask: ask,
    Quick: rows("EXPRESS", "Kept"),
    Kept: rows("STANDARD", "Nested"),
    Nested: nested,
  },
};

export const CHILD_MACHINE = { QueryLanguage: "JSONata", StartAt: "Inner", States: { Inner: task("inner") } };

export const EXPECTED_OUTPUT = {
  forked: ["left", "right", ["item", "item", "item"]],
  answer: "answered",
  rows: Array.from({ length: 8 }, () => "mark"),
  child: "inner",
};

/** How often each Task state is entered and left in one run. */
export const EXPECTED_VISITS: Record<string, number> = { First: 1, Left: 1, Right: 1, Item: 3, Ask: 1, Nested: 1 };
