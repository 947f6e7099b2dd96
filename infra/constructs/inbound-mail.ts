import { Aws, Duration } from "aws-cdk-lib";
import { PolicyStatement, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import type { Key } from "aws-cdk-lib/aws-kms";
import type { Bucket } from "aws-cdk-lib/aws-s3";
import { CfnReceiptRule, CfnReceiptRuleSet } from "aws-cdk-lib/aws-ses";
import { Construct } from "constructs";
import { INBOUND_PREFIX } from "./grants.ts";
import type { WeftFunction } from "./weft-function.ts";

/** What was read is not needed any more; what was not is in the queue of failed events for longer than this. */
const KEPT = Duration.days(15);

const MAIL_SERVICE = new ServicePrincipal("ses.amazonaws.com");
const ofThisAccount = { StringEquals: { "aws:SourceAccount": Aws.ACCOUNT_ID } };

/** Lets SES put mails down in the bucket, and nothing else of it. */
export function letMailIn(files: Bucket, key: Key): void {
  files.addToResourcePolicy(
    new PolicyStatement({
      sid: "MailComesIn",
      principals: [MAIL_SERVICE],
      actions: ["s3:PutObject"],
      resources: [files.arnForObjects(`${INBOUND_PREFIX}*`)],
      conditions: ofThisAccount,
    }),
  );
  key.addToResourcePolicy(
    new PolicyStatement({
      sid: "MailIsSealedAtRest",
      principals: [MAIL_SERVICE],
      actions: ["kms:Encrypt", "kms:GenerateDataKey"],
      resources: ["*"],
      conditions: ofThisAccount,
    }),
  );
  files.addLifecycleRule({ prefix: INBOUND_PREFIX, expiration: KEPT });
}

export interface InboundMailProps {
  readonly domain: string;
  readonly files: Bucket;
  readonly target: WeftFunction;
}

/**
 * Mails to any address of the domain: scanned, put down in the bucket, then told to the function with the recipients of
 * the envelope. The rule set has to be made the active one by hand, as there is one of an account and region.
 */
export class InboundMail extends Construct {
  constructor(scope: Construct, id: string, { domain, files, target }: InboundMailProps) {
    super(scope, id);
    target.fn.addPermission(`${id}Mail`, { principal: MAIL_SERVICE, sourceAccount: Aws.ACCOUNT_ID });
    const ruleSet = new CfnReceiptRuleSet(this, "Rules");
    const rule = new CfnReceiptRule(this, "Rule", {
      ruleSetName: ruleSet.ref,
      rule: {
        enabled: true,
        scanEnabled: true,
        tlsPolicy: "Require",
        recipients: [domain],
        actions: [
          { s3Action: { bucketName: files.bucketName, objectKeyPrefix: INBOUND_PREFIX } },
          { lambdaAction: { functionArn: target.fn.functionArn, invocationType: "Event" } },
        ],
      },
    });
    // SES tries whether it may call the function when the rule is made.
    rule.node.addDependency(target.fn);
  }
}
