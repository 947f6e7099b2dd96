import { type CanvasNode, readCanvas } from "@weft/engine/canvas";
import { compile, hasErrors, type Issue, isMalformed, issuesError, validate } from "@weft/engine/compile";
import { describe, expect, it } from "vitest";
import { chain, edge, end, start, text } from "./canvases.ts";

const errorsOf = (canvas: unknown): Issue[] => validate(readCanvas(canvas)).filter((i) => i.severity === "error");
const brief = (issues: readonly Issue[]) => issues.map((i) => `${i.code} ${i.nodeId ?? i.edgeId ?? ""}`.trim());

describe("a canvas without faults", () => {
  it("compiles to a plan in topological order", () => {
    const { plan, issues } = compile(
      readCanvas({
        nodes: [end("b.output"), text("b", "a.output"), text("a"), start],
        edges: chain("start", "a", "b", "end"),
      }),
    );
    expect(issues).toEqual([]);
    expect(plan.root.nodes.map(({ id }) => id)).toEqual(["start", "a", "b", "end"]);
    expect(plan.inputs).toEqual([{ name: "q", type: { type: "string" } }]);
    expect(plan.outputs).toEqual([{ name: "out", type: { type: "string" } }]);
    expect(plan).toMatchObject({ v: 1, answer: false, nodeCount: 4, effectCount: 0, mayWait: false, references: [] });
    expect(plan.segments).toHaveLength(1);
    expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
  });

  it("takes the type of what an input refers to, and converts literals", () => {
    const node: CanvasNode = {
      id: "t",
      type: "text",
      data: {
        config: { method: "concat", template: "{{x}}{{n}}" },
        inputs: [
          { name: "x", ref: "start.q" },
          { name: "n", type: "integer", value: "12" },
          { name: "o", fields: [{ name: "m", variable: "system.sys_uuid" }] },
        ],
      },
    };
    const { plan } = compile(readCanvas({ nodes: [start, node, end("t.output")], edges: chain("start", "t", "end") }));
    expect(plan.root.nodes[1]?.inputs).toEqual([
      { name: "x", type: { type: "string" }, source: { kind: "ref", node: "start", path: ["q"] } },
      { name: "n", type: { type: "integer" }, source: { kind: "literal", value: 12 } },
      {
        name: "o",
        type: { type: "object", fields: [{ name: "m", type: { type: "any" } }] },
        source: {
          kind: "object",
          fields: [
            {
              name: "m",
              type: { type: "any" },
              source: { kind: "variable", scope: "system", name: "sys_uuid", path: [] },
            },
          ],
        },
      },
    ]);
  });

  it("leaves out comments and what nothing leads to", () => {
    const note: CanvasNode = { id: "note", type: "comment", data: { config: { text: "hi" } } };
    const { plan, issues } = compile(
      readCanvas({
        nodes: [start, text("lost", "gone.x"), note, end()],
        edges: [...chain("start", "end"), edge("lost", "end")],
      }),
    );
    expect(issues).toEqual([]);
    expect(plan.root.nodes.map(({ id }) => id)).toEqual(["start", "end"]);
    expect(plan.root.edges).toHaveLength(1);
  });

  it("gives a node its policy, and its fields when it absorbs failures", () => {
    const http: CanvasNode = {
      id: "http",
      type: "http_request",
      data: { config: { url: "http://x.test" }, onError: { strategy: "branch", retries: 2, fallback: { body: "" } } },
    };
    const { plan, issues } = compile(
      readCanvas({
        nodes: [start, http, end("http.isSuccess")],
        edges: [...chain("start", "http", "end"), edge("http", "end", "branch_error")],
      }),
    );
    expect(issues).toEqual([]);
    const [, node] = plan.root.nodes;
    expect(node).toMatchObject({
      effectful: true,
      policy: {
        onError: "branch",
        fallback: { body: "" },
        timeoutMs: 60_000,
        retry: { retries: 2, delayMs: 1000, backoffRate: 2, maxDelayMs: 60_000, jitter: true },
      },
    });
    expect(node?.outputs.map(({ name }) => name)).toEqual(["body", "statusCode", "headers", "isSuccess", "errorBody"]);
  });

  it("lists the nodes that may have set app variables, nearest first, where that matters", () => {
    const assign = (id: string): CanvasNode => ({
      id,
      type: "variable_assign",
      data: { config: { assignments: [{ variable: "app.k", input: "v" }] }, inputs: [{ name: "v", ref: "start.q" }] },
    });
    const reader: CanvasNode = {
      ...text("r"),
      data: { ...text("r").data, inputs: [{ name: "x", variable: "app.k" }] },
    };
    const nodes = [start, assign("one"), assign("two"), text("plain"), reader, end()];
    const { plan } = compile(readCanvas({ nodes, edges: chain("start", "one", "two", "plain", "r", "end") }));
    const found = Object.fromEntries(plan.root.nodes.map((node) => [node.id, node.assigners]));
    expect(found).toEqual({
      start: undefined,
      one: undefined,
      two: ["one"],
      plain: undefined,
      r: ["two", "one"],
      end: ["two", "one"],
    });
  });

  it("counts as effectful what reads or sets user variables, and composites with effects inside", () => {
    const user: CanvasNode = { ...text("u"), data: { ...text("u").data, inputs: [{ name: "x", variable: "user.k" }] } };
    const loop: CanvasNode = {
      id: "loop",
      type: "loop",
      data: {
        config: { mode: "count", count: 1 },
        body: { nodes: [{ id: "m", type: "output_message", data: {} }], edges: [] },
      },
    };
    const { plan } = compile(
      readCanvas({ nodes: [start, user, loop, end()], edges: chain("start", "u", "loop", "end") }),
    );
    expect(plan.root.nodes.filter((node) => node.effectful).map(({ id }) => id)).toEqual(["u", "loop"]);
    expect(plan).toMatchObject({ effectCount: 2, nodeCount: 5 });
  });

  it("lists what it calls and whether it may wait", () => {
    const call: CanvasNode = {
      id: "call",
      type: "sub_workflow",
      data: { config: { workflowId: "wfl_x", version: "v1" } },
    };
    const ask: CanvasNode = { id: "ask", type: "question", data: { config: { question: "?" } } };
    const { plan } = compile(
      readCanvas({ nodes: [start, call, ask, end()], edges: chain("start", "call", "ask", "end") }),
    );
    expect(plan.references).toEqual([{ workflowId: "wfl_x", version: "v1", nodeId: "call" }]);
    expect(plan.mayWait).toBe(true);
  });

  it("begins a turn at a node that also follows another with an edge that is always live", () => {
    const loop: CanvasNode = {
      id: "loop",
      type: "loop",
      data: {
        config: { mode: "count", count: 1 },
        body: { nodes: [text("a"), text("b")], edges: [edge("loop", "a"), edge("loop", "b"), edge("a", "b")] },
      },
    };
    const { plan, issues } = compile(readCanvas({ nodes: [start, loop, end()], edges: chain("start", "loop", "end") }));
    expect(issues).toEqual([]);
    const body = plan.root.nodes[1]?.body;
    expect(body?.nodes.map(({ id }) => id)).toEqual(["loop_entry", "a", "b"]);
    expect(body?.edges.map(({ from, to }) => `${from}>${to}`)).toEqual(["a>b", "loop_entry>b"]);
  });
});

