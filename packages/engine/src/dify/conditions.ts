import type { CanvasInput } from "../canvas.ts";
import { type InputList, type Notes, record, records, text } from "../import/builder.ts";
import { type DifyApp, selectorSource, textSource } from "./values.ts";

const PLAIN: Readonly<Record<string, string>> = {
  contains: "contains",
  "not contains": "not_contains",
  is: "equal",
  "is not": "not_equal",
  "=": "equal",
  "≠": "not_equal",
  ">": "gt",
  "<": "lt",
  "≥": "gte",
  "≤": "lte",
  empty: "empty",
  "not empty": "not_empty",
  null: "empty",
  "not null": "not_empty",
  exists: "not_empty",
  "not exists": "empty",
};
const ALONE = new Set(["empty", "not empty", "null", "not null", "exists", "not exists"]);

const WRITTEN: Readonly<Record<string, (left: string, right: string) => string>> = {
  "start with": (left, right) => `$js_startsWith($js_text(${left}), $js_text(${right}))`,
  "end with": (left, right) => `$js_endsWith($js_text(${left}), $js_text(${right}))`,
  in: (left, right) => `${left} in ${right}`,
  "not in": (left, right) => `$not(${left} in ${right})`,
};

/** Conditions of an if-else case as a branch of a selector; undefined where one of them has no counterpart. */
export function branchOf(app: DifyApp, given: Record<string, unknown>, inputs: InputList, notes: Notes) {
  const conditions = records(given.conditions).map((condition) => conditionOf(app, condition, inputs, notes));
  if (conditions.length === 0) notes.block("a case has no conditions");
  return { logic: given.logical_operator === "or" ? "or" : "and", conditions };
}

function rightOf(app: DifyApp, condition: Record<string, unknown>, notes: Notes): Omit<CanvasInput, "name"> {
  const { value, varType } = condition;
  if (typeof value !== "string") return { value: value ?? null };
  const source = textSource(app, value, notes, "value");
  if (source.value === undefined || varType !== "number" || !Number.isFinite(Number(value))) return source;
  return { value: Number(value) };
}

function conditionOf(app: DifyApp, condition: Record<string, unknown>, inputs: InputList, notes: Notes): unknown {
  const operator = text(condition.comparison_operator) ?? "";
  const left = inputs.add(selectorSource(app, condition.variable_selector, notes), "left");
  if (Object.keys(record(condition.sub_variable_condition)).length > 0)
    notes.block("conditions on members of files are not known here");
  if (Object.hasOwn(PLAIN, operator)) {
    if (ALONE.has(operator)) return { left, operator: PLAIN[operator] };
    const right = rightOf(app, condition, notes);
    return "value" in right
      ? { left, operator: PLAIN[operator], value: right.value }
      : { left, operator: PLAIN[operator], right: inputs.add(right, "right") };
  }
  const write = Object.hasOwn(WRITTEN, operator) ? WRITTEN[operator] : undefined;
  if (!write) {
    notes.block(`the comparison "${operator}" is not known here`);
    return { left, operator: "empty" };
  }
  return { expression: write(left, inputs.add(rightOf(app, condition, notes), "right")) };
}
