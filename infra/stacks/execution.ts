import { Stack, type StackProps } from "aws-cdk-lib";
import type { IFunction } from "aws-cdk-lib/aws-lambda";
import { FilterPattern, MetricFilter } from "aws-cdk-lib/aws-logs";
import type { StateMachine } from "aws-cdk-lib/aws-stepfunctions";
import type { Construct } from "constructs";
import { CodeSandbox } from "../constructs/code-sandbox.ts";
import { EventRule } from "../constructs/event-rule.ts";
import { FunctionSet, type FunctionSetProps } from "../constructs/function-set.ts";
import { InboundMail } from "../constructs/inbound-mail.ts";
import { RunWorkflow } from "../constructs/run-workflow.ts";
import type { WeftFunction } from "../constructs/weft-function.ts";

export interface ExecutionStackProps extends StackProps, FunctionSetProps {}

/** How Step Functions reports a lane that ended without its own Settle. */
const LOST_STATUSES = ["FAILED", "TIMED_OUT", "ABORTED"];

/** Counts the lines that say that a delivery was given up (packages/core/src/subscription/delivery.run.ts). */
function deadDeliveries(scope: Construct, sender: WeftFunction, stage: string): MetricFilter {
  return new MetricFilter(scope, "DeadDeliveries", {
    logGroup: sender.logs,
    filterPattern: FilterPattern.stringValue("$.message", "=", "a delivery was given up"),
    metricNamespace: "Weft",
    metricName: `DeadDeliveries-${stage}`,
    metricValue: "1",
  });
}

/** Step Functions and what it calls. */
export class ExecutionStack extends Stack {
  readonly machine: StateMachine;
  readonly functions: FunctionSet;
  /** Runs user code. */
  readonly sandbox: IFunction;
  /** Deliveries of events that were given up. */
  readonly deadDeliveries: MetricFilter;

  constructor(scope: Construct, id: string, props: ExecutionStackProps) {
    super(scope, id, props);
    const { name, logRetention, removalPolicy, codeConcurrency } = props.stage;
    this.functions = new FunctionSet(this, props);
    this.sandbox = new CodeSandbox(this, "Sandbox", { functions: this.functions, concurrency: codeConcurrency }).fn;
    this.functions.sandbox = this.sandbox;
    const runStep = this.functions.add("run-step");
    this.deadDeliveries = deadDeliveries(this, runStep, name);
    const run = new RunWorkflow(this, "RunWorkflow", {
      runStep,
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
    new EventRule(this, "EventsHappened", {
      description: "Events that triggers and subscriptions are told of",
      pattern: { source: ["weft"] },
      target: this.functions.add("tell-events"),
      failedEvents: props.state.failedEvents,
      bus: props.state.bus,
    });
    new InboundMail(this, "InboundMail", {
      domain: props.stage.inboundDomain,
      files: props.state.files,
      target: this.functions.add("mail-in"),
    });
  }
}
