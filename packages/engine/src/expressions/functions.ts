import { randomUUID } from "node:crypto";
import { DATE_FUNCTIONS, startOfDay } from "./dates.ts";
import { ITEM_FUNCTIONS } from "./items.ts";
import { JOIN_FUNCTIONS } from "./joins.ts";
import { PAIR_FUNCTIONS } from "./pairs.ts";
import { SCRIPT_FUNCTIONS } from "./script.ts";

/** What expressions know beside JSONata's own functions; JSONata's way to run text as an expression is taken away. */
export const EXPRESSION_FUNCTIONS: Readonly<Record<string, unknown>> = {
  eval: undefined,
  ...SCRIPT_FUNCTIONS,
  ...DATE_FUNCTIONS,
  ...ITEM_FUNCTIONS,
  ...PAIR_FUNCTIONS,
  ...JOIN_FUNCTIONS,
};

/** Functions whose answer depends on the moment of the evaluation. */
export function volatileFunctions(nowMs: number): Record<string, unknown> {
  return {
    uuid: () => randomUUID(),
    today: () => startOfDay(nowMs),
    millis: () => nowMs,
    now: () => new Date(nowMs).toISOString(),
  };
}
