import type { CanvasInput } from "../canvas.ts";
import { record, text } from "../import/builder.ts";
import { fileOf, propertyOf } from "./binary.ts";
import type { NodeContext, Piece } from "./context.ts";
import { fixed, type Mapper, pass, quote, words } from "./parameters.ts";
import { ITEM_CONCURRENCY } from "./texts.ts";

const perFile = (context: NodeContext, type: string, data: Piece["nodes"][number]["data"], read: string): Piece =>
  context.perItem({ type, data, read, concurrency: ITEM_CONCURRENCY });

/** The file that was written, beside an item. */
const withFile = (item: string, property: string): string =>
  `$items_with_file(${item}, ${property}, {"id": result.key, "name": result.name, "contentType": result.contentType, "size": result.size})`;

/** Files by path: of the space's workspace, in place of the disk of n8n's server. */
export const readWriteFile: Mapper = (context) => {
  const { parameters, type } = context.node;
  const isWrite = type.endsWith(".writeBinaryFile") || text(parameters.operation) === "write";
  context.notes.change("its files are those of the space, by their key, not those of n8n's server");
  if (isWrite) {
    if (record(parameters.options).append === true) context.notes.block("files are written whole, not added to");
    const inputs: CanvasInput[] = [
      context.turnInput("key", parameters.fileName, "fileName", "string"),
      fileOf(context, "content", propertyOf(context, "dataPropertyName")),
    ];
    // Its content goes from one file to the other.
    const data = { config: { key: "{{key}}", input: "content", as: "file" }, inputs };
    return perFile(context, "file_write", data, "[json]");
  }
  const selector = text(parameters.fileSelector) ?? text(parameters.filePath) ?? "";
  if (/[*?[{]/.test(selector.replaceAll(/\{\{.*?\}\}/gs, "")))
    context.notes.block("files are read one by one, not by a pattern");
  const inputs = [context.turnInput("key", selector, "fileSelector", "string")];
  const property = quote(fixed(context, "dataPropertyName", "data"));
  return perFile(
    context,
    "file_read",
    { config: { key: "{{key}}", as: "base64" }, inputs },
    `[${withFile("json", property)}]`,
  );
};

/** Formats of files whose rows become items. */
const TABLES: ReadonlySet<string> = new Set(["csv", "xlsx", "xls", "ods", "fromFile"]);

function table(context: NodeContext, format: string): Piece {
  const options = record(context.node.parameters.options);
  const inputs = [fileOf(context, "data", propertyOf(context, "binaryPropertyName"))];
  const header = options.headerRow !== false;
  const from = { input: "data", as: "file" };
  if (format === "csv") {
    const delimiter = text(options.delimiter);
    const config = { mode: "parse", from, header, ...(delimiter ? { delimiter } : {}) };
    return perFile(context, "csv", { config, inputs }, "$items_of(result.items)");
  }
  if (format !== "xlsx" && format !== "fromFile") context.notes.block(`files of type ${format} are not read here`);
  const sheet = text(options.sheetName);
  const config = { mode: "read", from, header, ...(sheet ? { sheet } : {}) };
  return perFile(context, "spreadsheet", { config, inputs }, "$items_of(result.items)");
}

export const extractFromFile: Mapper = (context) => {
  const { parameters } = context.node;
  const operation = text(parameters.operation) ?? "csv";
  if (TABLES.has(operation)) return table(context, operation);
  const key = quote(fixed(context, "destinationKey", "data"));
  const inputs = [fileOf(context, "key", propertyOf(context, "binaryPropertyName"))];
  const as = operation === "binaryToPropery" || operation === "binaryToProperty" ? "base64" : "text";
  const data = { config: { key: "{{key}}", as }, inputs };
  switch (operation) {
    case "text":
    case "html":
    case "xml":
    case "binaryToPropery":
    case "binaryToProperty":
      return perFile(context, "file_read", data, `[$items_set({}, ${key}, result.content, false)]`);
    case "fromJson":
      return perFile(
        context,
        "file_read",
        data,
        `[$items_set({}, ${key}, $items_typed("json", result.content), false)]`,
      );
    default:
      context.notes.block(`files of type ${operation} are not read here`);
      return pass(context);
  }
};

/** Items as one file beside one item. */
function written(context: NodeContext, type: string, config: Record<string, unknown>, name: string): Piece {
  const { id } = context;
  const [made, file] = [context.ids.fresh(`${id}_made`), context.ids.fresh(`${id}_file`)];
  const property = quote(propertyOf(context, "binaryPropertyName"));
  const result = { name: "result", ref: file };
  const after = context.transform(
    [{ expression: { text: `[${withFile("{}", property)}]`, inputs: [result] } }],
    ["none"],
  );
  return {
    ...after,
    nodes: [
      { id: made, type, data: { config, inputs: [{ name: "items", type: "list", ...context.items() }] } },
      {
        id: file,
        type: "file_write",
        data: {
          config: { key: name, input: "content", as: "base64", to: "file" },
          inputs: [{ name: "content", ref: `${made}.output` }],
        },
      },
      ...after.nodes,
    ],
    edges: [
      { source: made, target: file },
      { source: file, target: id },
    ],
    entry: made,
  };
}

function nameOf(context: NodeContext, usual: string): string {
  const given = text(record(context.node.parameters.options).fileName) ?? usual;
  const plain = given.replace(/^=/, "");
  if (plain.includes("{{")) context.notes.change(`the file is called ${usual}: its name is computed`);
  const name = plain.includes("{{") || plain === "" ? usual : plain;
  return name.replaceAll(/[{}\\/]/g, "_");
}

export const convertToFile: Mapper = (context) => {
  const { parameters } = context.node;
  const operation = text(parameters.operation) ?? "csv";
  const options = record(parameters.options);
  const header = options.headerRow !== false;
  if (operation === "csv") {
    const delimiter = text(options.delimiter);
    const config = {
      mode: "write",
      to: { as: "base64" },
      header,
      escapeFormulas: false,
      ...(delimiter ? { delimiter } : {}),
    };
    return written(context, "csv", config, nameOf(context, "file.csv"));
  }
  if (operation === "xlsx") {
    const sheets = [{ name: text(options.sheetName) ?? "Sheet", items: "items", header }];
    return written(
      context,
      "spreadsheet",
      { mode: "write", sheets, to: { as: "base64" } },
      nameOf(context, "file.xlsx"),
    );
  }
  if (operation === "toText" || operation === "toBinary" || (operation === "toJson" && parameters.mode === "each")) {
    const path = quote(fixed(context, "sourceProperty", "data"));
    const value = operation === "toJson" ? "$js_toJsonString($json)" : `$items_read($json, ${path})`;
    const inputs: CanvasInput[] = [{ name: "content", type: "string", expression: context.turnExpression(value) }];
    const usual = operation === "toJson" ? "file.json" : operation === "toText" ? "file.txt" : "file";
    const config = { key: nameOf(context, usual), as: operation === "toBinary" ? "base64" : "text", to: "file" };
    const property = quote(propertyOf(context, "binaryPropertyName"));
    return perFile(context, "file_write", { config, inputs }, `[${withFile("{}", property)}]`);
  }
  context.notes.block(`files of type ${operation} are not made here`);
  return pass(context);
};

/** n8n's first node for spreadsheets. */
export const spreadsheetFile: Mapper = (context) => {
  const { parameters } = context.node;
  const format = text(parameters.fileFormat) ?? (parameters.operation === "toFile" ? "xls" : "autodetect");
  if (parameters.operation !== "toFile") return table(context, format === "csv" ? "csv" : "fromFile");
  if (format !== "csv" && format !== "xlsx") context.notes.block(`files of type ${format} are not made here`);
  const config =
    format === "csv"
      ? { mode: "write", to: { as: "base64" }, escapeFormulas: false }
      : { mode: "write", to: { as: "base64" } };
  return written(context, format === "csv" ? "csv" : "spreadsheet", config, nameOf(context, `spreadsheet.${format}`));
};

export const compression: Mapper = (context) => {
  const { parameters } = context.node;
  const names = words(parameters.binaryPropertyName ?? "data");
  const operation = text(parameters.operation) ?? "decompress";
  context.notes.block(
    `files beside the items (${names.join(", ")}) are ${operation === "compress" ? "not packed" : "not unpacked"} here`,
  );
  return pass(context);
};
