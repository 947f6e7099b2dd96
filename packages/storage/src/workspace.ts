import type { Ctx } from "@weft/kernel/ctx";
import { AppError } from "@weft/kernel/errors";
import { spacePrefix } from "./blob.ts";
import { getObject, type ObjectContent, putObject } from "./object.ts";

/** What workflows keep under keys of their own. */
const FOLDER = "workspace";
/** S3 allows 1,024 bytes with the prefix. */
const MAX_KEY_BYTES = 512;
const PART = /^[^\\\p{Cc}]+$/u;

/** A relative path without `.`, `..`, empty parts, backslashes and control characters: nothing that could leave the folder. */
function workspaceKey(ctx: Ctx, key: string): string {
  const isSafe =
    key.isWellFormed() &&
    Buffer.byteLength(key) <= MAX_KEY_BYTES &&
    key.split("/").every((part) => part !== "." && part !== ".." && PART.test(part));
  if (!isSafe) throw new AppError("invalid_input", "a file's key is a path such as reports/may.csv, without . and ..");
  return `${spacePrefix(ctx)}${FOLDER}/${key}`;
}

/** Writes a file of the ctx's space, over one that is there. Throws `invalid_input` for a key that is none. */
export async function putWorkspaceFile(ctx: Ctx, key: string, file: ObjectContent): Promise<void> {
  await putObject(workspaceKey(ctx, key), file);
}

/**
 * A file of the ctx's space, or null where there is none. Throws `too_large` above `maxBytes` without reading it, and
 * `invalid_input` for a key that is none.
 */
export async function getWorkspaceFile(ctx: Ctx, key: string, maxBytes: number): Promise<ObjectContent | null> {
  return getObject(workspaceKey(ctx, key), maxBytes);
}
