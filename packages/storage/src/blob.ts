import { createHash } from "node:crypto";
import { DeleteObjectCommand, GetObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { type Ctx, requireSpace } from "@weft/kernel/ctx";
import { AppError, notFound } from "@weft/kernel/errors";
import type { StoredValue } from "@weft/kernel/stored";
import { filesBucket, orMissing, s3, storageFailure } from "./client.ts";

/** Larger values go to S3: an item holds 400 KB with everything in it, a Step Functions state 256 KiB. */
export const OFFLOAD_BYTES = 100 * 1024;

/** Above this no single value is kept; files are uploaded and streamed instead. */
export const MAX_VALUE_BYTES = 64 * 1024 * 1024;

/** Whose value it is: `{ entity: "execution", id: "exe_…" }`. Part of the object's key. */
export interface ValueOwner {
  entity: string;
  id: string;
}

const SAFE_SEGMENT = /^[a-z0-9][a-z0-9_.-]{0,200}$/i;

/**
 * Prepares a JSON value for a row of this space: inline up to {@link OFFLOAD_BYTES}, else as an object of the files
 * bucket that is written before this returns, so that a row never points to nothing. The key holds the content's hash:
 * a repeat writes the same object. Throws `invalid_input` for what JSON cannot hold, `too_large` above
 * {@link MAX_VALUE_BYTES}.
 */
export async function offload(ctx: Ctx, owner: ValueOwner, value: unknown): Promise<StoredValue> {
  return offloadJson(ctx, owner, toJson(value));
}

/** {@link offload} of a value that is JSON text already. */
export async function offloadJson(ctx: Ctx, owner: ValueOwner, json: string): Promise<StoredValue> {
  // Each UTF-16 unit is one to three bytes: most values need no count.
  if (json.length * 3 <= OFFLOAD_BYTES) return { json };
  const size = Buffer.byteLength(json);
  if (size <= OFFLOAD_BYTES) return { json };
  if (size > MAX_VALUE_BYTES) throw new AppError("too_large", `a value may have at most ${MAX_VALUE_BYTES} bytes`);
  const body = Buffer.from(json);
  const sha256 = createHash("sha256").update(body).digest("hex");
  const ref = `${spacePrefix(ctx)}${segment(owner.entity)}/${segment(owner.id)}/${sha256}`;
  const request = { Bucket: filesBucket(), Key: ref, Body: body, ContentType: "application/json" };
  try {
    await s3().send(new PutObjectCommand(request));
  } catch (thrown) {
    throw storageFailure(thrown);
  }
  return { ref, size, sha256 };
}

/** The value back. See {@link loadJson} for what it throws. */
export async function load(ctx: Ctx, stored: StoredValue): Promise<unknown> {
  return JSON.parse(await loadJson(ctx, stored));
}

/**
 * The value's JSON text. Throws `not_found` for a pointer into another space, `gone` where the object is missing and
 * `internal` where its size or hash is not what the row says.
 */
export async function loadJson(ctx: Ctx, stored: StoredValue): Promise<string> {
  if ("json" in stored) return stored.json;
  if (!stored.ref.startsWith(spacePrefix(ctx))) throw notFound("stored value");
  const body = await orMissing(async () => {
    const object = await s3().send(new GetObjectCommand({ Bucket: filesBucket(), Key: stored.ref }));
    return Buffer.from((await object.Body?.transformToByteArray()) ?? []);
  });
  if (body === null) throw new AppError("gone", "the stored value is no longer there");
  const isWhole = body.length === stored.size && createHash("sha256").update(body).digest("hex") === stored.sha256;
  if (!isWhole) throw new AppError("internal", "the stored value is damaged");
  return body.toString("utf8");
}

/**
 * Removes the object behind a pointer; does nothing for an inline value and for one that is gone. Equal values of one
 * owner share an object: discard them when the owner goes.
 */
export async function discard(ctx: Ctx, stored: StoredValue): Promise<void> {
  if ("json" in stored) return;
  if (!stored.ref.startsWith(spacePrefix(ctx))) throw notFound("stored value");
  await orMissing(() => s3().send(new DeleteObjectCommand({ Bucket: filesBucket(), Key: stored.ref })));
}

/** How many bytes the value has, wherever it is. */
export function storedSize(stored: StoredValue): number {
  return "json" in stored ? Buffer.byteLength(stored.json) : stored.size;
}

/** Where all objects of the ctx's space are. */
export function spacePrefix(ctx: Ctx): string {
  return `spaces/${segment(requireSpace(ctx))}/`;
}

/** One part of an object's key. Ids and fixed names only: anything else could leave the space's prefix. */
export function segment(text: string): string {
  if (!SAFE_SEGMENT.test(text)) throw new AppError("internal", "not a name for an object's key");
  return text;
}

function toJson(value: unknown): string {
  try {
    const json = JSON.stringify(value);
    if (json !== undefined) return json;
  } catch (cause) {
    throw new AppError("invalid_input", "the value cannot be written as JSON", { cause });
  }
  throw new AppError("invalid_input", "the value cannot be written as JSON");
}
