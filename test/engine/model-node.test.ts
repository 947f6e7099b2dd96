import type { CanvasField, CanvasInput } from "@weft/engine/canvas";
import type { ModelCall } from "@weft/engine/model";
import type { NodeDeps } from "@weft/engine/node";
import { totalUsage } from "@weft/engine/record";
import { describe, expect, it } from "vitest";
import { ScriptedModels, type ScriptedReply } from "../support/models.ts";
import { around, failureOf, outputOf } from "./single.ts";
import { runCanvas } from "./support.ts";

const text = (name: string, value: unknown): CanvasInput => ({ name, value });

interface Given {
  inputs?: CanvasInput[];
  outputs?: CanvasField[];
  onError?: object;
}

/** A canvas of one model node, whose end gives the named outputs. */
function asking(config: object, ends: string[] = ["output"], { inputs = [], outputs = [], onError }: Given = {}) {
  const data = { config: { model: { id: "m" }, ...config }, inputs, outputs, ...(onError ? { onError } : {}) };
  return around({ type: "llm", data: data as never }, ends);
}

describe("a model node", () => {
  it("asks with both prompts, once filled, and with its settings", async () => {
    const models = new ScriptedModels(["hello"]);
    const model = { id: "m", temperature: 0.5, topP: 0.9, maxTokens: 100, fallbacks: ["n"], reasoning: "low" };
    const config = { model, systemPrompt: "Be {{how}}", prompt: "{{q}} {{nobody}}" };
    const inputs = [text("how", "{{q}}"), text("q", "brief?")];
    expect(await outputOf(asking(config, ["output"], { inputs }), {}, { deps: { models } })).toEqual({
      output: "hello",
    });
    expect(models.calls).toEqual([
      {
        modelId: "m",
        messages: [
          { role: "system", content: "Be {{q}}" },
          { role: "user", content: "brief? {{nobody}}" },
        ],
        params: { temperature: 0.5, topP: 0.9, maxTokens: 100, reasoning: "low" },
        fallbackModelIds: ["n"],
        timeoutMs: 180_000,
        scene: { type: "workflow", nodeId: "n", executionId: "exe_test" },
        idempotencyKey: "exe_test:n/turn_0",
      },
    ]);
  });

  it("tells followers piece by piece, and gives what it thought where that is declared", async () => {
    const reply = { chunks: ["I ", "do."], reasoning: "hm", usage: { inputTokens: 3, outputTokens: 2, cost: 0.5 } };
    const models = new ScriptedModels([reply]);
    const outputs: CanvasField[] = [{ name: "reasoning_content", type: "string" }];
    const canvas = asking({ prompt: "?" }, ["output", "reasoning_content"], { outputs });
    const { run, ...outcome } = await runCanvas(canvas, {}, { deps: { models } });
    expect(outcome).toMatchObject({ output: { output: "I do.", reasoning_content: "hm" } });
    const deltas = run.events.filter((event) => event.type === "delta");
    expect(deltas.map(({ kind, text: said, attempt }) => [kind, said, attempt])).toEqual([
      ["reasoning", "hm", 1],
      ["text", "I ", 1],
      ["text", "do.", 1],
    ]);
    expect(totalUsage(run.records)).toEqual(reply.usage);
  });

  it("asks for Markdown, and for nothing where it is to be text", async () => {
    const models = new ScriptedModels(() => "x");
    await outputOf(asking({ prompt: "?", format: "markdown" }), {}, { deps: { models } });
    await outputOf(asking({ prompt: "?" }), {}, { deps: { models } });
    expect(models.calls.map(({ messages }) => messages.map(({ role }) => role))).toEqual([
      ["system", "user"],
      ["user"],
    ]);
  });

  it("takes an instruction for the question where there is no other, and refuses to ask nothing", async () => {
    const models = new ScriptedModels(() => "x");
    await outputOf(asking({ systemPrompt: "Tell a joke" }), {}, { deps: { models } });
    expect(models.calls[0]?.messages).toEqual([{ role: "user", content: "Tell a joke" }]);
    expect((await failureOf(asking({}), {}, { deps: { models } })).error.code).toBe("empty_prompt");
    expect((await failureOf(asking({ prompt: "?" }))).error.code).toBe("unavailable");
    expect(models.calls).toHaveLength(1);
  });
});

