import { describe, expect, test } from "vitest";
import { type FunctionSpec, functions, jobs } from "../../functions/manifest.ts";
import { effectOf } from "../../infra/constructs/grants.ts";
import { isAsync } from "../../infra/constructs/weft-function.ts";
import {
  actionsOf,
  type Found,
  resources,
  resourcesOf,
  stackNames,
  statementsOfRole,
  templatesOf,
} from "../support/templates.ts";

const specs: readonly FunctionSpec[] = functions;
const lambdas = () => resources("AWS::Lambda::Function");
const lambdaOf = (name: string): Found => {
  const found = lambdas().filter((lambda) => lambda.Metadata?.weft === name);
  expect(found).toHaveLength(1);
  return found[0]!;
};
const roleOf = (lambda: Found): string => lambda.Properties.Role["Fn::GetAtt"][0];
const statementsOf = (lambda: Found) => statementsOfRole(lambda.stack, roleOf(lambda));

describe("functions", () => {
  test("each manifest line is one Lambda, and there is no other", () => {
    expect(
      lambdas()
        .map((lambda) => lambda.Metadata?.weft)
        .sort(),
    ).toEqual(specs.map((spec) => spec.name).sort());
  });

  test.each(specs)("$name runs on Node 24, arm64, with its own memory, timeout, log and tracing", (spec) => {
    const lambda = lambdaOf(spec.name);
    expect(lambda.Properties).toMatchObject({
      Runtime: "nodejs24.x",
      Architectures: ["arm64"],
      MemorySize: spec.memoryMb,
      Timeout: spec.timeoutSeconds,
      TracingConfig: { Mode: "Active" },
    });
    expect(lambda.Properties.PackageType).toBeUndefined();
    expect(lambda.Properties.Environment.Variables.NODE_OPTIONS).toBe("--enable-source-maps");
    const logGroup =
      templatesOf()[lambda.stack].findResources("AWS::Logs::LogGroup")[lambda.Properties.LoggingConfig.LogGroup.Ref];
    expect(logGroup?.Properties.RetentionInDays).toBeGreaterThan(0);
  });

  test("every log group of every stack has a retention", () => {
    const groups = resources("AWS::Logs::LogGroup");
    expect(groups.length).toBeGreaterThan(specs.length);
    for (const group of groups) expect(group.Properties.RetentionInDays).toBeGreaterThan(0);
  });

  test("no two functions share a role", () => {
    const roles = lambdas().map((lambda) => `${lambda.stack}.${roleOf(lambda)}`);
    expect(new Set(roles).size).toBe(specs.length);
  });

  test("no policy of the product allows an action with a wildcard, or a table scan", () => {
    const statements = resources("AWS::IAM::Policy").flatMap((policy) => policy.Properties.PolicyDocument.Statement);
    expect(statements.length).toBeGreaterThan(specs.length);
    for (const action of statements.flatMap(actionsOf)) {
      expect(action).not.toContain("*");
      expect(action).not.toMatch(/^dynamodb:(Scan|PartiQL)/);
    }
    for (const role of resources("AWS::IAM::Role")) expect(role.Properties.Policies).toBeUndefined();
  });

  test.each(specs)("$name has the rights of its grants and no others", (spec) => {
    const services = new Set(
      statementsOf(lambdaOf(spec.name))
        .flatMap(actionsOf)
        .map((action) => action.split(":")[0]),
    );
    const expected = new Set(["logs", "xray"]);
    for (const grant of spec.grants) {
      if (grant === "table") expected.add("dynamodb").add("kms");
      if (grant === "files") expected.add("s3").add("kms");
      if (grant === "mail") expected.add("ses");
      if (grant === "code" || grant === "jobs") expected.add("lambda");
      if (grant === "secrets") expected.add("kms");
      if (grant === "bedrock") expected.add("bedrock");
      if (grant === "scheduler") expected.add("scheduler").add("iam");
      if (grant === "machine" || grant === "machine:self") expected.add("states");
      if (grant === "events") expected.add("events");
    }
    if (isAsync(spec)) expected.add("sqs");
    // Lambda attaches it to subnets; the sandbox's own test says what these rights are worth from inside.
    if (spec.sandbox) expected.add("ec2");
    expect(services).toEqual(expected);
  });

  test.each(specs)("$name reaches resources by name only", (spec) => {
    for (const statement of statementsOf(lambdaOf(spec.name))) {
      const services = new Set(actionsOf(statement).map((action) => action.split(":")[0]));
      const written = resourcesOf(statement).map((resource) => JSON.stringify(resource));
      if (services.has("xray") || services.has("ec2")) expect(written).toEqual(['"*"']);
      else for (const arn of written) expect(arn).not.toBe('"*"');
      if (services.has("s3") && actionsOf(statement).includes("s3:GetObject")) {
        const isMail = spec.grants.includes("inbound") && !actionsOf(statement).includes("s3:PutObject");
        for (const arn of written) expect(arn).toContain(isMail ? "/inbound/*" : "/spaces/*");
      }
      if (services.has("kms")) expect(JSON.stringify(statement.Condition)).toContain("kms:EncryptionContext:");
    }
  });

  test.each(specs)("$name gets the variables of its grants and none that looks like a secret", (spec) => {
    const variables: Record<string, unknown> = lambdaOf(spec.name).Properties.Environment.Variables;
    const expected = ["NODE_OPTIONS", "STAGE"];
    if (spec.grants.includes("table")) expected.push("TABLE_NAME");
    if (spec.grants.includes("files")) expected.push("FILES_BUCKET");
    if (spec.grants.includes("machine")) expected.push("RUN_WORKFLOW_ARN");
    if (spec.grants.includes("code")) expected.push("CODE_FUNCTION");
    if (spec.grants.includes("jobs")) expected.push("JOBS_FUNCTION", "CANVAS_JOBS_FUNCTION");
    if (spec.grants.includes("mail")) expected.push("MAIL_FROM");
    if (spec.grants.includes("secrets")) expected.push("DATA_KEY_ARN");
    if (spec.grants.includes("events")) expected.push("EVENT_BUS");
    if (spec.grants.some((grant) => grant.startsWith("inbound"))) expected.push("INBOUND_DOMAIN");
    if (spec.grants.includes("scheduler")) {
      expected.push("SCHEDULE_GROUP", "SCHEDULE_ROLE_ARN", "SCHEDULE_TARGET_ARN", "SCHEDULE_QUEUE_ARN");
    }
    expect(Object.keys(variables).sort()).toEqual(expected.sort());
    for (const [name, value] of Object.entries(variables)) {
      expect(name).not.toMatch(/SECRET|PASSWORD|TOKEN|API_KEY|PRIVATE/i);
      expect(JSON.stringify(value)).not.toMatch(/AKIA|-----BEGIN|sk_/);
    }
  });

  test.each(specs.filter(isAsync))(
    "$name, invoked asynchronously, has bounded retries and a failure destination",
    (spec) => {
      const lambda = lambdaOf(spec.name);
      const config = resources("AWS::Lambda::EventInvokeConfig").find(
        (candidate) => candidate.Properties.FunctionName.Ref === lambda.id,
      );
      expect(config?.Properties.DestinationConfig.OnFailure.Destination).toBeDefined();
      expect(config?.Properties.MaximumRetryAttempts).toBeLessThanOrEqual(2);
    },
  );

  test.each(specs.filter(({ grants }) => (grants as readonly string[]).includes("secrets")))(
    "$name may open secrets with the context of secrets alone",
    (spec) => {
      const opening = statementsOf(lambdaOf(spec.name)).filter((statement) =>
        JSON.stringify(statement.Condition ?? {}).includes("kms:EncryptionContextKeys"),
      );
      expect(opening).toHaveLength(1);
      expect(actionsOf(opening[0]!).sort()).toEqual(["kms:Decrypt", "kms:GenerateDataKey"]);
      expect(opening[0]!.Condition).toEqual({
        Null: {
          "kms:EncryptionContext:spaceId": "false",
          "kms:EncryptionContext:credentialId": "false",
          "kms:EncryptionContext:version": "false",
        },
        "ForAllValues:StringEquals": { "kms:EncryptionContextKeys": ["spaceId", "credentialId", "version"] },
      });
    },
  );

  test("a function that opens no secrets has no right to", () => {
    const others = specs.filter(({ grants }) => !(grants as readonly string[]).includes("secrets"));
    expect(others.length).toBeGreaterThan(3);
    for (const spec of others) {
      expect(JSON.stringify(statementsOf(lambdaOf(spec.name)))).not.toContain("kms:EncryptionContextKeys");
    }
  });

  test("a grant of the machine where there is none fails at synth", () => {
    expect(() => effectOf({} as never, "machine", {} as never)).toThrow('use "machine:self"');
    expect(() => effectOf({} as never, "scheduler", {} as never)).toThrow("place of users' schedules");
  });
});

