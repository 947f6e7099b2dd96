import { type Canvas, readCanvas } from "@weft/engine/canvas";
import { diffCanvases } from "@weft/engine/diff";
import { diffMarkdown } from "@weft/engine/diff/markdown";
import { valueChanges } from "@weft/engine/diff/values";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

/** start → ask (http_request) → end, and a loop with a text node in it. */
const base = () => ({
  viewport: { x: 0, y: 0, zoom: 1 },
  nodes: [
    {
      id: "start",
      type: "start",
      position: { x: 0, y: 0 },
      data: { outputs: [{ name: "who", type: "string" as unknown, required: false }] as Record<string, unknown>[] },
    },
    {
      id: "ask",
      type: "http_request",
      position: { x: 1, y: 0 },
      data: {
        label: "Ask",
        config: { method: "GET", url: "https://example.com/a", "odd/na~me": 1 } as Record<string, unknown>,
        inputs: [
          { name: "a", value: 1 },
          { name: "b", ref: "start.who" },
        ] as Record<string, unknown>[],
      },
    },
    {
      id: "each",
      type: "loop",
      data: {
        config: { mode: "count", count: 2 },
        body: {
          nodes: [{ id: "say", type: "text", data: { config: { mode: "concat", template: "x" } } }],
          edges: [
            { source: "each", target: "say" },
            { source: "say", target: "each" },
          ],
        },
      },
    },
    {
      id: "end",
      type: "end",
      data: { config: { mode: "variables" }, inputs: [{ name: "got", type: "string", ref: "start.who" }] },
    },
  ],
  edges: [
    { id: "1", source: "start", target: "ask" },
    { id: "2", source: "ask", target: "each" },
    { id: "3", source: "each", target: "end" },
  ] as { id?: string; source: string; target: string; sourceHandle?: string | null }[],
});
type Base = ReturnType<typeof base>;
const changed = (change: (canvas: Base) => void): Canvas => {
  const canvas = base();
  change(canvas);
  return canvas as Canvas;
};
const from = base() as Canvas;
const node = (canvas: Base, id: string) => canvas.nodes.find((one) => one.id === id) as Base["nodes"][number];
const compare = (change: (canvas: Base) => void) => diffCanvases(from, changed(change));

