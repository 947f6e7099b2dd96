import type * as Fflate from "fflate";
import { refuse } from "../items/items.ts";
import { toText } from "../values/convert.ts";
import { escapeXml } from "./xml.ts";

export interface SheetRows {
  name: string;
  rows: readonly (readonly unknown[])[];
}

/** Characters of one cell (Excel). */
const MAX_CELL = 32_767;
const EPOCH = "1980-01-01T00:00:00";
const HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n';
const MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const PACKAGE = "http://schemas.openxmlformats.org/package/2006";
const TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml";

/** Whether a text may name a sheet (Excel). */
export function isSheetName(name: string): boolean {
  return name.length > 0 && name.length <= 31 && !/[\p{Cc}[\]:*?/\\]/u.test(name) && !/^'|'$/.test(name);
}

function columnName(index: number): string {
  let name = "";
  for (let rest = index; rest >= 0; rest = Math.floor(rest / 26) - 1)
    name = String.fromCharCode(65 + (rest % 26)) + name;
  return name;
}

function cell(value: unknown, reference: string): string {
  if (value === null || value === undefined || value === "") return "";
  if (typeof value === "number" && Number.isFinite(value)) return `<c r="${reference}"><v>${value}</v></c>`;
  if (typeof value === "boolean") return `<c r="${reference}" t="b"><v>${Number(value)}</v></c>`;
  const text = toText(value);
  if (text.length > MAX_CELL) throw refuse("too_large", `a cell has at most ${MAX_CELL} characters`);
  // Never a formula, whatever the text begins with.
  return `<c r="${reference}" t="inlineStr"><is><t xml:space="preserve">${escapeXml(text)}</t></is></c>`;
}

function sheet({ rows }: SheetRows): string {
  const names: string[] = [];
  const lines = rows.map((row, at) => {
    const cells = row.map((value, column) => {
      names[column] ??= columnName(column);
      return cell(value, `${names[column]}${at + 1}`);
    });
    return `<row r="${at + 1}">${cells.join("")}</row>`;
  });
  return `${HEAD}<worksheet xmlns="${MAIN}"><sheetData>${lines.join("")}</sheetData></worksheet>`;
}

function parts(sheets: readonly SheetRows[]): Record<string, string> {
  const numbers = sheets.map((_sheet, at) => at + 1);
  const overrides = numbers.map(
    (n) => `<Override PartName="/xl/worksheets/sheet${n}.xml" ContentType="${TYPE}.worksheet+xml"/>`,
  );
  const relations = numbers.map(
    (n) => `<Relationship Id="rId${n}" Type="${OFFICE}/worksheet" Target="worksheets/sheet${n}.xml"/>`,
  );
  const listed = sheets.map(
    ({ name }, at) => `<sheet name="${escapeXml(name, true)}" sheetId="${at + 1}" r:id="rId${at + 1}"/>`,
  );
  return {
    "[Content_Types].xml": `${HEAD}<Types xmlns="${PACKAGE}/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="${TYPE}.sheet.main+xml"/>${overrides.join("")}</Types>`,
    "_rels/.rels": `${HEAD}<Relationships xmlns="${PACKAGE}/relationships"><Relationship Id="rId1" Type="${OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>`,
    "xl/workbook.xml": `${HEAD}<workbook xmlns="${MAIN}" xmlns:r="${OFFICE}"><sheets>${listed.join("")}</sheets></workbook>`,
    "xl/_rels/workbook.xml.rels": `${HEAD}<Relationships xmlns="${PACKAGE}/relationships">${relations.join("")}</Relationships>`,
  };
}

/** A workbook of these sheets. The same rows give the same bytes. Throws NodeError. */
export function writeWorkbook(fflate: typeof Fflate, sheets: readonly SheetRows[]): Uint8Array {
  const files: Record<string, Uint8Array> = {};
  for (const [name, text] of Object.entries(parts(sheets))) files[name] = fflate.strToU8(text);
  for (const [at, one] of sheets.entries()) files[`xl/worksheets/sheet${at + 1}.xml`] = fflate.strToU8(sheet(one));
  return fflate.zipSync(files, { mtime: EPOCH });
}
