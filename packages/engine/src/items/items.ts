import * as z from "zod";
import { MAX_ITEMS } from "../limits.ts";
import { NodeError } from "../node.ts";
import type { PathPart } from "../plan.ts";
import { isRecord, setOwn, stableStringify } from "../values/json.ts";
import { MAX_PATH_LENGTH, parsePath, readPath } from "../values/path.ts";

/** A path into an item: `name`, `address.city`, `tags[0]`; empty is the item itself. */
export const itemPath = z
  .string()
  .max(MAX_PATH_LENGTH)
  .refine((path) => path === "" || parsePath(path) !== undefined, "it is no path such as address.city or tags[0]");

/** The name of the input that holds the list. */
export const itemsInput = z.string().min(1).max(128).default("items");

/** Name of a member that a node makes. */
export const memberName = z.string().min(1).max(128);

/** A problem with what came in, which another try would not change. */
export function refuse(code: string, message: string, cause?: unknown): NodeError {
  return new NodeError(code, message, cause === undefined ? { retryable: false } : { retryable: false, cause });
}

/** Throws where a list is longer than a node may give. */
export function checkCount(count: number): void {
  if (count > MAX_ITEMS) throw refuse("too_many_items", `a list has at most ${MAX_ITEMS} items here`);
}

/** The items of an input: a list as it is, nothing for null, anything else as the only item. */
export function itemsOf(inputs: Record<string, unknown>, name: string): readonly unknown[] {
  const value = inputs[name] ?? null;
  if (value === null) return [];
  if (!Array.isArray(value)) return [value];
  checkCount(value.length);
  return value;
}

/** Reads a path of {@link itemPath} from items. */
export function reader(path: string): (item: unknown) => unknown {
  const parts: PathPart[] = path === "" ? [] : (parsePath(path) ?? []);
  return (item) => readPath(item, parts);
}

/** Text that is the same for equal values and no others. Absent and null are equal. */
export function keyOf(value: unknown): string {
  try {
    return stableStringify(value ?? null);
  } catch (cause) {
    throw refuse("too_deep", "a value is nested too deeply to be compared", cause);
  }
}

/** One key for several paths of an item. */
export function keyReader(paths: readonly string[]): (item: unknown) => string {
  const readers = paths.map(reader);
  const [only] = readers;
  if (readers.length === 1 && only) return (item) => keyOf(only(item));
  return (item) => keyOf(readers.map((read) => read(item) ?? null));
}

/** The item as a record; what is none becomes `{value}`. */
export function recordOf(item: unknown): Record<string, unknown> {
  if (isRecord(item)) return item;
  return item === null || item === undefined ? {} : { value: item };
}

/** A copy of a record without some of its members. */
export function without(record: Record<string, unknown>, names: ReadonlySet<string>): Record<string, unknown> {
  const copy: Record<string, unknown> = {};
  for (const key of Object.keys(record)) if (!names.has(key)) setOwn(copy, key, record[key]);
  return copy;
}

/** A copy of `base` with the members of `over` on top, own keys only. */
export function merged(base: Record<string, unknown>, over: Record<string, unknown>): Record<string, unknown> {
  const copy: Record<string, unknown> = {};
  for (const key of Object.keys(base)) setOwn(copy, key, base[key]);
  for (const key of Object.keys(over)) setOwn(copy, key, over[key]);
  return copy;
}

/** The last name of a path: what a field is called that is taken from there. */
export function lastName(path: string): string {
  return String(parsePath(path)?.at(-1) ?? "value");
}
