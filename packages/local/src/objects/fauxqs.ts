import { type BuildAppOptions, buildApp } from "fauxqs";
import { LargeObjects, type StoreError } from "./large.ts";
import { sortedListing } from "./listing.ts";
import type { ObjectRequest } from "./requests.ts";

/** fauxqs's stores; their constructors are not among its exports, so they are loaded by file. */
export type Stores = NonNullable<BuildAppOptions["stores"]>;
export type ObjectStore = Stores["s3Store"];
export type QueueStore = Stores["sqsStore"];
export type App = ReturnType<typeof buildApp>;
type Queue = NonNullable<ReturnType<QueueStore["getQueueByName"]>>;

/** fauxqs's database, as far as it is used here. */
export interface Persistence {
  load(queues: QueueStore, topics: Stores["snsStore"], objects: ObjectStore): void;
  transaction(work: () => void): void;
  upsertObject(bucket: string, object: object): void;
  upsertMultipartPart(uploadId: string, part: object): void;
  completeMultipartUpload(uploadId: string, bucket: string, object: object): void;
  close(): void;
}

type Constructor<T> = new (...given: string[]) => T;

/** One body may have this size in memory; larger ones need a data folder. */
const MAX_BODY_BYTES = 512 * 1024 * 1024;

/** fauxqs's app over its stores. */
export interface Emulator {
  app: App;
  stores: Stores;
  /** Present where the data is on disk. */
  large: LargeObjects | undefined;
  /** Closes the database; the app is closed before. */
  close(): void;
}

/**
 * Builds fauxqs without its own listener, which would open on every network interface, and closes the gaps that its
 * routes leave: bodies over 11 MiB, bodies whole in memory, listings in the order of a language, messages lost on their way to a dead letter
 * queue.
 */
export async function buildEmulator(path: string | undefined, region: string): Promise<Emulator> {
  const stores: Stores = {
    sqsStore: new (await constructorOf<QueueStore>("./sqs/sqsStore.js", "SqsStore"))(),
    snsStore: new (await constructorOf<Stores["snsStore"]>("./sns/snsStore.js", "SnsStore"))(),
    s3Store: new (await constructorOf<ObjectStore>("./s3/s3Store.js", "S3Store"))(),
  };
  const persistence = path === undefined ? undefined : await openPersistence(path, stores);
  const app = buildApp({ logger: false, defaultRegion: region, stores });
  // Without a host of its own it names its queues by the address it was called at.
  stores.sqsStore.host = "";
  stores.s3Store.listObjects = (bucket, options) => sortedListing(stores.s3Store, bucket, options);
  const large =
    path === undefined || !persistence
      ? undefined
      : new LargeObjects(path, stores.s3Store, persistence, await errorClass());
  acceptBodies(app, large);
  return { app, stores, large, close: () => persistence?.close() };
}

async function constructorOf<T>(file: string, name: string): Promise<Constructor<T>> {
  const loaded: Record<string, unknown> = await import(new URL(file, import.meta.resolve("fauxqs")).href);
  return loaded[name] as Constructor<T>;
}

async function errorClass(): Promise<StoreError> {
  return (await constructorOf<Error>("./common/errors.js", "S3Error")) as unknown as StoreError;
}

async function openPersistence(path: string, stores: Stores): Promise<Persistence> {
  const persistence = new (await constructorOf<Persistence>("./persistence.js", "PersistenceManager"))(path);
  const { sqsStore, snsStore, s3Store } = stores;
  persistence.load(sqsStore, snsStore, s3Store);
  for (const store of [sqsStore, snsStore, s3Store, ...sqsStore.allQueues()]) Object.assign(store, { persistence });
  for (const queue of sqsStore.allQueues()) receiveWhole(queue, persistence);
  const create = sqsStore.createQueue.bind(sqsStore);
  sqsStore.createQueue = (...given) => {
    const queue = create(...given);
    receiveWhole(queue, persistence);
    return queue;
  };
  return persistence;
}

/** A receive that moves a message to its dead letter queue deletes and inserts: both or neither must last. */
function receiveWhole(queue: Queue, persistence: Persistence): void {
  const dequeue = queue.dequeue.bind(queue);
  queue.dequeue = (...given) => {
    let received: ReturnType<typeof dequeue> = [];
    persistence.transaction(() => {
      received = dequeue(...given);
    });
    return received;
  };
}

function acceptBodies(app: App, large: LargeObjects | undefined): void {
  const json = "application/x-amz-json-1.0";
  const form = "application/x-www-form-urlencoded";
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(json, { parseAs: "string" }, (_request, body, done) => {
    try {
      done(null, JSON.parse(String(body)));
    } catch (error) {
      done(error as Error);
    }
  });
  app.addContentTypeParser(form, { parseAs: "string" }, (_request, body, done) => {
    done(null, Object.fromEntries(new URLSearchParams(String(body))));
  });
  app.addContentTypeParser("*", async (request: ObjectRequest, source: NodeJS.ReadableStream) => {
    return (await large?.receive(request, source)) ?? (await whole(source));
  });
}

async function whole(source: NodeJS.ReadableStream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of source as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new RangeError("the body is too large for the local cloud");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
