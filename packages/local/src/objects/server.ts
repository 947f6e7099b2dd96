import { type Clock, systemClock } from "@weft/kernel/clock";
import { buildEmulator, type Emulator } from "./fauxqs.ts";
import { Notifications, type OnObjectCreated } from "./notifications.ts";
import { askedHeaders, bucketAndKey, createdEvent, refusalXml, refuseExpired, refuseWrite } from "./requests.ts";
import { refuseForged } from "./signature.ts";

/** The one account of the local cloud; fauxqs knows no other. */
const ACCOUNT_ID = "000000000000";

export interface ObjectsOptions {
  /** The folder of the data; without it everything is in memory. */
  path?: string | undefined;
  /** 0, the default, takes a free port. */
  port?: number;
  region?: string;
  /** Called for each object created; see {@link Notifications} for its guarantee. */
  onObjectCreated?: OnObjectCreated;
  clock?: Clock;
}

/** Attributes of a queue in CloudFormation's words; what is not given is SQS's default. */
export interface QueueSettings {
  visibilityTimeout?: number;
  messageRetentionPeriod?: number;
  delaySeconds?: number;
  receiveMessageWaitTimeSeconds?: number;
  isFifo?: boolean;
  contentBasedDeduplication?: boolean;
  deadLetterQueueArn?: string;
  maxReceiveCount?: number;
}

/** A running local S3 and SQS. */
export interface ObjectsServer {
  s3Url: string;
  sqsUrl: string;
  port: number;
  /** Does nothing when the bucket is there. */
  createBucket(name: string): void;
  hasBucket(name: string): boolean;
  /** Creates the queue or brings the one that is there to these settings; its messages stay. */
  createQueue(name: string, settings?: QueueSettings): { queueUrl: string; queueArn: string };
  /** Resolves when every created object was told of. */
  notificationsIdle(): Promise<void>;
  close(): Promise<void>;
}

/** Starts S3 and SQS on the loopback address, over one port. */
export async function startObjects(options: ObjectsOptions = {}): Promise<ObjectsServer> {
  const region = options.region ?? process.env.AWS_REGION ?? "us-east-1";
  const emulator = await buildEmulator(options.path, region);
  const { app, stores } = emulator;
  const notifications =
    options.onObjectCreated && new Notifications(stores.s3Store, options.onObjectCreated, region, options.path);
  addHooks(emulator, notifications, options.clock ?? systemClock);
  const url = await app.listen({ port: options.port ?? 0, host: "127.0.0.1" });
  renameQueues(emulator, url);
  notifications?.resume();
  return {
    s3Url: url,
    sqsUrl: url,
    port: Number(new URL(url).port),
    createBucket: (name) => stores.s3Store.createBucket(name),
    hasBucket: (name) => stores.s3Store.hasBucket(name),
    createQueue: (name, settings = {}) => createQueue(emulator, url, region, name, settings),
    notificationsIdle: async () => notifications?.idle(),
    close: async () => {
      await app.close();
      await notifications?.idle();
      emulator.close();
    },
  };
}

type Told = ReturnType<Notifications["expect"]>;

/**
 * Conditions are judged in a hook that calls its handler at once: between the judgement and the write nothing else
 * runs, so of two writers that both ask for a new object one is refused.
 */
function addHooks(emulator: Emulator, notifications: Notifications | undefined, clock: Clock): void {
  const { app, large } = emulator;
  const store = emulator.stores.s3Store;
  const told = new WeakMap<object, Told>();
  app.addHook("preHandler", (request, reply, done) => {
    if (request.method === "PUT") request.body ??= Buffer.alloc(0);
    const refusal = refuseForged(request) ?? refuseExpired(request, clock.now()) ?? refuseWrite(request, store);
    if (refusal) {
      reply.code(refusal.status).type("application/xml").send(refusalXml(refusal));
      return;
    }
    if (large?.answer(request, reply)) return;
    const event = notifications && createdEvent(request);
    const { bucket, key } = bucketAndKey(request);
    if (event) told.set(request, notifications.expect(bucket, key, event));
    done();
  });
  app.addHook("onSend", (request, reply, _payload, done) => {
    if (reply.statusCode < 300) for (const [name, value] of askedHeaders(request)) reply.header(name, value);
    const intent = told.get(request);
    told.delete(request);
    large?.finish(request.body);
    if (intent && reply.statusCode < 300) notifications?.tell(intent);
    else if (intent) notifications?.drop(intent);
    done();
  });
}

/** Queues keep the address of the run that made them; the port may be another now. */
function renameQueues({ stores: { sqsStore } }: Emulator, base: string): void {
  const byUrl = (sqsStore as unknown as { queues: Map<string, { name: string; url: string }> }).queues;
  for (const queue of [...byUrl.values()]) {
    byUrl.delete(queue.url);
    queue.url = queueUrlOf(base, queue.name);
    byUrl.set(queue.url, queue);
  }
}

function queueUrlOf(base: string, name: string): string {
  return `${base}/${ACCOUNT_ID}/${name}`;
}

function createQueue(emulator: Emulator, base: string, region: string, name: string, settings: QueueSettings) {
  const { sqsStore } = emulator.stores;
  const queueArn = `arn:aws:sqs:${region}:${ACCOUNT_ID}:${name}`;
  const attributes = attributesOf(settings);
  const existing = sqsStore.getQueueByName(name);
  if (existing) existing.setAttributes({ RedrivePolicy: "", ...attributes });
  else sqsStore.createQueue(name, queueUrlOf(base, name), queueArn, attributes);
  return { queueUrl: queueUrlOf(base, name), queueArn };
}

function attributesOf(settings: QueueSettings): Record<string, string> {
  const { deadLetterQueueArn, maxReceiveCount } = settings;
  const given: Record<string, string | number | boolean | undefined> = {
    VisibilityTimeout: settings.visibilityTimeout,
    MessageRetentionPeriod: settings.messageRetentionPeriod,
    DelaySeconds: settings.delaySeconds,
    ReceiveMessageWaitTimeSeconds: settings.receiveMessageWaitTimeSeconds,
    FifoQueue: settings.isFifo || undefined,
    ContentBasedDeduplication: settings.isFifo ? (settings.contentBasedDeduplication ?? false) : undefined,
    RedrivePolicy: deadLetterQueueArn && JSON.stringify({ deadLetterTargetArn: deadLetterQueueArn, maxReceiveCount }),
  };
  const present = Object.entries(given).filter(([, value]) => value !== undefined);
  return Object.fromEntries(present.map(([name, value]) => [name, String(value)]));
}
