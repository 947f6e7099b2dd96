import { setOwn } from "../values/json.ts";
import { BudgetExceeded } from "./budget.ts";
import { MAX_DEPTH, MAX_SIZE } from "./limits.ts";

/** A copy that nobody else holds and nobody can change: what an evaluation sees. Only data goes in. */
export function frozenCopy(value: unknown): unknown {
  let size = 0;
  const copy = (from: unknown, depth: number): unknown => {
    if (typeof from === "string") size += from.length;
    else if (typeof from === "function" || typeof from === "symbol") return undefined;
    if (++size > MAX_SIZE || depth > MAX_DEPTH)
      throw new BudgetExceeded("The values that the expression reads are too large");
    if (from === null || typeof from !== "object") return from;
    if (Array.isArray(from)) return Object.freeze(from.map((item) => copy(item ?? null, depth + 1)));
    const to: Record<string, unknown> = {};
    for (const key of Object.keys(from)) setOwn(to, key, copy((from as Record<string, unknown>)[key], depth + 1));
    return Object.freeze(to);
  };
  return copy(value, 0);
}

/** A result as plain JSON: sequences become lists, members without a value are left out. Throws TypeError for functions. */
export function plainCopy(value: unknown, depth = 0): unknown {
  if (value === undefined || value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number") {
    if (Number.isFinite(value)) return value;
    throw new TypeError("The expression gives a number that JSON does not have");
  }
  if (depth > MAX_DEPTH) throw new BudgetExceeded(`The result is more than ${MAX_DEPTH} deep`);
  if (Array.isArray(value)) return Array.from(value, (item) => plainCopy(item, depth + 1) ?? null);
  if (typeof value !== "object" || "_jsonata_lambda" in value || "_jsonata_function" in value) {
    throw new TypeError("The expression gives a function, not a value");
  }
  const record: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    const member = plainCopy((value as Record<string, unknown>)[key], depth + 1);
    if (member !== undefined) setOwn(record, key, member);
  }
  return record;
}
