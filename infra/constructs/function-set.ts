import type { IFunction } from "aws-cdk-lib/aws-lambda";
import type { StateMachine } from "aws-cdk-lib/aws-stepfunctions";
import type { Construct } from "constructs";
import { type FunctionName, type FunctionSpec, functions } from "../../functions/manifest.ts";
import type { CodeSource } from "../bundle.ts";
import type { StateStack } from "../stacks/state.ts";
import type { StageConfig } from "../stages.ts";
import { constructId } from "./names.ts";
import type { SchedulePlace } from "./user-schedules.ts";
import { type Isolation, WeftFunction } from "./weft-function.ts";

export interface FunctionSetProps {
  readonly stage: StageConfig;
  readonly state: StateStack;
  readonly code: CodeSource;
  readonly machine?: StateMachine;
  /** The function that runs user code. */
  readonly sandbox?: IFunction;
  /** Where the schedules of users live. */
  readonly schedules?: SchedulePlace;
  /** The functions that run platform jobs. */
  readonly jobs?: { readonly jobs: WeftFunction; readonly canvasJobs: WeftFunction };
}

/** Makes manifest functions in one stack and remembers them, for alarms and for the test that all exist. */
export class FunctionSet {
  readonly all: WeftFunction[] = [];
  machine: StateMachine | undefined;
  sandbox: IFunction | undefined;
  schedules: SchedulePlace | undefined;
  private readonly scope: Construct;
  private readonly props: FunctionSetProps;

  constructor(scope: Construct, props: FunctionSetProps) {
    this.scope = scope;
    this.props = props;
    this.machine = props.machine;
    this.sandbox = props.sandbox;
    this.schedules = props.schedules;
  }

  add(name: FunctionName, isolation?: Isolation): WeftFunction {
    const { stage, state, code, jobs } = this.props;
    const made = new WeftFunction(this.scope, constructId(name), {
      spec: specOf(name),
      code,
      powers: {
        table: state.table,
        files: state.files,
        key: state.key,
        bus: state.bus,
        mailFrom: stage.mailFrom,
        inboundDomain: stage.inboundDomain,
        ...(stage.publicUrl === undefined ? {} : { publicUrl: stage.publicUrl }),
        ...(this.machine ? { machine: this.machine } : {}),
        ...(this.sandbox ? { code: this.sandbox } : {}),
        ...(this.schedules ? { schedules: this.schedules } : {}),
        ...(jobs ? { jobs: { jobs: jobs.jobs.fn, canvasJobs: jobs.canvasJobs.fn } } : {}),
      },
      stage: stage.name,
      logRetention: stage.logRetention,
      removalPolicy: stage.removalPolicy,
      failedEvents: state.failedEvents,
      ...(isolation ? { isolation } : {}),
      environment: name === "identity" && stage.adminEmail ? { WEFT_ADMIN_EMAIL: stage.adminEmail } : {},
    });
    this.all.push(made);
    return made;
  }
}

export function specOf(name: FunctionName): FunctionSpec {
  const spec = functions.find((candidate) => candidate.name === name);
  if (!spec) throw new Error(`no function "${name}" in the manifest`);
  return spec;
}
