import { readFileSync } from "node:fs";
import { App, type Stack } from "aws-cdk-lib";
import { Template } from "aws-cdk-lib/assertions";
import { unbundled } from "../../infra/bundle.ts";
import { addChecks } from "../../infra/checks.ts";
import { type StageName, stages } from "../../infra/stages.ts";
import { buildWeft } from "../../infra/weft.ts";

const root = new URL("../../", import.meta.url);

/** The feature flags that the command line would pass on. */
export function cdkContext(): Record<string, unknown> {
  return JSON.parse(readFileSync(new URL("cdk.json", root), "utf8")).context;
}

/** The app of one stage with bundling off; `checked` adds cdk-nag and CloudFormation's own rules. */
export function buildApp(stage: StageName = "dev", { checked = false } = {}) {
  const context = { ...cdkContext(), "@aws-cdk/core:validateAgainstDefaultRules": checked };
  const app = new App({ context, analyticsReporting: false });
  if (checked) addChecks(app);
  return { app, ...buildWeft(app, { stage: stages[stage], code: unbundled }) };
}

export type StackName = "state" | "execution" | "api" | "schedule" | "observability";
export const stackNames: StackName[] = ["state", "execution", "schedule", "api", "observability"];

const built = new Map<StageName, Record<StackName, Template>>();

/** Templates of one stage, synthesized once a process. */
export function templatesOf(stage: StageName = "dev"): Record<StackName, Template> {
  const known = built.get(stage);
  if (known) return known;
  const { app: _, ...stacks } = buildApp(stage);
  const made = Object.fromEntries(
    stackNames.map((name) => [name, Template.fromStack(stacks[name] as Stack)]),
  ) as Record<StackName, Template>;
  built.set(stage, made);
  return made;
}

// biome-ignore lint/suspicious/noExplicitAny: a CloudFormation resource has any shape
export type Resource = { Type: string; Properties: any; Metadata?: any; [key: string]: any };

export interface Found extends Resource {
  readonly stack: StackName;
  readonly id: string;
}

/** Every resource of a type in the given stacks. */
export function resources(type: string, stage: StageName = "dev"): Found[] {
  const templates = templatesOf(stage);
  return stackNames.flatMap((stack) =>
    Object.entries(templates[stack].findResources(type)).map(([id, resource]) => ({
      ...(resource as Resource),
      stack,
      id,
    })),
  );
}

export interface Statement {
  readonly Effect: string;
  readonly Action: string | string[];
  readonly Resource: unknown;
  readonly Condition?: unknown;
}

const asList = <T>(value: T | T[]): T[] => (Array.isArray(value) ? value : [value]);

/** The statements that a role has in its own stack, inline and by policies that name it. */
export function statementsOfRole(stack: StackName, roleId: string): Statement[] {
  return resources("AWS::IAM::Policy")
    .filter((policy) => policy.stack === stack)
    .filter((policy) => policy.Properties.Roles.some((role: { Ref?: string }) => role.Ref === roleId))
    .flatMap((policy) => policy.Properties.PolicyDocument.Statement as Statement[]);
}

export const actionsOf = (statement: Statement): string[] => asList(statement.Action);
export const resourcesOf = (statement: Statement): unknown[] => asList(statement.Resource);
