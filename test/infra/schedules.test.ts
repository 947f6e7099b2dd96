import { describe, expect, test } from "vitest";
import { type FunctionSpec, functions } from "../../functions/manifest.ts";
import { actionsOf, type Found, resources, resourcesOf, statementsOfRole } from "../support/templates.ts";

const specs: readonly FunctionSpec[] = functions;
const group = "weft-dev-schedule-users";
const lambdaOf = (name: string): Found => {
  const found = resources("AWS::Lambda::Function").find(({ Metadata }) => Metadata?.weft === name);
  if (!found) throw new Error(`there is no function ${name}`);
  return found;
};
const only = <T>(found: T[]): T => {
  expect(found).toHaveLength(1);
  return found[0] as T;
};
const queueOfUsers = () => only(resources("AWS::SQS::Queue").filter(({ id }) => id.startsWith("UserSchedulesFailed")));
const roles = () => resources("AWS::IAM::Role").filter(({ id }) => id.startsWith("UserSchedules"));

describe("the place of users' schedules", () => {
  test("is one group of their own, beside that of the jobs", () => {
    const names = resources("AWS::Scheduler::ScheduleGroup").map(({ Properties }) => Properties.Name);
    expect(names.sort()).toEqual(["weft-dev-schedule-jobs", group]);
  });

  test("has a role that Scheduler alone takes, for this account, and that calls one function", () => {
    const role = only(roles());
    expect(role.Properties.AssumeRolePolicyDocument.Statement).toEqual([
      {
        Action: "sts:AssumeRole",
        Effect: "Allow",
        Principal: { Service: "scheduler.amazonaws.com" },
        Condition: { StringEquals: { "aws:SourceAccount": { Ref: "AWS::AccountId" } } },
      },
    ]);
    const rights = statementsOfRole(role.stack, role.id).map((statement) => [
      actionsOf(statement),
      resourcesOf(statement),
    ]);
    expect(rights).toEqual([
      [["lambda:InvokeFunction"], [{ "Fn::GetAtt": [lambdaOf("fire-schedule").id, "Arn"] }]],
      [["sqs:SendMessage"], [{ "Fn::GetAtt": [queueOfUsers().id, "Arn"] }]],
    ]);
  });

  test("has a dead-letter queue, encrypted, kept for two weeks, with an alarm on its depth", () => {
    const queue = queueOfUsers();
    expect(queue.Properties).toMatchObject({ SqsManagedSseEnabled: true, MessageRetentionPeriod: 1_209_600 });
    const alarms = resources("AWS::CloudWatch::Alarm").filter(
      ({ Properties }) => Properties.MetricName === "ApproximateNumberOfMessagesVisible",
    );
    expect(alarms).toHaveLength(2);
    expect(JSON.stringify(alarms)).toContain("FailedSchedulesDepth");
    for (const { Properties } of alarms) expect(Properties.Threshold).toBe(1);
  });

  test("is named to every function with the grant, which may pass that role to Scheduler and no other", () => {
    const granted = specs.filter(({ grants }) => grants.includes("scheduler"));
    expect(granted.map(({ name }) => name).sort()).toEqual(["canvas-jobs", "schedules"]);
    for (const { name } of granted) {
      const lambda = lambdaOf(name);
      const variables = lambda.Properties.Environment.Variables;
      expect(variables.SCHEDULE_GROUP).toBe(group);
      for (const variable of ["SCHEDULE_ROLE_ARN", "SCHEDULE_TARGET_ARN", "SCHEDULE_QUEUE_ARN"]) {
        expect([name, variable, variables[variable]]).toEqual([name, variable, expect.any(Object)]);
      }
      const statements = statementsOfRole(lambda.stack, lambda.Properties.Role["Fn::GetAtt"][0]);
      const scheduler = only(
        statements.filter((one) => actionsOf(one).some((action) => action.startsWith("scheduler:"))),
      );
      expect(actionsOf(scheduler).sort()).toEqual([
        "scheduler:CreateSchedule",
        "scheduler:DeleteSchedule",
        "scheduler:GetSchedule",
        "scheduler:UpdateSchedule",
      ]);
      expect(JSON.stringify(resourcesOf(scheduler))).toContain(`:schedule/${group}/*`);
      const pass = only(statements.filter((one) => actionsOf(one).includes("iam:PassRole")));
      expect(resourcesOf(pass)).toEqual([variables.SCHEDULE_ROLE_ARN]);
      expect(pass.Condition).toEqual({ StringEquals: { "iam:PassedToService": "scheduler.amazonaws.com" } });
    }
  });
});
