import { Duration, type RemovalPolicy, Validations } from "aws-cdk-lib";
import type { IKey } from "aws-cdk-lib/aws-kms";
import { BlockPublicAccess, Bucket, BucketEncryption, HttpMethods, ObjectOwnership } from "aws-cdk-lib/aws-s3";
import type { Construct } from "constructs";

const ACCESS_LOG_DAYS = 90;
const OLD_VERSION_DAYS = 30;
const STALE_UPLOAD_DAYS = 7;

export interface FilesBucketProps {
  readonly key: IKey;
  readonly removalPolicy: RemovalPolicy;
  /** Front ends whose pages may use signed links, as `https://app.example.com`; none by default, never all. */
  readonly browserOrigins: readonly string[];
}

const PREFLIGHT_SECONDS = 3_600;

/** Signed uploads and downloads from pages of these origins; the answers' ETags complete uploads in parts. */
function corsRules(origins: readonly string[]) {
  if (origins.some((origin) => origin.includes("*"))) throw new Error("browserOrigins: each origin is named in full");
  if (origins.length === 0) return {};
  const rule = {
    allowedOrigins: [...origins],
    allowedMethods: [HttpMethods.GET, HttpMethods.PUT],
    allowedHeaders: ["content-type", "if-none-match"],
    exposedHeaders: ["ETag"],
    maxAge: PREFLIGHT_SECONDS,
  };
  return { cors: [rule] };
}

/** Offloaded values, files and uploads. */
export function filesBucket(scope: Construct, id: string, props: FilesBucketProps): Bucket {
  const logs = new Bucket(scope, `${id}AccessLogs`, {
    blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
    encryption: BucketEncryption.S3_MANAGED,
    enforceSSL: true,
    versioned: true,
    objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
    lifecycleRules: [
      { expiration: Duration.days(ACCESS_LOG_DAYS), noncurrentVersionExpiration: Duration.days(OLD_VERSION_DAYS) },
    ],
    removalPolicy: props.removalPolicy,
  });
  Validations.of(logs).acknowledge({
    id: "AwsSolutions-S1",
    reason: "This bucket receives the access logs; logging its own access would feed itself.",
  });
  return new Bucket(scope, id, {
    blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
    encryption: BucketEncryption.KMS,
    encryptionKey: props.key,
    bucketKeyEnabled: true,
    enforceSSL: true,
    versioned: true,
    objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
    serverAccessLogsBucket: logs,
    serverAccessLogsPrefix: "files/",
    ...corsRules(props.browserOrigins),
    lifecycleRules: [
      {
        abortIncompleteMultipartUploadAfter: Duration.days(STALE_UPLOAD_DAYS),
        noncurrentVersionExpiration: Duration.days(OLD_VERSION_DAYS),
      },
    ],
    removalPolicy: props.removalPolicy,
  });
}
