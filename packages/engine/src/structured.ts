import { generate, type ModelCall, type ModelReply, type Models } from "./model.ts";
import { NodeError } from "./node.ts";
import { addUsage } from "./record.ts";
import { MAX_VALUE_DEPTH, parseJson } from "./values/json.ts";

/** Of a reply that is searched for JSON: beyond it, looking would cost more than asking again. */
const MAX_SEARCHED = 200_000;
/** Places in a reply at which a value may begin that are tried. */
const MAX_STARTS = 200;
/** Of a reply that is shown to the model again. */
const MAX_SHOWN = 4_000;

/** How a value was found in a reply: from the reply as it is, to one that had to be mended or asked for once more. */
export const FOUND_BY = ["direct", "fence", "extract", "repair", "again"] as const;
export type FoundBy = (typeof FOUND_BY)[number];

export interface StructuredReply extends ModelReply {
  value: unknown;
  foundBy: FoundBy;
  /** The reply as the model gave it, the last one where it was asked twice. */
  raw: string;
}

/**
 * A reply that is one JSON value. What is no JSON is looked for, mended and at last asked for once more; `check` says what
 * is wrong with a value, in words for the model. Throws NodeError `invalid_reply` with the raw reply in `details.raw`, and
 * what {@link generate} throws.
 */
export async function generateJson(
  models: Models,
  call: ModelCall,
  signal: AbortSignal,
  check: (value: unknown) => string | undefined = () => undefined,
): Promise<StructuredReply> {
  const asked: ModelCall = { ...call, format: call.format ?? { type: "json" } };
  const first = await generate(models, asked, signal);
  const found = findJson(first.text);
  const wrong = found ? check(found.value) : "it is no JSON";
  if (found && wrong === undefined) return { ...first, ...found, raw: first.text };
  const again: ModelCall = {
    ...asked,
    idempotencyKey: `${call.idempotencyKey}:again`,
    messages: [
      ...call.messages,
      { role: "assistant", content: first.text.slice(0, MAX_SHOWN) || "(nothing)" },
      { role: "user", content: `That reply cannot be used: ${wrong}. Reply with the JSON value alone.` },
    ],
  };
  const second = await generate(models, again, signal);
  const usage = addUsage({ ...first.usage }, second.usage);
  const value = findJson(second.text);
  const still = value ? check(value.value) : "it is no JSON";
  if (value && still === undefined) return { ...second, usage, value: value.value, foundBy: "again", raw: second.text };
  throw new NodeError("invalid_reply", `the model's reply cannot be used: ${still}`, {
    details: { raw: second.text.slice(0, MAX_SHOWN) },
    usage,
  });
}

/** The JSON value in a text; undefined where there is none. */
export function findJson(text: string): { value: unknown; foundBy: Exclude<FoundBy, "again"> } | undefined {
  const whole = parsed(text.trim());
  if (whole) return { ...whole, foundBy: "direct" };
  const searched = text.slice(0, MAX_SEARCHED);
  for (const block of fenced(searched)) {
    const value = parsed(block);
    if (value) return { ...value, foundBy: "fence" };
  }
  const parts = balanced(searched);
  // The largest is the reply; smaller ones stand in what is said about it.
  for (const part of parts) {
    const value = parsed(part);
    if (value) return { ...value, foundBy: "extract" };
  }
  for (const part of [...parts, ...fenced(searched), fromFirst(searched)]) {
    const value = parsed(mended(part));
    // A lone bracket in prose would be mended to an empty value.
    if (value && isFilled(value.value)) return { ...value, foundBy: "repair" };
  }
  return undefined;
}

function isFilled(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length > 0;
}

function parsed(text: string): { value: unknown } | undefined {
  if (text === "" || isDeep(text)) return undefined;
  try {
    return { value: parseJson(text) };
  } catch {
    return undefined;
  }
}

/** Whether brackets stand so deep in each other that nobody could go through the value. */
function isDeep(text: string): boolean {
  let depth = 0;
  let isText = false;
  for (let at = 0; at < text.length; at += 1) {
    const letter = text[at];
    if (isText && letter === "\\") at += 1;
    else if (letter === '"') isText = !isText;
    else if (!isText && (letter === "{" || letter === "[")) depth += 1;
    else if (!isText && (letter === "}" || letter === "]")) depth -= 1;
    if (depth > MAX_VALUE_DEPTH) return true;
  }
  return false;
}