describe("events", () => {
  test("each manifest job is one schedule that calls its function with its name", () => {
    const names = new Map(["jobs", "canvas-jobs"].map((name) => [lambdaOf(name).id, name]));
    const made = resources("AWS::Scheduler::Schedule").map(({ Properties }) => {
      const [id, attribute] = Properties.Target.Arn["Fn::GetAtt"];
      expect(attribute).toBe("Arn");
      expect(Properties.Target.DeadLetterConfig.Arn).toBeDefined();
      expect(Properties.Target.RetryPolicy.MaximumRetryAttempts).toBeLessThanOrEqual(2);
      const { job } = JSON.parse(Properties.Target.Input);
      return { name: job, schedule: Properties.ScheduleExpression, function: names.get(id) };
    });
    expect(made).toEqual([...jobs]);
  });

  test("a lane that ends without settling is told to machine-status, and an undelivered event is kept", () => {
    const rules = resources("AWS::Events::Rule").filter(({ Properties }) => Properties.EventBusName === undefined);
    expect(rules).toHaveLength(1);
    const { EventPattern, Targets, EventBusName } = rules[0]!.Properties;
    expect(EventBusName).toBeUndefined();
    expect(EventPattern).toMatchObject({
      source: ["aws.states"],
      "detail-type": ["Step Functions Execution Status Change"],
      detail: { status: ["FAILED", "TIMED_OUT", "ABORTED"], stateMachineArn: [{ Ref: expect.any(String) }] },
    });
    expect(Targets).toHaveLength(1);
    expect(Targets[0].Arn["Fn::GetAtt"][0]).toBe(lambdaOf("machine-status").id);
    expect(Targets[0].DeadLetterConfig.Arn).toBeDefined();
  });

  test("stacks depend on each other in one direction", () => {
    const exportsOf = (name: (typeof stackNames)[number]) =>
      Object.values(templatesOf()[name].toJSON().Outputs ?? {}).map((output) =>
        String((output as { Export?: { Name: string } }).Export?.Name),
      );
    for (const [place, name] of stackNames.entries()) {
      const text = JSON.stringify(templatesOf()[name].toJSON());
      for (const later of stackNames.slice(place + 1)) {
        for (const exported of exportsOf(later)) expect(text).not.toContain(`"Fn::ImportValue":"${exported}"`);
      }
    }
  });
});
