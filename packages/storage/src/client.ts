import { S3Client } from "@aws-sdk/client-s3";
import { readEnv } from "@weft/kernel/env";
import { AppError } from "@weft/kernel/errors";
import * as z from "zod";

const REQUEST_TIMEOUT_MS = 60_000;
const CONNECTION_TIMEOUT_MS = 1_000;
const MAX_ATTEMPTS = 5;

let client: S3Client | undefined;

/** The one S3 client of the process. */
export function s3(): S3Client {
  client ??= new S3Client({
    maxAttempts: MAX_ATTEMPTS,
    // The bucket in the path works with every endpoint; in the host name it needs DNS for each bucket.
    forcePathStyle: true,
    // Otherwise a presigned upload carries the checksum of an empty body, which no real body has.
    requestChecksumCalculation: "WHEN_REQUIRED",
    requestHandler: { requestTimeout: REQUEST_TIMEOUT_MS, connectionTimeout: CONNECTION_TIMEOUT_MS },
  });
  return client;
}

/** The files bucket of this deployment. Throws, by name, where FILES_BUCKET is not set. */
export function filesBucket(): string {
  return readEnv({ FILES_BUCKET: z.string().min(1) }).FILES_BUCKET;
}

/** Runs one S3 request: null where the object does not exist, `unavailable` for what S3 or the network may do later. */
export async function orMissing<T>(run: () => Promise<T>): Promise<T | null> {
  try {
    return await run();
  } catch (thrown) {
    const { name } = thrown as { name?: string };
    if (name === "NoSuchKey" || name === "NotFound") return null;
    throw storageFailure(thrown);
  }
}

/** An S3 failure as the product's error. */
export function storageFailure(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  const status = (thrown as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
  // No status at all is the network's failure.
  const isTransient = status === undefined || status === 429 || status >= 500;
  if (isTransient) {
    return new AppError("unavailable", "the file store is busy, try again", { cause: thrown, retryable: true });
  }
  return new AppError("internal", "the file store refused the request", { cause: thrown });
}
