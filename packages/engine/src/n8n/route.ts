import { record, records } from "../import/builder.ts";
import { comparison, conditionText } from "./conditions.ts";
import type { NodeContext, Piece } from "./context.ts";
import { type Mapper, quote } from "./parameters.ts";
import type { Pairs, Source } from "./ports.ts";

/** Outputs that a switch of n8n may be given. */
const MAX_OUTPUTS = 50;

function testOf(context: NodeContext): string {
  const { conditions, combineOperation } = context.node.parameters;
  return conditionText(context, conditions, combineOperation);
}

/** Each output gives the items that pass its test, as they came. */
function routed(context: NodeContext, tests: readonly string[]): Piece {
  const lists = tests.map((test) => context.over(`$js_filter(items, function($json, $itemIndex){ ${test} })`));
  const pairs = tests.map((test): Pairs => [context.placesWhere(test)] satisfies Source[]);
  return context.transform(lists, pairs);
}

export const filter: Mapper = (context) => {
  const test = testOf(context);
  // Its later versions can be left by what was dropped as well.
  return routed(context, context.outputs > 1 ? [test, `$not(${test})`] : [test]);
};

export const ifNode: Mapper = (context) => {
  const test = testOf(context);
  return routed(context, [test, `$not(${test})`]);
};

function byCase(
  context: NodeContext,
  cases: readonly { test: string; output: number }[],
  fallback: number,
  count: number,
): Piece {
  const tests = `$items_case([${cases.map(({ test }) => `(${test}) = true`).join(", ")}])`;
  const numbers = quote(cases.map(({ output }) => output));
  const route = `($c := ${tests}; $c < 0 ? ${fallback} : $js_get(${numbers}, $c))`;
  return routed(
    context,
    Array.from({ length: count }, (_none, at) => `${route} = ${at}`),
  );
}

/** Of the later form: a rule an output, and maybe one for the rest. */
function byRules(context: NodeContext, rules: readonly Record<string, unknown>[]): Piece {
  const options = record(context.node.parameters.options);
  const cases = rules.map((rule, output) => ({ test: conditionText(context, rule.conditions), output }));
  const isExtra = options.fallbackOutput === "extra";
  const fallback = isExtra ? rules.length : typeof options.fallbackOutput === "number" ? options.fallbackOutput : -1;
  const count = rules.length + (isExtra ? 1 : 0);
  if (options.allMatchingOutputs !== true) return byCase(context, cases, fallback, count);
  const tests: string[] = cases.map(({ test }) => `(${test}) = true`);
  const none = `$not(${tests.map((test) => `(${test})`).join(" or ") || "false"})`;
  if (isExtra) tests.push(none);
  else if (tests[fallback] !== undefined) tests[fallback] = `(${tests[fallback]}) or (${none})`;
  return routed(context, tests);
}

export const switchNode: Mapper = (context) => {
  const { parameters } = context.node;
  if (parameters.mode === "expression") {
    const count = Math.min(
      MAX_OUTPUTS,
      Math.max(1, Number(parameters.numberOutputs ?? parameters.outputsAmount) || 4, context.outputs),
    );
    const route = context.jsonata(parameters.output, "output");
    return routed(
      context,
      Array.from({ length: count }, (_none, at) => `$js_number(${route}) = ${at}`),
    );
  }
  const later = records(record(parameters.rules).values);
  if (later.length > 0) return byRules(context, later);
  const rules = records(record(parameters.rules).rules);
  const cases = rules.map((rule, at) => ({
    test: comparison(
      context,
      rule.operation ?? (parameters.dataType === "number" ? "smaller" : "equal"),
      parameters.value1,
      rule.value2,
      `rules.${at}`,
    ),
    output: Number(rule.output) || 0,
  }));
  const fallback = typeof parameters.fallbackOutput === "number" ? parameters.fallbackOutput : -1;
  return byCase(context, cases, fallback, Math.max(4, fallback + 1, ...cases.map(({ output }) => output + 1)));
};
