import { type CanvasInput, type CanvasNode, readCanvas } from "@weft/engine/canvas";
import { compile } from "@weft/engine/compile";
import type { Plan, PlanNode } from "@weft/engine/plan";
import { planNode } from "@weft/engine/run/alone";
import { replayPlan, runPlan } from "@weft/engine/run/plan";
import { describe, expect, it } from "vitest";
import { canvas, end, node, ref, start, text } from "../support/canvas.ts";
import { planOf, type TestRun, testRun } from "./support.ts";

const computed = (name: string, expression: CanvasInput["expression"]): CanvasInput => ({
  name,
  expression: expression!,
});
const transform = (id: string, ...inputs: CanvasInput[]): CanvasNode => node(id, "transform", {}, inputs);

function found(plan: Plan, id: string): PlanNode {
  const item = planNode(plan, id);
  if (!item) throw new Error(`no node ${id}`);
  return item;
}

/** Names of the nodes that an expression is bound to without saying so. */
function bound(plan: Plan, id: string, input = "x"): string[] {
  const source = found(plan, id).inputs.find(({ name }) => name === input)?.source;
  if (source?.kind !== "expression") throw new Error("no expression");
  return source.inputs
    .map(({ name, source: of }) => (of.kind === "ref" && of.node === name ? name : `${name}!`))
    .sort();
}

describe("expressions read nodes by their ids", () => {
  it("those before them, and what their own inputs are called instead", () => {
    const x = "start.q & a.x & later.x & other.x & x & nobody.x";
    const plan = planOf(
      canvas(
        [
          start(text("q")),
          transform("a", computed("x", "start.q")),
          transform("other", ref("x", "start.q")),
          transform("b", computed("x", x)),
          transform("c", computed("x", { text: "a & start", inputs: [ref("a", "start.q")] })),
          transform("later", ref("x", "b.x")),
          end({}),
        ],
        "start>a>b>later>end start>other>end b>c>end",
      ),
    );
    expect(bound(plan, "b")).toEqual(["a", "start"]);
    expect(bound(plan, "c")).toEqual(["a!", "start"]);
  });

  it("in a body, the composite's and those before it, and no turn sees another body", async () => {
    const loop = node("loop", "loop", { items: ["xs"], collect: [{ name: "all", ref: "t.x" }] }, [
      ref("xs", "start.q"),
    ]);
    const inner = transform("t", computed("x", "loop.xs & '-' & loop.index & '-' & a.x & before.x"));
    loop.data.body = {
      nodes: [transform("before", { name: "x", value: "!" }), inner],
      edges: canvas([], "loop>before>t>loop").edges,
    };
    const plan = planOf(
      canvas(
        [start({ name: "q", type: "list" }), transform("a", { name: "x", value: "A" }), loop, end({ all: "loop.all" })],
        "start>a>loop>end",
      ),
    );
    expect(bound(plan, "t")).toEqual(["a", "before", "loop"]);
    const outcome = await runPlan(plan, { q: ["p", "q"] }, testRun().io);
    expect(outcome).toMatchObject({ output: { all: ["p-0-A!", "q-1-A!"] } });
  });

  it("a node of a branch that was not taken is nothing", async () => {
    const branches = [{ conditions: [{ left: "q", operator: "equal", value: "yes" }] }];
    const choice = node("if", "selector", { branches }, [ref("q", "start.q")]);
    const plan = planOf(
      canvas(
        [
          start(text("q")),
          choice,
          transform("a", { name: "x", value: 1 }),
          transform("b", computed("x", "$exists(a.x)")),
          end({ x: "b.x" }),
        ],
        "start>if if:true>a>b if:false>b>end",
      ),
    );
    for (const [q, x] of [
      ["yes", true],
      ["no", false],
    ]) {
      expect(await runPlan(plan, { q }, testRun().io)).toMatchObject({ output: { x } });
    }
  });
});

