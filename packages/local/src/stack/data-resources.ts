import { isDeepStrictEqual } from "node:util";
import type { S3EventRecord } from "aws-lambda";
import type { DynamoService } from "../dynamo/service.ts";
import type { LambdaPool } from "../lambda/pool.ts";
import type { ObjectsServer, QueueSettings } from "../objects/server.ts";
import { Properties } from "../template/properties.ts";
import type { Resource } from "../template/types.ts";

/** Creates the tables of the templates, or checks that the ones on disk still have the same keys. */
export async function applyTables(resources: readonly Resource[], dynamo: DynamoService): Promise<void> {
  for (const resource of resources) {
    if (resource.type === "AWS::DynamoDB::Table" || resource.type === "AWS::DynamoDB::GlobalTable")
      await applyTable(resource, dynamo);
  }
}

interface Index {
  IndexName: string;
  KeySchema: unknown;
  Projection: unknown;
}

async function applyTable(resource: Resource, dynamo: DynamoService): Promise<void> {
  const properties = new Properties(resource);
  const indexes = properties.list("GlobalSecondaryIndexes").map((item) => {
    const { IndexName, KeySchema, Projection } = item as Index;
    return { IndexName, KeySchema, Projection };
  });
  const wanted = {
    AttributeDefinitions: properties.list("AttributeDefinitions"),
    KeySchema: properties.list("KeySchema"),
    ...(indexes.length > 0 ? { GlobalSecondaryIndexes: indexes } : {}),
  };
  const { TableNames } = (await dynamo.call("ListTables", {})) as { TableNames: string[] };
  if (!TableNames.includes(resource.name)) {
    await dynamo.call("CreateTable", { TableName: resource.name, BillingMode: "PAY_PER_REQUEST", ...wanted });
  } else {
    const { Table } = (await dynamo.call("DescribeTable", { TableName: resource.name })) as { Table: TableShape };
    if (!isDeepStrictEqual(keysOf(Table), keysOf(wanted)))
      throw properties.error("the table's keys or indexes have changed; start with an empty data folder");
  }
  const ttl = properties.child("TimeToLiveSpecification");
  if (ttl.flag("Enabled")) await enableTtl(dynamo, resource.name, ttl.string("AttributeName"));
}

interface TableShape {
  KeySchema: unknown;
  GlobalSecondaryIndexes?: readonly { IndexName: string; KeySchema: unknown }[];
}

function keysOf(table: TableShape): unknown {
  const indexes = (table.GlobalSecondaryIndexes ?? []).map(({ IndexName, KeySchema }) => [IndexName, KeySchema]);
  return [table.KeySchema, indexes.sort(([a], [b]) => String(a).localeCompare(String(b)))];
}

async function enableTtl(dynamo: DynamoService, table: string, attribute: string): Promise<void> {
  const described = (await dynamo.call("DescribeTimeToLive", { TableName: table })) as {
    TimeToLiveDescription?: { TimeToLiveStatus?: string };
  };
  if (described.TimeToLiveDescription?.TimeToLiveStatus === "ENABLED") return;
  const specification = { Enabled: true, AttributeName: attribute };
  await dynamo.call("UpdateTimeToLive", { TableName: table, TimeToLiveSpecification: specification });
}

/** Creates the buckets and queues of the templates; what is there stays. */
export function applyBucketsAndQueues(resources: readonly Resource[], objects: ObjectsServer): void {
  for (const resource of resources) {
    if (resource.type === "AWS::S3::Bucket") objects.createBucket(resource.name);
    if (resource.type === "AWS::SQS::Queue")
      objects.createQueue(resource.name, queueSettings(new Properties(resource)));
  }
}

function queueSettings(queue: Properties): QueueSettings {
  const settings: QueueSettings = { isFifo: queue.flag("FifoQueue") };
  const numbers = {
    VisibilityTimeout: "visibilityTimeout",
    MessageRetentionPeriod: "messageRetentionPeriod",
    DelaySeconds: "delaySeconds",
    ReceiveMessageWaitTimeSeconds: "receiveMessageWaitTimeSeconds",
  } as const;
  for (const [property, setting] of Object.entries(numbers)) {
    if (queue.has(property)) settings[setting as "delaySeconds"] = queue.number(property, 0);
  }
  if (queue.flag("ContentBasedDeduplication")) settings.contentBasedDeduplication = true;
  if (queue.has("RedrivePolicy")) {
    const redrive = queue.child("RedrivePolicy");
    settings.deadLetterQueueArn = redrive.string("deadLetterTargetArn");
    settings.maxReceiveCount = redrive.number("maxReceiveCount", 10);
  }
  return settings;
}

/** A bucket's wish to have a function called for its new objects. */
interface BucketNotification {
  bucket: string;
  functionArn: string;
  events: RegExp;
  prefix: string;
  suffix: string;
}

/** The functions that the templates' buckets call for created objects. */
function readBucketNotifications(resources: readonly Resource[]): BucketNotification[] {
  return resources
    .filter((resource) => resource.type === "AWS::S3::Bucket")
    .flatMap((resource) => {
      const configuration = new Properties(resource).child("NotificationConfiguration");
      const other = Object.keys(configuration.raw).find((key) => key !== "LambdaConfigurations");
      if (other) throw configuration.error(`NotificationConfiguration.${other} is not supported`);
      return configuration.children("LambdaConfigurations").map((entry) => {
        const rules = entry.child("Filter").child("S3Key").children("Rules");
        const rule = (name: string) => rules.find((one) => one.string("Name").toLowerCase() === name)?.string("Value");
        const event = entry.string("Event").replace(/^s3:/, "").replace("*", ".*");
        return {
          bucket: resource.name,
          functionArn: entry.string("Function"),
          events: new RegExp(`^${event}$`),
          prefix: rule("prefix") ?? "",
          suffix: rule("suffix") ?? "",
        };
      });
    });
}

/** Whether a created object is one that the notification asks for. */
function notifies(wish: BucketNotification, bucket: string, key: string, event: string): boolean {
  if (wish.bucket !== bucket || !wish.events.test(event)) return false;
  return key.startsWith(wish.prefix) && key.endsWith(wish.suffix);
}

/** Calls the functions that buckets name for their new objects. It can listen before the templates are resolved. */
export function bucketListener(pool: LambdaPool) {
  let wishes: BucketNotification[] = [];
  return {
    listen: (resources: readonly Resource[]) => {
      wishes = readBucketNotifications(resources);
    },
    onObjectCreated: async (record: S3EventRecord) => {
      const key = decodeURIComponent(record.s3.object.key.replaceAll("+", " "));
      const wanted = wishes.filter((wish) => notifies(wish, record.s3.bucket.name, key, record.eventName));
      const payload = JSON.stringify({ Records: [record] });
      await Promise.all(wanted.map((wish) => pool.invokeEvent(wish.functionArn, payload).attempted));
    },
  };
}
