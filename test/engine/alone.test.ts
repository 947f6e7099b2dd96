import type { Canvas } from "@weft/engine/canvas";
import type { Plan } from "@weft/engine/plan";
import { suspensionKey } from "@weft/engine/record";
import { debugNode, planNode } from "@weft/engine/run/alone";
import { RunStopped } from "@weft/engine/run/io";
import { describe, expect, it } from "vitest";
import { canvas, end, node, ref, start, text } from "../support/canvas.ts";
import { planOf, testRun } from "./support.ts";

function around(inner: Canvas["nodes"][number], outputs: Record<string, string> = {}): Plan {
  return planOf(canvas([start(text("q")), inner, end(outputs)], `start>${inner.id}>end`));
}

const join = (id: string, from: string, onError?: object) =>
  node(
    id,
    "text",
    { method: "concat", template: "<{{a}}|{{b}}>" },
    [
      { name: "a", type: "string", ref: from },
      { name: "b", type: "string", value: "kept" },
    ],
    onError ? { onError } : {},
  );

function looped(body: Canvas["nodes"], links: string): Plan {
  const loop = node("loop", "loop", { items: ["xs"], collect: [{ name: "all", ref: "t" }] }, [
    { name: "xs", type: "list", ref: "start.q" },
  ]);
  loop.data.body = { nodes: body, edges: canvas([], links).edges };
  return around(loop, { all: "loop.all" });
}

describe("a node run alone", () => {
  it("takes what it is given in place of references, and keeps what the canvas says", async () => {
    const run = testRun();
    const outcome = await debugNode(around(join("t", "start.q")), "t", { a: 12 }, run.io);
    expect(outcome).toMatchObject({
      status: "done",
      record: { path: "t", status: "succeeded", input: { a: "12", b: "kept" }, output: { output: "<12|kept>" } },
    });
    expect(run.records).toHaveLength(1);
  });

  it("counts as missing what is neither given nor written, and reads what others are said to have given", async () => {
    const plan = around(join("t", "start.q"));
    expect(await debugNode(plan, "t", { b: null }, testRun().io)).toMatchObject({
      record: { output: { output: "<|>" } },
    });
    const outputs = { start: { q: "pinned" } };
    expect(await debugNode(plan, "t", {}, testRun().io, { outputs })).toMatchObject({
      record: { output: { output: "<pinned|kept>" } },
    });
  });

  it("runs one that stands in a loop, and a loop with its body", async () => {
    const plan = looped([join("t", "loop.xs")], "loop>t>loop");
    expect(planNode(plan, "t")?.type).toBe("text");
    expect(await debugNode(plan, "t", { a: "x" }, testRun().io)).toMatchObject({
      record: { path: "t", output: { output: "<x|kept>" } },
    });
    expect(await debugNode(plan, "loop", { xs: '["x","y"]' }, testRun().io)).toMatchObject({
      record: { path: "loop", output: { all: [{ output: "<x|kept>" }, { output: "<y|kept>" }] } },
    });
  });

  it("takes by name what nodes of the body read from outside", async () => {
    const inner = node("t", "text", { method: "concat", template: "{{a}}{{far}}" }, [
      ref("a", "loop.xs"),
      ref("far", "start.q"),
    ]);
    const plan = looped([inner], "loop>t>loop");
    const given = { xs: ["x"], far: "!", a: "never" };
    expect(await debugNode(plan, "loop", given, testRun().io)).toMatchObject({
      record: { output: { all: [{ output: "x!" }] } },
    });
  });

  it("ends with the control that a break gives", async () => {
    const plan = looped([join("t", "loop.xs"), node("b", "break", {})], "loop>t>b");
    expect(await debugNode(plan, "b", {}, testRun().io)).toMatchObject({
      record: { status: "succeeded", loop: { control: "break" } },
    });
  });

  it("gives the record of a failure, a composite's own for one in its body", async () => {
    const config = { method: "concat", template: "{{a[9]}}" };
    const failing = node("t", "text", config, [{ name: "a", type: "list", ref: "loop.xs" }]);
    const plan = looped([failing], "loop>t>loop");
    const error = { code: "index_out_of_range" };
    expect(await debugNode(plan, "t", { a: [1] }, testRun().io)).toMatchObject({
      status: "done",
      record: { status: "failed", path: "t", error, attempts: 1 },
    });
    expect(await debugNode(plan, "loop", { xs: [[1]] }, testRun().io)).toMatchObject({
      record: { status: "failed", path: "loop", input: { xs: [[1]] }, error },
    });
  });

  it("lets another policy stand over its own", async () => {
    const config = { method: "concat", template: "{{a[9]}}" };
    const plan = around(node("t", "text", config, [{ name: "a", type: "list", ref: "start.q" }]));
    const policy = { onError: "branch", fallback: { output: "instead" } } as const;
    expect(await debugNode(plan, "t", { a: [] }, testRun().io, { policy })).toMatchObject({
      record: { status: "succeeded", port: "branch_error", output: { output: "instead", isSuccess: false } },
    });
  });

  it("tries an effectful node as its policy says", async () => {
    let calls = 0;
    const http = {
      request: async () => {
        calls += 1;
        return { status: calls < 3 ? 503 : 200, headers: {}, body: new TextEncoder().encode("there") };
      },
    };
    const config = { method: "GET", url: "https://example.com/{{a}}", retryOn: "transient" };
    const onError = { retries: 4, delayMs: 0 };
    const plan = around(node("h", "http_request", config, [ref("a", "start.q")], { onError }));
    expect(await debugNode(plan, "h", { a: "x" }, testRun({ deps: { http } }).io)).toMatchObject({
      record: { status: "succeeded", attempts: 3, output: { body: "there", statusCode: 200 } },
    });
  });

  it("waits, and goes on over the same journal when the answer is there", async () => {
    const plan = around(node("i", "input", {}, [], { outputs: [{ name: "n", type: "integer" }] }));
    const run = testRun();
    expect(await debugNode(plan, "i", {}, run.io)).toEqual({
      status: "blocked",
      blocked: true,
      waiting: ["i"],
      yielded: false,
    });
    const waiting = run.journal.records.get("i");
    if (!waiting) throw new Error("nothing waits");
    run.journal.answers.set(suspensionKey(waiting), { data: { n: "7" } });
    expect(await debugNode(plan, "i", {}, run.io)).toMatchObject({ record: { output: { n: 7 } } });
    // A third time it is not run again: the record is kept.
    expect(await debugNode(plan, "i", {}, run.io)).toMatchObject({ record: { output: { n: 7 } } });
    expect(run.records.map((record) => record.status)).toEqual(["waiting", "succeeded"]);
  });

  it("refuses an id that the plan does not have, and stops when the run is stopped", async () => {
    const plan = around(node("h", "http_request", { method: "GET", url: "https://example.com" }));
    await expect(debugNode(plan, "nobody", {}, testRun().io)).rejects.toThrow("no node nobody");
    const beforeEffect = () => {
      throw new RunStopped("cancelled");
    };
    await expect(debugNode(plan, "h", {}, testRun({ beforeEffect }).io)).rejects.toBeInstanceOf(RunStopped);
  });
});
