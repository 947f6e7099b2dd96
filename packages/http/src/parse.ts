import { AppError, type FieldIssue, invalidField, invalidInput } from "@weft/kernel/errors";
import * as z from "zod";

/** Levels of nesting in a JSON body: enough for any canvas, and far from the depth at which parsing by recursion fails. */
export const MAX_JSON_DEPTH = 512;
/** Problems named in one answer. */
const MAX_ISSUES = 20;
/** Characters of a field's path or message that are echoed. */
const MAX_ECHO = 200;

const clip = (text: string): string => (text.length > MAX_ECHO ? `${text.slice(0, MAX_ECHO)}…` : text);

type Issue = z.core.$ZodIssue;

const depthOf = (issues: readonly Issue[]): number => Math.max(0, ...issues.map((issue) => issue.path.length));

/** Of the forms that a value could have had, the one that it came nearest to: wrong deepest, then in the fewest places. */
function nearest(forms: readonly (readonly Issue[])[]): readonly Issue[] {
  const sorted = [...forms].sort((a, b) => depthOf(b) - depthOf(a) || a.length - b.length);
  return sorted[0] ?? [];
}

function toIssues(issue: Issue, above: readonly PropertyKey[] = []): FieldIssue[] {
  const path = [...above, ...issue.path];
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({ path: clip([...path, key].map(String).join(".")), message: "unknown field" }));
  }
  const inner = issue.code === "invalid_union" ? nearest(issue.errors) : [];
  if (depthOf(inner) > 0) return inner.flatMap((one) => toIssues(one, path));
  return [{ path: clip(path.map(String).join(".")), message: clip(issue.message) }];
}

/** Parses one part of a request. Throws `invalid_input` naming the fields; `root` names the part where a path is empty. */
export function parseWith<T>(schema: z.ZodType<T>, value: unknown, root: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.flatMap((issue) => toIssues(issue)).slice(0, MAX_ISSUES);
  throw invalidInput(issues.map((issue) => ({ ...issue, path: issue.path || root })));
}

/** Whether the text up to `end` could still be the beginning of a JSON value. */
function isPrefix(text: string, end: number): boolean {
  try {
    JSON.parse(text.slice(0, end));
    return true;
  } catch (thrown) {
    const message = (thrown as Error).message;
    const at = /at position (\d+)/.exec(message)?.[1];
    return at === undefined ? message.startsWith("Unexpected end") : Number(at) >= end;
  }
}

/** Index of the first character that cannot be: the engine's own message does not always tell. */
function errorPosition(text: string): number {
  let low = 0;
  let high = text.length;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (isPrefix(text, middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}

function malformed(text: string): AppError {
  const position = errorPosition(text);
  const before = text.slice(0, position);
  const line = before.split("\n").length;
  const column = position - before.lastIndexOf("\n");
  return new AppError("invalid_input", `malformed JSON at position ${position} (line ${line}, column ${column})`, {
    details: { issues: [{ path: "body", message: "malformed JSON" }], position, line, column },
  });
}

function checkDepth(text: string): void {
  let depth = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (inString) {
      if (code === 0x5c) i++;
      else if (code === 0x22) inString = false;
    } else if (code === 0x22) inString = true;
    else if (code === 0x7b || code === 0x5b) {
      depth++;
      if (depth > MAX_JSON_DEPTH) throw invalidField("body", `nested deeper than ${MAX_JSON_DEPTH} levels`);
    } else if (code === 0x7d || code === 0x5d) depth--;
  }
}

/** Parses a JSON body. Throws `invalid_input` with the position of what is malformed. */
export function parseJson(text: string): unknown {
  checkDepth(text);
  try {
    return JSON.parse(text);
  } catch {
    throw malformed(text);
  }
}

function isArraySchema(schema: unknown): boolean {
  if (schema instanceof z.ZodArray) return true;
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodNullable) {
    return isArraySchema(schema.def.innerType);
  }
  return schema instanceof z.ZodPipe && isArraySchema(schema.def.in);
}

/** Turns repeated parameters or fields into what the schema reads. Throws where one that takes a single value is repeated. */
export function queryObject(
  schema: z.ZodObject,
  values: Readonly<Record<string, readonly unknown[] | undefined>>,
): Record<string, unknown> {
  const result: Record<string, unknown> = Object.create(null);
  for (const [name, list = []] of Object.entries(values)) {
    const isArray = Object.hasOwn(schema.shape, name) && isArraySchema(schema.shape[name]);
    if (!isArray && list.length > 1) throw invalidField(clip(name), "given more than once");
    result[name] = isArray ? list : list[0];
  }
  return { ...result };
}
