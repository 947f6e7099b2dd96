import type { Json, JsonObject } from "./json.ts";

export interface LambdaCall {
  invocationType?: string;
  qualifier?: string;
  clientContext?: string;
  logType?: string;
}

export interface LambdaAnswer {
  /** The answer as text, exactly as the function's runtime wrote it. */
  payload: string;
  /** Set when the function itself failed (`Handled`, `Unhandled`); the payload is then its error object. */
  functionError?: string | undefined;
  statusCode?: number;
  executedVersion?: string;
  /** The end of the function's log in base64, when `logType` asked for it. */
  logResult?: string;
}

export interface S3Object {
  key: string;
  size: number;
  etag: string;
  lastModified: number;
  storageClass?: string;
}

export interface IntegrationCall {
  executionArn: string;
  stateName: string;
}

/**
 * One service action. It answers the action's result or throws a ServiceError whose name is what Retry and Catch see
 * (`DynamoDB.ConditionalCheckFailedException`).
 */
export type Integration = (parameters: JsonObject, call: IntegrationCall) => Promise<Json>;

export interface StatusChange {
  source: "aws.states";
  detailType: "Step Functions Execution Status Change";
  resources: string[];
  time: number;
  detail: JsonObject;
}

/** Everything outside the interpreter that a machine can touch. */
export interface SfnEnvironment {
  /** Throws a ServiceError (`Lambda.ResourceNotFoundException`, `Lambda.TooManyRequestsException`…) when it cannot be called. */
  invokeLambda(functionName: string, payload: string, call: LambdaCall): Promise<LambdaAnswer>;
  s3?: {
    getObject(bucket: string, key: string): Promise<string>;
    putObject(bucket: string, key: string, body: string, contentType: string): Promise<void>;
    listObjectsV2(bucket: string, prefix: string): Promise<S3Object[]>;
  };
  sqs?: {
    /** The parameters are those of the SendMessage call; the body is already text. */
    sendMessage(parameters: JsonObject): Promise<{ MessageId: string; MD5OfMessageBody: string }>;
  };
  emitEvent?(event: StatusChange): void;
  /** Further actions by `service:action` as the resource names it: `events:putEvents`, `aws-sdk:dynamodb:updateItem`. */
  integrations?: Record<string, Integration>;
}
