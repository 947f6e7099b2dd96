import { type BuildAppOptions, buildApp } from "fauxqs";
import { sortedListing } from "./listing.ts";

/** fauxqs's stores; their constructors are not among its exports, so they are loaded by file. */
export type Stores = NonNullable<BuildAppOptions["stores"]>;
export type ObjectStore = Stores["s3Store"];
export type QueueStore = Stores["sqsStore"];
export type App = ReturnType<typeof buildApp>;
type Queue = NonNullable<ReturnType<QueueStore["getQueueByName"]>>;

interface Persistence {
  load(queues: QueueStore, topics: Stores["snsStore"], objects: ObjectStore): void;
  transaction(work: () => void): void;
  close(): void;
}

type Constructor<T> = new (...given: string[]) => T;

/** One object in one request may have this size; S3 itself takes 5 GB. */
const MAX_BODY_BYTES = 512 * 1024 * 1024;

/** fauxqs's app over its stores. */
export interface Emulator {
  app: App;
  stores: Stores;
  /** Closes the database; the app is closed before. */
  close(): void;
}

/**
 * Builds fauxqs without its own listener, which would open on every network interface, and closes the gaps that its
 * routes leave: bodies over 11 MiB, listings in the order of a language, messages lost on their way to a dead letter
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
  acceptLargeBodies(app);
  return { app, stores, close: () => persistence?.close() };
}

async function constructorOf<T>(file: string, name: string): Promise<Constructor<T>> {
  const loaded: Record<string, unknown> = await import(new URL(file, import.meta.resolve("fauxqs")).href);
  return loaded[name] as Constructor<T>;
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

function acceptLargeBodies(app: App): void {
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
  app.addContentTypeParser("*", { parseAs: "buffer", bodyLimit: MAX_BODY_BYTES }, (_request, body, done) => {
    done(null, body);
  });
}
