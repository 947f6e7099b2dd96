import type { CanvasInput } from "../canvas.ts";
import { type Notes, record, records, text } from "../import/builder.ts";
import type { DifyNode, Mapped } from "./nodes.ts";
import { type DifyApp, selectorSource, textSource } from "./values.ts";

/** What a condition of Dify asks of one value, as JSONata over the value and what it is compared with. */
const TESTS: Readonly<Record<string, (value: string, wanted: string) => string>> = {
  contains: (value, wanted) => `$js_includes($js_put(${value}), $js_put(${wanted}))`,
  "not contains": (value, wanted) => `$not($js_includes($js_put(${value}), $js_put(${wanted})))`,
  "start with": (value, wanted) => `$js_startsWith($js_put(${value}), $js_put(${wanted}))`,
  "end with": (value, wanted) => `$js_endsWith($js_put(${value}), $js_put(${wanted}))`,
  is: (value, wanted) => `$js_put(${value}) = $js_put(${wanted})`,
  "is not": (value, wanted) => `$js_put(${value}) != $js_put(${wanted})`,
  in: (value, wanted) => `$js_includes(${wanted}, ${value})`,
  "not in": (value, wanted) => `$not($js_includes(${wanted}, ${value}))`,
  "=": (value, wanted) => `$js_number(${value}) = $js_number(${wanted})`,
  "≠": (value, wanted) => `$js_number(${value}) != $js_number(${wanted})`,
  ">": (value, wanted) => `$js_less($js_number(${wanted}), $js_number(${value}))`,
  "<": (value, wanted) => `$js_less($js_number(${value}), $js_number(${wanted}))`,
  "≥": (value, wanted) => `$js_at_most($js_number(${wanted}), $js_number(${value}))`,
  "≤": (value, wanted) => `$js_at_most($js_number(${value}), $js_number(${wanted}))`,
  empty: (value) => `$js_isEmpty(${value})`,
  "not empty": (value) => `$not($js_isEmpty(${value}))`,
  null: (value) => `$js_nullish(${value})`,
  "not null": (value) => `$not($js_nullish(${value}))`,
  exists: (value) => `$not($js_nullish(${value}))`,
  "not exists": (value) => `$js_nullish(${value})`,
};

/** The part of an item that a key names: of a file what Dify knows of it, else the item itself. */
const partOf = (item: string, key: string | undefined): string =>
  key === undefined || key === "" ? item : `$items_file_part(${item}, ${JSON.stringify(key)})`;

/** Conditions on an item of a list, as JSONata. What they are compared with comes in by `inputs`. */
export function itemTest(
  app: DifyApp,
  given: { conditions: unknown; logic: unknown; item: string },
  inputs: CanvasInput[],
  notes: Notes,
): string {
  const tests = records(given.conditions).map((condition) => {
    const operator = text(condition.comparison_operator) ?? "";
    const test = Object.hasOwn(TESTS, operator) ? TESTS[operator] : undefined;
    if (!test) {
      notes.block(`the comparison "${operator}" is not known here`);
      return "false";
    }
    const { value } = condition;
    const source = typeof value === "string" ? textSource(app, value, notes, "value") : { value: value ?? null };
    const name = `wanted${inputs.length}`;
    inputs.push({ name, ...source });
    return test(partOf(given.item, text(condition.key)), name);
  });
  if (tests.length === 0) return "true";
  return tests.map((test) => `(${test})`).join(given.logic === "or" ? " or " : " and ");
}

/** Filters, orders and cuts a list. */
export function listOperator(app: DifyApp, { data }: DifyNode, notes: Notes): Mapped {
  const inputs: CanvasInput[] = [{ name: "list", ...selectorSource(app, data.variable, notes) }];
  let list = "$items_list(list)";
  const filter = record(data.filter_by);
  if (filter.enabled === true) {
    const test = itemTest(app, { conditions: filter.conditions, logic: "and", item: "$x" }, inputs, notes);
    list = `$js_filter(${list}, function($x){ ${test} })`;
  }
  const extract = record(data.extract_by);
  if (extract.enabled === true) {
    inputs.push({ name: "serial", ...textSource(app, text(extract.serial) ?? "1", notes, "extract_by") });
    list = `$js_slice(${list}, $js_number(serial) - 1, $js_number(serial))`;
  }
  const order = record(data.order_by);
  if (order.enabled === true) {
    const [a, b] = [partOf("$a", text(order.key)), partOf("$b", text(order.key))];
    list = `$js_list([{"spread": $sort(${list}, function($a, $b){ ${order.value === "desc" ? `$js_less(${a}, ${b})` : `$js_less(${b}, ${a})`} })}])`;
  }
  const limit = record(data.limit);
  if (limit.enabled === true) list = `$js_slice(${list}, 0, ${Math.max(0, Math.trunc(Number(limit.size)) || 0)})`;
  const computed = (name: string, expression: string): CanvasInput => ({
    name,
    expression: { text: expression, inputs },
  });
  return {
    type: "transform",
    data: {
      inputs: [
        computed("result", list),
        computed("first_record", `$js_get(${list}, 0)`),
        computed("last_record", `$js_last(${list})`),
      ],
      outputs: [
        { name: "result", type: "list" },
        { name: "first_record", type: "any" },
        { name: "last_record", type: "any" },
      ],
    },
  };
}
