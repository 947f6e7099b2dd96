import { messageOf } from "@weft/kernel/errors";
import { NodeError } from "../node.ts";
import type { ExpressionLanguage } from "../plan.ts";
import { BudgetExceeded } from "./budget.ts";
import { EXPRESSION_FUNCTIONS, volatileFunctions } from "./functions.ts";
import { compileJinja, renderJinja } from "./jinja.ts";
import { boundedJsonata } from "./jsonata.ts";
import { frozenCopy, plainCopy } from "./plain.ts";

/** Functions whose answer is another one each time: a node that calls one is run once and its result kept. */
const VOLATILE = new Set(["now", "millis", "random", "uuid", "shuffle", "today"]);

const bounded = boundedJsonata(EXPRESSION_FUNCTIONS);

function wordsOf(error: unknown): string {
  const { code, message } = (error ?? {}) as { code?: string; message?: string };
  return code && message ? `${message} (${code})` : (message ?? messageOf(error));
}

function failure(thrown: unknown): NodeError {
  if (thrown instanceof NodeError) return thrown;
  const code = thrown instanceof BudgetExceeded ? "expression_limit" : "expression_failed";
  return new NodeError(code, wordsOf(thrown).slice(0, 1_000), { retryable: false, cause: thrown });
}

/** What is wrong with the text of an expression; undefined where nothing is. */
export function expressionProblem(language: ExpressionLanguage, text: string): string | undefined {
  try {
    if (language === "jinja") compileJinja(text);
    else bounded.compile(text);
    return undefined;
  } catch (thrown) {
    return wordsOf(thrown).slice(0, 500);
  }
}

interface AstNode {
  type?: string;
  value?: unknown;
}

function walk(root: unknown, see: (node: AstNode) => void): void {
  const seen = new Set<unknown>();
  const stack = [root];
  while (stack.length > 0) {
    const at = stack.pop();
    if (at === null || typeof at !== "object" || seen.has(at)) continue;
    seen.add(at);
    if (!Array.isArray(at)) see(at as AstNode);
    stack.push(...(at instanceof Map ? [...at.keys(), ...at.values()] : Object.values(at)));
  }
}

/** Names that a correct expression may read of its values, and whether its result is another one each time. */
export function expressionNames(
  language: ExpressionLanguage,
  text: string,
): { names: Set<string>; isVolatile: boolean } {
  const names = new Set<string>();
  let isVolatile = false;
  const wanted = language === "jinja" ? "Identifier" : "name";
  walk(language === "jinja" ? compileJinja(text) : bounded.compile(text).ast(), ({ type, value }) => {
    if (type === wanted && typeof value === "string") names.add(value);
    if (language === "jsonata" && type === "variable" && VOLATILE.has(String(value))) isVolatile = true;
  });
  return { names, isVolatile };
}

/**
 * The value of an expression over `values`: one pass, a fresh and frozen context, nothing else in reach. A result of
 * nothing is null. Throws NodeError `expression_failed`, or `expression_limit` when it takes more than it may.
 */
export async function evaluateExpression(
  language: ExpressionLanguage,
  text: string,
  values: Readonly<Record<string, unknown>>,
  nowMs: number,
): Promise<unknown> {
  try {
    const context = frozenCopy(values) as Record<string, unknown>;
    if (language === "jinja") return renderJinja(text, context);
    const result = await bounded.evaluate(text, context, volatileFunctions(nowMs));
    return plainCopy(result) ?? null;
  } catch (thrown) {
    throw failure(thrown);
  }
}

/** Renders a Jinja template. Throws NodeError as {@link evaluateExpression} does. */
export function renderTemplateText(text: string, values: Readonly<Record<string, unknown>>): string {
  try {
    return renderJinja(text, frozenCopy(values) as Record<string, unknown>);
  } catch (thrown) {
    throw failure(thrown);
  }
}

/** Whether a JSONata condition holds: JSONata's own idea of truth, so an empty list or text does not. */
export async function conditionHolds(
  text: string,
  values: Readonly<Record<string, unknown>>,
  nowMs: number,
): Promise<boolean> {
  const value = await evaluateExpression("jsonata", text, values, nowMs);
  return (await evaluateExpression("jsonata", "$boolean(value)", { value }, nowMs)) === true;
}
