import { RE2JS } from "re2js";

const CACHED = 500;
const compiled = new Map<string, RE2JS>();

function compile(pattern: RegExp): RE2JS {
  const key = String(pattern);
  let program = compiled.get(key);
  if (program) return program;
  let flags = 0;
  if (pattern.flags.includes("i")) flags |= RE2JS.CASE_INSENSITIVE;
  if (pattern.flags.includes("m")) flags |= RE2JS.MULTILINE;
  if (pattern.flags.includes("s")) flags |= RE2JS.DOTALL;
  try {
    program = RE2JS.compile(RE2JS.translateRegExp(pattern.source), flags);
  } catch (cause) {
    throw new SyntaxError(`The pattern ${key} cannot be used: look-around and back references are not supported`, {
      cause,
    });
  }
  if (compiled.size >= CACHED) compiled.clear();
  compiled.set(key, program);
  return program;
}

/**
 * What JSONata needs of a regular expression, on an engine whose time is linear in the text: no pattern can hold the
 * thread. Throws SyntaxError for look-around and back references, which such an engine cannot have.
 */
export class LinearRegExp {
  readonly #program: RE2JS;
  lastIndex = 0;

  constructor(pattern: RegExp) {
    this.#program = compile(pattern);
  }

  /** The next match from `lastIndex` on, in the form of `RegExp.exec`. */
  exec(text: string): (string[] & { index: number }) | null {
    const matcher = this.#program.matcher(text);
    if (this.lastIndex > text.length || !matcher.find(this.lastIndex)) {
      this.lastIndex = 0;
      return null;
    }
    const groups = Array.from({ length: matcher.groupCount() + 1 }, (_, at) => matcher.group(at) ?? undefined);
    this.lastIndex = matcher.end();
    return Object.assign(groups as string[], { index: matcher.start() });
  }
}
