import * as z from "zod";
import { refuse } from "../items/items.ts";
import type { NodeDeps } from "../node.ts";

const MAX_KEY = 512;
const SEGMENT = /^[^\\\p{Cc}]+$/u;

/** Whether a text is a file's key: a relative path without `.`, `..`, empty parts, backslashes and control characters. */
export function isFileKey(key: string): boolean {
  if (key === "" || Buffer.byteLength(key) > MAX_KEY || !key.isWellFormed()) return false;
  return key.split("/").every((part) => part !== "." && part !== ".." && SEGMENT.test(part));
}

/** A content type as it may stand in a header. */
export const contentType = z
  .string()
  .max(200)
  .regex(/^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(;[ \w="!#$&^.+-]*)?$/, "it is no content type");

/** The files of the space, and a key that may be used with them. Throws NodeError. */
export function filesOf(deps: NodeDeps): NonNullable<NodeDeps["files"]> {
  if (!deps.files) throw refuse("unavailable", "files are not available here");
  return deps.files;
}

/** The key, or a NodeError where it is none. */
export function fileKey(key: string): string {
  const text = key.trim();
  if (!isFileKey(text)) throw refuse("invalid_key", "a file's key is a path such as reports/may.csv, without . and ..");
  return text;
}
