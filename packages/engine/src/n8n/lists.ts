import { record, records, text } from "../import/builder.ts";
import { comparison, conditionText } from "./conditions.ts";
import type { NodeContext, Piece } from "./context.ts";

export type Mapper = (context: NodeContext) => Piece;

const quote = (value: unknown): string => JSON.stringify(value ?? null);
const words = (value: unknown): string[] =>
  (text(value) ?? "")
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "");

/** What a parameter is where all items share it; an expression in it blocks the node. */
export function fixed(context: NodeContext, name: string, usual: unknown): unknown {
  const value = context.node.parameters[name] ?? usual;
  if (typeof value === "string" && value.startsWith("=")) {
    const reason = "a setting that is the same for all items cannot be computed here";
    context.notes.expressions.push({ path: name, from: value, reason });
    context.notes.block(`"${name}": ${reason}`);
  }
  return value;
}

const one = (context: NodeContext, expression: string): Piece => context.transform([context.over(expression)]);

export const filter: Mapper = (context) => {
  const test = conditionText(context, context.node.parameters.conditions, context.node.parameters.combineOperation);
  return one(context, `$js_filter(items, function($json, $itemIndex){ ${test} })`);
};

export const ifNode: Mapper = (context) => {
  const test = conditionText(context, context.node.parameters.conditions, context.node.parameters.combineOperation);
  return context.transform([
    context.over(`$js_filter(items, function($json, $itemIndex){ ${test} })`),
    context.over(`$js_filter(items, function($json, $itemIndex){ $not(${test}) })`),
  ]);
};

function routes(
  context: NodeContext,
  cases: readonly { test: string; output: number }[],
  fallback: number,
  count: number,
): Piece {
  const tests = `$items_case([${cases.map(({ test }) => `(${test}) = true`).join(", ")}])`;
  const numbers = `[${cases.map(({ output }) => output).join(", ")}]`;
  const route = `($c := ${tests}; $c < 0 ? ${fallback} : $js_get(${numbers}, $c))`;
  const outputs = Array.from({ length: count }, (_none, at) =>
    context.over(`$js_filter(items, function($json, $itemIndex){ ${route} = ${at} })`),
  );
  return context.transform(outputs);
}

export const switchNode: Mapper = (context) => {
  const { parameters } = context.node;
  if (parameters.mode === "expression") {
    const count = Math.min(50, Math.max(1, Number(parameters.numberOutputs ?? parameters.outputsAmount) || 4));
    const route = context.jsonata(parameters.output, "output");
    const outputs = Array.from({ length: count }, (_none, at) =>
      context.over(`$js_filter(items, function($json, $itemIndex){ $js_number(${route}) = ${at} })`),
    );
    return context.transform(outputs);
  }
  const later = records(record(parameters.rules).values);
  const options = record(parameters.options);
  if (options.allMatchingOutputs === true)
    context.notes.change("an item leaves by the first rule that holds, not by all");
  if (later.length > 0) {
    const cases = later.map((rule, output) => ({ test: conditionText(context, rule.conditions), output }));
    const extra = options.fallbackOutput === "extra";
    const fallback = extra ? later.length : typeof options.fallbackOutput === "number" ? options.fallbackOutput : -1;
    return routes(context, cases, fallback, later.length + (extra ? 1 : 0));
  }
  const rules = records(record(parameters.rules).rules);
  const cases = rules.map((rule, at) => ({
    test: comparison(context, rule.operation, parameters.value1, rule.value2, `rules.${at}`),
    output: Number(rule.output) || 0,
  }));
  const fallback = typeof parameters.fallbackOutput === "number" ? parameters.fallbackOutput : -1;
  return routes(context, cases, fallback, Math.max(4, fallback + 1, ...cases.map(({ output }) => output + 1)));
};

export const splitOut: Mapper = (context) => {
  const { parameters } = context.node;
  const operation = parameters.operation ?? "splitOutItems";
  if (operation !== "splitOutItems") context.notes.block(`the operation "${String(operation)}" has no counterpart`);
  const include = parameters.include ?? "noOtherFields";
  if (include === "selectedOtherFields") context.notes.block("selected other fields are not known here");
  const names = words(record(parameters.options).destinationFieldName);
  const fields = words(fixed(context, "fieldToSplitOut", ""));
  return one(context, `$items_split_out(items, ${quote(fields)}, ${quote(include)}, ${quote(names)})`);
};

