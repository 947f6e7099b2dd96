import { type RemovalPolicy, Stack, Validations } from "aws-cdk-lib";
import { PolicyStatement } from "aws-cdk-lib/aws-iam";
import { LogGroup, type RetentionDays } from "aws-cdk-lib/aws-logs";
import { DefinitionBody, LogLevel, StateMachine, StateMachineType } from "aws-cdk-lib/aws-stepfunctions";
import { Construct } from "constructs";
import { attachPolicy, machineStatements, RUNS_WILDCARD } from "./grants.ts";
import { runWorkflowDefinition } from "./run-workflow-definition.ts";
import type { WeftFunction } from "./weft-function.ts";

export interface RunWorkflowProps {
  readonly runStep: WeftFunction;
  readonly settle: WeftFunction;
  readonly logRetention: RetentionDays;
  readonly removalPolicy: RemovalPolicy;
}

/** The RunWorkflow machine, its log, and the rights between it and its functions. */
export class RunWorkflow extends Construct {
  readonly machine: StateMachine;

  constructor(scope: Construct, id: string, props: RunWorkflowProps) {
    super(scope, id);
    const { runStep, settle } = props;
    const definition = runWorkflowDefinition({
      runStepArn: runStep.fn.functionArn,
      settleArn: settle.fn.functionArn,
    });
    this.machine = new StateMachine(this, "Machine", {
      stateMachineType: StateMachineType.STANDARD,
      definitionBody: DefinitionBody.fromString(Stack.of(this).toJsonString(definition)),
      tracingEnabled: true,
      logs: {
        destination: new LogGroup(this, "Logs", {
          retention: props.logRetention,
          removalPolicy: props.removalPolicy,
        }),
        level: LogLevel.ERROR,
        includeExecutionData: false,
      },
    });
    this.machine.addToRolePolicy(
      new PolicyStatement({
        actions: ["lambda:InvokeFunction"],
        resources: [runStep.fn.functionArn, settle.fn.functionArn],
      }),
    );
    for (const fn of [runStep, settle]) if (fn.spec.grants.includes("machine:self")) this.allowSelf(fn);
    Validations.of(this.machine).acknowledge(
      {
        id: "AwsSolutions-SF1",
        reason:
          "Level ERROR without execution data: node inputs belong to users and stay out of the logs; the history has the rest.",
      },
      {
        id: "AwsSolutions-IAM5[Resource::*]",
        reason: "Log delivery and X-Ray actions of Step Functions have no resource to name.",
      },
    );
  }

  /** A policy of its own: in the function's role it would make function, role and machine wait for each other. */
  private allowSelf(fn: WeftFunction): void {
    const statements = machineStatements(this.machine);
    attachPolicy(this, `${fn.node.id}Runs`, fn.role, { statements, wildcard: RUNS_WILDCARD });
  }
}
