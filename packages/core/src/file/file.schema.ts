import { idSchema } from "@weft/kernel/ids";
import { MAX_TAG, Metadata, Tags } from "@weft/kernel/labels";
import { pageOf, pageQuery } from "@weft/kernel/page";
import { MAX_PARTS } from "@weft/storage/multipart";
import { MAX_EXPIRY_SECONDS, MAX_UPLOAD_BYTES, MIN_EXPIRY_SECONDS } from "@weft/storage/presign";
import * as z from "zod";

/** uploading: a link was given out. ready: it is whole and was looked at. failed: it never will be. */
export const FILE_STATUS = ["uploading", "ready", "failed"] as const;
/** What made a file: a person or program by the API, a node of a workflow, a program in the sandbox, a webhook's call, a mail. */
export const FILE_SOURCE = ["upload", "workflow", "code", "webhook", "email"] as const;
export const FILE_FAILURE = [
  "upload_expired",
  "upload_aborted",
  "size_mismatch",
  "checksum_mismatch",
  "unsupported_media_type",
] as const;

/** The largest file, which is S3's largest single PUT. */
export const MAX_FILE_BYTES = MAX_UPLOAD_BYTES;
/** From here on S3 advises to upload in parts. */
export const MULTIPART_FROM_BYTES = 100 * 1024 * 1024;
export const PART_BYTES = 16 * 1024 * 1024;
/** Links to parts that one call gives. */
export const MAX_PART_LINKS = 100;
/** Longest name that common file systems take. */
export const MAX_FILE_NAME = 255;

/** A name and no path: what it is called, never where it is. */
export const FileName = z
  .string()
  .trim()
  .min(1)
  .max(MAX_FILE_NAME)
  .refine((name) => name.isWellFormed() && !/[\p{Cc}\p{Bidi_Control}/\\]/u.test(name) && !/^\.+$/.test(name), {
    message: "must be a plain file name, without a path and control characters",
  });
const Sha256 = z
  .string()
  .regex(/^[0-9a-f]{64}$/i, "expected a SHA-256 in hexadecimal")
  .transform((hash) => hash.toLowerCase());

export const File = z
  .object({
    id: idSchema("file"),
    spaceId: idSchema("space"),
    name: z.string(),
    extension: z.string().meta({ description: "Of the name, in lower case and without the dot; empty without one" }),
    contentType: z.string(),
    size: z.int(),
    sha256: z.string().nullable().meta({ description: "Of a ready file; null where a large one came without it" }),
    status: z.enum([...FILE_STATUS, "deleted"]),
    failure: z.object({ code: z.enum(FILE_FAILURE), message: z.string() }).nullable(),
    source: z.enum(FILE_SOURCE),
    sourceId: z.string().nullable().meta({ description: "The execution or code execution that made it" }),
    tags: z.array(z.string()),
    metadata: z.record(z.string(), z.string()),
    revision: z.int(),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
    createdBy: z.string(),
    deletedAt: z.iso.datetime().optional(),
  })
  .meta({ id: "File" });
export type File = z.output<typeof File>;

export const FilePage = pageOf(File).meta({ id: "FilePage" });

export const listFilesQuery = {
  ...pageQuery,
  q: z.string().max(200).optional(),
  status: z.enum([...FILE_STATUS, "deleted"]).optional(),
  contentType: z.string().max(127).optional().meta({ description: "A media type or its beginning, such as image/" }),
  tag: z.string().max(MAX_TAG).optional(),
  source: z.enum(FILE_SOURCE).optional(),
};
export type ListFiles = z.output<z.ZodObject<typeof listFilesQuery>>;

export const CreateUpload = z
  .strictObject({
    name: FileName,
    contentType: z.string().min(1).max(127),
    size: z.int().min(0).max(MAX_FILE_BYTES),
    sha256: Sha256.optional().meta({ description: "Checked before the file is ready" }),
    mode: z
      .enum(["single", "multipart"])
      .optional()
      .meta({ description: `Left out, files of ${MULTIPART_FROM_BYTES} bytes and more go in parts` }),
    tags: Tags.default([]),
    metadata: Metadata.default({}),
  })
  .meta({ id: "CreateUpload" });
export type CreateUpload = z.output<typeof CreateUpload>;

/** A request to the file store: it must carry these headers as they are. */
export const FileRequest = z
  .object({
    method: z.enum(["GET", "PUT"]),
    url: z.string(),
    headers: z.record(z.string(), z.string()),
    expiresAt: z.iso.datetime(),
  })
  .meta({ id: "FileRequest" });

export const CreatedUpload = z
  .object({
    file: File,
    mode: z.enum(["single", "multipart"]),
    request: FileRequest.nullable().meta({ description: "Of a single upload" }),
    partSize: z.int().nullable().meta({ description: "Bytes of each part but the last" }),
    partCount: z.int().nullable(),
    expiresAt: z.iso.datetime().meta({ description: "After this an upload that was not completed has failed" }),
  })
  .meta({ id: "CreatedUpload" });
export type CreatedUpload = z.output<typeof CreatedUpload>;

const PartNumber = z.int().min(1).max(MAX_PARTS);

export const SignParts = z
  .strictObject({ partNumbers: z.array(PartNumber).min(1).max(MAX_PART_LINKS) })
  .meta({ id: "SignParts" });
export const SignedParts = z
  .object({ items: z.array(FileRequest.extend({ partNumber: PartNumber, size: z.int() })), nextCursor: z.null() })
  .meta({ id: "SignedParts" });
export type SignedParts = z.output<typeof SignedParts>;

export const CompleteUpload = z
  .strictObject({
    parts: z
      .array(z.strictObject({ partNumber: PartNumber, etag: z.string().min(1).max(200) }))
      .min(1)
      .max(MAX_PARTS)
      .optional()
      .meta({ description: "Of an upload in parts: the ETag header of each part's answer" }),
  })
  .meta({ id: "CompleteUpload" });
export type CompleteUpload = z.output<typeof CompleteUpload>;

export const UpdateFile = z
  .strictObject({
    expectedRevision: z.int().min(1),
    name: FileName.optional(),
    tags: Tags.optional(),
    metadata: Metadata.optional(),
  })
  .meta({ id: "UpdateFile" });
export type UpdateFile = z.output<typeof UpdateFile>;

export const downloadQuery = {
  redirect: z.stringbool().default(false).meta({ description: "Answer 302 to the link in place of naming it" }),
  disposition: z
    .enum(["attachment", "inline"])
    .default("attachment")
    .meta({ description: "inline shows pictures, sound, film, PDF and plain text; other types are always saved" }),
  expiresInSeconds: z.coerce.number().int().min(MIN_EXPIRY_SECONDS).max(MAX_EXPIRY_SECONDS).optional(),
};
export type DownloadFile = Omit<z.output<z.ZodObject<typeof downloadQuery>>, "redirect">;

export const FileLink = FileRequest.extend({
  id: idSchema("file"),
  name: z.string(),
  contentType: z.string(),
  size: z.int(),
}).meta({ id: "FileLink" });
export type FileLink = z.output<typeof FileLink>;
