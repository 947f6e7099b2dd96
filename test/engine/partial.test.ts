import { nodeTypes } from "@weft/engine/nodes/index";
import { keptFrom, planAlone, planUntil } from "@weft/engine/partial";
import { pinIssues } from "@weft/engine/pins";
import { metered, type NodeRecord, totalUsage } from "@weft/engine/record";
import { runPlan } from "@weft/engine/run/plan";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { call, canvas, edges, end, node, ref, start, text } from "../support/canvas.ts";
import { planOf, testRun } from "./support.ts";

const ask = (id: string, refs: string[]) => call("http://127.0.0.1:9", id, refs);

/** start → a → c → d → end, start → b → c, and a loop `l` in which x comes before y and before a batch `m` with z. */
function plan() {
  const inner = { nodes: [ask("z", ["m.j"]), ask("w", ["z.body"])], edges: edges("m>z>w>m") };
  const body = {
    nodes: [
      ask("x", ["l.i"]),
      ask("y", ["x.body"]),
      ask("v", ["l.i"]),
      node("m", "batch", { items: ["j"] }, [ref("j", "l.i")], { body: inner }),
    ],
    edges: edges("l>x>y>l l>v>l x>m>l"),
  };
  return planOf(
    canvas(
      [
        start(text("n")),
        ask("a", ["start.n"]),
        ask("b", ["start.n"]),
        ask("c", ["a.body", "b.body"]),
        node("l", "loop", { items: ["i"] }, [ref("i", "c.body")], { body }),
        ask("d", ["c.body"]),
        end({ out: "d.body" }),
      ],
      "start>a>c>d>end start>b>c c>l>end",
    ),
  );
}

describe("records that stay when a run is done again from a node", () => {
  const kept = (from: string, paths: string[]) => paths.filter((path) => keptFrom(plan(), from)?.(path));
  const ROOT = ["start", "a", "b", "c", "l", "d", "end", "l.0/x", "l.1/v"];

  it.each([
    ["d", ["start", "a", "b", "c", "l", "l.0/x", "l.1/v"]],
    ["a", ["start", "b"]],
    ["l", ["start", "a", "b", "c", "d"]],
    ["start", []],
  ])("are those that do not follow from %s", (from, expected) => {
    expect(kept(from, ROOT)).toEqual(expected);
  });

  it("are earlier turns of a loop, and in the turn what does not follow", () => {
    const paths = ["d", "l", "l.0/y", "l.1/x", "l.1/y", "l.1/v", "l.1/m", "l.1/m.4/z", "l.2/x"];
    expect(kept("l.1/x", paths)).toEqual(["d", "l.0/y", "l.1/v"]);
    expect(kept("l.1/y", paths)).toEqual(["d", "l.0/y", "l.1/x", "l.1/v", "l.1/m", "l.1/m.4/z"]);
  });

  it("are all other turns of a batch, at any depth", () => {
    const paths = ["l.0/m.3/w", "l.1/y", "l.1/m", "l.1/m.2/z", "l.1/m.3/z", "l.1/m.3/w", "l.1/m.4/z", "l.2/m.2/z"];
    expect(kept("l.1/m.3/w", paths)).toEqual(["l.0/m.3/w", "l.1/y", "l.1/m.2/z", "l.1/m.3/z", "l.1/m.4/z"]);
  });

  it.each(["", "nobody", "a.1", "l/x", "l.1", "l.1/nobody", "l.1/x/y", "a/b", "l.1/m/z"])(
    "of %j there are none",
    (path) => {
      expect(keptFrom(plan(), path)).toBeUndefined();
    },
  );

  it("never follow from the node, whatever the graph", () => {
    const graphs = fc.array(fc.tuple(fc.nat(11), fc.nat(11)), { maxLength: 30 });
    fc.assert(
      fc.property(graphs, fc.nat(11), (pairs, at) => {
        const ids = Array.from({ length: 12 }, (_none, index) => `n${index}`);
        const links = pairs.filter(([from, to]) => from < to).map(([from, to]) => ({ from: `n${from}`, to: `n${to}` }));
        const root = {
          nodes: ids.map((id) => ({ ...plan().root.nodes[0]!, id })),
          edges: links.map((link, index) => ({ ...link, id: `${index}`, port: "default" })),
        };
        const keep = keptFrom({ ...plan(), root }, `n${at}`)!;
        // A fixed point: nothing that is kept is reached from what is not.
        expect(keep(`n${at}`)).toBe(false);
        for (const { from, to } of links) if (!keep(from)) expect(keep(to)).toBe(false);
        const goes = ids.filter((id) => !keep(id) && id !== `n${at}`);
        for (const id of goes) expect(links.some(({ from, to }) => to === id && !keep(from))).toBe(true);
      }),
    );
  });
});

