import type { CanvasField } from "@weft/engine/canvas";
import { type NodeRecord, suspensionKey } from "@weft/engine/record";
import { runPlan } from "@weft/engine/run/plan";
import { describe, expect, it } from "vitest";
import { around, failureOf, outputOf } from "./single.ts";
import { planOf, type TestRun, testRun } from "./support.ts";

function waiting(run: TestRun): NodeRecord {
  const found = [...run.journal.records.values()].find((record) => record.status === "waiting");
  if (!found) throw new Error("nothing waits");
  return found;
}

async function answered(canvas: unknown, answers: readonly object[], input: Record<string, unknown> = {}) {
  const plan = planOf(canvas);
  const run = testRun();
  let outcome = await runPlan(plan, input, run.io);
  const asked: unknown[] = [];
  for (const answer of answers) {
    const record = waiting(run);
    asked.push(record.suspend?.kind === "signal" ? record.suspend.event : record.suspend);
    run.journal.answers.set(suspensionKey(record), answer);
    outcome = await runPlan(plan, input, run.io);
  }
  return { outcome, asked, run };
}

describe("people", () => {
  const question = (config: object, extra: object = {}) => ({
    type: "question",
    data: { config: { question: "Who, {{x}}?", ...config }, inputs: [{ name: "x", ref: "start.in" }], ...extra },
  });
  it("answer a question with text", async () => {
    const { outcome, asked } = await answered(around(question({}), ["USER_RESPONSE"]), [{ data: "me" }], { in: "Ann" });
    expect(outcome).toMatchObject({ status: "done", output: { USER_RESPONSE: "me" } });
    expect(asked).toMatchObject([{ type: "question", data: { kind: "text", question: "Who, Ann?" } }]);
  });
  it("choose an option, each with its port, or none of them", async () => {
    const node = question({ answerType: "option", options: ["red", "blue"] });
    const canvas = around(node, ["optionId", "optionContent"], ["branch_0", "branch_1", "default"]);
    const blue = await answered(canvas, [{ data: "blue" }]);
    expect(blue.outcome).toMatchObject({ output: { optionId: "B", optionContent: "blue" } });
    expect(blue.run.journal.records.get("n")?.port).toBe("branch_1");
    const other = await answered(canvas, [{ data: "Blue" }]);
    expect(other.outcome).toMatchObject({ output: { optionId: "other", optionContent: "Blue" } });
    expect(other.run.journal.records.get("n")?.port).toBe("default");
  });
  it("choose among options that the run gives", async () => {
    const node = question({ answerType: "option", optionsInput: "x" });
    const canvas = around(node, ["optionId"], ["branch_0", "default"]);
    const { run, asked } = await answered(canvas, [{ data: "2" }], { in: [1, 2] });
    expect(asked).toMatchObject([{ data: { options: ["1", "2"] } }]);
    expect(run.journal.records.get("n")).toMatchObject({ port: "branch_0", output: { optionId: "B" } });
  });
  it("are asked again for required fields, up to a limit", async () => {
    const outputs = [
      { name: "name", type: "string", required: true },
      { name: "age", type: "integer", required: true },
    ];
    const canvas = around(question({ extract: true, rounds: 2 }, { outputs }), ["name", "age", "USER_RESPONSE"]);
    const { outcome, asked } = await answered(canvas, [{ data: "name: Ann" }, { data: '{"age":"7"}' }]);
    expect(outcome).toMatchObject({ output: { name: "Ann", age: 7, USER_RESPONSE: '{"age":"7"}' } });
    expect(asked).toHaveLength(2);
    await expect(answered(canvas, [{ data: "a" }, { data: "b" }])).rejects.toMatchObject({
      error: { code: "no_answer" },
    });
  });
  it("fill in a form, as an object, JSON or lines", async () => {
    const outputs: CanvasField[] = [
      { name: "name", type: "string", required: true },
      { name: "n", type: "integer" },
    ];
    const canvas = around({ type: "input", data: { outputs } }, ["name", "n"]);
    for (const data of [{ name: "Ann", n: "3", more: 1 }, '{"name":"Ann","n":3}', "name: Ann\nn：3"]) {
      expect((await answered(canvas, [{ data }])).outcome).toMatchObject({ output: { name: "Ann", n: 3 } });
    }
    const { run, asked } = await answered(canvas, [{ data: { name: "Ann", more: 1 } }]);
    expect(run.journal.records.get("n")).toMatchObject({ input: { name: "Ann", n: null } });
    expect(asked).toMatchObject([
      { type: "input", data: { kind: "form", fields: outputs.map(({ name }) => ({ name })) } },
    ]);
  });
  it("fail the node with a form that is none, or that lacks what is required", async () => {
    const member: CanvasField = { name: "town", type: "string", required: true };
    const outputs: CanvasField[] = [
      { name: "name", type: "string", required: true },
      { name: "home", type: { type: "object", fields: [member] } },
    ];
    const canvas = around({ type: "input", data: { outputs } }, ["name", "home"]);
    const refusal = (data: unknown) =>
      answered(canvas, [{ data }]).then(
        () => "it was taken",
        (thrown) => thrown.error.message,
      );
    for (const data of ["rubbish", 7, ["Ann"], "{"]) expect(await refusal(data)).toMatch(/^data: give an object/);
    for (const data of [null, "", {}, { home: {} }]) expect(await refusal(data)).toBe("data.name: is required");
    expect(await refusal({ name: "Ann", home: {} })).toBe("data.home.town: is required");
    expect(await refusal({ name: "Ann" })).toBe("it was taken");
    const optional = around({ type: "input", data: { outputs: [{ name: "n", type: "integer" }] } }, ["n"]);
    expect((await answered(optional, [{ data: null }])).outcome).toMatchObject({ output: { n: 0 } });
  });
  it("who do not answer in time fail the node, which a branch can take", async () => {
    const node = question({ timeoutMs: 1000 }, { onError: { strategy: "branch" } });
    const canvas = around(node, ["errorBody"], ["default", "branch_error"]);
    const { outcome } = await answered(canvas, [{ timedOut: true }]);
    expect(outcome).toMatchObject({ output: { errorBody: { errorCode: "timeout" } } });
  });
});

