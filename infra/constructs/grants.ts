import { INDEXES } from "@weft/db/indexes";
import { ArnFormat, Stack } from "aws-cdk-lib";
import type { ITable } from "aws-cdk-lib/aws-dynamodb";
import type { IEventBus } from "aws-cdk-lib/aws-events";
import { type IRole, Policy, PolicyStatement } from "aws-cdk-lib/aws-iam";
import type { IKey } from "aws-cdk-lib/aws-kms";
import type { IFunction } from "aws-cdk-lib/aws-lambda";
import type { IBucket } from "aws-cdk-lib/aws-s3";
import type { StateMachine } from "aws-cdk-lib/aws-stepfunctions";
import type { Construct } from "constructs";
import type { Grant } from "../../functions/manifest.ts";
import type { SchedulePlace } from "./user-schedules.ts";
import { acknowledgeWildcard } from "./wildcards.ts";

/** What grants can name. `machine` is absent where the machine itself depends on the function. */
export interface Powers {
  readonly table: ITable;
  readonly files: IBucket;
  readonly key: IKey;
  readonly bus: IEventBus;
  readonly mailFrom: string;
  /** Where mails come in. */
  readonly inboundDomain: string;
  /** Where people reach the API, for links in mails. */
  readonly publicUrl?: string;
  readonly machine?: StateMachine;
  /** The functions that run platform jobs. */
  readonly jobs?: { readonly jobs: IFunction; readonly canvasJobs: IFunction };
  /** The function that runs user code. */
  readonly code?: IFunction;
  /** Where the schedules of users live. */
  readonly schedules?: SchedulePlace;
}

/** Objects live under `spaces/{spaceId}/…`; nothing may reach outside that prefix. */
const FILES_PREFIX = "spaces/";
/** Where SES puts mails down (packages/core/src/trigger/mail.receive.ts). */
export const INBOUND_PREFIX = "inbound/";

const TABLE_ACTIONS = [
  "dynamodb:BatchGetItem",
  "dynamodb:BatchWriteItem",
  "dynamodb:ConditionCheckItem",
  "dynamodb:DeleteItem",
  "dynamodb:GetItem",
  "dynamodb:PutItem",
  "dynamodb:Query",
  "dynamodb:UpdateItem",
];

function tableStatements({ table, key }: Powers): PolicyStatement[] {
  const indexes = Object.keys(INDEXES).map((name) => `${table.tableArn}/index/${name}`);
  return [
    new PolicyStatement({ actions: TABLE_ACTIONS, resources: [table.tableArn, ...indexes] }),
    new PolicyStatement({
      actions: ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"],
      resources: [key.keyArn],
      conditions: { StringEquals: { "kms:EncryptionContext:aws:dynamodb:tableName": table.tableName } },
    }),
  ];
}

function filesStatements({ files, key }: Powers): PolicyStatement[] {
  return [
    new PolicyStatement({
      actions: ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:PutObject"],
      resources: [files.arnForObjects(`${FILES_PREFIX}*`)],
    }),
    // Without it S3 answers 403 instead of 404 for an object that is not there.
    new PolicyStatement({ actions: ["s3:ListBucket"], resources: [files.bucketArn] }),
    new PolicyStatement({
      actions: ["kms:Decrypt", "kms:GenerateDataKey"],
      resources: [key.keyArn],
      conditions: { StringEquals: { "kms:EncryptionContext:aws:s3:arn": files.bucketArn } },
    }),
  ];
}

/** Start runs of a machine, look at and stop them, answer its task tokens. */
export function machineStatements(machine: StateMachine): PolicyStatement[] {
  const runs = Stack.of(machine).formatArn({
    service: "states",
    resource: "execution",
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    resourceName: `${machine.stateMachineName}:*`,
  });
  return [
    new PolicyStatement({
      actions: [
        "states:SendTaskFailure",
        "states:SendTaskHeartbeat",
        "states:SendTaskSuccess",
        "states:StartExecution",
      ],
      resources: [machine.stateMachineArn],
    }),
    new PolicyStatement({ actions: ["states:DescribeExecution", "states:StopExecution"], resources: [runs] }),
  ];
}

