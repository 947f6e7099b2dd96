import { readCanvas } from "@weft/engine/canvas";
import { compile } from "@weft/engine/compile";
import type { ToolCall } from "@weft/engine/model";
import { type NodeDeps, NodeError } from "@weft/engine/node";
import { totalUsage } from "@weft/engine/record";
import { runPlan } from "@weft/engine/run/plan";
import { describe, expect, it } from "vitest";
import { ScriptedModels, type ScriptedReply } from "../support/models.ts";
import { around, failureOf, outputOf } from "./single.ts";
import { planOf, runCanvas, testRun } from "./support.ts";

/** A canvas of one model node. */
function asking(config: object) {
  return around({ type: "llm", data: { config: { model: { id: "m" }, ...config } } }, ["output"]);
}

const call = (name: string, input: Record<string, unknown>, id = name): ToolCall => ({ id, name, input });
const calling = (...toolCalls: ToolCall[]): ScriptedReply => ({ toolCalls, usage: { inputTokens: 10 } });

/** A workflow that gives its inputs. */
const echo = planOf({
  nodes: [
    {
      id: "start",
      type: "start",
      data: {
        outputs: [
          { name: "q", type: "string", required: true, description: "What to say" },
          { name: "n", type: "integer" },
          { name: "key", type: "string" },
        ],
      },
    },
    {
      id: "end",
      type: "end",
      data: {
        inputs: [
          { name: "q", ref: "start.q" },
          { name: "n", ref: "start.n" },
          { name: "key", ref: "start.key" },
        ],
      },
    },
  ],
  edges: [{ source: "start", target: "end" }],
});
/** A workflow whose text is the answer. */
const answers = planOf({
  nodes: [
    { id: "start", type: "start", data: { outputs: [{ name: "q", type: "string" }] } },
    {
      id: "end",
      type: "end",
      data: { config: { mode: "answer", content: "It is {{q}}." }, inputs: [{ name: "q", ref: "start.q" }] },
    },
  ],
  edges: [{ source: "start", target: "end" }],
});
const stops = planOf({
  nodes: [
    { id: "start", type: "start", data: {} },
    { id: "stop", type: "stop_with_error", data: { config: { message: "no such city" } } },
    { id: "end", type: "end", data: {} },
  ],
  edges: [
    { source: "start", target: "stop" },
    { source: "start", target: "end" },
  ],
});
const PLANS = { echo, answers, stops };
const workflows: NodeDeps["workflows"] = {
  load: async ({ workflowId }) => {
    const plan = PLANS[workflowId as keyof typeof PLANS];
    if (!plan) throw new NodeError("not_found", "no such workflow", { retryable: false });
    return { workflowId, version: null, name: `The ${workflowId}!`, description: "Says it", plan };
  },
};

