import { type Stack, Validations } from "aws-cdk-lib";
import { CfnBucket } from "aws-cdk-lib/aws-s3";
import { describe, expect, test } from "vitest";
import { functions } from "../../functions/manifest.ts";
import { type StageName, stages } from "../../infra/stages.ts";
import { buildApp, stackNames } from "../support/templates.ts";

/** Who is excused from which rule. A new line here is a decision: its reason stands beside the resource. */
function expectedAcknowledgements(): string[] {
  const expected = [
    "Api/Gateway/Api AwsSolutions-APIG2",
    "Api/Gateway/Api AwsSolutions-COG4",
    "Api/Gateway/Api AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs]",
    "Execution/RunWorkflow/Machine AwsSolutions-IAM5[Resource::*]",
    "Execution/RunWorkflow/Machine AwsSolutions-SF1",
    "Execution/RunWorkflow/RunStepRuns AwsSolutions-IAM5[execution]",
    "Execution/RunWorkflow/SettleRuns AwsSolutions-IAM5[execution]",
    "Execution/Sandbox/Attach AwsSolutions-IAM5[Resource::*]",
    "Execution/Sandbox/NotFromInside AwsSolutions-IAM5[Resource::*]",
    "Execution/Sandbox/Vpc AwsSolutions-VPC7",
    "Schedule/UserSchedules/Failed AwsSolutions-SQS3",
    "Schedule/UserSchedules/Failed Serverless-SQSRedrivePolicy",
    "State/FailedEvents AwsSolutions-SQS3",
    "State/FailedEvents Serverless-SQSRedrivePolicy",
    "State/FilesAccessLogs AwsSolutions-S1",
  ];
  const place: Record<string, string> = { task: "Execution", event: "Execution", schedule: "Schedule" };
  for (const { name, kind, grants, ...spec } of functions) {
    const id = name.replace(/(^|-)(\w)/g, (_, _dash, letter: string) => letter.toUpperCase());
    const path = `${place[kind] ?? "Api"}/${id}`;
    const has = (grant: string) => (grants as readonly string[]).includes(grant);
    expected.push(`${path}/Function Serverless-LambdaDLQ`, `${path}/Role AwsSolutions-IAM5[Resource::*]`);
    if (has("files")) expected.push(`${path}/Role/Files AwsSolutions-IAM5[/spaces/*]`);
    if (has("bedrock")) {
      expected.push(`${path}/Role/Bedrock AwsSolutions-IAM5[foundation-model]`);
      expected.push(`${path}/Role/Bedrock AwsSolutions-IAM5[inference-profile]`);
    }
    if (has("inbound")) expected.push(`${path}/Role/Inbound AwsSolutions-IAM5[/inbound/*]`);
    if (has("machine")) expected.push(`${path}/Role/Machine AwsSolutions-IAM5[execution]`);
    if (has("scheduler")) expected.push(`${path}/Role/Scheduler AwsSolutions-IAM5[schedules]`);
    const anonymous = "anonymous" in spec ? spec.anonymous : [];
    const below = "anonymousBelow" in spec ? spec.anonymousBelow : [];
    for (const open of [...anonymous, ...below.flatMap((path) => [path, `${path}/{proxy+}`])])
      expected.push(`Api/Gateway/Api/Default${open === "/" ? "" : open}/ANY AwsSolutions-APIG4`);
  }
  return expected.sort();
}

function acknowledgements(stack: Stack) {
  return stack.node.findAll().flatMap((construct) =>
    construct.node.metadata
      .filter((entry) => entry.type === Validations.ACKNOWLEDGED_RULES_METADATA_KEY)
      .flatMap((entry) => Object.entries(entry.data as Record<string, string>))
      .map(([id, reason]) => ({ path: construct.node.path, rule: id.replace(/^annotation::/i, ""), reason })),
  );
}

/** A wildcard's finding names the whole ARN; what matters here is which wildcard it is. */
function shortened(rule: string): string {
  if (rule.includes(":execution:")) return "AwsSolutions-IAM5[execution]";
  const bedrock = /:(foundation-model|inference-profile)\/\*\]$/.exec(rule);
  if (bedrock) return `AwsSolutions-IAM5[${bedrock[1]}]`;
  if (rule.endsWith("/inbound/*]")) return "AwsSolutions-IAM5[/inbound/*]";
  if (rule.endsWith(":schedule/weft-dev-schedule-users/*]")) return "AwsSolutions-IAM5[schedules]";
  return rule.endsWith("/spaces/*]") ? "AwsSolutions-IAM5[/spaces/*]" : rule;
}

describe("checks", () => {
  test.each(Object.keys(stages) as StageName[])("the stage %s has no finding that is not acknowledged", (stage) => {
    const { app } = buildApp(stage, { checked: true });
    expect(() => app.synth()).not.toThrow();
  });

  test("a bucket that breaks the rules of cdk-nag fails synth", () => {
    const { app, schedule } = buildApp("dev", { checked: true });
    new CfnBucket(schedule, "Open");
    expect(() => app.synth()).toThrow("AwsSolutions-S1");
  });

  test("a bucket that breaks CloudFormation's own rules fails synth", () => {
    const { app, schedule } = buildApp("dev", { checked: true });
    const bucket = new CfnBucket(schedule, "Misnamed", { bucketName: "Not_A_Name!" });
    for (const id of ["AwsSolutions-S1", "AwsSolutions-S10"]) {
      Validations.of(bucket).acknowledge({ id, reason: "only CloudFormation's own rule is under test" });
    }
    expect(() => app.synth()).toThrow("does not match pattern");
  });

  test("the acknowledgements are exactly these, each on a resource and with a reason", () => {
    const stacks = buildApp();
    const all = stackNames.flatMap((name) => acknowledgements(stacks[name]));
    // CDK's own, on each stack that asks for the zones of its region.
    const found = all.filter(({ rule }) => rule !== "CloudFormation-Validate::W3010");
    for (const { reason, path } of found) {
      expect(reason.length).toBeGreaterThan(30);
      expect(path).toContain("/");
    }
    expect(found.map(({ path, rule }) => `${path} ${shortened(rule)}`).sort()).toEqual(expectedAcknowledgements());
  });
});
