import { describe, expect, test } from "vitest";
import { type FunctionSpec, functions } from "../../functions/manifest.ts";
import { stages } from "../../infra/stages.ts";
import { actionsOf, resources, statementsOfRole } from "../support/templates.ts";

const spec: FunctionSpec = functions.find(({ name }) => name === "code")!;
const lambda = () => resources("AWS::Lambda::Function").find(({ Metadata }) => Metadata?.weft === "code")!;
const statements = () => statementsOfRole("execution", lambda().Properties.Role["Fn::GetAtt"][0]);

describe("the function that runs user code", () => {
  test("has an environment a tenant, and no more of them than its stage says", () => {
    expect(lambda().Properties.TenancyConfig).toEqual({ TenantIsolationMode: "PER_TENANT" });
    expect(lambda().Properties.ReservedConcurrentExecutions).toBe(stages.dev.codeConcurrency);
    const others = resources("AWS::Lambda::Function").filter(({ Metadata }) => Metadata?.weft !== "code");
    for (const { Properties } of others)
      expect([Properties.TenancyConfig, Properties.VpcConfig]).toEqual([undefined, undefined]);
  });

  test("has no grants, no data in its environment and a short time", () => {
    expect(spec.grants).toEqual([]);
    expect(Object.keys(lambda().Properties.Environment.Variables).sort()).toEqual(["NODE_OPTIONS", "STAGE"]);
    expect(lambda().Properties.Timeout).toBeLessThanOrEqual(150);
  });

  test("may write its log, trace, and be attached to its subnets: nothing else, and the last not from inside", () => {
    const allowed = statements()
      .filter(({ Effect }) => Effect === "Allow")
      .flatMap(actionsOf);
    const network = allowed.filter((action) => action.startsWith("ec2:")).sort();
    expect(allowed.every((action) => /^(logs:(CreateLogStream|PutLogEvents)|xray:Put\w+|ec2:\w+)$/.test(action))).toBe(
      true,
    );
    const denied = statements().filter(({ Effect }) => Effect === "Deny");
    expect(denied.flatMap(actionsOf).sort()).toEqual(network);
    expect(denied.map(({ Condition }) => Condition)).toEqual([
      { ArnEquals: { "lambda:SourceFunctionArn": { "Fn::GetAtt": [lambda().id, "Arn"] } } },
    ]);
  });

  test("stands in subnets that nothing leads out of", () => {
    const { SubnetIds, SecurityGroupIds } = lambda().Properties.VpcConfig;
    const subnets = resources("AWS::EC2::Subnet");
    expect(SubnetIds.map(({ Ref }: { Ref: string }) => Ref).sort()).toEqual(subnets.map(({ id }) => id).sort());
    for (const { Properties } of subnets) expect(Properties.MapPublicIpOnLaunch).toBe(false);
    for (const type of ["Route", "InternetGateway", "NatGateway", "VPCEndpoint", "VPCPeeringConnection"]) {
      expect([type, resources(`AWS::EC2::${type}`)]).toEqual([type, []]);
    }
    const [vpc] = resources("AWS::EC2::VPC");
    expect(vpc?.Properties).toMatchObject({ EnableDnsSupport: false, EnableDnsHostnames: false });
    expect(SecurityGroupIds).toHaveLength(1);
    const groups = resources("AWS::EC2::SecurityGroup");
    expect(groups).toHaveLength(1);
    expect(groups[0]?.Properties.SecurityGroupIngress).toBeUndefined();
    // How CDK writes that nothing may leave: a rule that no address matches.
    expect(groups[0]?.Properties.SecurityGroupEgress).toEqual([
      expect.objectContaining({ CidrIp: "255.255.255.255/32", IpProtocol: "icmp" }),
    ]);
  });

  test("is called by those with the grant and by nobody else", () => {
    const callers = resources("AWS::IAM::Policy").filter((policy) =>
      policy.Properties.PolicyDocument.Statement.some(
        (statement: { Action: string | string[]; Resource: unknown }) =>
          [statement.Action].flat().includes("lambda:InvokeFunction") &&
          JSON.stringify(statement.Resource).includes(lambda().id),
      ),
    );
    const granted = functions.filter(({ grants }) => (grants as readonly string[]).includes("code"));
    expect(callers).toHaveLength(granted.length);
  });
});
