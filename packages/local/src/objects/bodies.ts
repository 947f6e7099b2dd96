import { createHash, randomUUID } from "node:crypto";
import {
  createReadStream,
  createWriteStream,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { bare } from "./requests.ts";

/** A body that was written to disk as it came. */
export interface Received {
  path: string;
  size: number;
  /** In hexadecimal. */
  md5: string;
}

/** A part of an upload: on disk where it is large, else in memory. */
export interface PartBody {
  partNumber: number;
  md5: string;
  body: Uint8Array;
}

/**
 * Bodies of large objects as files, so that none is ever whole in memory. An object is a folder of one file or, put
 * together of parts, of several; its name holds the object's tag, so that an object and its body change together.
 */
export class Bodies {
  readonly #incoming: string;
  readonly #objects: string;
  readonly #parts: string;

  constructor(path: string) {
    this.#incoming = join(path, "incoming");
    this.#objects = join(path, "bodies");
    this.#parts = join(path, "parts");
    rmSync(this.#incoming, { recursive: true, force: true });
    for (const folder of [this.#incoming, this.#objects, this.#parts]) mkdirSync(folder, { recursive: true });
  }

  /** Writes a body to disk as it comes. */
  async receive(source: NodeJS.ReadableStream): Promise<Received> {
    const path = join(this.#incoming, randomUUID());
    const hash = createHash("md5");
    let size = 0;
    const measure = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        hash.update(chunk);
        size += chunk.length;
        done(null, chunk);
      },
    });
    try {
      await pipeline(source, measure, createWriteStream(path));
    } catch (error) {
      rmSync(path, { force: true });
      throw error;
    }
    return { path, size, md5: hash.digest("hex") };
  }

  /** Forgets what was received and not kept. */
  drop({ path }: Received): void {
    rmSync(path, { force: true });
  }

  keepObject(bucket: string, key: string, tag: string, received: Received): void {
    const folder = this.#folderOf(bucket, key, tag);
    mkdirSync(folder, { recursive: true });
    renameSync(received.path, join(folder, "00001"));
  }

  keepPart(uploadId: string, partNumber: number, received: Received): void {
    mkdirSync(join(this.#parts, uploadId), { recursive: true });
    renameSync(received.path, this.#pathOfPart(uploadId, partNumber, received.md5));
  }

  /** Bytes of a part that is on disk; undefined where it is not. */
  sizeOfPart(uploadId: string, partNumber: number, md5: string): number | undefined {
    return statSync(this.#pathOfPart(uploadId, partNumber, md5), { throwIfNoEntry: false })?.size;
  }

  /** Puts an object together of its parts, without copying what is on disk. */
  joinParts(uploadId: string, bucket: string, key: string, tag: string, parts: readonly PartBody[]): void {
    const folder = this.#folderOf(bucket, key, tag);
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    for (const { partNumber, md5, body } of parts) {
      const from = this.#pathOfPart(uploadId, partNumber, md5);
      const to = join(folder, String(partNumber).padStart(5, "0"));
      if (existsSync(from)) linkSync(from, to);
      else writeFileSync(to, body);
    }
  }

  dropUpload(uploadId: string): void {
    rmSync(join(this.#parts, uploadId), { recursive: true, force: true });
  }

  /** Whether the body of this state of an object is on disk. */
  has(bucket: string, key: string, tag: string): boolean {
    return existsSync(this.#folderOf(bucket, key, tag));
  }

  /** Removes all bodies of an object but that of `tag`. */
  forget(bucket: string, key: string, tag?: string): void {
    const folder = join(this.#objects, nameOf(bucket, key));
    if (!existsSync(folder)) return;
    for (const name of readdirSync(folder)) {
      if (tag === undefined || name !== bare(tag)) rmSync(join(folder, name), { recursive: true, force: true });
    }
    if (tag === undefined) rmSync(folder, { recursive: true, force: true });
  }

  /** Removes the bodies of objects that are not there: a killed process left them. */
  sweep(isThere: (name: string, tag: string) => boolean): void {
    for (const name of readdirSync(this.#objects)) {
      for (const tag of readdirSync(join(this.#objects, name))) {
        if (!isThere(name, tag)) rmSync(join(this.#objects, name, tag), { recursive: true, force: true });
      }
    }
  }

  /** A body whole in memory, for what cannot do with less. */
  read(bucket: string, key: string, tag: string): Buffer {
    return Buffer.concat(this.#files(bucket, key, tag).map((path) => readFileSync(path)));
  }

  /** The bytes from `start` to `end`, both included. */
  async *stream(bucket: string, key: string, tag: string, start: number, end: number): AsyncGenerator<Buffer> {
    let at = 0;
    for (const path of this.#files(bucket, key, tag)) {
      const { size } = statSync(path);
      const from = Math.max(start - at, 0);
      const to = Math.min(end - at, size - 1);
      at += size;
      if (from <= to) yield* createReadStream(path, { start: from, end: to }) as AsyncIterable<Buffer>;
    }
  }

  #files(bucket: string, key: string, tag: string): string[] {
    const folder = this.#folderOf(bucket, key, tag);
    return readdirSync(folder)
      .sort()
      .map((name) => join(folder, name));
  }

  #folderOf(bucket: string, key: string, tag: string): string {
    return join(this.#objects, nameOf(bucket, key), bare(tag));
  }

  #pathOfPart(uploadId: string, partNumber: number, md5: string): string {
    return join(this.#parts, uploadId, `${partNumber}-${md5}`);
  }
}

/** A folder's name for an object: keys may hold what no file system takes. */
export function nameOf(bucket: string, key: string): string {
  return createHash("sha256").update(`${bucket}\n${key}`).digest("hex").slice(0, 40);
}
