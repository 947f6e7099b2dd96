import { randomUUID } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { S3EventRecord } from "aws-lambda";
import type { ObjectStore } from "./fauxqs.ts";
import type { CreatedEvent } from "./requests.ts";

/** Lambda's own count for events: once, and twice more. */
const ATTEMPTS = 3;
const RETRY_MS = 500;

export type OnObjectCreated = (record: S3EventRecord) => Promise<void> | void;

/** An object that is about to be created and whose event was not handled yet. */
interface Intent {
  id: string;
  bucket: string;
  key: string;
  event: CreatedEvent;
  at: number;
}

/**
 * Tells of created objects at least once. The intent is a file before the object is written and until its event is
 * handled; after a kill the intents whose object is there are told again.
 */
export class Notifications {
  readonly #store: ObjectStore;
  readonly #handle: OnObjectCreated;
  readonly #region: string;
  readonly #folder: string | undefined;
  readonly #running = new Set<Promise<void>>();

  constructor(store: ObjectStore, handle: OnObjectCreated, region: string, path: string | undefined) {
    this.#store = store;
    this.#handle = handle;
    this.#region = region;
    this.#folder = path === undefined ? undefined : join(path, "events");
    if (this.#folder) mkdirSync(this.#folder, { recursive: true });
  }

  /** Tells what a killed process left untold. */
  resume(): void {
    if (!this.#folder) return;
    for (const name of readdirSync(this.#folder)) {
      const intent = JSON.parse(readFileSync(join(this.#folder, name), "utf8")) as Intent;
      if (this.#created(intent)) this.tell(intent);
      else this.drop(intent);
    }
  }

  /** Remembers what is about to be created. */
  expect(bucket: string, key: string, event: CreatedEvent): Intent {
    const intent = { id: randomUUID(), bucket, key, event, at: Date.now() };
    if (this.#folder) writeFileSync(join(this.#folder, intent.id), JSON.stringify(intent), { flush: true });
    return intent;
  }

  /** The object was not created after all. */
  drop({ id }: Intent): void {
    if (this.#folder) rmSync(join(this.#folder, id), { force: true });
  }

  /** Hands the event over; repeats it a few times when its handler fails. */
  tell(intent: Intent): void {
    const work = this.#deliver(intent).finally(() => this.#running.delete(work));
    this.#running.add(work);
  }

  /** Resolves when no event is being handled. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled([...this.#running]);
  }

  async #deliver(intent: Intent): Promise<void> {
    const record = this.#record(intent);
    for (let attempt = 1; record && attempt <= ATTEMPTS; attempt++) {
      try {
        await this.#handle(record);
        break;
      } catch (error) {
        if (attempt === ATTEMPTS) console.error(`event of ${intent.bucket}/${intent.key} given up:`, error);
        else await sleep(RETRY_MS * attempt);
      }
    }
    this.drop(intent);
  }

  #created({ bucket, key, at }: Intent): boolean {
    try {
      return this.#store.headObject(bucket, key).lastModified.getTime() >= at;
    } catch {
      return false;
    }
  }

  #record({ id, bucket, key, event, at }: Intent): S3EventRecord | undefined {
    let object: ReturnType<ObjectStore["headObject"]>;
    try {
      object = this.#store.headObject(bucket, key);
    } catch {
      return;
    }
    return {
      eventVersion: "2.1",
      eventSource: "aws:s3",
      awsRegion: this.#region,
      eventTime: new Date(at).toISOString(),
      eventName: `ObjectCreated:${event}`,
      userIdentity: { principalId: "local" },
      requestParameters: { sourceIPAddress: "127.0.0.1" },
      responseElements: { "x-amz-request-id": id, "x-amz-id-2": id },
      s3: {
        s3SchemaVersion: "1.0",
        configurationId: "local",
        bucket: { name: bucket, ownerIdentity: { principalId: "local" }, arn: `arn:aws:s3:::${bucket}` },
        object: {
          key: encodeURIComponent(key).replaceAll("%2F", "/").replaceAll("%20", "+"),
          size: object.contentLength,
          eTag: object.etag.replaceAll('"', ""),
          sequencer: at.toString(16).padStart(16, "0").toUpperCase(),
        },
      },
    };
  }
}
