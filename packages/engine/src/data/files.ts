import { isId } from "@weft/kernel/ids";
import * as z from "zod";
import { refuse } from "../items/items.ts";
import type { FileContent, NodeDeps } from "../node.ts";
import type { ValueType } from "../plan.ts";
import { isRecord, tryParseJson } from "../values/json.ts";

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

/** Whether a declared type stands for a file of some kind, as Coze's assist types do. */
export function isFileType(type: { assist?: ValueType["assist"] | undefined }): boolean {
  return type.assist !== undefined && type.assist !== "time";
}

/** The id of a File that a value names: by itself, or as Coze writes it, `{"file_id": "…"}`, as an object or as text. */
export function fileIdOf(value: unknown): string | undefined {
  if (isId("file", value)) return value;
  const record = typeof value === "string" && value.trimStart().startsWith("{") ? tryParseJson(value) : value;
  if (!isRecord(record)) return undefined;
  return [record.file_id, record.id].find((id): id is string => isId("file", id));
}

/** A file by key or id that must be there. Throws NodeError. */
export async function readFile(deps: NodeDeps, key: string, maxBytes: number): Promise<FileContent> {
  const file = await filesOf(deps).get(key, maxBytes);
  if (!file) throw refuse("not_found", `there is no file "${key}"`);
  return file;
}
