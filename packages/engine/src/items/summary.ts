import { toText } from "../values/convert.ts";
import { keyOf } from "./items.ts";

/** What can be made of many values. */
export const SUMMARIES = [
  "sum",
  "average",
  "min",
  "max",
  "count",
  "count_unique",
  "append",
  "concatenate",
  "first",
  "last",
] as const;
export type Summary = (typeof SUMMARIES)[number];

function numbers(values: readonly unknown[]): number[] {
  const found: number[] = [];
  for (const value of values) {
    const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
    if (typeof number === "number" && Number.isFinite(number)) found.push(number);
  }
  return found;
}

function extreme(values: readonly unknown[], sign: 1 | -1): unknown {
  const all = numbers(values);
  if (all.length > 0) return all.reduce((best, value) => (sign * (value - best) > 0 ? value : best));
  const texts = values.filter((value) => typeof value === "string");
  return texts.length === 0 ? null : texts.reduce((best, value) => (value > best === sign > 0 ? value : best));
}

/** One value of many. Missing values do not count; numbers in texts do. */
export function summary(how: Summary, all: readonly unknown[], separator: string): unknown {
  const values = all.filter((value) => value !== null && value !== undefined);
  switch (how) {
    case "sum":
      return numbers(values).reduce((total, value) => total + value, 0);
    case "average": {
      const found = numbers(values);
      return found.length === 0 ? null : found.reduce((total, value) => total + value, 0) / found.length;
    }
    case "min":
      return extreme(values, -1);
    case "max":
      return extreme(values, 1);
    case "count":
      return values.length;
    case "count_unique":
      return new Set(values.map(keyOf)).size;
    case "append":
      return values;
    case "concatenate":
      return values.map(toText).join(separator);
    case "first":
      return values[0] ?? null;
    case "last":
      return values.at(-1) ?? null;
  }
}
