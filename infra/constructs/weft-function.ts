import { Duration, ReferenceStrength, type RemovalPolicy, Validations } from "aws-cdk-lib";
import { type ISecurityGroup, type IVpc, SubnetType } from "aws-cdk-lib/aws-ec2";
import { PolicyStatement, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import {
  Architecture,
  type CfnFunction,
  Function as LambdaFunction,
  Runtime,
  TenancyConfig,
  Tracing,
} from "aws-cdk-lib/aws-lambda";
import { SqsDestination } from "aws-cdk-lib/aws-lambda-destinations";
import { LogGroup, type RetentionDays } from "aws-cdk-lib/aws-logs";
import type { IQueue } from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";
import type { FunctionSpec } from "../../functions/manifest.ts";
import type { CodeSource } from "../bundle.ts";
import { attachPolicy, effectOf, type Powers } from "./grants.ts";
import { constructId } from "./names.ts";

const ASYNC_RETRIES = 2;
const ASYNC_MAX_AGE = Duration.hours(1);

export interface WeftFunctionProps {
  readonly spec: FunctionSpec;
  readonly code: CodeSource;
  readonly powers: Powers;
  readonly stage: string;
  readonly logRetention: RetentionDays;
  readonly removalPolicy: RemovalPolicy;
  /** Where events that were given up go. Needed by the kinds that are invoked asynchronously. */
  readonly failedEvents?: IQueue;
  /** Of a function that runs user code. */
  readonly isolation?: Isolation;
  /** Merged last. */
  readonly environment?: Record<string, string>;
}

/** Where a function runs that nobody trusts. */
export interface Isolation {
  readonly vpc: IVpc;
  readonly securityGroup: ISecurityGroup;
  /** Environments at once, kept for it alone and no more than these. */
  readonly concurrency: number;
}

/** One manifest line as a Lambda: own role, own log group, explicit size, and no power but its grants. */
export class WeftFunction extends Construct {
  readonly fn: LambdaFunction;
  readonly role: Role;
  readonly spec: FunctionSpec;
  readonly logs: LogGroup;

  constructor(scope: Construct, id: string, props: WeftFunctionProps) {
    super(scope, id);
    const { spec } = props;
    this.spec = spec;
    const logGroup = new LogGroup(this, "Logs", { retention: props.logRetention, removalPolicy: props.removalPolicy });
    this.logs = logGroup;
    this.role = new Role(this, "Role", { assumedBy: new ServicePrincipal("lambda.amazonaws.com") });
    this.role.addToPolicy(
      new PolicyStatement({
        actions: ["logs:CreateLogStream", "logs:PutLogEvents"],
        resources: [logGroup.logGroupArn],
      }),
    );
    const environment = this.applyGrants(props);
    this.fn = new LambdaFunction(this, "Function", {
      ...props.code(spec),
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      memorySize: spec.memoryMb,
      timeout: Duration.seconds(spec.timeoutSeconds),
      tracing: Tracing.ACTIVE,
      role: this.role,
      logGroup,
      ...asyncProps(props),
      ...isolationProps(props.isolation),
      environment: {
        NODE_OPTIONS: "--enable-source-maps",
        STAGE: props.stage,
        ...environment,
        ...props.environment,
      },
    });
    // An alarm of another stack must not keep a function from being removed.
    this.fn.applyCrossStackReferenceStrength(ReferenceStrength.WEAK);
    (this.fn.node.defaultChild as CfnFunction).addMetadata("weft", spec.name);
    this.acknowledge();
  }

  private applyGrants({ spec, powers }: WeftFunctionProps): Record<string, string> {
    const environment: Record<string, string> = {};
    for (const grant of spec.grants) {
      const effect = effectOf(this, grant, powers);
      if (effect.statements.length > 0) attachPolicy(this.role, constructId(grant), this.role, effect);
      Object.assign(environment, effect.environment);
    }
    return environment;
  }

  private acknowledge(): void {
    Validations.of(this.role).acknowledge({
      id: "AwsSolutions-IAM5[Resource::*]",
      reason: "X-Ray's PutTraceSegments and PutTelemetryRecords have no resource to name.",
    });
    Validations.of(this.fn).acknowledge({
      id: "Serverless-LambdaDLQ",
      reason: isAsync(this.spec)
        ? "An on-failure destination keeps the event together with the error, which a dead-letter queue does not."
        : "Invoked synchronously only (API Gateway or Step Functions): the caller sees every failure.",
    });
  }
}

/** Kinds that EventBridge and Scheduler invoke; they do not wait for an answer. */
export function isAsync(spec: FunctionSpec): boolean {
  return spec.kind === "event" || spec.kind === "schedule";
}

function isolationProps(isolation: Isolation | undefined) {
  if (!isolation) return {};
  const { vpc, securityGroup, concurrency } = isolation;
  return {
    tenancyConfig: TenancyConfig.PER_TENANT,
    reservedConcurrentExecutions: concurrency,
    vpc,
    vpcSubnets: { subnetType: SubnetType.PRIVATE_ISOLATED },
    securityGroups: [securityGroup],
  };
}

function asyncProps({ spec, failedEvents }: WeftFunctionProps) {
  if (!isAsync(spec)) return {};
  if (!failedEvents) throw new Error(`${spec.name} is invoked asynchronously and needs a queue for failed events`);
  return { onFailure: new SqsDestination(failedEvents), retryAttempts: ASYNC_RETRIES, maxEventAge: ASYNC_MAX_AGE };
}