function fenced(text: string): string[] {
  const pieces = text.split("```");
  return pieces.filter((_piece, at) => at % 2 === 1).map((piece) => piece.replace(/^[a-z0-9]*[ \t]*\r?\n/i, "").trim());
}

/** Objects and lists that begin and end in a text, those outside of others, largest first. */
function balanced(text: string): string[] {
  const found: string[] = [];
  let at = 0;
  for (let tried = 0; tried < MAX_STARTS; tried += 1) {
    const start = nextStart(text, at);
    if (start === -1) break;
    const end = endOf(text, start);
    const part = end === -1 ? "" : text.slice(start, end);
    if (part !== "") found.push(part);
    // What begins like a value and is none may hold one.
    at = part !== "" && parsed(part) ? end : start + 1;
  }
  return found.sort((a, b) => b.length - a.length);
}

function nextStart(text: string, from: number): number {
  for (let at = from; at < text.length; at += 1) if (text[at] === "{" || text[at] === "[") return at;
  return -1;
}

/** Where the value that begins here ends; -1 where it does not. Brackets in strings are none. */
function endOf(text: string, start: number): number {
  let depth = 0;
  let isText = false;
  for (let at = start; at < text.length; at += 1) {
    const letter = text[at];
    if (isText) {
      if (letter === "\\") at += 1;
      else if (letter === '"') isText = false;
    } else if (letter === '"') isText = true;
    else if (letter === "{" || letter === "[") depth += 1;
    else if (letter === "}" || letter === "]") {
      depth -= 1;
      if (depth === 0) return at + 1;
    }
  }
  return -1;
}

function fromFirst(text: string): string {
  const start = nextStart(text, 0);
  return start === -1 ? "" : text.slice(start);
}

const CLOSES: Readonly<Record<string, string>> = { "{": "}", "[": "]" };
const WORDS: Readonly<Record<string, string>> = {
  True: "true",
  False: "false",
  None: "null",
  undefined: "null",
  NaN: "null",
};
const WORD = /^[A-Za-z_$][\w$]*/;

/**
 * A text made to parse where its faults are the usual ones: single quotes, names without quotes, comments, Python's words,
 * line ends in strings, commas too many, an end that is missing.
 */
function mended(text: string): string {
  let out = "";
  const open: string[] = [];
  for (let at = 0; at < text.length; ) {
    const letter = text[at] as string;
    if (letter === '"' || letter === "'" || letter === "“" || letter === "”") {
      const { json, end } = mendedString(text, at, letter === "“" || letter === "”" ? "”" : letter);
      out += json;
      at = end;
      continue;
    }
    if (text.startsWith("//", at) || text.startsWith("/*", at)) {
      const close = text.startsWith("//", at) ? text.indexOf("\n", at) : text.indexOf("*/", at) + 1;
      at = close <= at ? text.length : close + 1;
      continue;
    }
    const word = WORD.exec(text.slice(at, at + 100))?.[0];
    if (word !== undefined) {
      const isName = /^\s*:/.test(text.slice(at + word.length, at + word.length + 50));
      out += isName ? JSON.stringify(word) : (WORDS[word] ?? word);
      at += word.length;
      continue;
    }
    if (CLOSES[letter]) open.push(CLOSES[letter]);
    if (letter === "}" || letter === "]") {
      out = out.replace(/,\s*$/, "");
      open.pop();
      out += letter;
      if (open.length === 0) return out;
    } else out += letter;
    at += 1;
  }
  return out.replace(/[,:\s]+$/, "") + open.reverse().join("");
}

function mendedString(text: string, start: number, quote: string): { json: string; end: number } {
  let value = "";
  let at = start + 1;
  for (; at < text.length && text[at] !== quote; at += 1) {
    const letter = text[at] as string;
    if (letter === "\\" && at + 1 < text.length) {
      const next = text[at + 1] as string;
      value += next === "'" ? "'" : `\\${next}`;
      at += 1;
    } else if (letter === '"') value += '\\"';
    else value += letter < " " ? JSON.stringify(letter).slice(1, -1) : letter;
  }
  return { json: `"${value}"`, end: at + 1 };
}
