import { getLive } from "@weft/db/change";
import { tryTransact, tryWrite, type WriteOp, write } from "@weft/db/write";
import { isoTime } from "@weft/kernel/clock";
import { type Ctx, requireSpace } from "@weft/kernel/ctx";
import { AppError, conflict, invalidField } from "@weft/kernel/errors";
import { type Id, newId } from "@weft/kernel/ids";
import { abortMultipart, completeMultipart, startMultipart } from "@weft/storage/multipart";
import { deleteObject, digestObject, objectSize } from "@weft/storage/object";
import { checkedType, presignPart, presignPut } from "@weft/storage/presign";
import { createdOps } from "./file.content.ts";
import { contentTypeOf, SNIFF_BYTES } from "./file.content-type.ts";
import { dueKeys, FileEntity, type FileRow, NEVER, type PendingUpload } from "./file.entity.ts";
import {
  type CompleteUpload,
  type CreatedUpload,
  type CreateUpload,
  type File,
  MULTIPART_FROM_BYTES,
  PART_BYTES,
  type SignedParts,
} from "./file.schema.ts";
import { fullKey, newRow, RETENTION_MS, target, toFile } from "./file.service.ts";

const HOUR_MS = 60 * 60 * 1000;
/** What is not completed by then has failed. S3 itself forgets unfinished parts after a week. */
export const UPLOAD_MS = 24 * HOUR_MS;
/** Files up to this size are hashed when they are completed, whether or not their sender named a hash. */
const HASH_BYTES = 64 * 1024 * 1024;

type Failure = NonNullable<File["failure"]>;

/** A file to come, and the requests by which its bytes go straight to the file store. */
export async function createUpload(ctx: Ctx, input: CreateUpload): Promise<CreatedUpload> {
  const { name, size, sha256, tags, metadata } = input;
  const mode = input.mode ?? (size >= MULTIPART_FROM_BYTES ? "multipart" : "single");
  if (mode === "multipart" && size === 0) throw invalidField("mode", "an empty file has no parts");
  const contentType = checkedType(input.contentType);
  const fileId = newId("file", ctx.clock.now());
  const expiresAt = isoTime(ctx.clock.now() + UPLOAD_MS);
  const base = newRow(ctx, fileId, name, expiresAt);
  const parts =
    mode === "multipart"
      ? { uploadId: await startMultipart(fullKey(ctx, base), contentType), partSize: PART_BYTES }
      : {};
  const upload: PendingUpload = { mode, expiresAt, ...(sha256 ? { sha256 } : {}), ...parts };
  const rest = { contentType, size, status: "uploading" as const, source: "upload" as const, tags, metadata, upload };
  const { data } = await write(() => FileEntity.create({ ...base, ...rest }).go());
  const request = mode === "single" ? await presignPut(ctx, { key: base.storageKey, contentType, size }) : null;
  const partCount = mode === "single" ? null : Math.ceil(size / PART_BYTES);
  return { file: toFile(data), mode, request, partSize: parts.partSize ?? null, partCount, expiresAt };
}

/** Links to parts of an upload. They end sooner than the upload: ask again. */
export async function signParts(ctx: Ctx, fileId: Id<"file">, partNumbers: readonly number[]): Promise<SignedParts> {
  const row = await uploadingRow(ctx, fileId);
  const { size, storageKey: key } = row;
  const { uploadId, partSize } = row.upload;
  if (uploadId === undefined || partSize === undefined) throw conflict("the upload is a single request");
  const count = Math.ceil(size / partSize);
  const wrong = partNumbers.findIndex((partNumber) => partNumber > count);
  if (wrong >= 0) throw invalidField(`partNumbers.${wrong}`, `the file has ${count} parts`);
  const items = await Promise.all(
    partNumbers.map(async (partNumber) => {
      const bytes = partNumber === count ? size - partSize * (count - 1) : partSize;
      return { ...(await presignPart(ctx, { key, uploadId, partNumber, size: bytes })), partNumber, size: bytes };
    }),
  );
  return { items, nextCursor: null };
}

/**
 * Looks at what was uploaded and makes the file ready. A repeat answers the ready file. Throws `conflict` where nothing
 * was uploaded yet, and `unprocessable` where the file is not what was announced; it has failed then.
 */