export const aggregate: Mapper = (context) => {
  const { parameters } = context.node;
  if (parameters.aggregate === "aggregateAllItemData") {
    const name = fixed(context, "destinationFieldName", "data") || "data";
    const include = parameters.include ?? "allFields";
    const names = words(
      parameters.include === "allFieldsExcept" ? parameters.fieldsToExclude : parameters.fieldsToInclude,
    );
    const items =
      include === "allFields"
        ? "items"
        : `$js_map(items, function($v){ $items_pick($v, ${quote(names)}, ${include === "allFieldsExcept"}) })`;
    return one(context, `$js_list($count(items) = 0 ? [] : [{"item": {${quote(name)}: ${items}}}])`);
  }
  const keepMissing = record(parameters.options).keepMissing === true;
  const fields = records(record(parameters.fieldsToAggregate).fieldToAggregate).map((field) => {
    const path = text(field.fieldToAggregate) ?? "";
    const given = field.renameField === true ? text(field.outputFieldName) : undefined;
    return { path, name: given || (path.split(".").at(-1) ?? path), keepMissing };
  });
  if (record(parameters.options).mergeLists === true) context.notes.block("lists that are merged are not known here");
  return one(context, `$items_aggregate(items, ${quote(fields)})`);
};

export const limit: Mapper = (context) => {
  const count = Math.max(0, Math.trunc(Number(fixed(context, "maxItems", 1)) || 0));
  const isLast = context.node.parameters.keep === "lastItems";
  return one(
    context,
    isLast ? `$js_slice(items, ${count === 0 ? "$count(items)" : -count})` : `$js_slice(items, 0, ${count})`,
  );
};

export const sort: Mapper = (context) => {
  const { type = "simple", sortFieldsUi } = context.node.parameters;
  if (type === "random") return one(context, '$js_list([{"spread": $shuffle(items)}])');
  if (type !== "simple") context.notes.block("sorting by code has no counterpart");
  const fields = records(record(sortFieldsUi).sortField).map((field) => ({
    path: text(field.fieldName) ?? "",
    isDescending: field.order === "descending",
  }));
  return one(context, `$items_sort(items, ${quote(fields)})`);
};

export const removeDuplicates: Mapper = (context) => {
  const {
    operation = "removeDuplicateInputItems",
    compare = "allFields",
    fieldsToExclude,
    fieldsToCompare,
  } = context.node.parameters;
  if (operation !== "removeDuplicateInputItems") context.notes.block("what earlier executions saw is not kept here");
  const names = (value: unknown): string[] =>
    typeof value === "string"
      ? words(value)
      : records(record(value).fields).map((field) => text(field.fieldName) ?? "");
  const fields = compare === "selectedFields" ? names(fieldsToCompare) : names(fieldsToExclude);
  return one(context, `$items_unique(items, ${quote(compare)}, ${quote(fields)})`);
};

function keysOf(context: NodeContext): { left: string; right: string }[] {
  const { parameters } = context.node;
  const listed = record(parameters.mergeByFields).values;
  if (Array.isArray(listed))
    return records(listed).map((pair) => ({ left: text(pair.field1) ?? "", right: text(pair.field2) ?? "" }));
  return words(parameters.fieldsToMatchString).map((name) => ({ left: name, right: name }));
}

export const merge: Mapper = (context) => {
  const { parameters } = context.node;
  const mode = text(parameters.mode) ?? "append";
  const count = Math.max(2, context.inputCount);
  const names = Array.from({ length: count }, (_none, at) => (at === 0 ? "items" : `items${at}`)).filter(
    (_n, at) => at < context.inputCount,
  );
  const by =
    text(parameters.combineBy) ?? text(parameters.combinationMode) ?? (mode === "combine" ? "combineByFields" : mode);
  const [a = "[]", b = "[]"] = names;
  switch (by) {
    case "append":
      return one(context, `$items_joined(${names.join(", ")})`);
    case "combineByPosition":
    case "mergeByPosition":
    case "mergeByIndex":
      return one(context, `$items_by_position(${a}, ${b}, ${record(parameters.options).includeUnpaired === true})`);
    case "combineAll":
    case "multiplex":
      return one(context, `$items_every_pair(${a}, ${b})`);
    case "combineByFields":
    case "mergeByFields":
      return one(
        context,
        `$items_by_key(${a}, ${b}, ${quote(keysOf(context))}, ${quote(parameters.joinMode ?? "keepMatches")})`,
      );
    case "chooseBranch":
      return one(context, Number(parameters.useDataOfInput ?? 1) === 2 || parameters.output === "input2" ? b : a);
    case "passThrough":
      return one(context, parameters.output === "input2" ? b : a);
    default:
      context.notes.block(`the mode "${by}" has no counterpart`);
      return one(context, "items");
  }
};

/** The items as they come. */
export const pass: Mapper = (context) => context.transform([context.items()]);

const FIELD_TYPES: Readonly<Record<string, string>> = {
  stringValue: "string",
  numberValue: "number",
  booleanValue: "boolean",
  arrayValue: "array",
  objectValue: "object",
};

