import * as z from "zod";
import type { CanvasInput } from "../canvas.ts";
import { dig, inputOf, listOf, numberOf, pick } from "../coze/read.ts";
import { CozeProblem } from "../coze/types.ts";
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
const config = z.strictObject({
  branches: z
    .array(
      z.strictObject({
        logic: z.enum(["and", "or"]).default("and"),
        conditions: z.array(condition).min(1).max(MAX_FIELDS),
      }),
    )
    .min(1)
    .max(MAX_FIELDS),
});
type Condition = z.output<typeof condition>;

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
  effectful: false,
  ports: ({ branches }) => [...branches.map((_branch, index) => port(index)), "false"],
  uses: ({ branches }) =>
    branches.flatMap((branch) =>
      branch.conditions.flatMap((item) => (item.right === undefined ? [item.left] : [item.left, item.right])),
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
  run({ config: { branches }, inputs }) {
    const index = branches.findIndex(({ logic, conditions }) =>
      logic === "or" ? conditions.some((item) => holds(item, inputs)) : conditions.every((item) => holds(item, inputs)),
    );
    return { output: {}, port: index < 0 ? "false" : port(index) };
  },
});
