import type * as Fflate from "fflate";
import { refuse } from "../items/items.ts";
import { MAX_CELLS, MAX_COLUMNS, MAX_UNPACKED_BYTES } from "../limits.ts";
import { isDateFormat, serialToIso } from "./xlsx-dates.ts";
import { type Tag, walkXml } from "./xml-walk.ts";
import { unzip } from "./zip.ts";

// Written here because the libraries that read workbooks fill whole grids from whatever cell names a file claims, and
// unpack without a bound.

interface Workbook {
  sheets: { name: string; path: string }[];
  is1904: boolean;
}

interface Shared {
  strings: string[];
  /** By style number: whether its numbers are dates. */
  dates: boolean[];
  is1904: boolean;
}

type Unpack = (name: string) => string | undefined;

/** The names of a workbook's sheets and the rows of one of them: by name, by number from 0, or the first. */
export async function readWorkbook(
  fflate: typeof Fflate,
  bytes: Uint8Array,
  sheet: string | number,
): Promise<{ sheetNames: string[]; sheetName: string; rows: unknown[][] }> {
  const unpack: Unpack = (name) => {
    const [entry] = unzip(fflate, bytes, (one) => one === name);
    return entry && new TextDecoder().decode(entry.bytes);
  };
  const { sheets, is1904 } = await readSheets(unpack);
  const chosen = typeof sheet === "number" ? sheets[sheet] : sheets.find(({ name }) => name === sheet);
  if (!chosen) throw refuse("not_found", "the workbook has no such sheet");
  const strings = await readStrings(unpack("xl/sharedStrings.xml"));
  const dates = await readStyles(unpack("xl/styles.xml"));
  const text = unpack(chosen.path);
  if (text === undefined) throw refuse("invalid_workbook", "the sheet is missing from the workbook");
  const rows = await readRows(text, { strings, dates, is1904 });
  return { sheetNames: sheets.map(({ name }) => name), sheetName: chosen.name, rows };
}

async function readSheets(unpack: Unpack): Promise<Workbook> {
  const workbook = unpack("xl/workbook.xml");
  const relations = unpack("xl/_rels/workbook.xml.rels");
  if (workbook === undefined || relations === undefined) throw refuse("invalid_workbook", "this is no xlsx workbook");
  const targets = new Map<string, string>();
  await walkXml(relations, {
    open: ({ name, attributes }) => {
      if (name === "Relationship") targets.set(attributes.get("Id") ?? "", attributes.get("Target") ?? "");
    },
  });
  const sheets: Workbook["sheets"] = [];
  let is1904 = false;
  await walkXml(workbook, {
    open: ({ name, attributes }) => {
      if (name === "workbookPr") is1904 = ["1", "true"].includes(attributes.get("date1904") ?? "");
      if (name !== "sheet") return;
      const target = targets.get(attributes.get("id") ?? "") ?? "";
      sheets.push({
        name: attributes.get("name") ?? "",
        path: target.startsWith("/") ? target.slice(1) : `xl/${target}`,
      });
    },
  });
  return { sheets, is1904 };
}

async function readStrings(text: string | undefined): Promise<string[]> {
  const strings: string[] = [];
  if (text === undefined) return strings;
  let current = "";
  let isText = false;
  let isReading = true;
  await walkXml(text, {
    open: ({ name }) => {
      if (name === "si") current = "";
      // Phonetic guides are no part of the text.
      if (name === "rPh") isReading = false;
      if (name === "t") isText = isReading;
    },
    text: (piece) => {
      if (isText) current += piece;
    },
    close: (name) => {
      if (name === "t") isText = false;
      if (name === "rPh") isReading = true;
      if (name === "si") strings.push(current);
    },
  });
  return strings;
}

async function readStyles(text: string | undefined): Promise<boolean[]> {
  const dates: boolean[] = [];
  if (text === undefined) return dates;
  const formats = new Map<number, string>();
  let isInCells = false;
  await walkXml(text, {
    open: ({ name, attributes }) => {
      if (name === "numFmt") formats.set(Number(attributes.get("numFmtId")), attributes.get("formatCode") ?? "");
      if (name === "cellXfs") isInCells = true;
      if (name === "xf" && isInCells) {
        const id = Number(attributes.get("numFmtId") ?? 0);
        dates.push(isDateFormat(id, formats.get(id)));
      }
    },
    close: (name) => {
      if (name === "cellXfs") isInCells = false;
    },
  });
  return dates;
}

const REFERENCE = /^([A-Z]{1,3})\d{1,7}$/;
const LETTER_BEFORE_A = 64;

/** `AB12` → 27; undefined where it names no cell. */
function columnOf(reference: string): number | undefined {
  const letters = REFERENCE.exec(reference)?.[1];
  if (letters === undefined) return undefined;
  let column = 0;
  for (const letter of letters) column = column * 26 + letter.charCodeAt(0) - LETTER_BEFORE_A;
  return column - 1;
}

class RowReader {
  readonly rows: unknown[][] = [];
  readonly #shared: Shared;
  #row: unknown[] = [];
  #cells = 0;
  #chars = 0;
  #column = -1;
  #type = "n";
  #style = 0;
  #value = "";
  #isValue = false;

  constructor(shared: Shared) {
    this.#shared = shared;
  }

  open({ name, attributes }: Tag): void {
    if (name === "row") {
      this.#row = [];
      this.#column = -1;
    } else if (name === "c") {
      this.#column = columnOf(attributes.get("r") ?? "") ?? this.#column + 1;
      if (this.#column >= MAX_COLUMNS) throw refuse("too_large", `a table has at most ${MAX_COLUMNS} columns`);
      this.#type = attributes.get("t") ?? "n";
      this.#style = Number(attributes.get("s") ?? -1);
      this.#value = "";
    } else if (name === "v" || name === "t") this.#isValue = true;
  }

  text(piece: string): void {
    if (this.#isValue) this.#value += piece;
  }

  close(name: string): void {
    if (name === "v" || name === "t") this.#isValue = false;
    else if (name === "c") this.#put(this.#read());
    else if (name === "row") this.#end();
  }

  #put(value: unknown): void {
    if (value === null) return;
    if (typeof value === "string") this.#chars += value.length;
    if (this.#chars > MAX_UNPACKED_BYTES) throw refuse("too_large", "the sheet's texts are too long together");
    while (this.#row.length < this.#column) this.#row.push(null);
    this.#row[this.#column] = value;
  }

  #end(): void {
    if (this.#row.length === 0) return;
    this.#cells += this.#row.length;
    if (this.#cells > MAX_CELLS) throw refuse("too_large", `a table has at most ${MAX_CELLS} cells`);
    this.rows.push(this.#row);
  }

  #read(): unknown {
    const text = this.#value;
    if (this.#type === "inlineStr" || this.#type === "str" || this.#type === "d") return text;
    if (text === "") return null;
    if (this.#type === "s") return this.#shared.strings[Number(text)] ?? null;
    if (this.#type === "b") return text === "1" || text === "true";
    const number = Number(text);
    // Errors (#N/A and the like) are given as their text.
    if (this.#type === "e" || !Number.isFinite(number)) return text;
    return this.#shared.dates[this.#style] ? serialToIso(number, this.#shared.is1904) : number;
  }
}

async function readRows(text: string, shared: Shared): Promise<unknown[][]> {
  const reader = new RowReader(shared);
  await walkXml(text, {
    open: (tag) => reader.open(tag),
    text: (piece) => reader.text(piece),
    close: (name) => reader.close(name),
  });
  return reader.rows;
}
