import { text } from "../import/builder.ts";
import type { NodeContext, Piece } from "./context.ts";
import type { Pairs } from "./ports.ts";

/** Makes the piece of a node of one type. */
export type Mapper = (context: NodeContext) => Piece;

/** A value as JSON that stands in an expression. */
export const quote = (value: unknown): string => JSON.stringify(value ?? null);

/** Names that are given as one text, parted by commas, or as a list. */
export const words = (value: unknown): string[] =>
  (Array.isArray(value) ? value.map((one) => text(one) ?? "") : (text(value) ?? "").split(","))
    .map((word) => word.trim())
    .filter((word) => word !== "");

/** What a parameter is where all items share it; an expression in it blocks the node. */
export function fixed(context: NodeContext, name: string, usual: unknown): unknown {
  const value = context.node.parameters[name] ?? usual;
  if (typeof value !== "string" || !value.startsWith("=")) return value;
  // What stands behind `=` without a place in it is itself.
  if (!value.includes("{{")) return value.slice(1);
  const reason = "a setting that is the same for all items cannot be computed here";
  context.notes.expressions.push({ path: name, from: value, reason });
  context.notes.block(`"${name}": ${reason}`);
  return usual;
}

/** A list that one expression makes of the items. */
export const one = (context: NodeContext, expression: string, pairs: Pairs = "same"): Piece =>
  context.transform([context.over(expression)], [pairs]);

/** A list of some of the items, by an expression for their places. */
export const picked = (context: NodeContext, places: string): Piece =>
  one(context, `$items_at(items, ${places})`, [context.over(places)]);

/** The items as they come. */
export const pass: Mapper = (context) => context.transform([context.items()]);
