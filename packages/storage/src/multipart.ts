import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
} from "@aws-sdk/client-s3";
import { AppError } from "@weft/kernel/errors";
import { filesBucket, s3, storageFailure } from "./client.ts";

/** S3's limits on one upload in parts. */
export const MAX_PARTS = 10_000;
export const MIN_PART_BYTES = 5 * 1024 * 1024;

/** One part that S3 has taken. */
export interface SentPart {
  partNumber: number;
  etag: string;
}

/** What S3 says of parts that do not fit together: the caller's mistake. */
const REFUSALS = new Set(["InvalidPart", "InvalidPartOrder", "EntityTooSmall", "InvalidRequest", "MalformedXML"]);

/** Begins an upload in parts under a full key. Unfinished ones are removed by the bucket's lifecycle rule. */
export async function startMultipart(key: string, contentType: string): Promise<string> {
  try {
    const command = new CreateMultipartUploadCommand({ Bucket: filesBucket(), Key: key, ContentType: contentType });
    const { UploadId } = await s3().send(command);
    if (UploadId === undefined) throw new AppError("internal", "the file store gave no upload id");
    return UploadId;
  } catch (thrown) {
    throw storageFailure(thrown);
  }
}

/**
 * Makes one object of the parts. Throws `invalid_input` naming `parts` where they do not fit together; does nothing where
 * the upload is over already: whether the object is there says how it ended.
 */
export async function completeMultipart(key: string, uploadId: string, parts: readonly SentPart[]): Promise<void> {
  const Parts = parts.map(({ partNumber, etag }) => ({ PartNumber: partNumber, ETag: etag }));
  const target = { Bucket: filesBucket(), Key: key, UploadId: uploadId };
  try {
    await s3().send(new CompleteMultipartUploadCommand({ ...target, MultipartUpload: { Parts } }));
  } catch (thrown) {
    const { name = "", message = "" } = thrown as { name?: string; message?: string };
    if (name === "NoSuchUpload") return;
    if (REFUSALS.has(name)) {
      const issues = [{ path: "parts", message }];
      throw new AppError("invalid_input", `parts: ${message}`, { details: { issues }, cause: thrown });
    }
    throw storageFailure(thrown);
  }
}

/** Forgets what was sent; does nothing where the upload is over already. */
export async function abortMultipart(key: string, uploadId: string): Promise<void> {
  try {
    await s3().send(new AbortMultipartUploadCommand({ Bucket: filesBucket(), Key: key, UploadId: uploadId }));
  } catch (thrown) {
    if ((thrown as { name?: string }).name !== "NoSuchUpload") throw storageFailure(thrown);
  }
}