describe("tools of a model", () => {
  const withTools = (tools: object[], config: object = {}) => asking({ prompt: "?", workflows: tools, ...config });

  it("are workflows, told of by their inputs, without what is fixed or hidden", async () => {
    const models = new ScriptedModels([calling(call("The_echo_", { q: "x", n: "7", key: "mine" })), "done"]);
    const tool = { workflowId: "echo", fixed: { key: "k1" }, hiddenInputs: ["n"], hiddenOutputs: ["n"] };
    const { run, ...outcome } = await runCanvas(withTools([tool]), {}, { deps: { models, workflows } });
    expect(outcome).toMatchObject({ output: { output: "done" } });
    expect(models.calls[0]?.tools).toEqual([
      {
        name: "The_echo_",
        description: "Says it",
        parameters: {
          type: "object",
          properties: { q: { type: "string", description: "What to say" } },
          required: ["q"],
        },
      },
    ]);
    expect(models.calls[1]?.messages.slice(1)).toEqual([
      { role: "assistant", content: "", toolCalls: [call("The_echo_", { q: "x", n: "7", key: "mine" })] },
      { role: "tool", toolCallId: "The_echo_", name: "The_echo_", content: '{"key":"k1","q":"x"}' },
    ]);
    const paths = run.records.map(({ path, type }) => `${type} ${path}`).sort();
    expect(paths).toEqual(
      [
        "end end",
        "end n/call_0/end",
        "llm n",
        "model_turn n/turn_0",
        "start n/call_0/start",
        "start start",
        "tool_call n/call_0",
      ].sort(),
    );
    expect(totalUsage(run.records)).toEqual({ inputTokens: 10 });
  });

  it("are called side by side, each under its own path, and what fails is told to the model", async () => {
    const models = new ScriptedModels([
      calling(call("echo", { q: "a" }, "1"), call("echo", {}, "2"), call("stops", {}, "3"), call("ghost", {}, "4"), {
        id: "5",
        name: "echo",
        input: {},
        invalid: "{q:",
      }),
      calling(call("echo", { q: "b" }, "6")),
      "done",
    ]);
    const tools = [
      { workflowId: "echo", name: "echo" },
      { workflowId: "stops", name: "stops" },
    ];
    const { run, ...outcome } = await runCanvas(withTools(tools), {}, { deps: { models, workflows } });
    expect(outcome).toMatchObject({ output: { output: "done" } });
    const told = models.calls[1]?.messages.filter(({ role }) => role === "tool") as { content: string }[];
    expect(told.map(({ content }) => content)).toEqual([
      '{"key":"","n":0,"q":"a"}',
      expect.stringMatching(/^error: .*q/),
      "error: no such city",
      'error: there is no tool "ghost"; there are: echo, stops',
      "error: the arguments are no JSON object: give them again",
    ]);
    expect(told.map((message) => "isError" in message)).toEqual([false, true, true, true, true]);
    expect(run.journal.get("n/call_5")?.output).toEqual({ content: '{"key":"","n":0,"q":"b"}' });
  });

  it("answer by themselves where their workflow gives one text", async () => {
    const models = new ScriptedModels([calling(call("answers", { q: "so" }))]);
    const canvas = withTools([{ workflowId: "answers", name: "answers" }]);
    expect(await outputOf(canvas, {}, { deps: { models, workflows } })).toEqual({ output: "It is so." });
    expect(models.calls).toHaveLength(1);
  });

  it("have names that a provider takes, each its own", async () => {
    const models = new ScriptedModels(["done"]);
    const named = (name: string) => ({ workflowId: "echo", name });
    const tools = [named("天气 查询"), named("get weather!"), named("get weather?"), named("x".repeat(90))];
    await outputOf(withTools(tools), {}, { deps: { models, workflows } });
    const names = models.calls[0]?.tools?.map(({ name }) => name) ?? [];
    for (const name of names) expect(name).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
    expect(new Set(names).size).toBe(4);
  });

  it("end with an error after so many steps", async () => {
    const models = new ScriptedModels(() => calling(call("echo", { q: "again" })));
    const canvas = withTools([{ workflowId: "echo", name: "echo" }], { maxSteps: 5 });
    const { error, usage } = await failureOf(canvas, {}, { deps: { models, workflows } });
    expect(error.code).toBe("too_many_steps");
    expect(models.calls).toHaveLength(3);
    expect(usage).toEqual({ inputTokens: 30 });
  });

  it("fail the node where a workflow cannot be called at all", async () => {
    const models = new ScriptedModels([]);
    const canvas = withTools([{ workflowId: "gone" }]);
    expect((await failureOf(canvas, {}, { deps: { models, workflows } })).error.code).toBe("not_found");
    expect((await failureOf(canvas, {}, { deps: { models } })).error.code).toBe("unavailable");
  });

  it("may wait for a person, while the others end", async () => {
    const asks = planOf({
      nodes: [
        { id: "start", type: "start", data: {} },
        { id: "ask", type: "question", data: { config: { question: "Sure?" } } },
        { id: "end", type: "end", data: { inputs: [{ name: "said", ref: "ask.USER_RESPONSE" }] } },
      ],
      edges: [
        { source: "start", target: "ask" },
        { source: "ask", target: "end" },
      ],
    });
    const models = new ScriptedModels([calling(call("asks", {}, "1"), call("echo", { q: "a" }, "2")), "done"]);
    const load: NonNullable<NodeDeps["workflows"]>["load"] = async (reference) =>
      reference.workflowId === "asks"
        ? { workflowId: "asks", version: null, plan: asks }
        : (workflows as NonNullable<NodeDeps["workflows"]>).load(reference);
    const tools = [
      { workflowId: "asks", name: "asks" },
      { workflowId: "echo", name: "echo" },
    ];
    const run = testRun({ deps: { models, workflows: { load } } });
    const plan = planOf(withTools(tools));
    expect(await runPlan(plan, {}, run.io)).toMatchObject({ status: "blocked", waiting: ["n/call_0/ask"] });
    run.journal.answers.set("n/call_0/ask#1", { data: "yes" });
    expect(await runPlan(plan, {}, run.io)).toMatchObject({ status: "done", output: { output: "done" } });
    expect(models.calls).toHaveLength(2);
    const told = models.calls[1]?.messages.filter(({ role }) => role === "tool");
    expect(told?.map(({ content }) => content)).toEqual(['{"said":"yes"}', '{"key":"","n":0,"q":"a"}']);
  });
});

