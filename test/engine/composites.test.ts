import type { CanvasNode } from "@weft/engine/canvas";
import { defineNode, type NodeDefinition, NodeError, type NodeResult } from "@weft/engine/node";
import { nodeTypes } from "@weft/engine/nodes/index";
import type { NodeRecord } from "@weft/engine/record";
import { suspensionKey } from "@weft/engine/record";
import { runGraph } from "@weft/engine/run/graph";
import { type PlanOutcome, rootScope, runPlan } from "@weft/engine/run/plan";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { planOf, runCanvas, testRun } from "./support.ts";

type Body = { nodes: CanvasNode[]; edges: { source: string; target: string; sourceHandle?: string }[] };

function text(id: string, template: string, inputs: Record<string, string>): CanvasNode {
  const list = Object.entries(inputs).map(([name, ref]) => ({ name, ref }));
  return { id, type: "text", data: { config: { method: "concat", template }, inputs: list } };
}

function composite(
  type: string,
  config: object,
  body: Body,
  inputs: object[] = [{ name: "items", ref: "start.items" }],
) {
  const collected = (config as { collect?: { name: string }[] }).collect ?? [];
  return {
    nodes: [
      { id: "start", type: "start", data: { outputs: [{ name: "items", type: "list" }] } },
      { id: "c", type, data: { config, inputs, body } },
      { id: "end", type: "end", data: { inputs: collected.map(({ name }) => ({ name, ref: `c.${name}` })) } },
    ],
    edges: [
      { source: "start", target: "c" },
      { source: "c", target: "end" },
    ],
  };
}

const wrap: Body = { nodes: [text("t", "{{i}}:{{x}}", { x: "c.items", i: "c.index" })], edges: [] };
const collect = [{ name: "all", ref: "t.output" }];

async function output(canvas: unknown, items?: unknown[]): Promise<unknown> {
  const outcome = await runCanvas(canvas, items === undefined ? {} : { items });
  if (outcome.status !== "done") throw new Error("it waits");
  return outcome.output;
}

