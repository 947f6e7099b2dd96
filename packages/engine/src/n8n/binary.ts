import type { CanvasInput } from "../canvas.ts";
import { text } from "../import/builder.ts";
import type { NodeContext } from "./context.ts";

/**
 * Files stand beside an item in n8n; here in its member `$binary`, by n8n's names: `{data: {id, fileName, mimeType, …}}`,
 * where `id` is the File's id here, or a key of the workspace.
 */
export function fileOf(context: NodeContext, name: string, property: unknown): CanvasInput {
  const key = context.jsonata(property ?? "data", "binaryPropertyName");
  return { name, type: "string", expression: context.turnExpression(`$items_file(item_of_turn, ${key})`) };
}

/** The name of the file property that a node reads or writes. */
export function propertyOf(context: NodeContext, ...names: string[]): unknown {
  for (const name of names) {
    const value = context.node.parameters[name];
    if (text(value) !== undefined && value !== "") return value;
  }
  return "data";
}
