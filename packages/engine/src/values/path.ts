import type { PathPart } from "../plan.ts";

/** Longest path text that is looked at; longer text is never a path. */
export const MAX_PATH_LENGTH = 512;

const INDEX = /^\d{1,9}$/;
/** What a bare name may not hold; everything else, any script included, may be a name. */
const NAME_STOP = new Set([".", "[", "]", "{", "}", '"', "'", " ", "\t", "\n", "\r", "#", "/", "\\"]);

function readBracket(text: string, at: number): { part: PathPart; next: number } | undefined {
  const close = text.indexOf("]", at);
  if (close < 0) return undefined;
  const inner = text.slice(at + 1, close);
  if (INDEX.test(inner)) return { part: Number(inner), next: close + 1 };
  const quote = inner[0];
  if (inner.length < 3 || (quote !== '"' && quote !== "'") || inner.at(-1) !== quote) return undefined;
  return { part: inner.slice(1, -1), next: close + 1 };
}

function readName(text: string, at: number): { part: string; next: number } | undefined {
  let end = at;
  while (end < text.length && !NAME_STOP.has(text[end]!)) end++;
  return end === at ? undefined : { part: text.slice(at, end), next: end };
}

/** Reads `a.b[0]["c d"]` into its parts; undefined when the text is not a path. */
export function parsePath(text: string): PathPart[] | undefined {
  if (text.length === 0 || text.length > MAX_PATH_LENGTH) return undefined;
  const parts: PathPart[] = [];
  let at = 0;
  while (at < text.length) {
    let step: { part: PathPart; next: number } | undefined;
    if (text[at] === "[") step = parts.length === 0 ? undefined : readBracket(text, at);
    else if (parts.length === 0) step = readName(text, at);
    else step = text[at] === "." ? readName(text, at + 1) : undefined;
    if (step === undefined) return undefined;
    parts.push(step.part);
    at = step.next;
  }
  return parts;
}

/** Writes a path so that {@link parsePath} reads it back. */
export function formatPath(parts: readonly PathPart[]): string {
  let text = "";
  for (const part of parts) {
    if (typeof part === "number") text += `[${part}]`;
    else if (readName(part, 0)?.next === part.length) text += text === "" ? part : `.${part}`;
    else text += `[${JSON.stringify(part)}]`;
  }
  return text;
}

function step(value: unknown, part: PathPart): unknown {
  if (value === null || typeof value !== "object") return undefined;
  if (Array.isArray(value)) {
    const index = typeof part === "number" ? part : INDEX.test(part) ? Number(part) : -1;
    return index >= 0 && index < value.length ? value[index] : undefined;
  }
  return Object.hasOwn(value, part) ? (value as Record<PathPart, unknown>)[part] : undefined;
}

/** The value at a path, or undefined. Reads own members and list items only, never a prototype's. */
export function readPath(value: unknown, parts: readonly PathPart[]): unknown {
  let current = value;
  for (const part of parts) {
    if (current === undefined) return undefined;
    current = step(current, part);
  }
  return current;
}

/** Whether the path steps out of a list: an index at or beyond its length. */
export function isOutOfRange(value: unknown, parts: readonly PathPart[]): boolean {
  let current = value;
  for (const part of parts) {
    if (Array.isArray(current) && typeof part === "number" && part >= current.length) return true;
    current = step(current, part);
  }
  return false;
}

/** A copy of `root` with the value at `parts` replaced; objects on the way are made where there are none. */
export function withPath(root: unknown, parts: readonly PathPart[], value: unknown): unknown {
  const [head, ...rest] = parts;
  if (head === undefined) return value;
  const inner = withPath(step(root, head), rest, value);
  if (Array.isArray(root) && typeof head === "number" && head <= root.length) {
    const list = [...root];
    list[head] = inner;
    return list;
  }
  const base = typeof root === "object" && root !== null && !Array.isArray(root) ? root : {};
  return Object.fromEntries([...Object.entries(base).filter(([key]) => key !== String(head)), [String(head), inner]]);
}
