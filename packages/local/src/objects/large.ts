import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { Bodies, nameOf, type PartBody, type Received } from "./bodies.ts";
import type { ObjectStore, Persistence } from "./fauxqs.ts";
import { bare, bucketAndKey, type ObjectRequest } from "./requests.ts";

/** Bodies from this size on are files; smaller ones are rows of the database. */
const LARGE_BYTES = 1024 * 1024;
/** S3's limits on one request and on all parts but the last. */
const MAX_PUT_BYTES = 5 * 1024 ** 3;
const MIN_PART_BYTES = 5 * 1024 * 1024;

const EMPTY = Buffer.alloc(0);

type Stored = ReturnType<ObjectStore["putObject"]>;
type Put = Parameters<ObjectStore["putObject"]>;
/** What the store holds of an upload in parts. */
interface Upload {
  bucket: string;
  key: string;
  contentType: string;
  metadata: Record<string, string>;
  parts: Map<number, { partNumber: number; body: Buffer; etag: string }>;
}

interface Held {
  multipartUploads: Map<string, Upload>;
  buckets: Map<string, Map<string, Stored>>;
}

/** The part of an answer that is written here. */
interface Answer {
  code(status: number): unknown;
  headers(values: Record<string, string | number>): unknown;
  send(body: Readable): unknown;
}

export type StoreError = new (code: string, message: string, status: number) => Error;

/** Keeps large bodies of fauxqs's store on disk: it takes them whole in memory, and its database ends at 1 GB. */
export class LargeObjects {
  readonly #bodies: Bodies;
  readonly #store: ObjectStore;
  readonly #persistence: Persistence;
  readonly #StoreError: StoreError;
  /** By the empty buffer that stands for them on their way through fauxqs. */
  readonly #received = new WeakMap<object, Received>();

  constructor(path: string, store: ObjectStore, persistence: Persistence, storeError: StoreError) {
    this.#bodies = new Bodies(path);
    this.#store = store;
    this.#persistence = persistence;
    this.#StoreError = storeError;
    const live = new Set<string>();
    for (const [bucket, objects] of this.#held.buckets) {
      for (const { key, etag } of objects.values()) live.add(`${nameOf(bucket, key)}/${bare(etag)}`);
    }
    this.#bodies.sweep((name, tag) => live.has(`${name}/${tag}`));
    this.#replace();
  }

  /** Takes the body of a request off its stream, if it is a large one; answers what stands for it. */
  async receive(request: ObjectRequest, source: NodeJS.ReadableStream): Promise<Buffer | undefined> {
    const length = Number(request.headers["content-length"]);
    const isChunked = String(request.headers["content-encoding"] ?? "").includes("aws-chunked");
    if (request.method !== "PUT" || !(length >= LARGE_BYTES) || isChunked) return undefined;
    if (length > MAX_PUT_BYTES) throw new this.#StoreError("EntityTooLarge", "more than 5 GB in one request", 400);
    const token = Buffer.alloc(0);
    this.#received.set(token, await this.#bodies.receive(source));
    return token;
  }

  /** After the answer: what was received and did not become an object or a part is removed. */
  finish(body: unknown): void {
    const received = typeof body === "object" && body !== null ? this.#received.get(body) : undefined;
    if (received) this.#bodies.drop(received);
  }

