import jsonata from "jsonata";
import { stableStringify } from "../values/json.ts";
import { Budget } from "./budget.ts";
import { MAX_CACHED, MAX_CALL_DEPTH, MAX_EXPRESSION, MAX_SEQUENCE } from "./limits.ts";
import { LinearRegExp } from "./regexp.ts";

type Expression = ReturnType<typeof jsonata>;
type Implementation = (this: unknown, ...args: unknown[]) => unknown;
interface Native {
  implementation: Implementation;
  signature?: unknown;
}
interface Environment {
  lookup(name: string): unknown;
}

/** A name that no expression can write, under which an evaluation finds what it may still use. */
const BUDGET = "left to do";
/** JSONata calls what is bound here before and after each step. */
const ON_STEP = Symbol.for("jsonata.__evaluate_entry") as unknown as string;
const AFTER_STEP = Symbol.for("jsonata.__evaluate_exit") as unknown as string;
/** Longest text that is read as a date by a picture, and markers of the picture without anything between them. */
const MAX_DATE_TEXT = 64;
const MAX_ADJACENT = 3;

const budgetOf = (environment: Environment): Budget => environment.lookup(BUDGET) as Budget;

function textLength(value: unknown): number {
  return typeof value === "string" ? value.length : 0;
}

/** What each of JSONata's own functions would make at most; those that are not here make no more than they are given. */
const RESERVED: Record<string, (...args: never[]) => number> = {
  pad: (text: unknown, width: unknown, char: unknown) =>
    textLength(text) + Math.abs(Number(width)) * (textLength(char) || 1),
  replace: (text: unknown, pattern: unknown, by: unknown) =>
    textLength(text) + (Math.ceil(textLength(text) / (textLength(pattern) || 1)) + 1) * textLength(by),
  join: (list: unknown, separator: unknown) => (Array.isArray(list) ? list.length : 1) * textLength(separator),
};

function refuse(code: string, message: string): never {
  throw { code, message };
}

const GUARDS: Record<string, (...args: never[]) => void> = {
  // An exponent makes JSONata multiply zero until it is large enough, which it never is.
  formatNumber: (value: unknown, picture: unknown) => {
    if (value === 0 && String(picture).includes("e")) refuse("unsupported", "zero has no form with an exponent");
  },
  // The picture becomes a backtracking pattern, whose work multiplies with every marker that follows another at once.
  toMillis: (text: unknown, picture: unknown) => {
    if (picture === undefined) return;
    if (textLength(text) > MAX_DATE_TEXT) refuse("unsupported", "the text is too long for a date");
    const adjacent = String(picture).split("][").length - 1;
    if (adjacent > MAX_ADJACENT && /\]\[[^\]0-9]*\]/.test(String(picture))) {
      refuse("unsupported", "the picture has too many parts without anything between them");
    }
  },
};

/** JSONata's own compares each with each: a hundred thousand items would hold the thread for minutes. */
function distinct(this: unknown, list: unknown): unknown {
  if (!Array.isArray(list) || list.length <= 1) return list;
  const seen = new Set<string>();
  return list.filter((item) => {
    const key = `${typeof item} ${stableStringify(item)}`;
    return !seen.has(key) && Boolean(seen.add(key));
  });
}

const natives = new Map<string, Native>();

async function ownFunctions(): Promise<ReadonlyMap<string, Native>> {
  if (natives.size > 0) return natives;
  for (const name of new Set([...Object.keys(RESERVED), ...Object.keys(GUARDS)])) {
    const own = (await jsonata(`$${name}`).evaluate({})) as Native;
    const implementation: Implementation = function (...args) {
      GUARDS[name]?.(...(args as never[]));
      const budget = budgetOf((this as { environment: Environment }).environment);
      budget.reserve(RESERVED[name]?.(...(args as never[])) ?? 0);
      return own.implementation.apply(this, args);
    };
    natives.set(name, { ...own, implementation });
  }
  return natives;
}

/** Signatures of functions become backtracking patterns over the arguments. */
function refuseSignatures(node: unknown): void {
  const stack = [node];
  for (let at = stack.pop(); stack.length > 0 || at !== undefined; at = stack.pop()) {
    if (at === null || typeof at !== "object") continue;
    if (!Array.isArray(at) && "signature" in at && at.signature !== undefined) {
      refuse("unsupported", "signatures of functions are not supported");
    }
    stack.push(...Object.values(at).filter((child) => child !== null && typeof child === "object"));
  }
}

/** A JSONata that cannot hold the thread, fill the memory or reach anything but the values it is given. */
export interface BoundedJsonata {
  /** The compiled expression. Throws what JSONata throws where the text is none. */
  compile(text: string): Expression;
  /** The value, with JSONata's sequences in it; throws JSONata's `{code, message}` or BudgetExceeded. */
  evaluate(text: string, input: unknown, bindings: Record<string, unknown>): Promise<unknown>;
}

/** Makes an evaluator whose expressions know `functions` beside JSONata's own; undefined takes one away. */
export function boundedJsonata(functions: Record<string, unknown>): BoundedJsonata {
  const cache = new Map<string, Expression>();
  const compile = (text: string): Expression => {
    let compiled = cache.get(text);
    if (compiled) return compiled;
    if (text.length > MAX_EXPRESSION) refuse("too_long", `an expression has at most ${MAX_EXPRESSION} characters`);
    const options = { stack: MAX_CALL_DEPTH, sequence: MAX_SEQUENCE, RegexEngine: LinearRegExp };
    compiled = jsonata(text, options as never);
    refuseSignatures(compiled.ast());
    compiled.assign(ON_STEP, (_step: unknown, _input: unknown, environment: Environment) =>
      budgetOf(environment).take(),
    );
    compiled.assign(AFTER_STEP, (_s: unknown, _i: unknown, environment: Environment, result: unknown) =>
      budgetOf(environment).check(result),
    );
    compiled.assign("distinct", { _jsonata_function: true, implementation: distinct });
    for (const [name, value] of Object.entries(functions)) compiled.assign(name, value);
    if (cache.size >= MAX_CACHED) cache.clear();
    cache.set(text, compiled);
    return compiled;
  };
  return {
    compile,
    async evaluate(text, input, bindings) {
      const bound: Record<string, unknown> = { ...bindings };
      for (const [name, native] of await ownFunctions()) bound[name] ??= native;
      bound[BUDGET] = new Budget();
      return compile(text).evaluate(input, bound);
    },
  };
}
