import { record, records, text } from "../import/builder.ts";
import type { NodeContext, Piece } from "./context.ts";
import { fixed, type Mapper, one, picked, quote, words } from "./parameters.ts";

/** One item that was made of all of them. */
const together = (context: NodeContext, expression: string): Piece =>
  one(context, expression, [context.over(`$items_together(items, ${expression})`)]);

export const splitOut: Mapper = (context) => {
  const { parameters } = context.node;
  const include = parameters.include ?? "noOtherFields";
  const kept = words(fixed(context, "fieldsToInclude", ""));
  const names = words(record(parameters.options).destinationFieldName);
  const fields = words(fixed(context, "fieldToSplitOut", ""));
  if (fields.some((field) => field.startsWith("$binary"))) context.notes.block("files beside the items are not split");
  return one(context, `$items_split_out(items, ${quote(fields)}, ${quote(include)}, ${quote(names)}, ${quote(kept)})`, [
    context.over(`$items_split_places(items, ${quote(fields)})`),
  ]);
};

export const aggregate: Mapper = (context) => {
  const { parameters } = context.node;
  const options = record(parameters.options);
  if (options.includeBinaries === true) context.notes.change("files beside the items are not put together");
  if (parameters.aggregate === "aggregateAllItemData") {
    const name = fixed(context, "destinationFieldName", "data") || "data";
    const include = parameters.include ?? "allFields";
    const isExcept = include === "allFieldsExcept";
    const names = words(isExcept ? parameters.fieldsToExclude : parameters.fieldsToInclude);
    const items =
      include === "allFields"
        ? "items"
        : `$js_map(items, function($v){ $items_pick($v, ${quote(names)}, ${isExcept}) })`;
    return together(context, `$js_list($count(items) = 0 ? [] : [{"item": {${quote(name)}: ${items}}}])`);
  }
  const fields = records(record(parameters.fieldsToAggregate).fieldToAggregate).map((field) => {
    const path = text(field.fieldToAggregate) ?? "";
    const given = field.renameField === true ? text(field.outputFieldName) : undefined;
    const [keepMissing, mergeLists] = [options.keepMissing === true, options.mergeLists === true];
    return { path, name: given || (path.split(".").at(-1) ?? path), keepMissing, mergeLists };
  });
  return together(context, `$items_aggregate(items, ${quote(fields)})`);
};

export const limit: Mapper = (context) => {
  const count = Math.max(0, Math.trunc(Number(fixed(context, "maxItems", 1)) || 0));
  const isLast = context.node.parameters.keep === "lastItems";
  const all = "$items_places(items)";
  return picked(
    context,
    isLast ? `$js_slice(${all}, ${count === 0 ? "$count(items)" : -count})` : `$js_slice(${all}, 0, ${count})`,
  );
};

export const sort: Mapper = (context) => {
  const { type = "simple", sortFieldsUi } = context.node.parameters;
  if (type === "random") return one(context, '$js_list([{"spread": $shuffle(items)}])', "none");
  if (type !== "simple") context.notes.block("sorting by code has no counterpart");
  const fields = records(record(sortFieldsUi).sortField).map((field) => ({
    path: text(field.fieldName) ?? "",
    isDescending: field.order === "descending",
  }));
  return picked(context, `$items_sort_places(items, ${quote(fields)})`);
};

export const removeDuplicates: Mapper = (context) => {
  const {
    operation = "removeDuplicateInputItems",
    compare = "allFields",
    fieldsToExclude,
    fieldsToCompare,
  } = context.node.parameters;
  if (operation !== "removeDuplicateInputItems" && operation !== "removeDuplicates")
    context.notes.block("what earlier executions saw is not kept here");
  const names = (value: unknown): string[] =>
    typeof value === "string"
      ? words(value)
      : records(record(value).fields).map((field) => text(field.fieldName) ?? "");
  const fields = compare === "selectedFields" ? names(fieldsToCompare) : names(fieldsToExclude);
  return picked(context, `$items_unique_places(items, ${quote(compare)}, ${quote(fields)})`);
};

/** What n8n's summaries are called here: those of `items/summary.ts`. */
const SUMMARIES: Readonly<Record<string, string>> = {
  append: "append",
  average: "average",
  concatenate: "concatenate",
  count: "count",
  countUnique: "count_unique",
  max: "max",
  min: "min",
  sum: "sum",
};
/** What n8n puts before the name of a field that was summed up. */
const PREFIX: Readonly<Record<string, string>> = {
  append: "appended_",
  average: "average_",
  concatenate: "concatenated_",
  count: "count_",
  countUnique: "unique_count_",
  max: "max_",
  min: "min_",
  sum: "sum_",
};
const SEPARATOR: Readonly<Record<string, string>> = { "\\n": "\n", other: "" };

export const summarize: Mapper = (context) => {
  const { parameters } = context.node;
  const by = words(fixed(context, "fieldsToSplitBy", ""));
  if (record(parameters.options).outputFormat === "singleItem" && by.length > 0)
    context.notes.block("groups that are members of one item have no counterpart");
  const rules = records(record(parameters.fieldsToSummarize).values).map((field) => {
    const how = text(field.aggregation) ?? "count";
    if (!Object.hasOwn(SUMMARIES, how)) context.notes.block(`the summary "${how}" is not known here`);
    if (field.includeEmpty === true) context.notes.change("missing values do not count");
    const path = text(field.field) ?? "";
    const given = text(field.separateBy) ?? ",";
    const separator = given === "other" ? (text(field.customSeparator) ?? "") : (SEPARATOR[given] ?? given);
    return {
      path,
      how: SUMMARIES[how] ?? "count",
      name: `${PREFIX[how] ?? ""}${path}`.replaceAll(".", "_"),
      separator,
    };
  });
  const made = `$items_summed(items, ${quote(by)}, ${quote(rules)})`;
  return one(context, made, by.length === 0 ? [context.over(`$items_together(items, ${made})`)] : "none");
};

/** n8n's first node for lists, whose operations became nodes of their own. */
export const itemLists: Mapper = (context) => {
  const operation = text(context.node.parameters.operation) ?? "splitOutItems";
  switch (operation) {
    case "splitOutItems":
      return splitOut(context);
    case "concatenateItems":
    case "aggregateItems":
      return aggregate(context);
    case "limit":
      return limit(context);
    case "removeDuplicates":
      return removeDuplicates(context);
    case "sort":
      return sort(context);
    case "summarize":
      return summarize(context);
    default:
      context.notes.block(`the operation "${operation}" has no counterpart`);
      return splitOut(context);
  }
};