function assignments(parameters: Record<string, unknown>): { name: unknown; type: string; value: unknown }[] {
  if (parameters.assignments !== undefined) {
    return records(record(parameters.assignments).assignments).map(({ name, type, value }) => ({
      name,
      type: text(type) ?? "any",
      value,
    }));
  }
  if (parameters.fields !== undefined) {
    return records(record(parameters.fields).values).map((field) => {
      const key = text(field.type) ?? "stringValue";
      return { name: field.name, type: FIELD_TYPES[key] ?? "any", value: field[key] };
    });
  }
  return ["string", "number", "boolean"].flatMap((type) =>
    records(record(parameters.values)[type]).map(({ name, value }) => ({ name, type, value })),
  );
}

function base(context: NodeContext): string {
  const { parameters, version } = context.node;
  if (version < 3) return parameters.keepOnlySet === true ? "{}" : "$json";
  const include = text(parameters.include) ?? "all";
  if (version >= 3.3 ? parameters.includeOtherFields !== true : include === "none") return "{}";
  if (include === "selected") return `$items_pick($json, ${quote(words(parameters.includeFields))}, false)`;
  return include === "except" ? `$items_pick($json, ${quote(words(parameters.excludeFields))}, true)` : "$json";
}

export const set: Mapper = (context) => {
  const { parameters } = context.node;
  if (parameters.mode === "raw") {
    const json = context.jsonata(parameters.jsonOutput, "jsonOutput");
    return context.transform([context.each(`$js_merge(${base(context)}, $items_typed("object", ${json}))`)]);
  }
  const isPlain = record(parameters.options).dotNotation === false;
  let body = base(context);
  for (const { name, type, value } of assignments(parameters)) {
    const path =
      typeof name === "string" && name.startsWith("=") ? context.jsonata(name, "name") : quote(text(name) ?? "");
    body = `$items_set(${body}, ${path}, $items_typed(${quote(type)}, ${context.jsonata(value ?? "", `${text(name) ?? "value"}`)}), ${isPlain})`;
  }
  return context.transform([context.each(body)]);
};

export const dateTime: Mapper = (context) => {
  const { parameters, version } = context.node;
  const get = (name: string, usual?: unknown): string => context.jsonata(parameters[name] ?? usual ?? null, name);
  const action = text(parameters[version < 2 ? "action" : "operation"]) ?? (version < 2 ? "format" : "getCurrentDate");
  const name = text(parameters.outputFieldName) ?? text(parameters.dataPropertyName);
  const set = (usual: string, value: string): Piece =>
    context.transform([context.each(`$items_set($json, ${quote(name || usual)}, ${value}, true)`)]);
  context.notes.change("dates are in UTC");
  const amount = `{${get("timeUnit", "days")}: $js_number(${get("duration", 0)})}`;
  switch (action) {
    case "getCurrentDate":
      return set("currentDate", parameters.includeTime === false ? "$today()" : "$now()");
    case "addToDate":
      return set("newDate", `$date_plus(${get("magnitude")}, ${amount})`);
    case "subtractFromDate":
      return set("newDate", `$date_minus(${get("magnitude")}, ${amount})`);
    case "formatDate":
    case "format": {
      const format = text(parameters.format) ?? text(parameters.toFormat) ?? "yyyy-MM-dd";
      const custom = parameters.customFormat !== undefined ? get("customFormat") : quote(format);
      return set(
        action === "format" ? "data" : "formattedDate",
        `$date_format(${get(action === "format" ? "value" : "date")}, ${custom})`,
      );
    }
    case "calculate":
      return set("data", `$date_${parameters.operation === "subtract" ? "minus" : "plus"}(${get("value")}, ${amount})`);
    default:
      context.notes.block(`the operation "${action}" has no counterpart`);
      return pass(context);
  }
};

export const crypto: Mapper = (context) => {
  const { parameters } = context.node;
  const name = text(parameters.dataPropertyName) ?? "data";
  const value = context.jsonata(parameters.value ?? "", "value");
  const algorithm = text(parameters.type) ?? "MD5";
  const encoding = quote(text(parameters.encoding) ?? "hex");
  const action = text(parameters.action) ?? "hash";
  const set = (text: string): Piece =>
    context.transform([context.each(`$items_set($json, ${quote(name)}, ${text}, false)`)]);
  if (action === "hash") return set(`$items_hash(${value}, ${quote(algorithm)}, ${encoding})`);
  if (action === "generate" && (parameters.encodingType ?? "uuid") === "uuid") return set("$uuid()");
  if (action === "hmac") context.notes.block("the secret is not taken over");
  else context.notes.block(`the action "${action}" has no counterpart`);
  return pass(context);
};