describe("a canvas that cannot be run", () => {
  it("names the nodes and edges of a cycle", () => {
    const issues = errorsOf({
      nodes: [start, text("a"), text("b"), text("c"), end()],
      edges: [...chain("start", "a", "b", "c", "end"), edge("c", "a")],
    });
    expect(brief(issues).sort()).toEqual(["cycle a", "cycle b", "cycle c"]);
    expect(issues[0]?.message).toContain("a, b, c");
    expect(
      brief(errorsOf({ nodes: [start, text("a"), end()], edges: [...chain("start", "a", "end"), edge("a", "a")] })),
    ).toEqual(["cycle a"]);
  });

  it("names dangling edges", () => {
    const issues = errorsOf({
      nodes: [start, end()],
      edges: [...chain("start", "end"), { id: "e1", ...edge("ghost", "end") }, { id: "e2", ...edge("start", "ghost") }],
    });
    expect(issues.map(({ code, edgeId, path }) => [code, edgeId, path])).toEqual([
      ["dangling_edge", "e1", "edges.e1"],
      ["dangling_edge", "e2", "edges.e2"],
    ]);
  });

  it("names ids that are there twice, at any depth", () => {
    const loop: CanvasNode = {
      id: "loop",
      type: "loop",
      data: { config: { mode: "count", count: 1 }, body: { nodes: [text("a")], edges: [] } },
    };
    const issues = errorsOf({ nodes: [start, text("a"), loop, end()], edges: chain("start", "a", "loop", "end") });
    expect(brief(issues)).toEqual(["duplicate_id a"]);
  });

  it("names types that do not exist and types that are not installed", () => {
    const nodes = [start, { id: "x", type: "teleport", data: {} }, { id: "y", type: "database_sql", data: {} }, end()];
    const issues = errorsOf({ nodes, edges: chain("start", "x", "y", "end") });
    expect(brief(issues)).toEqual(["unknown_type x", "unavailable_type y"]);
    expect(issues.map(({ message }) => message)).toEqual([
      'unknown node type "teleport"',
      'node type "database_sql" is not available',
    ]);
  });

  it.each([
    ["nothing", "", "refers to nothing"],
    ["no reference", "a b", "is no reference"],
    ["a node that is not there", "ghost.x", "does not exist"],
    ["a node that nothing leads to", "lost.output", "which nothing leads to"],
    ["a node that comes later", "late.output", "does not come before it"],
    ["a node of another branch", "beside.output", "does not come before it"],
    ["itself", "t.output", "the node itself"],
    ["a node inside a loop", "inner.output", 'inside "loop"'],
  ])("names the node that refers to %s", (_what, ref, message) => {
    const loop: CanvasNode = {
      id: "loop",
      type: "loop",
      data: { config: { mode: "count", count: 1 }, body: { nodes: [text("inner")], edges: [] } },
    };
    const nodes = [start, loop, text("t", ref), text("beside"), text("late"), text("lost"), end()];
    const edges = [...chain("start", "loop", "t", "late", "end"), ...chain("loop", "beside", "end")];
    const issues = errorsOf({ nodes, edges });
    expect(brief(issues)).toEqual(["bad_reference t"]);
    expect(issues[0]).toMatchObject({ path: "nodes.t.data.inputs.x", message: expect.stringContaining(message) });
  });

  it("warns of an output that is not declared", () => {
    const nodes = [start, text("a"), end("a.other")];
    const [issue] = validate(readCanvas({ nodes, edges: chain("start", "a", "end") }));
    expect(issue).toMatchObject({ code: "bad_reference", nodeId: "end", severity: "warning" });
  });

  it("checks ports: unknown ones, and ones that lead nowhere", () => {
    const selector: CanvasNode = {
      id: "if",
      type: "selector",
      data: {
        config: { branches: [{ conditions: [{ left: "x", operator: "not_empty" }] }] },
        inputs: [{ name: "x", ref: "start.q" }],
      },
    };
    const edges = [edge("start", "if"), edge("if", "end", "true"), edge("if", "end", "maybe")];
    expect(brief(errorsOf({ nodes: [start, selector, end()], edges }))).toEqual([
      "unknown_port if",
      "unconnected_port if",
    ]);
    const loose = validate(
      readCanvas({ nodes: [start, text("t"), end()], edges: [edge("start", "t"), edge("start", "end")] }),
    );
    expect(loose.map(({ severity, nodeId }) => `${severity} ${nodeId}`)).toEqual(["warning t"]);
  });

  it("wants one start and one end, both connected, and neither in a body", () => {
    expect(brief(errorsOf({ nodes: [], edges: [] }))).toEqual(["missing_node", "missing_node"]);
    expect(brief(errorsOf({ nodes: [start, end()], edges: [] }))).toEqual(["unreachable_end end"]);
    const second = { ...start, id: "start2" };
    const twice = errorsOf({ nodes: [start, second, end()], edges: chain("start", "end") });
    expect(brief(twice)).toEqual(["misplaced_node start2"]);
    const loop: CanvasNode = {
      id: "loop",
      type: "loop",
      data: { config: { mode: "count", count: 1 }, body: { nodes: [{ ...end(), id: "inner" }], edges: [] } },
    };
    expect(brief(errorsOf({ nodes: [start, loop, end()], edges: chain("start", "loop", "end") }))).toEqual([
      "misplaced_node inner",
    ]);
  });

  it("wants break, continue and loop variables directly in a loop", () => {
    const set: CanvasNode = {
      id: "set",
      type: "loop_set_variable",
      data: { config: { assignments: [{ variable: "v", input: "x" }] }, inputs: [{ name: "x", ref: "start.q" }] },
    };
    const stop: CanvasNode = { id: "stop", type: "break", data: {} };
    expect(
      brief(errorsOf({ nodes: [start, stop, end()], edges: [...chain("start", "stop"), edge("start", "end")] })),
    ).toEqual(["misplaced_node stop"]);
    const loop: CanvasNode = {
      id: "loop",
      type: "loop",
      data: { config: { mode: "count", count: 1, variables: [] }, body: { nodes: [set], edges: [] } },
    };
    expect(brief(errorsOf({ nodes: [start, loop, end()], edges: chain("start", "loop", "end") }))).toEqual([
      "bad_config set",
    ]);
  });

  it("names the field of a wrong configuration, name or variable", () => {
    const bad = (data: CanvasNode["data"], type = "text") => {
      const canvas = { nodes: [start, { id: "t", type, data }, end()], edges: chain("start", "t", "end") };
      return errorsOf(canvas).map(({ code, path }) => `${code} ${path}`);
    };
    const config = { method: "concat", template: "" };
    expect(bad({ config: { method: "concat" } })).toEqual(["bad_config nodes.t.data.config.template"]);
    expect(bad({ config: { ...config, color: 1 } })).toEqual(["bad_config nodes.t.data.config.color"]);
    expect(bad({ config, inputs: [{ name: "1x", value: 1 }] })).toEqual(["bad_name nodes.t.data.inputs.1x"]);
    expect(bad({ config, inputs: [{ name: "x", variable: "session.x" }] })).toEqual([
      "bad_variable nodes.t.data.inputs.x",
    ]);
    expect(bad({ config, outputs: [{ name: "__proto__", type: "any" }] })).toEqual([
      "bad_name nodes.t.data.outputs.0.name",
    ]);
    expect(bad({ config, body: { nodes: [], edges: [] } })).toEqual(["bad_config nodes.t.data.body"]);
    expect(bad({ config: {} }, "loop")).toEqual(["missing_node nodes.t.data.body"]);
    expect(bad({ config: { items: ["list"] }, body: { nodes: [text("i")], edges: [] } }, "loop")).toEqual([
      "bad_config nodes.t.data.config",
    ]);
    const collect = (ref: string) => ({
      config: { mode: "count", count: 1, collect: [{ name: "all", ref }] },
      body: { nodes: [text("i")], edges: [] },
    });
    expect(bad(collect("start.q"), "loop")).toEqual(["bad_reference nodes.t.data.config.collect.all"]);
    expect(bad(collect("t.v"), "loop")).toEqual(["bad_config nodes.t.data.config.collect.all"]);
    expect(bad(collect("i.output"), "loop")).toEqual([]);
  });

  it("turns its errors into one refusal that names them", () => {
    const issues = validate(
      readCanvas({ nodes: [start, text("t", "ghost.x"), end()], edges: chain("start", "t", "end") }),
    );
    expect(hasErrors(issues)).toBe(true);
    const error = issuesError(issues);
    expect(error.status).toBe(400);
    expect(error.message).toContain("nodes.t.data.inputs.x");
    expect(issues.filter(isMalformed)).toEqual(issues.filter(({ severity }) => severity === "error"));
    expect(validate(readCanvas({ nodes: [start], edges: [] })).filter(isMalformed)).toEqual([]);
  });
});

describe("a large canvas", () => {
  it("compiles whole, whatever its shape", () => {
    const ids = Array.from({ length: 1_998 }, (_n, at) => `t${at}`);
    const nodes = [
      start,
      ...ids.map((id, at) => text(id, at === 0 ? "start.q" : `t${at - 1}.output`)),
      end("t1997.output"),
    ];
    const long = compile(readCanvas({ nodes, edges: chain("start", ...ids, "end") }));
    expect(long.issues).toEqual([]);
    expect(long.plan.nodeCount).toBe(2_000);
    const wide = compile(
      readCanvas({
        nodes: [start, ...ids.map((id) => text(id)), end()],
        edges: ids.flatMap((id) => chain("start", id, "end")),
      }),
    );
    expect(wide.issues).toEqual([]);
    const ring = [...chain("start", ...ids), edge("t1997", "t0"), edge("t5", "end")];
    const found = validate(readCanvas({ nodes: [start, ...ids.map((id) => text(id)), end()], edges: ring }));
    expect(found.length).toBeLessThanOrEqual(200);
    expect(found.every(({ code }) => code === "cycle")).toBe(true);
  });
});
