import { Validations } from "aws-cdk-lib";
import { SecurityGroup, SubnetType, Vpc } from "aws-cdk-lib/aws-ec2";
import { Effect, Policy, PolicyStatement } from "aws-cdk-lib/aws-iam";
import type { IFunction } from "aws-cdk-lib/aws-lambda";
import { Construct } from "constructs";
import type { FunctionSet } from "./function-set.ts";
import { acknowledgeWildcard } from "./wildcards.ts";

/** What Lambda does with the function's role to attach it to subnets. */
const NETWORK_ACTIONS = [
  "ec2:AssignPrivateIpAddresses",
  "ec2:CreateNetworkInterface",
  "ec2:DeleteNetworkInterface",
  "ec2:DescribeNetworkInterfaces",
  "ec2:DescribeSubnets",
  "ec2:UnassignPrivateIpAddresses",
];

export interface CodeSandboxProps {
  readonly functions: FunctionSet;
  readonly concurrency: number;
}

/**
 * Where user code runs: a function of its own, an environment a tenant, in subnets that no route, gateway, endpoint or
 * name server leads out of, with rights that are of no use from inside.
 */
export class CodeSandbox extends Construct {
  readonly fn: IFunction;

  constructor(scope: Construct, id: string, props: CodeSandboxProps) {
    super(scope, id);
    const vpc = new Vpc(this, "Vpc", {
      natGateways: 0,
      maxAzs: 2,
      subnetConfiguration: [{ name: "Isolated", subnetType: SubnetType.PRIVATE_ISOLATED }],
      enableDnsSupport: false,
      enableDnsHostnames: false,
      restrictDefaultSecurityGroup: false,
    });
    const securityGroup = new SecurityGroup(this, "Closed", {
      vpc,
      description: "Nothing in, nothing out",
      allowAllOutbound: false,
    });
    Validations.of(vpc).acknowledge({
      id: "AwsSolutions-VPC7",
      reason: "No packet can leave or enter: there is no route, gateway, endpoint or resolver to log the use of.",
    });
    const made = props.functions.add("code", { vpc, securityGroup, concurrency: props.concurrency });
    this.fn = made.fn;
    const attach = new Policy(this, "Attach", {
      statements: [new PolicyStatement({ actions: NETWORK_ACTIONS, resources: ["*"] })],
      roles: [made.role],
    });
    acknowledgeWildcard(
      attach,
      "*",
      "Lambda attaches the function to its subnets; what is inside is refused the same.",
    );
    made.fn.node.addDependency(attach);
    // The role's credentials are in the function's environment, where guest code might find them.
    const deny = new Policy(this, "NotFromInside", {
      statements: [
        new PolicyStatement({
          effect: Effect.DENY,
          actions: NETWORK_ACTIONS,
          resources: ["*"],
          conditions: { ArnEquals: { "lambda:SourceFunctionArn": made.fn.functionArn } },
        }),
      ],
      roles: [made.role],
    });
    acknowledgeWildcard(deny, "*", "A refusal is meant to reach everything.");
  }
}
