/** A CloudFormation template as `cdk synth` writes it, as far as the local cloud reads it. */
export interface Template {
  /** The stack's id in the application; physical names start with it. */
  stack: string;
  /** The stack's name in CloudFormation. */
  stackName: string;
  parameters: Record<string, { Default?: unknown; Type?: string }>;
  mappings: Record<string, Record<string, Record<string, unknown>>>;
  conditions: Record<string, unknown>;
  resources: Record<string, TemplateResource>;
  outputs: Record<string, { Value: unknown; Export?: { Name: unknown }; Condition?: string }>;
}

export interface TemplateResource {
  Type: string;
  Properties?: Record<string, unknown>;
  Metadata?: Record<string, unknown>;
  Condition?: string;
}

/** Where the resources of the local cloud are said to live. */
export interface Place {
  region: string;
  account: string;
  /** Address that queue URLs start with. */
  queueBase: string;
  /** The id of the KMS key of this name. */
  keyId: (name: string) => string;
}

/** A resource with every reference in its properties resolved. */
export interface Resource {
  stack: string;
  logicalId: string;
  type: string;
  /** What `Ref` gives. */
  ref: string;
  /** The physical name: last part of the ARN. */
  name: string;
  arn: string;
  properties: Record<string, unknown>;
  metadata: Record<string, unknown>;
}

/** A template that the local cloud cannot run, naming the resource that is the reason. */
export class TemplateError extends Error {
  override readonly name = "TemplateError";
}