describe("wait", () => {
  it("waits for a time, then goes on", async () => {
    const canvas = around({ type: "wait", data: { config: { mode: "duration", ms: 5000 } } });
    const plan = planOf(canvas);
    const run = testRun();
    expect(await runPlan(plan, {}, run.io)).toMatchObject({ status: "blocked", waiting: ["n"] });
    expect(waiting(run).suspend).toEqual({ kind: "wait", until: run.clock.now + 5000 });
    run.clock.now += 5000;
    expect(await runPlan(plan, {}, run.io)).toMatchObject({ status: "done" });
  });
  it("until a moment that has passed does not wait, and no wait is longer than a year or without end", async () => {
    const config = { mode: "until", until: { input: "x" } };
    const canvas = around({ type: "wait", data: { config, inputs: [{ name: "x", ref: "start.in" }] } });
    expect(await outputOf(canvas, { in: "2025-12-31T00:00:00Z" })).toEqual({});
    for (const value of ["2031-01-01T00:00:00Z", "soon", null]) {
      expect((await failureOf(canvas, { in: value })).error.code).toBe("invalid_value");
    }
  });
});

describe("sub_workflow", () => {
  const child = planOf(
    around(
      {
        type: "text",
        data: { config: { method: "concat", template: "<{{x}}>" }, inputs: [{ name: "x", ref: "start.in" }] },
      },
      ["output"],
    ),
  );
  const call = around(
    {
      type: "sub_workflow",
      data: { config: { workflowId: "w", version: "v1" }, inputs: [{ name: "in", ref: "start.in" }] },
    },
    ["output"],
  );
  const workflows = {
    load: async (reference: { workflowId: string; version?: string }) => {
      expect(reference).toEqual({ workflowId: "w", version: "v1" });
      return { workflowId: "w", version: "v1", plan: child };
    },
  };
  it("is a frame of the same run", async () => {
    expect(await outputOf(call, { in: "a" }, { deps: { workflows } })).toEqual({ output: "<a>" });
  });
  it("is an execution of its own where the driver wants that", async () => {
    const plan = planOf(call);
    const run = testRun({ deps: { workflows }, childExecutions: true });
    expect(await runPlan(plan, { in: "a" }, run.io)).toMatchObject({ status: "blocked" });
    expect(waiting(run).suspend).toMatchObject({ kind: "child", workflowId: "w", version: "v1", input: { in: "a" } });
    run.journal.answers.set("n", { data: { output: { output: "from the child" }, variables: { k: 1 } } });
    expect(await runPlan(plan, { in: "a" }, run.io)).toMatchObject({
      output: { output: "from the child" },
      variables: { k: 1 },
    });
  });
  it("fails as its child fails", async () => {
    const plan = planOf(call);
    const run = testRun({ deps: { workflows }, childExecutions: true });
    await runPlan(plan, { in: "a" }, run.io);
    run.journal.answers.set("n", { error: { code: "bad", message: "it went wrong" } });
    await expect(runPlan(plan, {}, run.io)).rejects.toMatchObject({ error: { code: "bad" } });
  });
});