function mailStatements(scope: Construct, { mailFrom }: Powers): PolicyStatement[] {
  const identity = Stack.of(scope).formatArn({
    service: "ses",
    resource: "identity",
    resourceName: mailFrom.slice(mailFrom.indexOf("@") + 1),
  });
  return [
    new PolicyStatement({
      actions: ["ses:SendEmail"],
      resources: [identity],
      conditions: { StringEquals: { "ses:FromAddress": mailFrom } },
    }),
  ];
}

/** Mails as SES put them down; nothing else of the bucket. */
function inboundStatements({ files, key }: Powers): PolicyStatement[] {
  return [
    new PolicyStatement({ actions: ["s3:GetObject"], resources: [files.arnForObjects(`${INBOUND_PREFIX}*`)] }),
    new PolicyStatement({
      actions: ["kms:Decrypt"],
      resources: [key.keyArn],
      conditions: { StringEquals: { "kms:EncryptionContext:aws:s3:arn": files.bucketArn } },
    }),
  ];
}

/** Make schedules in the one group, which call with the one role and nothing else. */
function schedulerStatements(scope: Construct, { group, roleArn }: SchedulePlace): PolicyStatement[] {
  const schedules = Stack.of(scope).formatArn({
    service: "scheduler",
    resource: "schedule",
    resourceName: `${group}/*`,
  });
  return [
    new PolicyStatement({
      actions: [
        "scheduler:CreateSchedule",
        "scheduler:DeleteSchedule",
        "scheduler:GetSchedule",
        "scheduler:UpdateSchedule",
      ],
      resources: [schedules],
    }),
    new PolicyStatement({
      actions: ["iam:PassRole"],
      resources: [roleArn],
      conditions: { StringEquals: { "iam:PassedToService": "scheduler.amazonaws.com" } },
    }),
  ];
}

/** Names of the encryption context of sealed secrets (packages/core/src/platform/sealer.ts). */
const SEAL_CONTEXT = ["spaceId", "credentialId", "version"];

/** Data keys for secrets, and for nothing that has another context: not the table's, not the bucket's. */
function secretsStatements({ key }: Powers): PolicyStatement[] {
  const isGiven = SEAL_CONTEXT.map((name) => [`kms:EncryptionContext:${name}`, "false"]);
  return [
    new PolicyStatement({
      actions: ["kms:Decrypt", "kms:GenerateDataKey"],
      resources: [key.keyArn],
      conditions: {
        Null: Object.fromEntries(isGiven),
        "ForAllValues:StringEquals": { "kms:EncryptionContextKeys": SEAL_CONTEXT },
      },
    }),
  ];
}

/**
 * Foundation models of every region and the account's own inference profiles: administrators choose models by name, and a
 * profile sends a request on to other regions. Ranking has no resource to name but the model.
 */
function bedrockStatements(scope: Construct): PolicyStatement[] {
  const { partition, account } = Stack.of(scope);
  return [
    new PolicyStatement({
      actions: ["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"],
      resources: [
        `arn:${partition}:bedrock:*::foundation-model/*`,
        `arn:${partition}:bedrock:*:${account}:inference-profile/*`,
      ],
    }),
  ];
}

export interface GrantEffect {
  readonly statements: PolicyStatement[];
  readonly environment: Record<string, string>;
  /** Why a wildcard in these statements is right, where there is one. */
  readonly wildcard?: string;
}

export const RUNS_WILDCARD = "Executions of this one machine: their names are made at run time.";
const BEDROCK_WILDCARD = "Administrators name the foundation model at run time; profiles answer from other regions.";
const INBOUND_WILDCARD = "Mails that came in lie under one prefix of one bucket, each under a name that SES gives it.";
const SCHEDULES_WILDCARD = "Schedules of users in their one group: their names are made at run time.";
const FILES_WILDCARD = "Objects of all spaces live under one prefix of one bucket; the code checks the space.";

function machineOf(powers: Powers): StateMachine {
  if (!powers.machine) throw new Error('the grant "machine" needs the machine: use "machine:self" inside it');
  return powers.machine;
}