describe("a model's reply as fields", () => {
  const outputs: CanvasField[] = [
    { name: "name", type: "string", description: "In full" },
    { name: "age", type: "integer", required: true },
  ];
  const ask = (said: ScriptedReply | string, fields = outputs) =>
    runCanvas(
      asking(
        { prompt: "?", format: "json" },
        fields.map(({ name }) => name),
        { outputs: fields },
      ),
      {},
      {
        deps: { models: new ScriptedModels([said]) },
      },
    );

  it("asks for their schema, in words and as the provider knows it", async () => {
    const models = new ScriptedModels(['{"name":"Ada","age":"36"}']);
    const canvas = asking({ prompt: "?", format: "json" }, ["name", "age"], { outputs });
    expect(await outputOf(canvas, {}, { deps: { models } })).toEqual({ name: "Ada", age: 36 });
    const schema = {
      type: "object",
      properties: { name: { type: "string", description: "In full" }, age: { type: "integer" } },
      required: ["age"],
    };
    const [asked] = models.calls as [ModelCall];
    expect(asked.format).toEqual({ type: "json", schema });
    expect(asked.messages[0]).toMatchObject({ role: "system", content: expect.stringContaining('"required":["age"]') });
  });

  it.each([
    ["in a block", 'Here:\n```json\n{"name":"A","age":1}\n```\nDone.'],
    ["among words", 'Sure! {"name":"A","age":1} is it.'],
    ["with more members", '{"name":"A","age":1,"else":2}'],
  ])("finds them %s", async (_how, said) => {
    expect(await ask(said)).toMatchObject({ output: { name: "A", age: 1 } });
  });

  it.each([
    ["no JSON", "I would rather not.", "not_json"],
    ["JSON of another kind", "[1]", "not_json"],
    ["a value of another kind", '{"name":"A","age":"old"}', "conversion_failed"],
  ])("goes on with nothing and a warning where the reply is %s", async (_what, said, code) => {
    const { run, ...outcome } = await ask(said);
    expect(outcome).toMatchObject({ status: "done", output: { age: 0 } });
    const record = run.records.find(({ path }) => path === "n");
    expect(record).toMatchObject({ status: "succeeded", output: { age: null }, error: { code } });
    expect(run.events.filter(({ type }) => type === "delta")).toEqual([]);
  });

  it("says where the reply was cut", async () => {
    const { run } = await ask({ text: '{"name":"A', finishReason: "length" });
    const record = run.records.find(({ path }) => path === "n");
    expect(record?.error?.message).toContain("cut at the model's limit");
  });

  it("is the text where a single field is to be a string, a list where it is one, and anything where none is", async () => {
    expect(await ask('{"a":1}', [{ name: "t", type: "string" }])).toMatchObject({ output: { t: '{"a":1}' } });
    const list: CanvasField = { name: "l", type: { type: "list", items: "integer" } };
    expect(await ask("[1, 2]", [list])).toMatchObject({ output: { l: [1, 2] } });
    const models = new ScriptedModels(['{"x":[1]}']);
    const any = around({ type: "llm", data: { config: { model: { id: "m" }, prompt: "?", format: "json" } } });
    const { run } = await runCanvas(any, {}, { deps: { models } });
    expect(run.records.find(({ path }) => path === "n")?.output).toEqual({ output: { x: [1] } });
  });
});