describe("loop", () => {
  it("goes through lists up to the shortest, a number of times, or not at all", async () => {
    expect(await output(composite("loop", { collect }, wrap), ["a", "b"])).toEqual({ all: ["0:a", "1:b"] });
    expect(await output(composite("loop", { collect }, wrap), [])).toEqual({ all: [] });
    const both = [
      { name: "items", ref: "start.items" },
      { name: "more", value: [1] },
    ];
    expect(await output(composite("loop", { collect }, wrap, both), ["a", "b"])).toEqual({ all: ["0:a"] });
    const counted = composite("loop", { mode: "count", count: { input: "n" }, collect }, wrap, [
      { name: "n", value: "3" },
      { name: "items", value: "same" },
    ]);
    expect(await output(counted)).toEqual({ all: ["0:same", "1:same", "2:same"] });
  });

  it("keeps variables, breaks, continues, and collects only what ran", async () => {
    const body: Body = {
      nodes: [
        {
          id: "set",
          type: "loop_set_variable",
          data: {
            config: { assignments: [{ variable: "last", input: "v" }] },
            inputs: [{ name: "v", ref: "c.items" }],
          },
        },
        {
          id: "if",
          type: "selector",
          data: {
            config: {
              branches: [
                { conditions: [{ left: "x", operator: "equal", value: "skip" }] },
                { conditions: [{ left: "x", operator: "equal", value: "stop" }] },
              ],
            },
            inputs: [{ name: "x", ref: "c.items" }],
          },
        },
        { id: "next", type: "continue", data: {} },
        { id: "out", type: "break", data: {} },
        text("t", "{{x}}", { x: "c.last" }),
      ],
      edges: [
        { source: "c", target: "set" },
        { source: "set", target: "if" },
        { source: "if", sourceHandle: "true", target: "next" },
        { source: "if", sourceHandle: "true_1", target: "out" },
        { source: "if", sourceHandle: "false", target: "t" },
        { source: "t", target: "c" },
      ],
    };
    const config = { items: ["items"], variables: ["last"], collect: [...collect, { name: "last", ref: "c.last" }] };
    const inputs = [
      { name: "items", ref: "start.items" },
      { name: "last", value: "none" },
    ];
    const canvas = composite("loop", config, body, inputs);
    expect(await output(canvas, ["a", "skip", "b", "stop", "c"])).toEqual({ all: ["a", "b"], last: "stop" });
    expect(await output(canvas, [])).toEqual({ all: [], last: "none" });
  });

  it("carries app variables from turn to turn and out", async () => {
    const assign: CanvasNode = {
      id: "t",
      type: "variable_assign",
      data: {
        config: { assignments: [{ variable: "app.k.seen", input: "v" }] },
        inputs: [{ name: "v", ref: "c.items" }],
      },
    };
    const canvas = composite("loop", {}, { nodes: [assign], edges: [] });
    const outcome = await runCanvas(canvas, { items: [1, 2] }, { variables: { k: { kept: true } } });
    expect(outcome).toMatchObject({ variables: { k: { kept: true, seen: 2 } } });
  });

  it("runs turns without effects on one thread, nested as they may be", () => {
    const inner: CanvasNode = {
      id: "inner",
      type: "loop",
      data: {
        config: { mode: "count", count: 10, collect: [{ name: "all", ref: "t.output" }] },
        body: { nodes: [text("t", "{{a}}.{{b}}", { a: "c.index", b: "inner.index" })], edges: [] },
      },
    };
    const config = { mode: "count", count: 200, collect: [{ name: "all", ref: "inner.all" }] };
    const plan = planOf(composite("loop", config, { nodes: [inner], edges: [] }, []));
    const { io, records } = testRun();
    expect(runGraph(rootScope(plan, {}, io), io)).toBeUndefined();
    const all = records.find(({ nodeId }) => nodeId === "c")?.output as { all: string[][] };
    expect(all.all).toHaveLength(200);
    expect(all.all[199]?.[9]).toBe("199.9");
  });

  it("ends when nothing breaks it", async () => {
    const canvas = composite(
      "loop",
      { mode: "infinite" },
      { nodes: [{ id: "t", type: "comment", data: {} }, text("x", "", {})], edges: [] },
      [],
    );
    let turns = 0;
    const run = testRun({
      mustYield: () => {
        turns += 1;
        return turns % 1000 === 0;
      },
    });
    const plan = planOf(canvas);
    expect(await runPlan(plan, {}, run.io)).toMatchObject({ status: "blocked", yielded: true, waiting: [] });
    run.journal.cursors.set("c", { index: 1_000_000, loopVars: {}, vars: {}, lists: {} });
    await expect(runPlan(plan, {}, run.io)).rejects.toMatchObject({ error: { code: "too_many_iterations" } });
  });
});

/** A node with an effect that is counted: each item once, whatever is repeated. */
function counting(calls: Map<string, number>, fail?: (item: unknown) => boolean): NodeDefinition {
  const base = nodeTypes.get("output_message")!;
  return defineNode({
    ...base,
    run: async (run): Promise<NodeResult> => {
      calls.set(run.path, (calls.get(run.path) ?? 0) + 1);
      await Promise.resolve();
      if (fail?.(run.inputs.x)) throw new NodeError("no", `no ${run.inputs.x}`);
      return { output: { output: run.inputs.x } };
    },
  });
}

const effect: Body = {
  nodes: [{ id: "t", type: "output_message", data: { inputs: [{ name: "x", ref: "c.items" }] } }],
  edges: [],
};

async function untilDone(step: () => Promise<PlanOutcome>, limit = 1000): Promise<PlanOutcome> {
  for (let at = 0; at < limit; at++) {
    const outcome = await step();
    if (outcome.status === "done" || outcome.waiting.length > 0) return outcome;
  }
  throw new Error("it makes no progress");
}

