import { type CanvasNode, readCanvas } from "@weft/engine/canvas";
import { validate } from "@weft/engine/compile";
import { MAX_EDGES, MAX_NESTING, MAX_NODES } from "@weft/engine/limits";
import { AppError } from "@weft/kernel/errors";
import { describe, expect, it } from "vitest";
import { chain, edge, end, start, text } from "./canvases.ts";

function refusal(canvas: unknown): AppError {
  try {
    readCanvas(canvas);
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(AppError);
    expect((thrown as AppError).status).toBe(400);
    return thrown as AppError;
  }
  throw new Error("it was read");
}
const pathsOf = (error: AppError) => (error.details as { issues: { path: string }[] }).issues.map(({ path }) => path);

describe("a canvas that cannot be read", () => {
  it("is refused by node and field", () => {
    const canvas = (node: unknown) => ({ nodes: [start, node, end()], edges: [] });
    expect(pathsOf(refusal(canvas({ id: "t", type: "text", data: {}, color: "red" })))).toEqual(["nodes.t.color"]);
    expect(pathsOf(refusal(canvas({ id: "t", type: "text", data: { label: 5 } })))).toEqual(["nodes.t.data.label"]);
    expect(pathsOf(refusal(canvas({ id: "t", type: "text", data: { inputs: [{ name: "x" }] } })))).toEqual([
      "nodes.t.data.inputs.0",
    ]);
    expect(pathsOf(refusal(canvas({ id: "a/b", type: "text", data: {} })))).toEqual(["nodes.a/b.id"]);
    expect(pathsOf(refusal(canvas({ id: "t", type: "text", data: { onError: { retries: 99 } } })))).toEqual([
      "nodes.t.data.onError.retries",
    ]);
    for (const wrong of [null, 5, [], "", "{", "[]", "5"]) expect(refusal(wrong).code).toBe("invalid_input");
    expect(pathsOf(refusal({ nodes: "many", edges: [] }))).toEqual(["nodes"]);
    expect(pathsOf(refusal({ nodes: [], edges: [], extra: 1 }))).toEqual(["extra"]);
  });

  it("is refused when it is too large, naming what is", () => {
    const many = Array.from({ length: 5_000 }, (_n, at) => text(`t${at}`));
    expect(pathsOf(refusal({ nodes: many, edges: [] }))).toEqual(["nodes"]);
    const half = { nodes: many.slice(0, MAX_NODES / 2), edges: [] };
    const loops = ["a", "b", "c"].map((id) => ({ id, type: "loop", data: { body: half } }));
    expect(refusal({ nodes: loops, edges: [] }).message).toContain(String(MAX_NODES));
    const edges = Array.from({ length: MAX_EDGES + 1 }, () => edge("start", "end"));
    expect(pathsOf(refusal({ nodes: [start, end()], edges }))).toEqual(["edges"]);
    const long = { ...text("t"), data: { label: "x".repeat(500_000) } };
    expect(pathsOf(refusal({ nodes: [long], edges: [] }))).toEqual(["nodes.t.data.label"]);
    const literal = (value: unknown) => ({ id: "t", type: "text", data: { inputs: [{ name: "x", value }] } });
    const heavy = literal(Array.from({ length: 20 }, () => "x".repeat(300_000)));
    expect(refusal({ nodes: [heavy], edges: [] }).message).toContain("characters");
    let deep: unknown = 1;
    for (let at = 0; at < 100_000; at++) deep = [deep];
    expect(pathsOf(refusal({ nodes: [literal(deep)], edges: [] }))[0]).toMatch(/^nodes\.t\.data\.inputs/);
  });

  it("is refused when it nests 50 deep, naming a node", () => {
    const nest = (depth: number): CanvasNode =>
      depth === 0
        ? text("leaf")
        : {
            id: `l${depth}`,
            type: "loop",
            data: { config: { mode: "count", count: 1 }, body: { nodes: [nest(depth - 1)], edges: [] } },
          };
    const canvas = (depth: number) => ({
      nodes: [start, nest(depth), end()],
      edges: chain("start", `l${depth}`, "end"),
    });
    expect(pathsOf(refusal(canvas(50)))[0]).toMatch(/^nodes\.l\d+$/);
    expect(validate(readCanvas(canvas(MAX_NESTING)))).toEqual([]);
    let blocks: Record<string, unknown> = { id: "1", type: "15", data: {} };
    for (let at = 2; at < 52; at++) blocks = { id: String(at), type: "21", data: {}, blocks: [blocks], edges: null };
    expect(pathsOf(refusal({ nodes: [blocks], edges: [] }))[0]).toMatch(/^nodes\.\d+$/);
  });
});
