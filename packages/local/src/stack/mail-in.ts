import { randomBytes } from "node:crypto";
import { type Clock, isoTime } from "@weft/kernel/clock";
import type { LambdaPool } from "../lambda/pool.ts";
import { Properties } from "../template/properties.ts";
import type { Resource } from "../template/types.ts";
import { REGION } from "./environment.ts";

/** SES's limit on a mail that it receives. */
export const MAX_MAIL_BYTES = 40 * 1024 * 1024;

/** A mail as it comes in: to whom its envelope goes, and what a scanner would have found. */
export interface IncomingMail {
  raw: Uint8Array;
  recipients: readonly string[];
  spam?: string;
  virus?: string;
}

interface Rule {
  recipients: readonly string[];
  bucket: string;
  prefix: string;
  functionArn: string;
}

/**
 * SES's receiving half, of the rules that put a mail down and then call a function. Gives the id of a mail that a rule
 * took, undefined for one to somebody else.
 */
export function mailReceiver(
  resources: readonly Resource[],
  { pool, clock, s3Url }: { pool: LambdaPool; clock: Clock; s3Url: string },
): (mail: IncomingMail) => Promise<string | undefined> {
  const rules = resources.filter(({ type }) => type === "AWS::SES::ReceiptRule").map(readRule);
  return async ({ raw, recipients, spam = "PASS", virus = "PASS" }) => {
    const rule = rules.find((candidate) => recipients.some((address) => isFor(candidate, address)));
    if (!rule) return undefined;
    const messageId = randomBytes(20).toString("hex");
    await putDown(s3Url, rule.bucket, rule.prefix + messageId, raw);
    const timestamp = isoTime(clock.now());
    const pass = { status: "PASS" };
    const receipt = {
      ...{ timestamp, recipients: recipients.filter((address) => isFor(rule, address)) },
      ...{ spamVerdict: { status: spam }, virusVerdict: { status: virus } },
      ...{ spfVerdict: pass, dkimVerdict: pass, dmarcVerdict: pass },
    };
    const ses = { mail: { timestamp, messageId }, receipt };
    const payload = JSON.stringify({ Records: [{ eventSource: "aws:ses", eventVersion: "1.0", ses }] });
    await pool.invokeEvent(rule.functionArn, payload).attempted;
    return messageId;
  };
}

function readRule(resource: Resource): Rule {
  const rule = new Properties(resource).child("Rule");
  const [s3, lambda, ...more] = rule.children("Actions");
  if (!s3?.has("S3Action") || !lambda?.has("LambdaAction") || more.length > 0) {
    throw rule.error("a mail is put down in S3, then told to a function: other actions are not supported");
  }
  const put = s3.child("S3Action");
  return {
    recipients: rule.list("Recipients").map(String),
    bucket: put.string("BucketName"),
    prefix: put.optional("ObjectKeyPrefix") ?? "",
    functionArn: lambda.child("LambdaAction").string("FunctionArn"),
  };
}

/** A recipient of a rule is an address, or a domain for every address of it. */
function isFor({ recipients }: Rule, address: string): boolean {
  const wanted = address.toLowerCase();
  return recipients.some((recipient) => wanted === recipient || wanted.endsWith(`@${recipient}`));
}

async function putDown(endpoint: string, Bucket: string, Key: string, Body: Uint8Array): Promise<void> {
  const sdk = await import("@aws-sdk/client-s3");
  const credentials = { accessKeyId: "local", secretAccessKey: "local" };
  const client = new sdk.S3Client({ endpoint, region: REGION, forcePathStyle: true, credentials });
  try {
    await client.send(new sdk.PutObjectCommand({ Bucket, Key, Body, ContentType: "message/rfc822" }));
  } finally {
    client.destroy();
  }
}
