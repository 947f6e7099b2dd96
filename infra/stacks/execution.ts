import { Stack, type StackProps } from "aws-cdk-lib";
import type { IFunction } from "aws-cdk-lib/aws-lambda";
import type { StateMachine } from "aws-cdk-lib/aws-stepfunctions";
import type { Construct } from "constructs";
import { CodeSandbox } from "../constructs/code-sandbox.ts";
import { EventRule } from "../constructs/event-rule.ts";
import { FunctionSet, type FunctionSetProps } from "../constructs/function-set.ts";
import { RunWorkflow } from "../constructs/run-workflow.ts";

export interface ExecutionStackProps extends StackProps, FunctionSetProps {}

/** How Step Functions reports a lane that ended without its own Settle. */
const LOST_STATUSES = ["FAILED", "TIMED_OUT", "ABORTED"];

/** Step Functions and what it calls. */
export class ExecutionStack extends Stack {
  readonly machine: StateMachine;
  readonly functions: FunctionSet;
  /** Runs user code. */
  readonly sandbox: IFunction;

  constructor(scope: Construct, id: string, props: ExecutionStackProps) {
    super(scope, id, props);
    const { logRetention, removalPolicy, codeConcurrency } = props.stage;
    this.functions = new FunctionSet(this, props);
    this.sandbox = new CodeSandbox(this, "Sandbox", { functions: this.functions, concurrency: codeConcurrency }).fn;
    this.functions.sandbox = this.sandbox;
    const run = new RunWorkflow(this, "RunWorkflow", {
      runStep: this.functions.add("run-step"),
      settle: this.functions.add("settle"),
      logRetention,
      removalPolicy,
    });
    this.machine = run.machine;
    this.functions.machine = run.machine;
    new EventRule(this, "MachineStatusChanged", {
      description: "Lanes that ended without settling their execution",
      pattern: {
        source: ["aws.states"],
        "detail-type": ["Step Functions Execution Status Change"],
        detail: { stateMachineArn: [run.machine.stateMachineArn], status: LOST_STATUSES },
      },
      target: this.functions.add("machine-status"),
      failedEvents: props.state.failedEvents,
    });
  }
}
