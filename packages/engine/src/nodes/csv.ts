import * as z from "zod";
import { bytesFields, bytesFrom, bytesTo, giveBytes, readText } from "../data/bytes.ts";
import { checkTable, itemsToRows, rowsToItems } from "../data/table.ts";
import { itemsInput, refuse } from "../items/items.ts";
import { MAX_CELLS, MAX_COLUMNS } from "../limits.ts";
import { defineNode, type NodeRun } from "../node.ts";
import { toText } from "../values/convert.ts";

const delimiter = z
  .string()
  .length(1)
  .refine((letter) => !/["\r\n]/.test(letter), "it cannot part cells");
const NUMBER = /^-?(0|[1-9]\d{0,14})(\.\d{1,15})?$/;
/** What a spreadsheet program would run as a formula. */
const FORMULA = /^[=+\-@\t\r]/;

const config = z.discriminatedUnion("mode", [
  z.strictObject({
    mode: z.literal("parse"),
    from: bytesFrom,
    /** Absent: the one among , ; tab and | that the first line has most of. */
    delimiter: delimiter.optional(),
    /** The first row names the members of the items; else items are lists of cells. */
    header: z.boolean().default(true),
    skipEmptyLines: z.boolean().default(true),
    trim: z.boolean().default(false),
    /** auto: numbers, true and false, and nothing for empty cells. */
    types: z.enum(["text", "auto"]).default("text"),
  }),
  z.strictObject({
    mode: z.literal("write"),
    items: itemsInput,
    to: bytesTo.default({ as: "text" }),
    columns: z.array(z.string().min(1).max(128)).max(MAX_COLUMNS).default([]),
    delimiter: delimiter.default(","),
    header: z.boolean().default(true),
    newline: z.enum(["\n", "\r\n"]).default("\r\n"),
    /** Begins the text with the mark by which Excel knows UTF-8. */
    bom: z.boolean().default(false),
    /** Puts ' before texts that a spreadsheet program would run. */
    escapeFormulas: z.boolean().default(true),
  }),
]);
type Config = z.output<typeof config>;
type Parse = Extract<Config, { mode: "parse" }>;
type Write = Extract<Config, { mode: "write" }>;

function guessDelimiter(text: string): string {
  const line = text.slice(0, 10_000).split(/\r?\n/, 1)[0] ?? "";
  const counts = [",", ";", "\t", "|"].map((letter) => ({ letter, count: line.split(letter).length }));
  return counts.reduce((best, one) => (one.count > best.count ? one : best)).letter;
}

function typed(cell: string): unknown {
  if (cell === "") return null;
  if (NUMBER.test(cell)) return Number(cell);
  if (cell === "true" || cell === "TRUE") return true;
  return cell === "false" || cell === "FALSE" ? false : cell;
}

async function parse(run: NodeRun, config: Parse): Promise<unknown[]> {
  const text = await readText(run, config.from);
  const { parse } = await import("csv-parse/sync");
  let cells = 0;
  let rows: string[][];
  try {
    rows = parse(text, {
      delimiter: config.delimiter ?? guessDelimiter(text),
      record_delimiter: ["\r\n", "\n", "\r"],
      relax_column_count: true,
      skip_empty_lines: config.skipEmptyLines,
      trim: config.trim,
      on_record: (record: string[]) => {
        cells += record.length;
        checkTable(1, record.length);
        if (cells > MAX_CELLS) throw refuse("too_large", `a table has at most ${MAX_CELLS} cells`);
        return record;
      },
    });
  } catch (thrown) {
    if (thrown instanceof Error && thrown.name === "NodeError") throw thrown;
    throw refuse("invalid_csv", `the CSV cannot be read: ${(thrown as Error).message.slice(0, 300)}`, thrown);
  }
  const [head, ...rest] = rows;
  if (config.types === "text" || head === undefined) return rowsToItems(rows, config.header);
  const body = rest.map((row) => row.map(typed));
  return rowsToItems([config.header ? head : head.map(typed), ...body], config.header);
}

function cell(value: unknown, { delimiter, escapeFormulas }: Write): string {
  let text = toText(value);
  if (escapeFormulas && typeof value === "string" && FORMULA.test(text) && !NUMBER.test(text)) text = `'${text}`;
  const isQuoted = text.includes(delimiter) || /["\r\n]/.test(text) || text !== text.trim();
  return isQuoted ? `"${text.replaceAll('"', '""')}"` : text;
}

function write({ inputs }: NodeRun, config: Write): Uint8Array {
  const rows = itemsToRows(inputs, config.items, config.columns, config.header);
  const lines = rows.map((row) => {
    const line = row.map((value) => cell(value, config)).join(config.delimiter);
    // A line with nothing in it would be no row.
    return row.length === 1 && line === "" ? '""' : line;
  });
  return Buffer.from((config.bom ? "\ufeff" : "") + lines.map((line) => line + config.newline).join(""));
}

export const csv = defineNode({
  type: "csv",
  title: "CSV",
  description: "Reads a CSV text or file as a list of items, or writes a list as CSV.",
  category: "data",
  config,
  effectful: true,
  outputs: ({ mode }) =>
    mode === "parse"
      ? [
          { name: "items", type: { type: "list" } },
          { name: "count", type: { type: "integer" } },
        ]
      : bytesFields(),
  uses: (config) => [config.mode === "parse" ? config.from.input : config.items],
  n8n: ["n8n-nodes-base.extractFromFile:csv", "n8n-nodes-base.convertToFile:csv"],
  async run(run) {
    const { config } = run;
    if (config.mode === "write") {
      return { output: await giveBytes(run, config.to, write(run, config), "text/csv; charset=utf-8") };
    }
    const items = await parse(run, config);
    return { output: { items, count: items.length } };
  },
});
