import type { CanvasInput } from "../canvas.ts";
import { type InputList, type Notes, record, records, text } from "../import/builder.ts";
import { itemTest } from "./lists.ts";
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
  "all of": (left, right) => `$js_every(${right}, function($x){ $js_includes(${left}, $x) })`,
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

/** How many files of a list have to pass. */
const AMOUNTS: Readonly<Record<string, (list: string, test: string) => string>> = {
  contains: (list, test) => `$js_some($items_list(${list}), ${test})`,
  "not contains": (list, test) => `$not($js_some($items_list(${list}), ${test}))`,
  "all of": (list, test) => `$js_every($items_list(${list}), ${test})`,
};

/** A condition on what the files of a list are. */
function filesCondition(
  app: DifyApp,
  { operator, left, sub }: { operator: string; left: string; sub: Record<string, unknown> },
  inputs: InputList,
  notes: Notes,
): unknown {
  const amount = Object.hasOwn(AMOUNTS, operator) ? AMOUNTS[operator] : undefined;
  if (!amount) notes.block(`the comparison "${operator}" of files is not known here`);
  const wanted: CanvasInput[] = [];
  const given = { conditions: sub.conditions, logic: sub.logical_operator, item: "$x" };
  let test = itemTest(app, given, wanted, notes);
  for (const { name, ...source } of wanted) test = test.replaceAll(name, inputs.add(source, `file_${name}`));
  return { expression: (amount ?? ((list) => list))(left, `function($x){ ${test} }`) };
}

function conditionOf(app: DifyApp, condition: Record<string, unknown>, inputs: InputList, notes: Notes): unknown {
  const operator = text(condition.comparison_operator) ?? "";
  const left = inputs.add(selectorSource(app, condition.variable_selector, notes), "left");
  const sub = record(condition.sub_variable_condition);
  if (Object.keys(sub).length > 0) return filesCondition(app, { operator, left, sub }, inputs, notes);
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
