import type { Canvas, CanvasEdge, CanvasField, CanvasInput, CanvasNode } from "@weft/engine/canvas";
import type * as z from "zod";
import type { PlaceholderInput } from "../template.schema.ts";

/** One workflow of a starter. Its key stands in the canvases of those that call it. */
interface StarterWorkflow {
  externalId: string;
  name: string;
  description?: string;
  canvas: Canvas;
}

/** A template that comes with the product: it runs without a key and without anything outside. */
export interface StarterSource {
  /** Its id is made of it: it never changes. */
  key: string;
  /** Rises with each change of what is below. */
  version: string;
  name: string;
  description: string;
  category: string;
  tags: string[];
  isFeatured: boolean;
  placeholders: z.input<typeof PlaceholderInput>[];
  exampleInput: Record<string, unknown>;
  /** Those that are called before their callers; the last one is `main`. */
  workflows: StarterWorkflow[];
}

const COLUMN = 320;
const ROW = 140;

export const field = (name: string, type: CanvasField["type"], more: Partial<CanvasField> = {}): CanvasField => {
  return { name, type, required: true, ...more };
};
export const ref = (name: string, path: string): CanvasInput => ({ name, ref: path });
/** JSONata over the nodes before, by their ids. */
export const computed = (name: string, expression: string): CanvasInput => ({ name, expression });

export function start(...outputs: CanvasField[]): CanvasNode {
  return { id: "start", type: "start", data: { label: "Start", outputs } };
}

export function end(...inputs: CanvasInput[]): CanvasNode {
  return { id: "end", type: "end", data: { label: "Result", inputs } };
}

export function node(
  id: string,
  type: string,
  label: string,
  config: Record<string, unknown>,
  inputs: CanvasInput[] = [],
  more: Partial<CanvasNode["data"]> = {},
): CanvasNode {
  return { id, type, data: { label, config, inputs, ...more } };
}

/** Values that people change, in one place; others read them as `<id>.output.<name>`. */
export function settings(values: Record<string, unknown>): CanvasNode {
  const fields = Object.entries(values).map(([path, value]) => ({ path, value }));
  return node("settings", "set_fields", "Settings", { fields });
}

/** `a>b>c`; `a:port>b` leaves by a port. */
function links(chains: readonly string[]): CanvasEdge[] {
  return chains.flatMap((chain) => {
    const parts = chain.split(">").map((part) => part.split(":"));
    return parts.slice(1).map(([target = ""], at) => {
      const [source = "", sourceHandle] = parts[at] ?? [];
      const id = `${source}-${sourceHandle ?? "out"}-${target}`;
      return { id, source, target, ...(sourceHandle ? { sourceHandle } : {}) };
    });
  });
}

/** How many nodes come before each node on the longest way to it. The graphs have no circles. */
function columns(nodes: readonly CanvasNode[], edges: readonly CanvasEdge[]): Map<string, number> {
  const found = new Map<string, number>();
  const columnOf = (id: string): number => {
    const known = found.get(id);
    if (known !== undefined) return known;
    const before = edges.filter(({ target, source }) => target === id && nodes.some((one) => one.id === source));
    const column = before.length === 0 ? 0 : 1 + Math.max(...before.map(({ source }) => columnOf(source)));
    found.set(id, column);
    return column;
  };
  for (const { id } of nodes) columnOf(id);
  return found;
}

/** A canvas, its nodes in columns from left to right. */
export function draw(nodes: readonly CanvasNode[], ...chains: string[]): Canvas {
  const edges = links(chains);
  const column = columns(nodes, edges);
  const rows = new Map<number, number>();
  const placed = nodes.map((one) => {
    const x = column.get(one.id) ?? 0;
    const row = rows.get(x) ?? 0;
    rows.set(x, row + 1);
    return { ...one, position: { x: x * COLUMN, y: row * ROW } };
  });
  return { nodes: placed, edges };
}