/** The least-privilege statements and the variables of one manifest grant. */
export function effectOf(scope: Construct, grant: Grant, powers: Powers): GrantEffect {
  switch (grant) {
    case "table":
      return { statements: tableStatements(powers), environment: { TABLE_NAME: powers.table.tableName } };
    case "files":
      return {
        statements: filesStatements(powers),
        environment: { FILES_BUCKET: powers.files.bucketName },
        wildcard: FILES_WILDCARD,
      };
    case "machine": {
      const machine = machineOf(powers);
      return {
        statements: machineStatements(machine),
        environment: { RUN_WORKFLOW_ARN: machine.stateMachineArn },
        wildcard: RUNS_WILDCARD,
      };
    }
    // The machine depends on the function, so its right on the machine is a policy made after both.
    case "machine:self":
      return { statements: [], environment: {} };
    case "code": {
      if (!powers.code) throw new Error('the grant "code" needs the function that runs code');
      const arn = powers.code.functionArn;
      return {
        statements: [new PolicyStatement({ actions: ["lambda:InvokeFunction"], resources: [arn] })],
        environment: { CODE_FUNCTION: arn },
      };
    }
    case "mail":
      return {
        statements: mailStatements(scope, powers),
        environment: {
          MAIL_FROM: powers.mailFrom,
          ...(powers.publicUrl === undefined ? {} : { WEFT_PUBLIC_URL: powers.publicUrl }),
        },
      };
    case "jobs": {
      if (!powers.jobs) throw new Error('the grant "jobs" needs the functions that run jobs');
      const { jobs, canvasJobs } = powers.jobs;
      const resources = [jobs.functionArn, canvasJobs.functionArn];
      return {
        statements: [new PolicyStatement({ actions: ["lambda:InvokeFunction"], resources })],
        environment: { JOBS_FUNCTION: jobs.functionArn, CANVAS_JOBS_FUNCTION: canvasJobs.functionArn },
      };
    }
    case "secrets":
      return { statements: secretsStatements(powers), environment: { DATA_KEY_ARN: powers.key.keyArn } };
    case "bedrock":
      return { statements: bedrockStatements(scope), environment: {}, wildcard: BEDROCK_WILDCARD };
    case "events":
      return {
        statements: [new PolicyStatement({ actions: ["events:PutEvents"], resources: [powers.bus.eventBusArn] })],
        environment: { EVENT_BUS: powers.bus.eventBusName },
      };
    case "inbound":
      return {
        statements: inboundStatements(powers),
        environment: { INBOUND_DOMAIN: powers.inboundDomain },
        wildcard: INBOUND_WILDCARD,
      };
    case "inbound:name":
      return { statements: [], environment: { INBOUND_DOMAIN: powers.inboundDomain } };
    case "scheduler": {
      const { schedules } = powers;
      if (!schedules) throw new Error('the grant "scheduler" needs the place of users\' schedules');
      return {
        statements: schedulerStatements(scope, schedules),
        environment: {
          SCHEDULE_GROUP: schedules.group,
          SCHEDULE_ROLE_ARN: schedules.roleArn,
          SCHEDULE_TARGET_ARN: schedules.targetArn,
          SCHEDULE_QUEUE_ARN: schedules.queueArn,
        },
        wildcard: SCHEDULES_WILDCARD,
      };
    }
    default: {
      const unknown: never = grant;
      throw new Error(`unknown grant: ${String(unknown)}`);
    }
  }
}

/** One policy for one purpose. A resource that ends in a wildcard is acknowledged with the effect's reason. */
export function attachPolicy(
  scope: Construct,
  id: string,
  role: IRole,
  { statements, wildcard }: Pick<GrantEffect, "statements" | "wildcard">,
): void {
  const policy = new Policy(scope, id, { statements });
  policy.attachToRole(role);
  if (wildcard === undefined) return;
  for (const arn of statements.flatMap((statement) => statement.resources)) {
    if (arn.endsWith("*")) acknowledgeWildcard(policy, arn, wildcard);
  }
}
