import { record, records, text } from "../import/builder.ts";
import type { NodeContext, Piece } from "./context.ts";
import { type Mapper, pass, quote, words } from "./parameters.ts";

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

/** Members by other names, in the order that is given. */
export const renameKeys: Mapper = (context) => {
  const { parameters } = context.node;
  const names = records(record(parameters.keys).key).map((pair) => [
    text(pair.currentKey) ?? "",
    text(pair.newKey) ?? "",
  ]);
  if (records(record(record(parameters.additionalOptions).regexReplacement).replacements).length > 0)
    context.notes.block("names that are found by a regular expression have no counterpart");
  return context.transform([context.each(`$items_renamed($json, ${quote(names)})`)]);
};
