import type { Place } from "./types.ts";

/** How a resource type is named and referred to. The table below is the whole of what the local cloud accepts. */
interface ResourceKind {
  /** Service part of the ARN. */
  service: string;
  /** What stands before the name in the ARN's last part. */
  prefix?: string;
  /** Property that holds a physical name given by the template. */
  nameProperty?: string;
  /** What `Ref` gives; the name when absent. */
  ref?: "name" | "arn" | "url";
  /** Attributes beside Arn. */
  attributes?: Readonly<Record<string, "name" | "arn" | "ref" | string>>;
  /** Names of this type: lower case only, at most 63 characters. */
  lowerCase?: boolean;
  global?: boolean;
}

const KINDS: Readonly<Record<string, ResourceKind>> = {
  "AWS::ApiGateway::Authorizer": { service: "apigateway", attributes: { AuthorizerId: "name" } },
  "AWS::ApiGateway::GatewayResponse": { service: "apigateway" },
  "AWS::ApiGateway::Method": { service: "apigateway" },
  "AWS::ApiGateway::Resource": { service: "apigateway", attributes: { ResourceId: "name" } },
  "AWS::ApiGateway::RestApi": {
    service: "apigateway",
    prefix: "/restapis/",
    lowerCase: true,
    attributes: { RootResourceId: "root", RestApiId: "name" },
  },
  "AWS::ApiGateway::Stage": { service: "apigateway", nameProperty: "StageName" },
  "AWS::DynamoDB::GlobalTable": { service: "dynamodb", prefix: "table/", nameProperty: "TableName" },
  "AWS::DynamoDB::Table": { service: "dynamodb", prefix: "table/", nameProperty: "TableName" },
  "AWS::Events::EventBus": {
    service: "events",
    prefix: "event-bus/",
    nameProperty: "Name",
    attributes: { Name: "name" },
  },
  "AWS::Events::Rule": { service: "events", prefix: "rule/", nameProperty: "Name" },
  "AWS::KMS::Key": { service: "kms", prefix: "key/", attributes: { KeyId: "name" } },
  "AWS::Lambda::EventInvokeConfig": { service: "lambda" },
  "AWS::Lambda::Function": { service: "lambda", prefix: "function:", nameProperty: "FunctionName" },
  "AWS::S3::Bucket": {
    service: "s3",
    nameProperty: "BucketName",
    lowerCase: true,
    global: true,
    attributes: { DomainName: "name", RegionalDomainName: "name" },
  },
  "AWS::Scheduler::Schedule": { service: "scheduler", prefix: "schedule/default/", nameProperty: "Name" },
  "AWS::Scheduler::ScheduleGroup": { service: "scheduler", prefix: "schedule-group/", nameProperty: "Name" },
  "AWS::SES::ReceiptRule": { service: "ses", prefix: "receipt-rule/" },
  "AWS::SES::ReceiptRuleSet": { service: "ses", prefix: "receipt-rule-set/", nameProperty: "RuleSetName" },
  "AWS::SQS::Queue": {
    service: "sqs",
    nameProperty: "QueueName",
    ref: "url",
    attributes: { QueueName: "name", QueueUrl: "ref" },
  },
  "AWS::StepFunctions::StateMachine": {
    service: "states",
    prefix: "stateMachine:",
    nameProperty: "StateMachineName",
    ref: "arn",
    attributes: { Name: "name" },
  },
};

/** Types that need nothing to happen locally: permissions, logs, alarms, the firewall, deployments. */
const INERT = new Set([
  "AWS::ApiGateway::Account",
  "AWS::ApiGateway::Deployment",
  "AWS::ApiGateway::RequestValidator",
  "AWS::ApiGateway::UsagePlan",
  "AWS::CDK::Metadata",
  "AWS::CloudWatch::Alarm",
  "AWS::CloudWatch::CompositeAlarm",
  "AWS::CloudWatch::Dashboard",
  "AWS::EC2::RouteTable",
  "AWS::EC2::SecurityGroup",
  "AWS::EC2::Subnet",
  "AWS::EC2::SubnetRouteTableAssociation",
  "AWS::EC2::VPC",
  "AWS::Events::EventBusPolicy",
  "AWS::IAM::ManagedPolicy",
  "AWS::IAM::Policy",
  "AWS::IAM::Role",
  "AWS::Lambda::Permission",
  "AWS::Logs::LogGroup",
  "AWS::Logs::MetricFilter",
  "AWS::Logs::QueryDefinition",
  "AWS::Logs::ResourcePolicy",
  "AWS::S3::BucketPolicy",
  "AWS::SES::ConfigurationSet",
  "AWS::SES::EmailIdentity",
  "AWS::SNS::Subscription",
  "AWS::SNS::Topic",
  "AWS::SNS::TopicPolicy",
  "AWS::SQS::QueuePolicy",
  "AWS::WAFv2::LoggingConfiguration",
  "AWS::WAFv2::WebACL",
  "AWS::WAFv2::WebACLAssociation",
  "AWS::XRay::Group",
  "AWS::XRay::ResourcePolicy",
]);

export function isInert(type: string): boolean {
  return INERT.has(type);
}

export function isKnown(type: string): boolean {
  return INERT.has(type) || type in KINDS;
}

export interface Identity {
  name: string;
  arn: string;
  ref: string;
  /** The value of an attribute, or undefined when the type has none of that name. */
  attribute(name: string): string | undefined;
}

/** Global services: their ARNs name no region. */
const GLOBAL = new Set(["iam"]);

/** The physical names of a resource: made from its stack and logical id, so that they are the same at every start. */
export function identify(
  resource: { stack: string; logicalId: string; type: string; given?: string; weftName?: string },
  place: Place,
): Identity {
  const kind = KINDS[resource.type];
  const name = physicalName(resource, kind, place);
  const service = kind?.service ?? resource.type.split("::")[1]?.toLowerCase() ?? "local";
  const where = kind?.global ? "::" : GLOBAL.has(service) ? `:${place.account}:` : `${place.region}:${place.account}:`;
  const arn = `arn:aws:${service}:${where}${kind?.prefix ?? ""}${name}`;
  const url = `${place.queueBase}/${place.account}/${name}`;
  const ref = kind?.ref === "arn" ? arn : kind?.ref === "url" ? url : name;
  const attribute = (wanted: string): string | undefined => {
    if (wanted === "Arn") return arn;
    if (!kind) return `${name}.${wanted}`;
    const source = kind.attributes?.[wanted];
    if (source === undefined) return undefined;
    return source === "name" ? name : source === "ref" ? ref : source === "arn" ? arn : source;
  };
  return { name, arn, ref, attribute };
}

function physicalName(
  resource: { stack: string; logicalId: string; type: string; given?: string; weftName?: string },
  kind: ResourceKind | undefined,
  place: Place,
): string {
  if (resource.given !== undefined) return resource.given;
  if (resource.weftName !== undefined) return resource.weftName;
  const full = `${resource.stack}-${resource.logicalId}`;
  if (resource.type === "AWS::KMS::Key") return place.keyId(full);
  return kind?.lowerCase
    ? full
        .toLowerCase()
        .replaceAll(/[^a-z0-9-]/g, "-")
        .slice(0, 63)
    : full;
}

export function nameProperty(type: string): string | undefined {
  return KINDS[type]?.nameProperty;
}
