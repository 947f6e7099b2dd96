import { ITEM_CHECKS } from "../expressions/items.ts";
import { record, records, text } from "../import/builder.ts";
import type { NodeContext } from "./context.ts";

/** The operations of n8n's first conditions by their names in the later ones. */
const OLD: Readonly<Record<string, string>> = {
  equal: "equals",
  notEqual: "notEquals",
  isEmpty: "empty",
  isNotEmpty: "notEmpty",
  larger: "gt",
  largerEqual: "gte",
  smaller: "lt",
  smallerEqual: "lte",
};
const POSITIVE: Readonly<Record<string, string>> = {
  notEquals: "equals",
  notExists: "exists",
  notEmpty: "empty",
  notContains: "contains",
  notStartsWith: "startsWith",
  notEndsWith: "endsWith",
  notRegex: "regex",
};

function check(
  context: NodeContext,
  given: { operation: string; left: string; right: string; ignoreCase: boolean },
): string {
  const name = Object.hasOwn(OLD, given.operation) ? (OLD[given.operation] ?? "") : given.operation;
  const positive = Object.hasOwn(POSITIVE, name) ? POSITIVE[name] : undefined;
  const operation = positive ?? name;
  if (!ITEM_CHECKS.has(operation)) context.notes.block(`the comparison "${given.operation}" is not known here`);
  const call = `$items_check("${operation}", ${given.left}, ${given.right}, ${given.ignoreCase})`;
  return positive === undefined ? call : `$not(${call})`;
}

function together(parts: readonly string[], combinator: "and" | "or"): string {
  return parts.length === 0 ? "true" : parts.map((part) => `(${part})`).join(` ${combinator} `);
}

/** Conditions of n8n, of its first form or the later one, as JSONata over `$json`. */
export function conditionText(context: NodeContext, conditions: unknown, combineOperation?: unknown): string {
  const given = record(conditions);
  if (Array.isArray(given.conditions)) {
    const ignoreCase =
      record(given.options).caseSensitive === false || record(context.node.parameters.options).ignoreCase === true;
    const parts = records(given.conditions).map((one, at) => {
      const operation = text(record(one.operator).operation) ?? "equals";
      const left = context.jsonata(one.leftValue, `conditions.${at}.leftValue`);
      return check(context, {
        operation,
        left,
        right: context.jsonata(one.rightValue, `conditions.${at}.rightValue`),
        ignoreCase,
      });
    });
    return together(parts, given.combinator === "or" ? "or" : "and");
  }
  const parts = ["boolean", "dateTime", "number", "string"].flatMap((kind) =>
    records(given[kind]).map((one, at) => {
      const usual = kind === "number" ? "smaller" : kind === "dateTime" ? "after" : "equal";
      const left = context.jsonata(one.value1 ?? null, `${kind}.${at}.value1`);
      const right = context.jsonata(one.value2 ?? (kind === "boolean" ? false : ""), `${kind}.${at}.value2`);
      return check(context, { operation: text(one.operation) ?? usual, left, right, ignoreCase: false });
    }),
  );
  return together(parts, combineOperation === "any" ? "or" : "and");
}

/** One comparison of two parameters, as the first form of the switch node has them. */
export function comparison(
  context: NodeContext,
  operation: unknown,
  left: unknown,
  right: unknown,
  path: string,
): string {
  const sides = { left: context.jsonata(left, `${path}.value1`), right: context.jsonata(right, `${path}.value2`) };
  return check(context, { operation: text(operation) ?? "equal", ...sides, ignoreCase: false });
}
