import { runtimeFailure } from "../errors.ts";
import type { Json } from "../json.ts";
import { INTRINSICS } from "./intrinsic-functions.ts";
import { type Path, type PathScope, parsePath, readPath } from "./jsonpath.ts";

type Argument = { value: Json } | { path: Path } | { call: Call };
interface Call {
  name: string;
  args: Argument[];
}

const CALL = /^States\.([A-Za-z0-9]+)\(/;
const NUMBER = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?=[\s,)])/;
const WORD = /^(?:null|true|false)(?=[\s,)])/;
/** Step Functions allows intrinsic functions ten deep. */
const MAX_NESTING = 10;

const cache = new Map<string, Call | undefined>();
const MAX_CACHED = 5_000;

/** The call, or undefined when the text is no valid call of a known function. */
export function parseIntrinsic(text: string): Call | undefined {
  if (cache.has(text)) return cache.get(text);
  if (cache.size >= MAX_CACHED) cache.clear();
  const parser = new Parser(text);
  const call = parser.call(1);
  const valid = call && parser.isAtEnd() ? call : undefined;
  cache.set(text, valid);
  return valid;
}

class Parser {
  readonly #text: string;
  #at = 0;
  constructor(text: string) {
    this.#text = text.trim();
  }

  isAtEnd(): boolean {
    return this.#at === this.#text.length;
  }

  call(depth: number): Call | undefined {
    const name = this.#take(CALL)?.[1];
    const known = name === undefined ? undefined : INTRINSICS[name];
    if (name === undefined || !known || depth > MAX_NESTING) return undefined;
    const args = this.#arguments(depth);
    if (!args || args.length < known.min || args.length > known.max) return undefined;
    return { name, args };
  }

  #arguments(depth: number): Argument[] | undefined {
    const args: Argument[] = [];
    this.#space();
    if (this.#char(")")) return args;
    for (;;) {
      this.#space();
      const arg = this.#argument(depth);
      if (!arg) return undefined;
      args.push(arg);
      this.#space();
      if (this.#char(")")) return args;
      if (!this.#char(",")) return undefined;
    }
  }

  #argument(depth: number): Argument | undefined {
    const left = this.#text.slice(this.#at);
    if (left.startsWith("'")) return this.#string();
    if (left.startsWith("$")) return this.#path();
    const literal = this.#take(NUMBER) ?? this.#take(WORD);
    if (literal) return { value: JSON.parse(literal[0]) as Json };
    const call = this.call(depth + 1);
    return call && { call };
  }

  /** Only the quote, the braces and the backslash may be escaped. */
  #string(): Argument | undefined {
    let value = "";
    for (let i = this.#at + 1; i < this.#text.length; i++) {
      const char = this.#text[i]!;
      if (char === "'") {
        this.#at = i + 1;
        return { value };
      }
      if (char === "\\") {
        const next = this.#text[++i];
        if (next === undefined || !"'{}\\".includes(next)) return undefined;
        // Format must still tell an escaped brace from a place holder.
        value += next === "'" ? next : `\\${next}`;
      } else value += char;
    }
    return undefined;
  }

  #path(): Argument | undefined {
    let depth = 0;
    let quote = "";
    let end = this.#at;
    for (; end < this.#text.length; end++) {
      const char = this.#text[end]!;
      if (quote) quote = char === quote ? "" : quote;
      else if (char === "'" || char === '"') quote = char;
      else if (char === "[" || char === "(") depth++;
      else if (depth > 0 && (char === "]" || char === ")")) depth--;
      else if (depth === 0 && (char === "," || char === ")")) break;
    }
    const path = parsePath(this.#text.slice(this.#at, end).trim());
    this.#at = end;
    return path && { path };
  }

  #take(pattern: RegExp): RegExpExecArray | undefined {
    const match = pattern.exec(this.#text.slice(this.#at));
    if (!match) return undefined;
    this.#at += match[0].length;
    return match;
  }

  #char(char: string): boolean {
    if (this.#text[this.#at] !== char) return false;
    this.#at++;
    return true;
  }

  #space(): void {
    while (/\s/.test(this.#text[this.#at] ?? "")) this.#at++;
  }
}

/** Runs an intrinsic function; `text` is named when it fails. */
export function runIntrinsic(text: string, scope: PathScope): Json {
  const call = parseIntrinsic(text);
  if (!call) throw runtimeFailure(`Invalid intrinsic function '${text}'`);
  return run(call, text, scope);
}

function run(call: Call, text: string, scope: PathScope): Json {
  const args = call.args.map((arg) => {
    if ("value" in arg)
      return call.name === "Format" || typeof arg.value !== "string" ? arg.value : unescapeBraces(arg.value);
    if ("call" in arg) return run(arg.call, text, scope);
    const value = readPath(arg.path, scope);
    if (value !== undefined) return value;
    throw runtimeFailure(
      `The JsonPath argument for the field '${arg.path.text}' could not be found in the input '${JSON.stringify(scope.input)}'`,
    );
  });
  try {
    return INTRINSICS[call.name]!.run(args);
  } catch (error) {
    const reason = (error as Error).message;
    throw runtimeFailure(`The function '${text}' had the following error: ${reason}`);
  }
}

function unescapeBraces(text: string): string {
  return text.replaceAll(/\\([{}\\])/g, "$1");
}