export async function completeUpload(ctx: Ctx, fileId: Id<"file">, { parts }: CompleteUpload): Promise<File> {
  const found = await getLive(ctx, target(ctx, fileId));
  if (found.status === "ready") return toFile(found);
  const row = asUploading(found);
  const key = fullKey(ctx, row);
  const { uploadId } = row.upload;
  if (uploadId !== undefined) {
    if (!parts) throw invalidField("parts", "an upload in parts is completed with all of them");
    await completeMultipart(key, uploadId, parts);
  }
  const size = await objectSize(key);
  if (size === null) throw conflict("the file is not there yet", { retryable: true });
  const checked = await check(row, key, size);
  if ("failure" in checked) {
    await fail(ctx, row, checked.failure);
    throw new AppError("unprocessable", checked.failure.message, { details: { failure: checked.failure } });
  }
  const ready = await close(ctx, row, { status: "ready", ...checked, ...dueKeys(fileId, NEVER) });
  return toFile(ready ?? (await getLive(ctx, target(ctx, fileId))));
}

/** Gives an upload up. Throws `conflict` for one that is over. */
export async function abortUpload(ctx: Ctx, fileId: Id<"file">): Promise<File> {
  const row = await uploadingRow(ctx, fileId);
  return toFile(await fail(ctx, row, { code: "upload_aborted", message: "the upload was aborted" }));
}

/** The sweeper's part: an upload that nobody completed has failed. */
export async function expireUpload(ctx: Ctx, row: FileRow): Promise<void> {
  if (row.status !== "uploading") return;
  await fail(ctx, asUploading(row), { code: "upload_expired", message: "the upload was not completed in time" });
}

type Uploading = FileRow & { upload: PendingUpload };

function asUploading(row: FileRow): Uploading {
  if (row.status !== "uploading" || !row.upload) throw conflict(`the file is ${row.status}`);
  return { ...row, upload: row.upload };
}

async function uploadingRow(ctx: Ctx, fileId: Id<"file">): Promise<Uploading> {
  return asUploading(await getLive(ctx, target(ctx, fileId)));
}

/** What the uploaded bytes are, or why they are not what was announced. */
async function check(
  row: Uploading,
  key: string,
  size: number,
): Promise<{ contentType: string; sha256?: string } | { failure: Failure }> {
  if (size !== row.size) {
    return { failure: { code: "size_mismatch", message: `${row.size} bytes were announced and ${size} came` } };
  }
  const wanted = row.upload.sha256;
  const whole = wanted !== undefined || size <= HASH_BYTES;
  const digest = await digestObject(key, { headBytes: SNIFF_BYTES, whole });
  if (!digest) throw conflict("the file is not there any more", { retryable: true });
  if (wanted !== undefined && digest.sha256 !== wanted) {
    return { failure: { code: "checksum_mismatch", message: "the SHA-256 is not the one that was announced" } };
  }
  try {
    const contentType = await contentTypeOf(row.contentType, row.name, digest.head);
    return { contentType, ...(digest.sha256 === undefined ? {} : { sha256: digest.sha256 }) };
  } catch (thrown) {
    if (!(thrown instanceof AppError) || thrown.code !== "unsupported_media_type") throw thrown;
    return { failure: { code: thrown.code, message: thrown.message } };
  }
}

/** Ends an upload badly and takes away what came of it. The row goes when the sweeper meets it again. */
async function fail(ctx: Ctx, row: Uploading, failure: Failure): Promise<FileRow> {
  const { uploadId } = row.upload;
  const due = dueKeys(row.fileId, isoTime(ctx.clock.now() + RETENTION_MS));
  const failed = await close(ctx, row, { status: "failed", failure, ...due });
  if (!failed) throw conflict("the upload is over");
  const key = fullKey(ctx, row);
  if (uploadId !== undefined) await abortMultipart(key, uploadId);
  await deleteObject(key);
  return failed;
}

/** Writes how an upload ended, once; null where it had ended before. */
async function close(ctx: Ctx, row: Uploading, end: Partial<FileRow>): Promise<FileRow | null> {
  const key = { spaceId: requireSpace(ctx), fileId: row.fileId };
  const change = () =>
    FileEntity.patch(key)
      .set({ ...end, updatedAt: isoTime(ctx.clock.now()) } as never)
      .remove(["upload"])
      .add({ revision: 1 })
      .where((attr, op) => op.eq(attr.status, "uploading"));
  const told = end.status === "ready" ? await createdOps(ctx, { ...row, ...end }) : [];
  if (told.length === 0) {
    const closed = await tryWrite(() => change().go({ response: "all_new" }));
    return closed ? (closed.data as FileRow) : null;
  }
  // ElectroDB's types let only entities of transactions commit; the chain is the same.
  const op = (change() as unknown as { commit(): WriteOp }).commit();
  const refused = await tryTransact([op, ...told]);
  return refused ? null : getLive(ctx, target(ctx, row.fileId));
}
