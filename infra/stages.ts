import { RemovalPolicy } from "aws-cdk-lib";
import { RetentionDays } from "aws-cdk-lib/aws-logs";

/** What differs between deployments. Constructs take these values and never ask for a stage's name. */
export interface StageConfig {
  readonly name: string;
  /** Of everything that holds data: table, buckets, key, log groups. */
  readonly removalPolicy: RemovalPolicy;
  /** Table deletion protection and stack termination protection. */
  readonly protectData: boolean;
  readonly logRetention: RetentionDays;
  /** Days that the table can be restored to; DynamoDB allows 1 to 35. */
  readonly recoveryDays: number;
  /** Ceiling on on-demand units a second, so that a runaway loop cannot spend without bound. */
  readonly maxTableUnits: number;
  readonly api: {
    readonly requestsPerSecond: number;
    readonly burst: number;
    /** Requests of one address in five minutes before WAF refuses it. */
    readonly requestsPerAddress: number;
  };
  /** Environments of the sandbox at once. A tenant that runs code holds one; more wait as throttled calls that are retried. */
  readonly codeConcurrency: number;
  /** Origins of front ends whose pages send and fetch files by signed links. */
  readonly browserOrigins?: readonly string[];
  /** Sender of sign-up, invitation and approval mails; its domain is a verified SES identity of the account. */
  readonly mailFrom: string;
  /** Mails to addresses of this domain start workflows; its MX record leads to SES. */
  readonly inboundDomain: string;
  /**
   * Where people reach the API, with the stage's path: an output of the Api stack, or a domain of your own. Mails of
   * approvals hold links below it, and none without it.
   */
  readonly publicUrl?: string;
  /** The account of this address becomes platform administrator when it is verified. */
  readonly adminEmail?: string;
}

export type StageName = "dev" | "staging" | "prod";

export const stages: Record<StageName, StageConfig> = {
  dev: {
    name: "dev",
    removalPolicy: RemovalPolicy.DESTROY,
    protectData: false,
    logRetention: RetentionDays.ONE_WEEK,
    recoveryDays: 7,
    maxTableUnits: 2_000,
    api: { requestsPerSecond: 100, burst: 200, requestsPerAddress: 5_000 },
    codeConcurrency: 10,
    mailFrom: "no-reply@dev.weft.example",
    inboundDomain: "in.dev.weft.example",
  },
  staging: {
    name: "staging",
    removalPolicy: RemovalPolicy.RETAIN,
    protectData: true,
    logRetention: RetentionDays.ONE_MONTH,
    recoveryDays: 14,
    maxTableUnits: 10_000,
    api: { requestsPerSecond: 500, burst: 1_000, requestsPerAddress: 5_000 },
    codeConcurrency: 50,
    mailFrom: "no-reply@staging.weft.example",
    inboundDomain: "in.staging.weft.example",
  },
  prod: {
    name: "prod",
    removalPolicy: RemovalPolicy.RETAIN,
    protectData: true,
    logRetention: RetentionDays.ONE_YEAR,
    recoveryDays: 35,
    maxTableUnits: 40_000,
    api: { requestsPerSecond: 2_000, burst: 4_000, requestsPerAddress: 10_000 },
    codeConcurrency: 200,
    mailFrom: "no-reply@weft.example",
    inboundDomain: "in.weft.example",
  },
};

export function stageNamed(name: string): StageConfig {
  if (!Object.hasOwn(stages, name)) throw new Error(`unknown stage "${name}": ${Object.keys(stages).join(", ")}`);
  return stages[name as StageName];
}
