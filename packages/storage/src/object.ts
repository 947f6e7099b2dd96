import { createHash } from "node:crypto";
import { DeleteObjectCommand, GetObjectCommand, HeadObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import type { Ctx } from "@weft/kernel/ctx";
import { AppError, notFound } from "@weft/kernel/errors";
import { spacePrefix } from "./blob.ts";
import { filesBucket, orMissing, s3, storageFailure } from "./client.ts";

/** S3 allows 1,024 bytes with the prefix. */
const MAX_KEY_CHARS = 512;

/** An object whole in memory. */
export interface ObjectContent {
  bytes: Uint8Array;
  contentType: string;
}

/** The full key of an object of the space. Throws `not_found` for a key that would leave it. */
export function objectKey(ctx: Ctx, key: string): string {
  const parts = key.split("/");
  const isPlain = parts.every((part) => part !== "" && part !== "." && part !== "..");
  if (!isPlain || key.length > MAX_KEY_CHARS || /[^\x20-\x7e]/.test(key)) throw notFound("file");
  return spacePrefix(ctx) + key;
}

/** Writes an object under its full key, over one that is there. */
export async function putObject(key: string, { bytes, contentType }: ObjectContent): Promise<void> {
  const request = { Bucket: filesBucket(), Key: key, Body: bytes, ContentType: contentType };
  try {
    await s3().send(new PutObjectCommand(request));
  } catch (thrown) {
    throw storageFailure(thrown);
  }
}

/** The object of a full key, or null where there is none. Throws `too_large` above `maxBytes` without reading it. */
export async function getObject(key: string, maxBytes: number): Promise<ObjectContent | null> {
  return orMissing(async () => {
    const object = await s3().send(new GetObjectCommand({ Bucket: filesBucket(), Key: key }));
    if ((object.ContentLength ?? 0) > maxBytes) {
      // Closed unread, so that its connection serves again.
      await object.Body?.transformToWebStream().cancel();
      throw new AppError("too_large", `a file has at most ${maxBytes} bytes here`);
    }
    const bytes = (await object.Body?.transformToByteArray()) ?? new Uint8Array();
    return { bytes, contentType: object.ContentType ?? "application/octet-stream" };
  });
}

/** How many bytes the object of a full key has; null where there is none. */
export async function objectSize(key: string): Promise<number | null> {
  return orMissing(async () => {
    const { ContentLength = 0 } = await s3().send(new HeadObjectCommand({ Bucket: filesBucket(), Key: key }));
    return ContentLength;
  });
}

/** What an object begins with, and its SHA-256 in hexadecimal where it was read to its end. */
export interface ObjectDigest {
  head: Uint8Array;
  sha256?: string;
}

/**
 * Reads the object of a full key once, as a stream: its first `headBytes` and, where `whole` is asked for, its hash.
 * Null where there is none.
 */
export async function digestObject(
  key: string,
  { headBytes, whole }: { headBytes: number; whole: boolean },
): Promise<ObjectDigest | null> {
  return orMissing(async () => {
    const object = await s3().send(new GetObjectCommand({ Bucket: filesBucket(), Key: key }));
    const hash = createHash("sha256");
    const head: Uint8Array[] = [];
    let missing = headBytes;
    for await (const chunk of object.Body as AsyncIterable<Uint8Array>) {
      if (missing > 0) head.push(chunk.subarray(0, missing));
      missing -= chunk.length;
      if (whole) hash.update(chunk);
      else if (missing <= 0) break;
    }
    const read = Buffer.concat(head);
    return whole ? { head: read, sha256: hash.digest("hex") } : { head: read };
  });
}

/** Removes the object of a full key; does nothing where there is none. */
export async function deleteObject(key: string): Promise<void> {
  await orMissing(() => s3().send(new DeleteObjectCommand({ Bucket: filesBucket(), Key: key })));
}