describe("a part of a plan", () => {
  it("up to a node holds what the node depends on", () => {
    const part = planUntil(plan(), "c");
    expect(part.root.nodes.map(({ id }) => id).sort()).toEqual(["a", "b", "c", "start"]);
    expect(part.root.edges.every(({ to }) => to !== "d" && to !== "l")).toBe(true);
    expect(part).toMatchObject({ result: "c", nodeCount: 4, effectCount: 3 });
    expect(part.segments.filter(({ finish }) => finish)).toHaveLength(1);
    expect(() => planUntil(plan(), "x")).toThrow();
  });

  it("of one node holds it alone, with what is given in place of references", () => {
    const part = planAlone(plan(), "z", { v0: 5 });
    expect(part.root).toMatchObject({
      nodes: [{ id: "z", inputs: [{ name: "v0", source: { kind: "literal", value: 5 } }] }],
      edges: [],
    });
    expect(part.inputs).toMatchObject([{ name: "v0" }]);
    expect(planAlone(plan(), "l", {}).nodeCount).toBe(7);
    expect(planAlone(plan(), "start", {}).inputs).toMatchObject([{ name: "n" }]);
    expect(() => planAlone(plan(), "nobody", {})).toThrow();
  });
});

describe("pins", () => {
  it("have to name a node and one of its ports", () => {
    const config = { branches: [{ logic: "and", conditions: [{ left: "n", operator: "not_empty" }] }] };
    const pick = node("pick", "selector", config, [ref("n", "start.n")]);
    const drawn = canvas([start(text("n")), pick, end({})], "start>pick:true>end pick:false>end");
    const issues = (pins: Record<string, { port?: string }>) =>
      pinIssues(planOf(drawn), nodeTypes, pins).map(({ path }) => path);
    expect(issues({ pick: { port: "false" }, start: {}, end: {} })).toEqual([]);
    expect(issues({ pick: {}, start: { port: "x" }, nobody: {} })).toEqual(["pick.port", "start.port", "nobody"]);
  });

  it("stand for a node in every turn, and their values are data", async () => {
    const body = { nodes: [ask("x", ["l.i"])], edges: edges("l>x>l") };
    const list = { name: "list", type: "list" as const };
    const loop = node(
      "l",
      "loop",
      { items: ["i"], collect: [{ name: "all", ref: "x.body" }] },
      [ref("i", "start.list")],
      { body },
    );
    const drawn = planOf(canvas([start(list), loop, end({ out: "l.all" })], "start>l>end"));
    const run = testRun({ pins: new Map([["x", { output: { body: "{{start.list}}" } }]]) });
    expect(await runPlan(drawn, { list: [1, 2] }, run.io)).toMatchObject({
      status: "done",
      output: { out: ["{{start.list}}", "{{start.list}}"] },
    });
    expect(run.records.filter(({ nodeId }) => nodeId === "x")).toMatchObject([
      { pinned: true, attempts: 0, input: null },
      { pinned: true, attempts: 0, input: null },
    ]);
  });
});

describe("what a run was metered for", () => {
  const record = (path: string, status: NodeRecord["status"], tokens?: number, more: object = {}): NodeRecord => ({
    ...{ path, nodeId: path, type: "t", title: "", status, input: null, startedAt: 0, attempts: 1 },
    ...metered(tokens === undefined ? {} : { tokens }),
    ...more,
  });

  it("counts what is inside of a node that ended once, and the parts of one that did not", () => {
    const inside = [record("l.0/x", "succeeded", 1), record("l.1/x", "succeeded", 2), record("l.1/s/y", "failed", 4)];
    expect(totalUsage([...inside, record("l", "succeeded", 7)])).toEqual({ tokens: 7 });
    expect(totalUsage([...inside, record("l", "failed")])).toEqual({ tokens: 7 });
    expect(totalUsage([record("l.1/s", "succeeded", 4), ...inside])).toEqual({ tokens: 7 });
    expect(totalUsage([record("a", "succeeded", 5, { reused: true }), record("b", "succeeded", 3)])).toEqual({
      tokens: 3,
    });
    expect(totalUsage([record("a", "succeeded")])).toEqual({});
  });
});
