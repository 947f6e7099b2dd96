import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { filesBucket, s3, storageFailure } from "./client.ts";

/** S3 takes parts of at least 5 MiB and at most 10,000 of them: objects up to 78 GiB. */
const PART_BYTES = 8 * 1024 * 1024;

/** Writes one object in parts as its bytes come, holding one part in memory. It is there after {@link close} or never. */
export class ObjectWriter {
  /** Bytes taken so far. */
  bytes = 0;
  readonly #target: { Bucket: string; Key: string };
  readonly #contentType: string;
  readonly #parts: { ETag: string | undefined; PartNumber: number }[] = [];
  #uploadId: string | undefined;
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;

  constructor(key: string, contentType: string) {
    this.#target = { Bucket: filesBucket(), Key: key };
    this.#contentType = contentType;
  }

  /** Takes bytes; resolves when there is room for more. */
  async write(bytes: Uint8Array): Promise<void> {
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
    this.bytes += bytes.length;
    if (this.#pendingBytes >= PART_BYTES) await this.#sendPart();
  }

  /** Makes the object visible, whole. */
  async close(): Promise<void> {
    if (this.#uploadId === undefined) {
      const input = { ...this.#target, ContentType: this.#contentType, Body: this.#take() };
      await attempt(() => s3().send(new PutObjectCommand(input)));
      return;
    }
    if (this.#pendingBytes > 0) await this.#sendPart();
    const upload = { ...this.#target, UploadId: this.#uploadId, MultipartUpload: { Parts: this.#parts } };
    await attempt(() => s3().send(new CompleteMultipartUploadCommand(upload)));
  }

  /** Forgets what was sent. A failure here is left to the bucket's lifecycle rule, which removes unfinished uploads. */
  async abort(): Promise<void> {
    if (this.#uploadId === undefined) return;
    const upload = { ...this.#target, UploadId: this.#uploadId };
    await s3()
      .send(new AbortMultipartUploadCommand(upload))
      .catch(() => undefined);
  }

  async #sendPart(): Promise<void> {
    const create = { ...this.#target, ContentType: this.#contentType };
    this.#uploadId ??= (await attempt(() => s3().send(new CreateMultipartUploadCommand(create)))).UploadId;
    const PartNumber = this.#parts.length + 1;
    const part = { ...this.#target, UploadId: this.#uploadId, PartNumber, Body: this.#take() };
    const { ETag } = await attempt(() => s3().send(new UploadPartCommand(part)));
    this.#parts.push({ ETag, PartNumber });
  }

  #take(): Buffer {
    const body = Buffer.concat(this.#pending);
    this.#pending = [];
    this.#pendingBytes = 0;
    return body;
  }
}

async function attempt<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (thrown) {
    throw storageFailure(thrown);
  }
}
