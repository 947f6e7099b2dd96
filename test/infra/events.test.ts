import { describe, expect, test } from "vitest";
import { type FunctionSpec, functions } from "../../functions/manifest.ts";
import { isAsync } from "../../infra/constructs/weft-function.ts";
import { type Found, resources } from "../support/templates.ts";

const specs: readonly FunctionSpec[] = functions;
const lambdaOf = (name: string): Found => {
  const found = resources("AWS::Lambda::Function").filter((lambda) => lambda.Metadata?.weft === name);
  expect(found).toHaveLength(1);
  return found[0] as Found;
};
const only = (type: string): Found => {
  const found = resources(type);
  expect([type, found.length]).toEqual([type, 1]);
  return found[0] as Found;
};
const text = (value: unknown) => JSON.stringify(value);

describe("events", () => {
  test("there is one bus, and one rule of it that calls one function and keeps what it cannot hand over", () => {
    const bus = only("AWS::Events::EventBus");
    const rules = resources("AWS::Events::Rule").filter(({ Properties }) => Properties.EventBusName !== undefined);
    expect(rules).toHaveLength(1);
    const { EventBusName, EventPattern, State, Targets } = rules[0]?.Properties ?? {};
    expect(text(EventBusName)).toContain(bus.id);
    expect([EventPattern, State, Targets.length]).toEqual([{ source: ["weft"] }, "ENABLED", 1]);
    expect(Targets[0].Arn["Fn::GetAtt"][0]).toBe(lambdaOf("tell-events").id);
    expect(Targets[0].DeadLetterConfig.Arn).toBeDefined();
    expect(Targets[0].RetryPolicy).toEqual({ MaximumRetryAttempts: 10, MaximumEventAgeInSeconds: 3600 });
  });

  test("whoever can end a run can tell of it, and the rule may call its function", () => {
    const ending = specs.filter(({ grants }) => grants.some((grant) => grant.startsWith("machine")));
    const silent = ending.filter(({ grants }) => !grants.includes("events")).map(({ name }) => name);
    expect(silent).toEqual([]);
    const allowed = resources("AWS::Lambda::Permission").map(({ Properties }) => [
      Properties.Principal,
      text(Properties.FunctionName),
    ]);
    for (const [principal, name] of [
      ["events.amazonaws.com", "tell-events"],
      ["ses.amazonaws.com", "mail-in"],
    ] as const) {
      expect(allowed.some(([who, what]) => who === principal && what?.includes(lambdaOf(name).id))).toBe(true);
    }
  });

  test("each function that nobody waits for keeps what it failed at", () => {
    const async = specs.filter(isAsync).map(({ name }) => name);
    expect(async).toEqual(expect.arrayContaining(["machine-status", "tell-events", "mail-in", "jobs"]));
    for (const name of async) {
      const config = resources("AWS::Lambda::EventInvokeConfig").find(
        ({ Properties }) => Properties.FunctionName.Ref === lambdaOf(name).id,
      );
      expect([name, config?.Properties.DestinationConfig.OnFailure.Destination]).toEqual([name, expect.anything()]);
    }
  });

  test("deliveries that are given up wake somebody", () => {
    const { FilterPattern, MetricTransformations, LogGroupName } = only("AWS::Logs::MetricFilter").Properties;
    expect(FilterPattern).toBe('{ $.message = "a delivery was given up" }');
    expect(text(LogGroupName)).toContain(text(lambdaOf("run-step").Properties.LoggingConfig.LogGroup).slice(8, -2));
    const { MetricName } = MetricTransformations[0];
    const alarms = resources("AWS::CloudWatch::Alarm").filter(({ Properties }) => Properties.MetricName === MetricName);
    expect(alarms).toHaveLength(1);
  });
});

describe("mail that comes in", () => {
  test("is scanned, put down under its prefix, then told to the function", () => {
    const { Rule, RuleSetName } = only("AWS::SES::ReceiptRule").Properties;
    expect(RuleSetName.Ref).toBe(only("AWS::SES::ReceiptRuleSet").id);
    expect(Rule).toMatchObject({
      Enabled: true,
      ScanEnabled: true,
      TlsPolicy: "Require",
      Recipients: ["in.dev.weft.example"],
    });
    const [put, call] = Rule.Actions;
    expect(put.S3Action.ObjectKeyPrefix).toBe("inbound/");
    expect(call.LambdaAction).toMatchObject({ InvocationType: "Event" });
    expect(text(call.LambdaAction.FunctionArn)).toContain(lambdaOf("mail-in").id);
  });

  test("may be put there by the mail service of this account alone, sealed, and goes after a while", () => {
    const ofAccount = { StringEquals: { "aws:SourceAccount": { Ref: "AWS::AccountId" } } };
    const policies = resources("AWS::S3::BucketPolicy").flatMap(
      ({ Properties }) => Properties.PolicyDocument.Statement,
    );
    const put = policies.filter((statement) => statement.Sid === "MailComesIn");
    expect(put).toHaveLength(1);
    expect(put[0]).toMatchObject({
      ...{ Effect: "Allow", Action: "s3:PutObject", Condition: ofAccount },
      Principal: { Service: "ses.amazonaws.com" },
    });
    expect(text(put[0].Resource)).toContain("/inbound/*");
    const key = only("AWS::KMS::Key").Properties.KeyPolicy.Statement;
    const seal = key.filter((statement: { Sid?: string }) => statement.Sid === "MailIsSealedAtRest");
    expect(seal).toHaveLength(1);
    expect(seal[0]).toMatchObject({ Action: ["kms:Encrypt", "kms:GenerateDataKey"], Condition: ofAccount });
    const rules = resources("AWS::S3::Bucket").flatMap(({ Properties }) => Properties.LifecycleConfiguration.Rules);
    expect(rules).toContainEqual(expect.objectContaining({ Prefix: "inbound/", ExpirationInDays: 15 }));
  });
});