describe.each(["loop", "batch"])("%s with effects", (type) => {
  it("goes on where it stopped and does each item once, whenever it has to yield", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer(), { maxLength: 30 }),
        fc.integer({ min: 2, max: 9 }),
        async (items, every) => {
          const calls = new Map<string, number>();
          // Each step has time for so many questions, as a Lambda has for so many seconds.
          let left = every;
          const run = testRun({ mustYield: () => left-- <= 0 }, [counting(calls)]);
          const plan = planOf(composite(type, { collect }, effect));
          const outcome = await untilDone(() => {
            left = every;
            return runPlan(plan, { items }, run.io);
          });
          expect(outcome).toMatchObject({ status: "done", output: { all: items } });
          expect([...calls.values()].every((count) => count === 1)).toBe(true);
          expect(calls.size).toBe(items.length);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("fails with the first item that fails", async () => {
    const calls = new Map<string, number>();
    const run = testRun({}, [counting(calls, (item) => item === 3)]);
    const plan = planOf(composite(type, { collect }, effect));
    await expect(runPlan(plan, { items: [1, 2, 3, 4] }, run.io)).rejects.toMatchObject({ error: { code: "no" } });
  });
});

describe("batch", () => {
  it("keeps the order of its items, and null where nothing ran", async () => {
    const body: Body = {
      nodes: [
        {
          id: "if",
          type: "selector",
          data: {
            config: { branches: [{ conditions: [{ left: "x", operator: "gt", value: 1 }] }] },
            inputs: [{ name: "x", ref: "c.items" }],
          },
        },
        text("t", "{{x}}", { x: "c.items" }),
      ],
      edges: [
        { source: "if", sourceHandle: "true", target: "t" },
        { source: "if", sourceHandle: "false", target: "c" },
      ],
    };
    expect(await output(composite("batch", { collect }, body), [1, 2, 3])).toEqual({ all: [null, "2", "3"] });
  });

  it("takes as many items and runs as many at once as it is told", async () => {
    let open = 0;
    let most = 0;
    const base = nodeTypes.get("output_message")!;
    const slow = defineNode({
      ...base,
      run: async (run): Promise<NodeResult> => {
        most = Math.max(most, ++open);
        await new Promise((resolve) => setImmediate(resolve));
        open -= 1;
        return { output: { output: run.inputs.x } };
      },
    });
    const run = testRun({}, [slow]);
    const plan = planOf(composite("batch", { batchSize: 20, concurrency: 4, collect }, effect));
    const items = Array.from({ length: 30 }, (_n, at) => at);
    expect(await runPlan(plan, { items }, run.io)).toMatchObject({ output: { all: items.slice(0, 20) } });
    expect(most).toBe(4);
  });

  it("waits for several people at once, and for no more than run side by side", async () => {
    const ask: Body = {
      nodes: [
        {
          id: "t",
          type: "question",
          data: { config: { question: "{{x}}?" }, inputs: [{ name: "x", ref: "c.items" }] },
        },
      ],
      edges: [],
    };
    const config = { concurrency: 2, collect: [{ name: "all", ref: "t.USER_RESPONSE" }] };
    const plan = planOf(composite("batch", config, ask));
    const run = testRun();
    const items = ["a", "b", "c"];
    const answer = (path: string, data: string): void => {
      run.journal.answers.set(suspensionKey(run.journal.records.get(path) as NodeRecord), { data });
    };
    const step = () => runPlan(plan, { items }, run.io);
    expect(await step()).toMatchObject({ waiting: ["c.0/t", "c.1/t"], yielded: false });
    answer("c.1/t", "B");
    expect(await step()).toMatchObject({ waiting: ["c.0/t", "c.2/t"] });
    answer("c.2/t", "C");
    expect(await step()).toMatchObject({ waiting: ["c.0/t"] });
    answer("c.0/t", "A");
    expect(await step()).toMatchObject({ status: "done", output: { all: ["A", "B", "C"] } });
  });

  it("may stand in a loop in a batch", async () => {
    const inner: CanvasNode = {
      id: "inner",
      type: "batch",
      data: {
        config: { collect: [{ name: "all", ref: "t.output" }] },
        inputs: [{ name: "row", ref: "c.items" }],
        body: { nodes: [text("t", "{{x}}{{i}}", { x: "inner.row", i: "c.index" })], edges: [] },
      },
    };
    const config = { collect: [{ name: "all", ref: "inner.all" }] };
    expect(await output(composite("loop", config, { nodes: [inner], edges: [] }), [["a", "b"], ["c"]])).toEqual({
      all: [["a0", "b0"], ["c1"]],
    });
  });
});