/** Runs again over what the first run kept, later and with other chances, and what is computed without effects too. */
async function again(plan: Plan, run: TestRun, input: Record<string, unknown> = {}) {
  const first = await runPlan(plan, input, run.io);
  const kept = new Map(run.journal.records);
  run.clock.now += 86_400_000;
  const second = await runPlan(plan, input, run.io);
  expect(second).toEqual(first);
  expect([...run.journal.records.keys()]).toEqual([...kept.keys()]);
  const { scope } = await replayPlan(plan, input, run.io);
  const last = scope.settled.get("end");
  if (first.status !== "done") throw new Error("it waits");
  expect(last?.output).toEqual(first.output);
  return first.output;
}

describe("what is another one each time", () => {
  const VOLATILE = [
    "$now()",
    "$millis()",
    "$random()",
    "$uuid()",
    "$shuffle([1..50])",
    "$today()",
    "($f := $random; $f())",
  ];
  it.each(VOLATILE)("%s is computed once for each place", async (expression) => {
    const nodes = [start(), transform("a", computed("x", expression)), end({ x: "a.x" })];
    const plan = planOf(canvas(nodes, "start>a>end"));
    expect(found(plan, "a").effectful).toBe(true);
    const other = planOf(canvas([start(), transform("a", computed("x", "$sum([1,2])")), end({})], "start>a>end"));
    expect(found(other, "a").effectful).toBe(false);
    await again(plan, testRun());
  });

  it("is found inside objects, and in what expressions read", () => {
    const inObject: CanvasInput = { name: "o", fields: [computed("x", "$uuid()")] };
    const inInputs = computed("x", { text: "y", inputs: [computed("y", "$now()")] });
    for (const input of [inObject, inInputs]) {
      const plan = planOf(canvas([start(), transform("a", input), end({})], "start>a>end"));
      expect(found(plan, "a").effectful).toBe(true);
    }
  });

  it("is another one in each turn, and the same one in each repeat", async () => {
    const config = { mode: "count", count: 4, collect: [{ name: "all", ref: "t.x" }] };
    const loop = node("loop", "loop", config);
    loop.data.body = { nodes: [transform("t", computed("x", "$uuid()"))], edges: [] };
    const plan = planOf(canvas([start(), loop, end({ all: "loop.all" })], "start>loop>end"));
    const run = testRun();
    const { all } = await again(plan, run);
    expect(new Set(all as string[]).size).toBe(4);
    expect([...run.journal.records.keys()]).toContain("loop.2/t");
  });

  it("does not decide a branch anew", async () => {
    const branches = [{ conditions: [{ expression: "$millis() < at" }] }];
    const at = { name: "at", value: Date.UTC(2026, 0, 1) + 1000 };
    const made = (expression: string) =>
      planOf(
        canvas(
          [
            start(),
            node("if", "selector", { branches: [{ conditions: [{ expression }] }] }, [at]),
            transform("a", { name: "x", value: "before" }),
            transform("b", { name: "x", value: "after" }),
            node("v", "variable_aggregator", { groups: [{ name: "x", inputs: ["a", "b"] }] }, [
              ref("a", "a.x"),
              ref("b", "b.x"),
            ]),
            end({ x: "v.x" }),
          ],
          "start>if if:true>a>v if:false>b>v>end",
        ),
      );
    const plan = made(branches[0]?.conditions[0]?.expression as string);
    expect(found(plan, "if").effectful).toBe(true);
    expect(found(made("at > 5"), "if").effectful).toBe(false);
    expect(await again(plan, testRun())).toEqual({ x: "before" });
    const late = testRun();
    late.clock.now += 5000;
    expect(await again(plan, late)).toEqual({ x: "after" });
  });

  it("that cannot be read is the node's problem and no other", () => {
    const broken = node("if", "selector", { branches: [{ conditions: [{ expression: "$random( >" }] }] });
    const { issues } = compile(readCanvas(canvas([start(), broken, end({})], "start>if if:true>end if:false>end")));
    expect(issues.map(({ nodeId, code }) => `${nodeId} ${code}`)).toEqual(["if bad_config"]);
  });
});
