import { GetObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import type { Ctx } from "@weft/kernel/ctx";
import { AppError } from "@weft/kernel/errors";
import { spacePrefix } from "./blob.ts";
import { filesBucket, orMissing, s3, storageFailure } from "./client.ts";

/** What workflows keep under keys of their own. */
const FOLDER = "workspace";
/** S3 allows 1,024 bytes with the prefix. */
const MAX_KEY_BYTES = 512;
const PART = /^[^\\\p{Cc}]+$/u;

/** A file by key, whole in memory. */
export interface WorkspaceFile {
  bytes: Uint8Array;
  contentType: string;
}

/** A relative path without `.`, `..`, empty parts, backslashes and control characters: nothing that could leave the folder. */
function objectKey(ctx: Ctx, key: string): string {
  const isSafe =
    key.isWellFormed() &&
    Buffer.byteLength(key) <= MAX_KEY_BYTES &&
    key.split("/").every((part) => part !== "." && part !== ".." && PART.test(part));
  if (!isSafe) throw new AppError("invalid_input", "a file's key is a path such as reports/may.csv, without . and ..");
  return `${spacePrefix(ctx)}${FOLDER}/${key}`;
}

/** Writes a file of the ctx's space, over one that is there. Throws `invalid_input` for a key that is none. */
export async function putWorkspaceFile(ctx: Ctx, key: string, file: WorkspaceFile): Promise<void> {
  const { bytes, contentType } = file;
  const request = { Bucket: filesBucket(), Key: objectKey(ctx, key), Body: bytes, ContentType: contentType };
  try {
    await s3().send(new PutObjectCommand(request));
  } catch (thrown) {
    throw storageFailure(thrown);
  }
}

/**
 * A file of the ctx's space, or null where there is none. Throws `too_large` above `maxBytes` without reading it, and
 * `invalid_input` for a key that is none.
 */
export async function getWorkspaceFile(ctx: Ctx, key: string, maxBytes: number): Promise<WorkspaceFile | null> {
  const request = { Bucket: filesBucket(), Key: objectKey(ctx, key) };
  return orMissing(async () => {
    const object = await s3().send(new GetObjectCommand(request));
    if ((object.ContentLength ?? 0) > maxBytes) {
      await object.Body?.transformToWebStream().cancel();
      throw new AppError("too_large", `a file has at most ${maxBytes} bytes here`);
    }
    const bytes = (await object.Body?.transformToByteArray()) ?? new Uint8Array();
    return { bytes, contentType: object.ContentType ?? "application/octet-stream" };
  });
}
