import { GetObjectCommand, PutObjectCommand, UploadPartCommand } from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { isoTime } from "@weft/kernel/clock";
import type { Ctx } from "@weft/kernel/ctx";
import { AppError, invalidField } from "@weft/kernel/errors";
import { filesBucket, s3 } from "./client.ts";
import { objectKey } from "./object.ts";

/** S3's limit on one PUT. */
export const MAX_UPLOAD_BYTES = 5 * 1024 ** 3;
export const MIN_EXPIRY_SECONDS = 30;
/** The credentials of a Lambda that sign the link live hours, so a longer link would end before its time. */
export const MAX_EXPIRY_SECONDS = 60 * 60;
export const DEFAULT_EXPIRY_SECONDS = 15 * 60;

const MEDIA_TYPE =
  /^[a-z0-9][a-z0-9!#$&^_.+-]{0,63}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,63}(?:;\s?[a-z0-9-]+=[a-z0-9._-]+){0,3}$/i;
/** What a browser would run in the bucket's origin is only ever handed out as a download. */
const INLINE_TYPE = /^(image\/(png|jpe?g|gif|webp)|audio\/|video\/|application\/pdf|text\/plain)/i;
/** Types that a browser may run; as a download they keep their bytes and lose their type. */
const ACTIVE_TYPE = /^(text\/(html|xml|javascript)|image\/svg|application\/(xhtml|xml|javascript|ecmascript|rdf))/i;
const OPAQUE_TYPE = "application/octet-stream";

export interface PresignedRequest {
  method: "GET" | "PUT";
  url: string;
  /** Headers that the request must carry, exactly. */
  headers: Record<string, string>;
  expiresAt: string;
}

export interface UploadSpec {
  /** Within the space, as `files/{fileId}`. */
  key: string;
  contentType: string;
  /** Exactly this many bytes are accepted: the length is signed. */
  size: number;
  maxSize?: number;
  expiresInSeconds?: number | undefined;
}

/**
 * A link by which one file of a known type and size can be uploaded into the space, once: what is there already is not
 * written over, so that nothing changes after it was looked at.
 */
export async function presignPut(ctx: Ctx, spec: UploadSpec): Promise<PresignedRequest> {
  const max = Math.min(spec.maxSize ?? MAX_UPLOAD_BYTES, MAX_UPLOAD_BYTES);
  if (!Number.isSafeInteger(spec.size) || spec.size < 0) throw invalidField("size", "must be a whole number of bytes");
  if (spec.size > max) throw new AppError("too_large", `a file may have at most ${max} bytes`);
  const contentType = checkedType(spec.contentType);
  const request = { Bucket: filesBucket(), Key: objectKey(ctx, spec.key), ContentType: contentType };
  const command = new PutObjectCommand({ ...request, ContentLength: spec.size, IfNoneMatch: "*" });
  const headers = { "content-type": contentType, "content-length": String(spec.size), "if-none-match": "*" };
  return signPut(ctx, command, headers, spec.expiresInSeconds);
}

export interface PartSpec {
  key: string;
  uploadId: string;
  partNumber: number;
  /** Exactly this many bytes are accepted. */
  size: number;
  expiresInSeconds?: number | undefined;
}

/** A link by which one part of a multi-part upload can be sent; the answer's ETag is what completes it. */
export async function presignPart(ctx: Ctx, spec: PartSpec): Promise<PresignedRequest> {
  const { key, uploadId, partNumber, size } = spec;
  const request = { Bucket: filesBucket(), Key: objectKey(ctx, key), UploadId: uploadId, PartNumber: partNumber };
  const command = new UploadPartCommand({ ...request, ContentLength: size });
  return signPut(ctx, command, { "content-length": String(size) }, spec.expiresInSeconds);
}

/** Signs an upload together with the headers that it must carry. */
async function signPut(
  ctx: Ctx,
  command: PutObjectCommand | UploadPartCommand,
  headers: Record<string, string>,
  expiresInSeconds: number | undefined,
): Promise<PresignedRequest> {
  const expiresIn = checkedExpiry(expiresInSeconds);
  const signableHeaders = new Set(["host", ...Object.keys(headers)]);
  const options = { expiresIn, signableHeaders, signingDate: signingDate(ctx) };
  const url = await getSignedUrl(s3(), command as PutObjectCommand, options);
  return { method: "PUT", url, headers, expiresAt: isoTime(ctx.clock.now() + expiresIn * 1000) };
}

export interface DownloadSpec {
  key: string;
  /** The name under which the file is saved. */
  fileName?: string;
  contentType?: string;
  /** A download even where a browser could show it. */
  asAttachment?: boolean;
  expiresInSeconds?: number | undefined;
}

/** A link by which one object of the space can be read. Types that a browser would run are always downloads. */
export async function presignGet(ctx: Ctx, spec: DownloadSpec): Promise<PresignedRequest> {
  const expiresIn = checkedExpiry(spec.expiresInSeconds);
  const given = spec.contentType === undefined ? undefined : checkedType(spec.contentType);
  const contentType = given && ACTIVE_TYPE.test(given) ? OPAQUE_TYPE : given;
  const kind = !spec.asAttachment && contentType && INLINE_TYPE.test(contentType) ? "inline" : "attachment";
  const name = spec.fileName ? `; filename*=UTF-8''${encodeName(spec.fileName)}` : "";
  const command = new GetObjectCommand({
    Bucket: filesBucket(),
    Key: objectKey(ctx, spec.key),
    ResponseContentDisposition: `${kind}${name}`,
    ...(contentType ? { ResponseContentType: contentType } : {}),
  });
  const url = await getSignedUrl(s3(), command, { expiresIn, signingDate: signingDate(ctx) });
  return { method: "GET", url, headers: {}, expiresAt: isoTime(ctx.clock.now() + expiresIn * 1000) };
}

function signingDate(ctx: Ctx): Date {
  return new Date(ctx.clock.now());
}

/** A media type as it may stand in a header, in lower case. Throws `invalid_input` naming `contentType`. */
export function checkedType(contentType: string): string {
  if (!MEDIA_TYPE.test(contentType)) throw invalidField("contentType", "must be a media type such as text/csv");
  return contentType.toLowerCase();
}

function checkedExpiry(seconds = DEFAULT_EXPIRY_SECONDS): number {
  const isWithin = Number.isInteger(seconds) && seconds >= MIN_EXPIRY_SECONDS && seconds <= MAX_EXPIRY_SECONDS;
  if (isWithin) return seconds;
  throw invalidField("expiresInSeconds", `must be ${MIN_EXPIRY_SECONDS} to ${MAX_EXPIRY_SECONDS}`);
}

/** RFC 5987: everything but plain letters and digits is percent-encoded, so that a name cannot end the header. */
function encodeName(name: string): string {
  const safe = name.toWellFormed().slice(0, 200).toWellFormed();
  return encodeURIComponent(safe).replace(/['()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}
