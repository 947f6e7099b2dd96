import { GetObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { isoTime } from "@weft/kernel/clock";
import type { Ctx } from "@weft/kernel/ctx";
import { AppError, invalidField, notFound } from "@weft/kernel/errors";
import { spacePrefix } from "./blob.ts";
import { filesBucket, s3 } from "./client.ts";

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
  expiresInSeconds?: number;
}

/** A link by which one file of a known type and size can be uploaded into the space. */
export async function presignPut(ctx: Ctx, spec: UploadSpec): Promise<PresignedRequest> {
  const max = Math.min(spec.maxSize ?? MAX_UPLOAD_BYTES, MAX_UPLOAD_BYTES);
  if (!Number.isSafeInteger(spec.size) || spec.size < 0) throw invalidField("size", "must be a whole number of bytes");
  if (spec.size > max) throw new AppError("too_large", `a file may have at most ${max} bytes`);
  const contentType = checkedType(spec.contentType);
  const expiresIn = checkedExpiry(spec.expiresInSeconds);
  const request = { Bucket: filesBucket(), Key: objectKey(ctx, spec.key), ContentType: contentType };
  const command = new PutObjectCommand({ ...request, ContentLength: spec.size });
  const signableHeaders = new Set(["host", "content-type", "content-length"]);
  const url = await getSignedUrl(s3(), command, { expiresIn, signableHeaders, signingDate: signingDate(ctx) });
  const headers = { "content-type": contentType, "content-length": String(spec.size) };
  return { method: "PUT", url, headers, expiresAt: isoTime(ctx.clock.now() + expiresIn * 1000) };
}

export interface DownloadSpec {
  key: string;
  /** The name under which the file is saved. */
  fileName?: string;
  contentType?: string;
  expiresInSeconds?: number;
}

/** A link by which one object of the space can be read. Types that a browser would run are always downloads. */
export async function presignGet(ctx: Ctx, spec: DownloadSpec): Promise<PresignedRequest> {
  const expiresIn = checkedExpiry(spec.expiresInSeconds);
  const contentType = spec.contentType === undefined ? undefined : checkedType(spec.contentType);
  const kind = contentType && INLINE_TYPE.test(contentType) ? "inline" : "attachment";
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

/** The full key of an object of the space. Throws `not_found` for a key that would leave it. */
export function objectKey(ctx: Ctx, key: string): string {
  const parts = key.split("/");
  const isPlain = parts.every((part) => part !== "" && part !== "." && part !== "..");
  if (!isPlain || key.length > 512 || /[^\x20-\x7e]/.test(key)) throw notFound("file");
  return spacePrefix(ctx) + key;
}

function signingDate(ctx: Ctx): Date {
  return new Date(ctx.clock.now());
}

function checkedType(contentType: string): string {
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