describe("tools of plugins, and knowledge", () => {
  const reference = { pluginId: "p", toolId: "t", version: "v1" };
  const config = {
    prompt: "Rain in {{q}}?",
    plugins: [{ ...reference, name: "weather", fixed: { key: "k" }, hiddenOutputs: ["raw.secret"] }],
    knowledge: { knowledgeIds: ["k1"], topK: 2, noMatch: "I do not know." },
  };
  // Their nodes are not installed: the plan is what it will be once they are.
  const plan = (more: object = {}) => {
    const canvas = asking({ ...config, ...more });
    const [, node] = canvas.nodes;
    Object.assign(node!.data, { inputs: [{ name: "q", value: "Rome" }] });
    return compile(readCanvas(canvas)).plan;
  };
  const described = {
    name: "t",
    description: "Weather",
    parameters: { type: "object", properties: { city: { type: "string" }, key: {} }, required: ["city", "key"] },
  };

  function world(passages: { text: string }[], output: unknown = { rain: true, raw: { secret: 1, x: 2 } }) {
    const told: unknown[] = [];
    const deps: NodeDeps = {
      tools: {
        describe: async () => described,
        call: async (...given) => {
          told.push(given.slice(0, 3));
          if (output instanceof Error) throw output;
          return { output, usage: { calls: 1 } };
        },
      },
      knowledge: {
        search: async (request) => {
          told.push(request);
          return { passages, usage: { searches: 1 } };
        },
      },
    };
    return { deps, told };
  }

  it("are told of and called as they are described, and what is known comes before the question", async () => {
    const { deps, told } = world([{ text: "It rains {{q}}." }]);
    const models = new ScriptedModels([calling(call("weather", { city: "Rome", key: "mine" })), "Yes"]);
    const run = testRun({ deps: { ...deps, models } });
    expect(await runPlan(plan(), {}, run.io)).toMatchObject({ output: { output: "Yes" } });
    expect(told).toEqual([
      { knowledgeIds: ["k1"], mode: "semantic", topK: 2, query: "Rain in Rome?" },
      [reference, { city: "Rome", key: "k" }, "exe_test:n/call_0"],
    ]);
    const [first, second] = models.calls;
    expect(first?.messages).toEqual([{ role: "user", content: "What is known:\n- It rains {{q}}.\n\nRain in Rome?" }]);
    expect(first?.tools).toEqual([
      {
        name: "weather",
        description: "Weather",
        parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
      },
    ]);
    expect(second?.messages.at(-1)).toMatchObject({ content: '{"rain":true,"raw":{"x":2}}' });
    expect(totalUsage(run.records)).toEqual({ inputTokens: 10, calls: 1, searches: 1 });
  });

  it("tell the model of their failures, and answer where nothing is known", async () => {
    const down = world([{ text: "x" }], new NodeError("tool_failed", "the tool is down"));
    const models = new ScriptedModels([calling(call("weather", {})), "Sorry"]);
    await runPlan(plan(), {}, testRun({ deps: { ...down.deps, models } }).io);
    expect(models.calls[1]?.messages.at(-1)).toMatchObject({ content: "error: the tool is down", isError: true });
    const none = testRun({ deps: { ...world([]).deps, models } });
    expect(await runPlan(plan(), {}, none.io)).toMatchObject({ output: { output: "I do not know." } });
    expect(models.calls).toHaveLength(2);
  });

  it("fail the node where there are none", async () => {
    const models = new ScriptedModels([]);
    const { deps } = world([{ text: "x" }]);
    for (const missing of [{ tools: deps.tools! }, { knowledge: deps.knowledge! }]) {
      const run = testRun({ deps: { ...missing, models } });
      await expect(runPlan(plan(), {}, run.io)).rejects.toMatchObject({ error: { code: "unavailable" } });
    }
  });
});
