import { JSONPath } from "jsonpath-plus";
import { runtimeFailure } from "../errors.ts";
import { isObject, type Json, type JsonObject } from "../json.ts";

/** One step of a path that this file follows itself. */
type Step = { name: string } | { index: number } | { slice: [number | undefined, number | undefined] } | { all: true };

export interface Path {
  text: string;
  root: "input" | "context" | { variable: string };
  /** Undefined when the path needs the library (filters, recursive descent, unions). */
  steps: Step[] | undefined;
  /** The path from its root on, starting with `$`. */
  rest: string;
  /** A definite path names one place: a miss is an error, not an empty list. */
  isDefinite: boolean;
}

/** The data that a path can start from. */
export interface PathScope {
  input: Json;
  context: JsonObject;
  variables: JsonObject;
}

const PREFIX = /^(\$\$|\$[A-Za-z_][\w]*|\$)(?=$|[.[])/;
const NAME = /^\.([^.[\]()?@*'"\s,:]+)/;
const QUOTED = /^\[\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\s*\]/;
const INDEX = /^\[\s*(-?\d+)\s*\]/;
const SLICE = /^\[\s*(-?\d+)?\s*:\s*(-?\d+)?\s*\]/;
const ALL = /^(?:\.\*|\[\s*\*\s*\])/;
/** A filter may compare and combine; it may call nothing and reach no name that leads out of the data. */
const UNSAFE_FILTER =
  /[\w\])]\s*\(|`|=>|\b(?:constructor|__proto__|prototype|this|new|function|return|import|process|globalThis)\b|\[\(/;

const cache = new Map<string, Path | undefined>();
const MAX_CACHED = 5_000;

/** The path, or undefined when the text is none that can be followed. */
export function parsePath(text: string): Path | undefined {
  if (cache.has(text)) return cache.get(text);
  if (cache.size >= MAX_CACHED) cache.clear();
  const path = parse(text);
  cache.set(text, path);
  return path;
}

function parse(text: string): Path | undefined {
  const prefix = PREFIX.exec(text)?.[1];
  if (prefix === undefined) return undefined;
  const root = prefix === "$" ? "input" : prefix === "$$" ? "context" : { variable: prefix.slice(1) };
  const tail = text.slice(prefix.length);
  const steps = parseSteps(tail);
  if (!steps && !isForLibrary(tail)) return undefined;
  const isDefinite = steps?.every((step) => "name" in step || "index" in step) ?? false;
  return { text, root, steps, rest: `$${tail}`, isDefinite };
}

function parseSteps(tail: string): Step[] | undefined {
  const steps: Step[] = [];
  for (let left = tail; left !== ""; ) {
    const step = nextStep(left);
    if (!step) return undefined;
    steps.push(step[0]);
    left = left.slice(step[1]);
  }
  return steps;
}

function nextStep(left: string): [Step, number] | undefined {
  let match = NAME.exec(left);
  if (match) return [{ name: match[1]! }, match[0].length];
  match = QUOTED.exec(left);
  if (match) return [{ name: (match[1] ?? match[2])!.replaceAll("\\'", "'") }, match[0].length];
  match = INDEX.exec(left);
  if (match) return [{ index: Number(match[1]) }, match[0].length];
  match = ALL.exec(left);
  if (match) return [{ all: true }, match[0].length];
  match = SLICE.exec(left);
  if (!match) return undefined;
  const bound = (part: string | undefined): number | undefined => (part === undefined ? undefined : Number(part));
  return [{ slice: [bound(match[1]), bound(match[2])] }, match[0].length];
}

function isForLibrary(tail: string): boolean {
  if (!/^[.[]/.test(tail) || UNSAFE_FILTER.test(tail)) return false;
  try {
    JSONPath.toPathArray(`$${tail}`);
    return /\?\(|\.\.|,/.test(tail) && balanced(tail);
  } catch {
    return false;
  }
}

function balanced(text: string): boolean {
  let square = 0;
  let round = 0;
  for (const char of text.replaceAll(/'[^']*'|"[^"]*"/g, "")) {
    if (char === "[") square++;
    else if (char === "]") square--;
    else if (char === "(") round++;
    else if (char === ")") round--;
    if (square < 0 || round < 0) return false;
  }
  return square === 0 && round === 0;
}

/** The value at the path; undefined when a definite path finds nothing. An indefinite path answers a list. */
export function readPath(path: Path, scope: PathScope): Json | undefined {
  const start = rootValue(path, scope);
  if (start === undefined) return undefined;
  if (!path.steps) {
    const found = JSONPath({ path: path.rest, json: start as object, eval: "safe", wrap: true }) as Json[] | undefined;
    return found ?? [];
  }
  return path.isDefinite ? readOne(start, path.steps) : readMany(start, path.steps);
}

function rootValue(path: Path, scope: PathScope): Json | undefined {
  if (path.root === "input") return scope.input;
  if (path.root === "context") return scope.context;
  return scope.variables[path.root.variable];
}

function child(value: Json, step: Step): Json | undefined {
  if ("name" in step) return isObject(value) && Object.hasOwn(value, step.name) ? value[step.name] : undefined;
  if ("index" in step) return Array.isArray(value) ? value.at(step.index) : undefined;
  return undefined;
}

function readOne(start: Json, steps: Step[]): Json | undefined {
  let value: Json | undefined = start;
  for (const step of steps) {
    if (value === undefined) return undefined;
    value = child(value, step);
  }
  return value;
}

function readMany(start: Json, steps: Step[]): Json[] {
  let found: Json[] = [start];
  for (const step of steps) {
    if ("all" in step) found = found.flatMap((v) => (Array.isArray(v) ? v : isObject(v) ? Object.values(v) : []));
    else if ("slice" in step) found = found.flatMap((v) => (Array.isArray(v) ? v.slice(...step.slice) : []));
    else found = found.map((v) => child(v, step)).filter((v) => v !== undefined);
  }
  return found;
}

/** What the path library of AWS says of a definite path that leads nowhere. */
export function missingReason(path: Path, scope: PathScope): string {
  const start = rootValue(path, scope);
  let walked = "$";
  let value: Json | undefined = start;
  const steps = path.steps ?? [];
  for (const [i, step] of steps.entries()) {
    walked += "name" in step ? `['${step.name}']` : `[${"index" in step ? step.index : "*"}]`;
    value = value === undefined ? undefined : child(value, step);
    if (value === undefined) {
      return i === steps.length - 1 ? `No results for path: ${walked}` : `Missing property in path ${walked}`;
    }
  }
  return `No results for path: ${walked}`;
}

/** The value at a path that must lead somewhere; the form of InputPath, OutputPath and the ...Path numbers. */
export function requirePath(text: string, scope: PathScope): Json {
  const path = parsePath(text);
  if (!path) throw runtimeFailure(`Invalid path '${text}'`);
  const value = readPath(path, scope);
  if (value === undefined) throw runtimeFailure(`Invalid path '${text}' : ${missingReason(path, scope)}`);
  return value;
}

/** Puts a result into the input at a reference path; undefined when the input has no such place. */
export function writePath(text: string, input: Json, result: Json): Json | undefined {
  const steps = parsePath(text)?.steps;
  if (!steps) return undefined;
  return write(input, steps, 0, result);
}

function write(into: Json | undefined, steps: Step[], at: number, result: Json): Json | undefined {
  const step = steps[at];
  if (!step) return result;
  if ("name" in step) {
    if (into !== undefined && into !== null && !isObject(into)) return undefined;
    const base = into ?? {};
    const inner = write(base[step.name], steps, at + 1, result);
    return inner === undefined ? undefined : { ...base, [step.name]: inner };
  }
  if (!("index" in step) || !Array.isArray(into) || step.index < 0 || step.index >= into.length) return undefined;
  const inner = write(into[step.index], steps, at + 1, result);
  return inner === undefined ? undefined : into.with(step.index, inner);
}

/** True for a path that may stand in ResultPath: names and indexes from the input. */
export function isReferencePath(text: string): boolean {
  const path = parsePath(text);
  return path?.root === "input" && path.isDefinite;
}
