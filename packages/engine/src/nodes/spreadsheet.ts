import * as z from "zod";
import { bytesFields, bytesFrom, bytesTo, giveBytes, readBytes } from "../data/bytes.ts";
import { itemsToRows, rowsToItems } from "../data/table.ts";
import { readWorkbook } from "../data/xlsx-read.ts";
import { isSheetName, writeWorkbook } from "../data/xlsx-write.ts";
import { loadZip } from "../data/zip.ts";
import { MAX_COLUMNS, MAX_RULES } from "../limits.ts";
import { defineNode } from "../node.ts";

const XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

const config = z.discriminatedUnion("mode", [
  z.strictObject({
    mode: z.literal("read"),
    from: bytesFrom.default({ input: "data", as: "file" }),
    /** Name of the sheet, or its number from 0. */
    sheet: z.union([z.string().max(31), z.int().min(0).max(1_000)]).default(0),
    /** The first row names the members of the items; else items are lists of cells. */
    header: z.boolean().default(true),
  }),
  z.strictObject({
    mode: z.literal("write"),
    sheets: z
      .array(
        z.strictObject({
          name: z.string().refine(isSheetName, "Excel allows no sheet of this name"),
          /** The input that holds the items. */
          items: z.string().min(1).max(128),
          columns: z.array(z.string().min(1).max(128)).max(MAX_COLUMNS).default([]),
          header: z.boolean().default(true),
        }),
      )
      .min(1)
      .max(MAX_RULES)
      .default([{ name: "Sheet1", items: "items", columns: [], header: true }]),
    to: bytesTo.default({ as: "base64" }),
  }),
]);

export const spreadsheet = defineNode({
  type: "spreadsheet",
  title: "Spreadsheet",
  description:
    "Reads a sheet of an Excel workbook (xlsx) as items, or writes items as a workbook. Empty rows are left out.",
  category: "data",
  config,
  effectful: true,
  outputs: ({ mode }) =>
    mode === "write"
      ? bytesFields()
      : [
          { name: "items", type: { type: "list" } },
          { name: "sheetName", type: { type: "string" } },
          { name: "sheetNames", type: { type: "list", items: { type: "string" } } },
        ],
  uses: (config) => (config.mode === "read" ? [config.from.input] : config.sheets.map(({ items }) => items)),
  check: (config) => {
    if (config.mode === "read") return [];
    const names = config.sheets.map(({ name }) => name.toLowerCase());
    return new Set(names).size < names.length ? [{ path: "sheets", message: "two sheets have one name" }] : [];
  },
  n8n: ["n8n-nodes-base.spreadsheetFile", "n8n-nodes-base.extractFromFile:xlsx", "n8n-nodes-base.convertToFile:xlsx"],
  async run(run) {
    const { config } = run;
    const fflate = await loadZip();
    if (config.mode === "write") {
      const sheets = config.sheets.map(({ name, items, columns, header }) => ({
        name,
        rows: itemsToRows(run.inputs, items, columns, header),
      }));
      return { output: await giveBytes(run, config.to, writeWorkbook(fflate, sheets), XLSX) };
    }
    const { rows, sheetName, sheetNames } = await readWorkbook(fflate, await readBytes(run, config.from), config.sheet);
    return { output: { items: rowsToItems(rows, config.header), sheetName, sheetNames } };
  },
});
