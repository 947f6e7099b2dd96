import { NodeError } from "../node.ts";
import type { PathPart } from "../plan.ts";
import { toText } from "./convert.ts";
import { isOutOfRange, MAX_PATH_LENGTH, parsePath, readPath } from "./path.ts";

/** A piece of a template: text as it stands, or a value to put in. */
export type TemplatePart = { text: string } | { path: PathPart[]; source: string };

/**
 * Splits a template at its `{{path}}` places. One pass, linear in the text: a `{{` without its `}}`, or whose inside is not
 * a path, is text. Nothing that is put in is ever looked at again.
 */
export function parseTemplate(template: string): TemplatePart[] {
  const parts: TemplatePart[] = [];
  let from = 0;
  let open = template.indexOf("{{");
  let close = -1;
  while (open >= 0) {
    if (close < open + 2) close = template.indexOf("}}", open + 2);
    if (close < 0) break;
    const inner = close - open - 2 <= MAX_PATH_LENGTH + 64 ? template.slice(open + 2, close).trim() : "";
    const path = parsePath(inner);
    if (path === undefined) {
      open = template.indexOf("{{", open + 1);
      continue;
    }
    if (open > from) parts.push({ text: template.slice(from, open) });
    parts.push({ path, source: template.slice(open, close + 2) });
    from = close + 2;
    open = template.indexOf("{{", from);
  }
  if (from < template.length) parts.push({ text: template.slice(from) });
  return parts;
}

/** Names that a template reads. */
export function templateNames(template: string): string[] {
  const names = new Set<string>();
  for (const part of parseTemplate(template)) if ("path" in part) names.add(String(part.path[0]));
  return [...names];
}

/** Looks up one place. `known` is false where its first name is none of `values`, or a value lacks the member it names. */
export function lookup(part: { path: PathPart[]; source: string }, values: Record<string, unknown>) {
  const [root, ...rest] = part.path;
  if (root === undefined || !Object.hasOwn(values, root)) return { known: false, value: undefined };
  const base = values[root];
  if (isOutOfRange(base, rest)) {
    throw new NodeError("index_out_of_range", `${part.source}: the list has no such item`, { retryable: false });
  }
  const value = readPath(base, rest);
  return { known: value !== undefined || endsAtNull(base, rest), value };
}

/** Whether the way into a value ends early because something on it is null: what is inside nothing is nothing. */
function endsAtNull(base: unknown, parts: readonly PathPart[]): boolean {
  return (base ?? null) === null || parts.some((_part, at) => readPath(base, parts.slice(0, at + 1)) === null);
}

/**
 * Renders `{{a.b[0]}}` places from `values`: text as it is, null as nothing, objects and lists as compact JSON with sorted
 * keys. A name that is not among `values`, or not in the value that it is read from, stays as it is written. Throws
 * NodeError for an index beyond a list.
 */
export function renderTemplate(
  template: string,
  values: Record<string, unknown>,
  text: (value: unknown, path: readonly PathPart[]) => string = toText,
): string {
  if (!template.includes("{{")) return template;
  let result = "";
  for (const part of parseTemplate(template)) {
    if ("text" in part) {
      result += part.text;
      continue;
    }
    const found = lookup(part, values);
    result += found.known ? text(found.value, part.path) : part.source;
  }
  return result;
}