  /** Answers the GET of a large object as a stream; false where it is none. */
  answer(request: ObjectRequest, reply: Answer): boolean {
    const { bucket, key } = bucketAndKey(request);
    const query = (request.query ?? {}) as Record<string, unknown>;
    if (request.method !== "GET" || key === "" || "attributes" in query || "partNumber" in query) return false;
    const object = this.#held.buckets.get(bucket)?.get(key);
    if (!object || !this.#bodies.has(bucket, key, object.etag)) return false;
    const range = rangeOf(request.headers.range, object.contentLength);
    if (range === "unsatisfiable") return false;
    const { start, end } = range ?? { start: 0, end: object.contentLength - 1 };
    const metadata = Object.entries(object.metadata).map(([name, value]) => [`x-amz-meta-${name}`, value]);
    reply.code(range ? 206 : 200);
    reply.headers({
      ...Object.fromEntries(metadata),
      ...(range ? { "content-range": `bytes ${start}-${end}/${object.contentLength}` } : {}),
      "content-type": object.contentType,
      "content-length": end - start + 1,
      etag: object.etag,
      "last-modified": object.lastModified.toUTCString(),
    });
    reply.send(Readable.from(this.#bodies.stream(bucket, key, object.etag, start, end), { objectMode: false }));
    return true;
  }

  get #held(): Held {
    return this.#store as unknown as Held;
  }

  #replace(): void {
    const store = this.#store;
    const { putObject, getObject, deleteObject, uploadPart, completeMultipartUpload, abortMultipartUpload } = store;
    store.putObject = (...given) => this.#put(putObject.bind(store), given);
    store.getObject = (bucket, key) => {
      const object = store.headObject(bucket, key);
      if (!this.#bodies.has(bucket, key, object.etag)) return getObject.call(store, bucket, key);
      return { ...object, body: this.#bodies.read(bucket, key, object.etag) };
    };
    store.deleteObject = (bucket, key) => {
      deleteObject.call(store, bucket, key);
      this.#bodies.forget(bucket, key);
    };
    store.uploadPart = (uploadId, partNumber, body, checksum) => {
      const answer = uploadPart.call(store, uploadId, partNumber, body, checksum);
      const received = this.#received.get(body);
      const part = this.#held.multipartUploads.get(uploadId)?.parts.get(partNumber);
      if (!received || !part) return answer;
      this.#bodies.keepPart(uploadId, partNumber, received);
      part.etag = `"${received.md5}"`;
      this.#persistence.upsertMultipartPart(uploadId, part);
      return { ...answer, etag: part.etag };
    };
    store.completeMultipartUpload = (uploadId, specs) => {
      const bucket = this.#held.multipartUploads.get(uploadId)?.bucket ?? "";
      const large = this.#complete(uploadId, specs);
      if (large) return large;
      const stored = completeMultipartUpload.call(store, uploadId, specs);
      this.#bodies.forget(bucket, stored.key);
      return stored;
    };
    store.abortMultipartUpload = (uploadId) => {
      abortMultipartUpload.call(store, uploadId);
      this.#bodies.dropUpload(uploadId);
    };
  }

  #put(original: ObjectStore["putObject"], given: Put): Stored {
    const [bucket, key, body] = given;
    const received = this.#received.get(body);
    if (!received) {
      const stored = original(...given);
      this.#bodies.forget(bucket, key);
      return stored;
    }
    const etag = `"${received.md5}"`;
    if (this.#store.hasBucket(bucket)) this.#bodies.keepObject(bucket, key, etag, received);
    let stored = {} as Stored;
    this.#persistence.transaction(() => {
      stored = { ...original(...given), body: EMPTY, etag, contentLength: received.size };
      this.#persistence.upsertObject(bucket, stored);
    });
    this.#store.restoreObject(bucket, stored);
    this.#bodies.forget(bucket, key, etag);
    return stored;
  }

  /** Undefined where no part is large, or where fauxqs says best what is wrong. */
  #complete(uploadId: string, specs: readonly { partNumber: number; etag: string }[]): Stored | undefined {
    const upload = this.#held.multipartUploads.get(uploadId);
    if (!upload) return undefined;
    const { bucket, key, contentType, metadata } = upload;
    const found = specs.map(({ partNumber }) => this.#sizedPart(uploadId, upload, partNumber));
    if (!found.some((part) => part?.isLarge)) return undefined;
    this.#check(specs, found);
    const parts = found.flatMap((part) => (part ? [part] : []));
    const digests = createHash("md5");
    for (const { md5 } of parts) digests.update(Buffer.from(md5, "hex"));
    const etag = `"${digests.digest("hex")}-${parts.length}"`;
    const contentLength = parts.reduce((sum, { size }) => sum + size, 0);
    this.#bodies.joinParts(uploadId, bucket, key, etag, parts);
    const stored = { key, body: EMPTY, contentType, contentLength, etag, lastModified: new Date(), metadata };
    this.#persistence.completeMultipartUpload(uploadId, bucket, stored);
    this.#store.restoreObject(bucket, stored);
    this.#held.multipartUploads.delete(uploadId);
    this.#bodies.forget(bucket, key, etag);
    this.#bodies.dropUpload(uploadId);
    return stored;
  }

  #sizedPart(uploadId: string, upload: Upload, partNumber: number): SizedPart | undefined {
    const part = upload.parts.get(partNumber);
    if (!part) return undefined;
    const md5 = bare(part.etag);
    const onDisk = this.#bodies.sizeOfPart(uploadId, partNumber, md5);
    return { partNumber, md5, body: part.body, size: onDisk ?? part.body.length, isLarge: onDisk !== undefined };
  }

  #check(specs: readonly { partNumber: number; etag: string }[], found: readonly (SizedPart | undefined)[]): void {
    for (const [at, { partNumber, etag }] of specs.entries()) {
      const part = found[at];
      if (at > 0 && partNumber <= (specs[at - 1]?.partNumber ?? 0)) {
        throw new this.#StoreError("InvalidPartOrder", "The list of parts was not in ascending order.", 400);
      }
      if (part?.md5 !== bare(etag)) {
        throw new this.#StoreError("InvalidPart", "One or more of the specified parts could not be found.", 400);
      }
      if (at < specs.length - 1 && part.size < MIN_PART_BYTES) {
        throw new this.#StoreError("EntityTooSmall", "A part but the last is smaller than the minimum size.", 400);
      }
    }
  }
}

interface SizedPart extends PartBody {
  body: Buffer;
  size: number;
  isLarge: boolean;
}

type Range = { start: number; end: number } | "unsatisfiable" | undefined;

/** The bytes that a `Range` asks for; undefined for all. */
function rangeOf(header: string | string[] | undefined, size: number): Range {
  const match = typeof header === "string" ? /^bytes=(\d*)-(\d*)$/.exec(header) : null;
  if (!match) return undefined;
  const [, from = "", to = ""] = match;
  const start = from === "" ? Math.max(size - Number(to), 0) : Number(from);
  const end = from === "" || to === "" ? size - 1 : Math.min(Number(to), size - 1);
  return start > end || (from === "" && to === "") ? "unsatisfiable" : { start, end };
}
