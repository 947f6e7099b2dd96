import { LOCAL_SECRET } from "../objects/signature.ts";

/** Addresses of the local services. */
export interface Endpoints {
  dynamodb: string;
  s3: string;
  sqs: string;
  /** Lambda and Step Functions. */
  services: string;
  /** KMS, SES, EventBridge and Scheduler. */
  aws: string;
}

export const REGION = "us-east-1";
export const ACCOUNT = "000000000000";

/**
 * What every function's environment holds beside its own variables: the SDK's standard variables, which lead it here.
 * No shared configuration file and no metadata service is asked.
 */
export function functionEnvironment(endpoints: Endpoints): Record<string, string> {
  return {
    AWS_REGION: REGION,
    AWS_DEFAULT_REGION: REGION,
    AWS_ACCESS_KEY_ID: "local",
    AWS_SECRET_ACCESS_KEY: LOCAL_SECRET,
    AWS_SESSION_TOKEN: "local",
    AWS_CONFIG_FILE: "/dev/null",
    AWS_SHARED_CREDENTIALS_FILE: "/dev/null",
    AWS_EC2_METADATA_DISABLED: "true",
    AWS_ENDPOINT_URL_DYNAMODB: endpoints.dynamodb,
    AWS_ENDPOINT_URL_S3: endpoints.s3,
    AWS_ENDPOINT_URL_SQS: endpoints.sqs,
    AWS_ENDPOINT_URL_LAMBDA: endpoints.services,
    AWS_ENDPOINT_URL_SFN: endpoints.services,
    AWS_ENDPOINT_URL_KMS: endpoints.aws,
    AWS_ENDPOINT_URL_SESV2: endpoints.aws,
    AWS_ENDPOINT_URL_EVENTBRIDGE: endpoints.aws,
    AWS_ENDPOINT_URL_SCHEDULER: endpoints.aws,
    LANG: "en_US.UTF-8",
    TZ: ":UTC",
  };
}
