import * as z from "zod";
import type { CanvasInput } from "../canvas.ts";
import { dig, inputOf, listOf, numberOf, pick } from "../coze/read.ts";
import { CozeProblem } from "../coze/types.ts";
import { conditionHolds, expressionNames, expressionProblem } from "../expressions/evaluate.ts";
import { MAX_EXPRESSION } from "../expressions/limits.ts";
import { MAX_FIELDS } from "../limits.ts";
import { defineNode } from "../node.ts";
import { compare, OPERATORS, type Operator } from "../values/compare.ts";

const condition = z.strictObject({
  /** The input on the left. */
  left: z.string(),
  operator: z.enum(OPERATORS),
  /** The input on the right, or a value in its place. */
  right: z.string().optional(),
  value: z.unknown().optional(),
});
/** A JSONata condition over the inputs of the node. */
const expression = z.strictObject({ expression: z.string().min(1).max(MAX_EXPRESSION) });
const config = z.strictObject({
  branches: z
    .array(
      z.strictObject({
        logic: z.enum(["and", "or"]).default("and"),
        conditions: z
          .array(z.union([condition, expression]))
          .min(1)
          .max(MAX_FIELDS),
      }),
    )
    .min(1)
    .max(MAX_FIELDS),
});
type Condition = z.output<typeof condition>;
type Branch = z.output<typeof config>["branches"][number];

/** Coze numbers its operators from 1 in this order. */
const COZE_ORDER: readonly Operator[] = OPERATORS;
const COZE_OR = 1;

function port(index: number): string {
  return index === 0 ? "true" : `true_${index}`;
}

function holds(item: Condition, inputs: Record<string, unknown>): boolean {
  const right = item.right === undefined ? item.value : inputs[item.right];
  return compare(item.operator, inputs[item.left], right);
}

const isExpression = (item: Branch["conditions"][number]): item is z.output<typeof expression> => "expression" in item;

/** An expression that cannot be read is reported by the node's check. */
function isVolatile(text: string): boolean {
  return expressionProblem("jsonata", text) === undefined && expressionNames("jsonata", text).isVolatile;
}

async function branchHolds({ logic, conditions }: Branch, inputs: Record<string, unknown>, now: number) {
  for (const item of conditions) {
    const held = isExpression(item) ? await conditionHolds(item.expression, inputs, now) : holds(item, inputs);
    if (held === (logic === "or")) return held;
  }
  return logic === "and";
}

async function chooseByExpression(branches: readonly Branch[], inputs: Record<string, unknown>, now: number) {
  for (const [index, branch] of branches.entries()) {
    if (await branchHolds(branch, inputs, now)) return port(index);
  }
  return "false";
}

function readCondition(raw: unknown, name: string, inputs: CanvasInput[]): Condition {
  const operator = COZE_ORDER[(numberOf(raw, "operator") ?? 0) - 1];
  if (!operator) throw new CozeProblem("inputs.branches", "has an unknown operator");
  inputs.push(inputOf(`${name}_left`, dig(raw, "left", "input")));
  const right = dig(raw, "right", "input");
  if (pick(right, "value") === undefined) return { left: `${name}_left`, operator };
  inputs.push(inputOf(`${name}_right`, right));
  return { left: `${name}_left`, operator, right: `${name}_right` };
}

export const selector = defineNode({
  type: "selector",
  title: "If",
  description: "Leaves by the port of the first branch whose conditions hold, else by `false`.",
  category: "logic",
  config,
  // A condition on the moment or on chance is decided once: in a repeat it would lead elsewhere.
  effectful: ({ branches }) =>
    branches.some(({ conditions }) => conditions.some((item) => isExpression(item) && isVolatile(item.expression))),
  portForms: [
    { name: "true", description: "The first branch holds." },
    { name: "true_{n}", description: "The branch of this number, from 1, is the first that holds." },
    { name: "false", description: "No branch holds." },
  ],
  ports: ({ branches }) => [...branches.map((_branch, index) => port(index)), "false"],
  uses: ({ branches }) =>
    branches.flatMap((branch) =>
      branch.conditions.flatMap((item) => {
        if (isExpression(item)) return [];
        return item.right === undefined ? [item.left] : [item.left, item.right];
      }),
    ),
  check: ({ branches }) =>
    branches.flatMap((branch, b) =>
      branch.conditions.flatMap((item, c) => {
        const message = isExpression(item) ? expressionProblem("jsonata", item.expression) : undefined;
        return message === undefined ? [] : [{ path: `branches.${b}.conditions.${c}.expression`, message }];
      }),
    ),
  coze: {
    id: "8",
    key: "Selector",
    displayKey: "If",
    read: ({ inputs: source }) => {
      const inputs: CanvasInput[] = [];
      const branches = listOf(source, "branches").map((branch, b) => ({
        logic: numberOf(branch, "condition", "logic") === COZE_OR ? ("or" as const) : ("and" as const),
        conditions: listOf(branch, "condition", "conditions").map((raw, c) =>
          readCondition(raw, `b${b}_c${c}`, inputs),
        ),
      }));
      return { config: { branches }, inputs };
    },
  },
  n8n: ["n8n-nodes-base.if"],
  dify: ["if-else"],
  run({ config: { branches }, inputs, now }) {
    if (branches.some((branch) => branch.conditions.some(isExpression))) {
      return chooseByExpression(branches, inputs, now()).then((chosen) => ({ output: {}, port: chosen }));
    }
    const index = branches.findIndex(({ logic, conditions }) => {
      const plain = conditions.filter((item): item is Condition => !isExpression(item));
      return logic === "or" ? plain.some((item) => holds(item, inputs)) : plain.every((item) => holds(item, inputs));
    });
    return { output: {}, port: index < 0 ? "false" : port(index) };
  },
});
