import { AppError, invalidField } from "@weft/kernel/errors";
import { MAX_CANVAS_CHARS } from "../limits.ts";
import { checkSizes } from "../shape.ts";
import { isRecord, parseJson } from "../values/json.ts";

/** Aliases that a YAML text may follow: a few lines of them can stand for more than any memory holds. */
const MAX_ALIASES = 100;

function place(text: string, offset: number): string {
  const before = text.slice(0, offset);
  return `line ${before.split("\n").length}, column ${offset - before.lastIndexOf("\n")}`;
}

function jsonOf(text: string): unknown {
  try {
    return parseJson(text);
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    const offset = /position (\d+)/.exec(cause.message)?.[1];
    const where = offset === undefined ? "at its end" : `at ${place(text, Number(offset))}`;
    throw invalidField("canvas", `the text is not JSON: ${cause.message.split(" in JSON")[0]}, ${where}`.slice(0, 500));
  }
}

async function yamlOf(text: string): Promise<unknown> {
  const { parseDocument } = await import("yaml");
  const document = parseDocument(text, { maxAliasCount: MAX_ALIASES, stringKeys: true } as never);
  const [error] = document.errors;
  if (error) {
    const at = error.linePos?.[0];
    const where = at ? ` at line ${at.line}, column ${at.col}` : "";
    throw invalidField("canvas", `the text is not YAML: ${error.message.split("\n")[0]?.slice(0, 200)}${where}`);
  }
  return document.toJS({ maxAliasCount: MAX_ALIASES });
}

/**
 * The object in a file: given as it is, or as JSON or YAML text. Throws AppError `invalid_input` naming line and column of
 * what cannot be read, and `too_large`.
 */
export async function readDocument(given: unknown): Promise<Record<string, unknown>> {
  let value = given;
  if (typeof given === "string") {
    if (given.length > MAX_CANVAS_CHARS)
      throw new AppError("too_large", `a file has at most ${MAX_CANVAS_CHARS} characters`);
    const text = given.replace(/^\uFEFF/, "");
    try {
      value = /^\s*[{[]/.test(text) ? jsonOf(text) : await yamlOf(text);
    } catch (cause) {
      if (cause instanceof AppError) throw cause;
      throw new AppError("invalid_input", "the file cannot be read: it nests too deeply or repeats itself", { cause });
    }
  }
  if (!isRecord(value)) throw invalidField("canvas", "a workflow is an object");
  checkSizes(value);
  return value;
}

/** A value as YAML text. */
export async function writeYaml(value: unknown): Promise<string> {
  const { stringify } = await import("yaml");
  return stringify(value, { aliasDuplicateObjects: false, lineWidth: 0 });
}
