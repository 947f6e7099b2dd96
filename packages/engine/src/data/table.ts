import { itemsOf, recordOf, refuse } from "../items/items.ts";
import { MAX_CELLS, MAX_COLUMNS } from "../limits.ts";
import { setOwn } from "../values/json.ts";

/** Throws where a table of so many rows and columns is more than a node holds. */
export function checkTable(rows: number, columns: number): void {
  if (columns > MAX_COLUMNS) throw refuse("too_large", `a table has at most ${MAX_COLUMNS} columns`);
  if (rows * columns > MAX_CELLS) throw refuse("too_large", `a table has at most ${MAX_CELLS} cells`);
}

/** Names of columns: empty ones get their number, repeated ones a number behind. */
function columnNames(head: readonly unknown[]): string[] {
  const seen = new Map<string, number>();
  return head.map((cell, at) => {
    const name = String(cell ?? "").trim() || `column_${at + 1}`;
    const count = (seen.get(name) ?? 0) + 1;
    seen.set(name, count);
    return count === 1 ? name : `${name}_${count}`;
  });
}

/** Rows of cells as objects by the names in the first row, or as they are. Missing cells are null. */
export function rowsToItems(rows: readonly (readonly unknown[])[], hasHeader: boolean): unknown[] {
  if (!hasHeader) return rows.map((row) => [...row]);
  const [head = [], ...rest] = rows;
  const width = rest.reduce((most, row) => Math.max(most, row.length), head.length);
  checkTable(rest.length, width);
  const names = columnNames(Array.from({ length: width }, (_none, at) => head[at]));
  return rest.map((row) => {
    const item: Record<string, unknown> = {};
    for (const [at, name] of names.entries()) setOwn(item, name, row[at] ?? null);
    return item;
  });
}

/** Items as rows of cells: lists as they are, objects by `columns`, or by every name that one of them has. */
export function itemsToRows(
  inputs: Record<string, unknown>,
  name: string,
  columns: readonly string[],
  hasHeader: boolean,
): unknown[][] {
  const items = itemsOf(inputs, name);
  const width = items.reduce<number>((most, item) => Math.max(most, Array.isArray(item) ? item.length : 0), 0);
  if (width > 0) {
    checkTable(items.length, width);
    const rows = items.map((item) => (Array.isArray(item) ? item : [item]));
    return columns.length > 0 && hasHeader ? [[...columns], ...rows] : rows;
  }
  const names = columns.length > 0 ? [...columns] : memberNames(items);
  checkTable(items.length, names.length);
  const rows = items.map((item) => {
    const record = recordOf(item);
    return names.map((key) => (Object.hasOwn(record, key) ? record[key] : null));
  });
  return hasHeader ? [names, ...rows] : rows;
}

function memberNames(items: readonly unknown[]): string[] {
  const names = new Set<string>();
  for (const item of items) {
    for (const key of Object.keys(recordOf(item))) names.add(key);
    if (names.size > MAX_COLUMNS) throw refuse("too_large", `a table has at most ${MAX_COLUMNS} columns`);
  }
  return [...names];
}