describe("the difference of two canvases", () => {
  it("is nothing for the same one, whatever its edges are called", () => {
    const same = compare((canvas) => {
      canvas.edges = canvas.edges.toReversed().map(({ source, target }) => ({ source, target, sourceHandle: null }));
    });
    expect(same).toEqual({
      nodes: { added: [], removed: [], changed: [] },
      edges: { added: [], removed: [] },
      inputs: [],
      outputs: [],
      breaking: [],
      viewport: [],
      isSame: true,
      isLayoutOnly: true,
    });
    expect(diffMarkdown(same, { from: "v1.0.0", to: "draft" })).toBe("# v1.0.0 → draft\n\nNo difference.\n");
  });

  it("names what changed in a node by pointer, with old and new", () => {
    const { nodes, isLayoutOnly } = compare((canvas) => {
      const { data } = node(canvas, "ask") as Base["nodes"][1];
      data.config = { method: "GET", url: "https://example.com/b", "odd/na~me": 2, timeoutMs: 5 };
      data.inputs = [
        { name: "c", value: 3 },
        { name: "b", ref: "start.who" },
        { name: "a", value: 1 },
      ];
    });
    expect(isLayoutOnly).toBe(false);
    expect(nodes.changed).toEqual([
      {
        ...{ id: "ask", type: "http_request", title: "Ask", parentId: null, layout: [] },
        changes: [
          { pointer: "/data/config/odd~1na~0me", kind: "changed", from: 1, to: 2 },
          { pointer: "/data/config/timeoutMs", kind: "added", to: 5 },
          { pointer: "/data/config/url", kind: "changed", from: "https://example.com/a", to: "https://example.com/b" },
          { pointer: "/data/inputs/0", kind: "added", to: { name: "c", value: 3 } },
          { pointer: "/data/inputs", kind: "reordered", from: ["a", "b"], to: ["b", "a"] },
        ],
      },
    ]);
  });

  it("keeps places, titles, notes and the viewport apart", () => {
    const moved = compare((canvas) => {
      canvas.viewport.zoom = 2;
      node(canvas, "ask").position = { x: 9, y: 0 };
      (node(canvas, "ask").data as { label: string }).label = "Query";
      canvas.nodes.push({ id: "note", type: "comment", data: { config: { text: "look" } } } as never);
    });
    expect(moved).toMatchObject({ isSame: false, isLayoutOnly: true, breaking: [] });
    expect(moved.viewport).toEqual([{ pointer: "/viewport/zoom", kind: "changed", from: 1, to: 2 }]);
    expect(moved.nodes.changed).toMatchObject([
      {
        changes: [],
        layout: [
          { pointer: "/data/label", from: "Ask", to: "Query" },
          { pointer: "/position/x", from: 1, to: 9 },
        ],
      },
    ]);
  });

  it("finds nodes and edges in bodies, and nodes that changed their place in them", () => {
    const inner = compare((canvas) => {
      const { body } = (node(canvas, "each") as Base["nodes"][2]).data as Required<Base["nodes"][2]["data"]>;
      body?.nodes.push({ id: "more", type: "text", data: { config: { mode: "concat", template: "y" } } });
      body?.edges.splice(1, 1, { source: "say", target: "more" }, { source: "more", target: "each" });
    });
    expect(inner.nodes.added).toMatchObject([{ id: "more", parentId: "each" }]);
    expect(inner.nodes.changed).toEqual([]);
    expect(inner.edges.added.map(({ source, target, parentId }) => [source, target, parentId])).toEqual([
      ["say", "more", "each"],
      ["more", "each", "each"],
    ]);
    expect(inner.edges.removed).toMatchObject([{ source: "say", target: "each", parentId: "each" }]);
    const out = compare((canvas) => {
      const loop = node(canvas, "each") as Base["nodes"][2];
      const [say] = (loop.data as unknown as { body: { nodes: never[] } }).body.nodes.splice(0, 1);
      canvas.nodes.push(say as never);
    });
    expect(out.nodes.changed).toMatchObject([{ id: "say", changes: [{ pointer: "/parentId", kind: "removed" }] }]);
  });

  it("says what callers may stumble over", () => {
    const fields = (list: Record<string, unknown>[]) =>
      compare((canvas) => {
        (node(canvas, "start").data as { outputs: unknown }).outputs = list;
      }).breaking;
    expect(
      fields([
        { name: "who", type: "string" },
        { name: "more", type: "string" },
      ]),
    ).toEqual([]);
    expect(fields([{ name: "who", type: "string", required: true }])).toEqual([
      { path: "inputs.who", message: "has to be given" },
    ]);
    expect(fields([{ name: "who", type: "string", required: true, default: "x" }])).toEqual([]);
    expect(fields([{ name: "who", type: "integer" }])).toMatchObject([{ path: "inputs.who" }]);
    expect(fields([])).toMatchObject([{ path: "inputs.who", message: "is no longer read" }]);
    const ends = compare((canvas) => {
      (node(canvas, "end") as Base["nodes"][3]).data = {
        config: { mode: "answer", content: "hi" },
        inputs: [{ name: "other", type: "string", ref: "start.who" }],
      } as never;
    });
    expect(ends.breaking.map(({ path }) => path)).toEqual(["outputs", "outputs.got"]);
    expect(ends.outputs.map(({ name, kind }) => [name, kind])).toEqual([
      ["got", "removed"],
      ["output", "added"],
    ]);
  });

  it("reads well, and nothing in a canvas becomes markup", () => {
    const found = compare((canvas) => {
      canvas.nodes = canvas.nodes.filter(({ id }) => id !== "each");
      canvas.edges = [
        { source: "start", target: "ask" },
        { source: "ask", target: "end" },
      ];
      const { data } = node(canvas, "ask") as Base["nodes"][1];
      data.label = "`x` ](http://evil) \n# Head";
      (data.config as Record<string, unknown>).url = `${"`".repeat(3)}<script>${"y".repeat(500)}`;
    });
    const text = diffMarkdown(found, { from: "v1.0.0", to: "v1.1.0" });
    expect(text.split("\n")).toEqual([
      "# v1.0.0 → v1.1.0",
      "",
      "## Nodes",
      "",
      "- removed `each` (loop, `Loop`)",
      "- removed `say` (text, `Text`) in `each`",
      "- changed `ask` (http_request, `` `x` ](http://evil) # Head ``)",
      expect.stringMatching(
        /^ {2}- `\/data\/config\/url` changed: `"https:\/\/example.com\/a"` → ````"```<script>y+…````$/,
      ),
      '  - `/data/label` changed: `"Ask"` → ``"`x` ](http://evil) \\n# Head"``',
      "",
      "## Edges",
      "",
      "- added `ask` → `end`",
      "- removed `ask` → `each`",
      "- removed `each` → `end`",
      "- removed `each` → `say` in `each`",
      "- removed `say` → `each` in `each`",
      "",
    ]);
  });

  it("is of canvases that can be read", () => expect(() => readCanvas(base())).not.toThrow());
});

describe("the places where two values differ", () => {
  it("are none exactly where both say the same, and turn into each other when the sides do", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
        expect(valueChanges(a, structuredClone(a))).toEqual([]);
        expect(valueChanges(a, b).length).toBe(valueChanges(b, a).length);
      }),
    );
  });
});