describe("files for a model", () => {
  const image: CanvasInput = { name: "img", type: { type: "string", assist: "image" }, value: "https://e.com/a.png" };
  const list: CanvasInput = {
    name: "docs",
    type: { type: "list", items: { type: "string", assist: "file" } },
    value: ["file_1", "data:image/png;base64,AAAA"],
  };
  const files: NodeDeps["files"] = {
    get: async () => null,
    put: async () => undefined,
    link: async (id) =>
      id === "file_1" ? { id, name: "a.pdf", contentType: "application/pdf", size: 1, url: "https://f/1" } : null,
  };

  it("stand where they are named, and after the text where they are not", async () => {
    const models = new ScriptedModels(["ok"]);
    const config = { prompt: "Is {{img}} like {{q}}?", files: ["docs"] };
    const inputs = [image, list, text("q", "this")];
    await outputOf(asking(config, ["output"], { inputs }), {}, { deps: { models, files } });
    expect(models.calls[0]?.messages).toEqual([
      {
        role: "user",
        content: [
          { type: "text", text: "Is " },
          { type: "image", url: "https://e.com/a.png" },
          { type: "text", text: " like this?" },
          { type: "file", url: "https://f/1", mediaType: "application/pdf", name: "a.pdf" },
          { type: "image", base64: "AAAA", mediaType: "image/png" },
        ],
      },
    ]);
  });

  it("are refused where they are none, and left out where there are none", async () => {
    const models = new ScriptedModels(() => "ok");
    const inputs = [{ ...image, value: "file:///etc/passwd" }];
    const canvas = asking({ prompt: "{{img}}" }, ["output"], { inputs });
    expect((await failureOf(canvas, {}, { deps: { models, files } })).error.code).toBe("file_not_found");
    const none = asking({ prompt: "Look {{img}}" }, ["output"], { inputs: [{ ...image, value: null }] });
    await outputOf(none, {}, { deps: { models, files } });
    expect(models.calls.map(({ messages }) => messages)).toEqual([[{ role: "user", content: "Look " }]]);
  });
});

describe("the conversation that a model is told of", () => {
  it("is as long as is asked for, and none where the run belongs to none", async () => {
    const models = new ScriptedModels(() => "ok");
    const before = [
      { role: "user", content: "hi" },
      { role: "assistant", content: "hello" },
    ] as const;
    const asked: number[] = [];
    const recent = async (rounds: number) => {
      asked.push(rounds);
      return before;
    };
    const history = { recent };
    await outputOf(asking({ prompt: "?", history: 3 }), {}, { deps: { models, history } });
    await outputOf(asking({ prompt: "?", history: 3 }), {}, { deps: { models } });
    await outputOf(asking({ prompt: "?" }), {}, { deps: { models, history } });
    expect(asked).toEqual([3]);
    expect(models.calls.map(({ messages }) => messages.length)).toEqual([3, 1, 1]);
    expect(models.calls[0]?.messages.slice(0, 2)).toEqual(before);
  });
});

describe("a model that fails", () => {
  it("is tried again, from then on with the backup, and every try is paid for", async () => {
    const models = new ScriptedModels([
      { error: "busy", usage: { inputTokens: 1 } },
      { error: "busy", usage: { inputTokens: 1 } },
      { text: "ok", usage: { inputTokens: 5 } },
    ]);
    const onError = { strategy: "throw", retries: 2, delayMs: 0 };
    const canvas = asking({ prompt: "?", backup: { id: "b", topK: 2 } }, ["output"], { onError });
    const { run, ...outcome } = await runCanvas(canvas, {}, { deps: { models } });
    expect(outcome).toMatchObject({ output: { output: "ok" } });
    expect(models.calls.map(({ modelId, params }) => [modelId, params])).toEqual([
      ["m", {}],
      ["b", { topK: 2 }],
      ["b", { topK: 2 }],
    ]);
    expect(totalUsage(run.records)).toEqual({ inputTokens: 7 });
  });

  it("gives the fallback of its policy", async () => {
    const models = new ScriptedModels([{ error: "no", errorCode: "content_filter", retryable: false }]);
    const onError = { strategy: "default", fallback: { output: "sorry" }, retries: 3 };
    const canvas = asking({ prompt: "?" }, ["output", "isSuccess"], { onError });
    expect(await outputOf(canvas, {}, { deps: { models } })).toEqual({ output: "sorry", isSuccess: false });
    expect(models.calls).toHaveLength(1);
  });
});
