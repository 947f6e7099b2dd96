import { existsSync, readdirSync } from "node:fs";
import type { CanvasField, CanvasNode } from "@weft/engine/canvas";
import { catalogue } from "@weft/engine/catalogue";
import { COZE_TYPES } from "@weft/engine/coze/types";
import { type HttpRequest, type HttpResponse, NodeError } from "@weft/engine/node";
import { nodes, nodeTypes } from "@weft/engine/nodes/index";
import { type NodeRecord, suspensionKey } from "@weft/engine/record";
import { NodeFailed } from "@weft/engine/run/io";
import { runPlan } from "@weft/engine/run/plan";
import { describe, expect, it } from "vitest";
import { planOf, runCanvas, type TestRun, testRun } from "./support.ts";

const FOLDER = new URL("../../packages/engine/src/nodes/", import.meta.url);

/** A canvas of one node between start and end; each port leads to the end, which gives the node's outputs. */
function around(node: Omit<CanvasNode, "id">, outputs: readonly string[] = [], ports: readonly string[] = ["default"]) {
  return {
    nodes: [
      { id: "start", type: "start", data: { outputs: [{ name: "in", type: "any" }] } },
      { id: "n", ...node },
      { id: "end", type: "end", data: { inputs: outputs.map((name) => ({ name, ref: `n.${name}` })) } },
    ],
    edges: [
      { source: "start", target: "n" },
      ...ports.map((sourceHandle) => ({ source: "n", sourceHandle, target: "end" })),
    ],
  };
}

async function outputOf(canvas: unknown, input: Record<string, unknown> = {}, over = {}) {
  const outcome = await runCanvas(canvas, input, over);
  if (outcome.status !== "done") throw new Error("it waits");
  return outcome.output;
}

async function failureOf(canvas: unknown, input: Record<string, unknown> = {}, over = {}): Promise<NodeFailed> {
  try {
    await runCanvas(canvas, input, over);
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(NodeFailed);
    return thrown as NodeFailed;
  }
  throw new Error("it did not fail");
}

describe.each(nodes.map((node) => [node.type, node] as const))("node type %s", (type, node) => {
  it("has a file of its name, words for people and a schema for its configuration", () => {
    expect(existsSync(new URL(`${type}.ts`, FOLDER))).toBe(true);
    expect(type).toMatch(/^[a-z][a-z0-9_]*$/);
    expect(node.title).not.toBe("");
    expect(node.description).toMatch(/\.$/);
    const entry = catalogue().find((item) => item.type === type);
    expect(entry?.configSchema).toMatchObject({ $schema: expect.any(String) });
    expect(JSON.parse(JSON.stringify(entry))).toEqual(entry);
  });

  it("refuses configuration that it does not know", () => {
    expect(node.config.safeParse({ color: "red", mode: 1, method: 2 }).success).toBe(false);
  });

  it("is named like Coze's type of the same id", () => {
    if (node.coze) expect(COZE_TYPES.get(node.coze.id)).toBe(type);
    else expect([...COZE_TYPES.values()]).not.toContain(type);
  });

  it("reads any rubbish that stands for Coze's data, or names what is wrong", () => {
    for (const data of [
      undefined,
      null,
      5,
      "x",
      [],
      {},
      { inputs: [] },
      { inputs: { branches: 5, mergeGroups: {} } },
    ]) {
      const inputs = (data as { inputs?: unknown } | null | undefined)?.inputs;
      try {
        expect(node.coze?.read?.({ id: "1", data, inputs }) ?? { config: {} }).toHaveProperty("config");
      } catch (thrown) {
        expect((thrown as Error).name).toBe("CozeProblem");
      }
    }
  });
});

describe("the list of node types", () => {
  it("holds every file that defines one, once", () => {
    const helpers = new Set(["index", "collect"]);
    const files = readdirSync(FOLDER)
      .map((name) => name.replace(".ts", ""))
      .filter((name) => !helpers.has(name));
    expect([...nodeTypes.keys()].sort()).toEqual(files.sort());
    expect(nodes).toHaveLength(nodeTypes.size);
  });
});

describe("start and end", () => {
  it("fail for a required field that is missing, and convert what is there", async () => {
    const canvas = {
      nodes: [
        { id: "start", type: "start", data: { outputs: [{ name: "n", type: "integer", required: true }] } },
        { id: "end", type: "end", data: { inputs: [{ name: "n", ref: "start.n" }] } },
      ],
      edges: [{ source: "start", target: "end" }],
    };
    expect((await failureOf(canvas)).error).toMatchObject({ code: "missing_required", details: { missing: ["n"] } });
    expect(await outputOf(canvas, { n: "12" })).toEqual({ n: 12 });
    expect(await outputOf(canvas, { n: "x" })).toEqual({ n: 0 });
  });

  it("answer with text", async () => {
    const canvas = {
      nodes: [
        { id: "start", type: "start", data: { outputs: [{ name: "n", type: "any" }] } },
        {
          id: "end",
          type: "end",
          data: { config: { mode: "answer", content: "<{{n}}>" }, inputs: [{ name: "n", ref: "start.n" }] },
        },
      ],
      edges: [{ source: "start", target: "end" }],
    };
    expect(planOf(canvas)).toMatchObject({ answer: true, outputs: [{ name: "output", type: { type: "string" } }] });
    expect(await outputOf(canvas, { n: "{{n}}" })).toEqual({ output: "<{{n}}>" });
  });
});

describe("text and JSON", () => {
  const inputs = [{ name: "x", ref: "start.in" }];
  it("joins lists and splits texts", async () => {
    const concat = around(
      { type: "text", data: { config: { method: "concat", template: "{{x}}!", joinWith: ", " }, inputs } },
      ["output"],
    );
    expect(await outputOf(concat, { in: ["a", 1, { b: 2 }] })).toEqual({ output: 'a, 1, {"b":2}!' });
    const split = around({ type: "text", data: { config: { method: "split", delimiters: [",", ";"] }, inputs } }, [
      "output",
    ]);
    expect(await outputOf(split, { in: "a,b;c,," })).toEqual({ output: ["a", "b", "c", "", ""] });
  });
  it("writes and reads JSON", async () => {
    const write = around({ type: "json_serialize", data: { inputs: [{ name: "input", ref: "start.in" }] } }, [
      "output",
    ]);
    expect(await outputOf(write, { in: { b: 1, a: null } })).toEqual({ output: '{"a":null,"b":1}' });
    const read = around(
      {
        type: "json_deserialize",
        data: {
          inputs: [{ name: "input", ref: "start.in" }],
          outputs: [
            {
              name: "output",
              type: {
                type: "object",
                fields: [
                  { name: "a", type: "integer" },
                  { name: "b", type: "string" },
                ],
              },
            },
          ],
        },
      },
      ["output"],
    );
    expect(await outputOf(read, { in: '{"a":"1"}' })).toEqual({ output: { a: 1, b: null } });
    expect((await failureOf(read, { in: "{" })).error.code).toBe("invalid_json");
  });
});

describe("selector", () => {
  const selector = {
    type: "selector",
    data: {
      config: {
        branches: [
          {
            conditions: [
              { left: "x", operator: "gt", value: 10 },
              { left: "x", operator: "lt", right: "y" },
            ],
          },
          {
            logic: "or",
            conditions: [
              { left: "x", operator: "equal", value: 1 },
              { left: "x", operator: "equal", value: 2 },
            ],
          },
        ],
      },
      inputs: [
        { name: "x", ref: "start.in" },
        { name: "y", value: 20 },
      ],
    },
  };
  it.each([
    [15, "true"],
    [25, "false"],
    [2, "true_1"],
    [null, "false"],
  ])("for %j leaves by %s", async (value, port) => {
    const { run } = await runCanvas(around(selector, [], ["true", "true_1", "false"]), { in: value });
    expect(run.records.find(({ nodeId }) => nodeId === "n")?.port).toBe(port);
  });
});

describe("variables", () => {
  it("sets app variables for what follows, whole and in part", async () => {
    const assign = (id: string, variable: string, value: unknown) => ({
      id,
      type: "variable_assign",
      data: { config: { assignments: [{ variable, input: "v" }] }, inputs: [{ name: "v", value }] },
    });
    const canvas = {
      nodes: [
        { id: "start", type: "start", data: {} },
        assign("a", "app.k", { list: [1, 2] }),
        assign("b", "app.k.list[1]", 9),
        {
          id: "end",
          type: "end",
          data: {
            inputs: [
              { name: "k", variable: "app.k" },
              { name: "old", variable: "app.old.x" },
            ],
          },
        },
      ],
      edges: [
        { source: "start", target: "a" },
        { source: "a", target: "b" },
        { source: "b", target: "end" },
      ],
    };
    const outcome = await runCanvas(canvas, {}, { variables: { old: { x: 1 } } });
    expect(outcome).toMatchObject({ output: { k: { list: [1, 9] }, old: 1 }, variables: { k: { list: [1, 9] } } });
  });

  it("sets user variables with a key that is the same in a repeat, and fails without a store", async () => {
    const node = {
      type: "variable_assign",
      data: { config: { assignments: [{ variable: "user.k", input: "v" }] }, inputs: [{ name: "v", ref: "start.in" }] },
    };
    const calls: unknown[] = [];
    const variables = { get: async () => null, set: async (...call: unknown[]) => void calls.push(call) };
    expect(await outputOf(around(node, ["isSuccess"]), { in: 5 }, { deps: { variables } })).toEqual({
      isSuccess: true,
    });
    expect(calls).toEqual([["k", 5, "exe_test:n#k"]]);
    expect((await failureOf(around(node), { in: 5 })).error.code).toBe("unavailable");
  });

  it("gives the first of a group that is not null", async () => {
    const node = {
      type: "variable_aggregator",
      data: {
        config: {
          groups: [
            { name: "g", inputs: ["a", "b"] },
            { name: "none", inputs: ["a"] },
          ],
        },
        inputs: [
          { name: "a", value: null },
          { name: "b", ref: "start.in" },
        ],
      },
    };
    expect(await outputOf(around(node, ["g", "none"]), { in: "" })).toEqual({ g: "", none: null });
  });
});

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
    const { outcome, asked } = await answered(canvas, [{ data: "rubbish" }]);
    expect(outcome).toMatchObject({ output: { name: "", n: 0 } });
    expect(asked).toMatchObject([
      { type: "input", data: { kind: "form", fields: outputs.map(({ name }) => ({ name })) } },
    ]);
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
    run.journal.answers.set("n", { data: { output: { output: "from the child" }, variables: {} } });
    expect(await runPlan(plan, { in: "a" }, run.io)).toMatchObject({ output: { output: "from the child" } });
  });
  it("fails as its child fails", async () => {
    const plan = planOf(call);
    const run = testRun({ deps: { workflows }, childExecutions: true });
    await runPlan(plan, { in: "a" }, run.io);
    run.journal.answers.set("n", { error: { code: "bad", message: "it went wrong" } });
    await expect(runPlan(plan, {}, run.io)).rejects.toMatchObject({ error: { code: "bad" } });
  });
});

describe("http_request", () => {
  const answer = (status: number, body = "", headers: Record<string, string> = {}): HttpResponse => ({
    status,
    headers,
    body: new TextEncoder().encode(body),
  });
  function recorder(...answers: (HttpResponse | Error)[]) {
    const seen: HttpRequest[] = [];
    const request = async (item: HttpRequest) => {
      seen.push(item);
      const next = answers[seen.length - 1] ?? answer(200, "ok");
      if (next instanceof Error) throw next;
      return next;
    };
    return { seen, over: { deps: { http: { request } } } };
  }
  const inputs = [{ name: "x", ref: "start.in" }];
  const http = (config: object, onError: object = {}) =>
    around({ type: "http_request", data: { config: { url: "http://api.test/p", ...config }, inputs, onError } }, [
      "body",
      "statusCode",
    ]);

  it("sends what the configuration and the inputs say", async () => {
    const { seen, over } = recorder();
    const config = {
      method: "POST",
      url: " http://api.test/{{x}}?a=1\n",
      params: [
        { name: "q", input: "x" },
        { name: "r", value: "<{{x}}>" },
      ],
      headers: [{ name: "X-One", value: "1" }],
      auth: { type: "bearer", token: { value: "t" } },
      body: { type: "urlencoded", fields: [{ name: "f", input: "x" }] },
    };
    expect(await outputOf(http(config), { in: "a b" }, over)).toEqual({ body: "ok", statusCode: 200 });
    expect(seen[0]).toMatchObject({
      method: "POST",
      url: "http://api.test/a%20b?a=1&q=a+b&r=%3Ca+b%3E",
      body: "f=a+b",
      headers: {
        "Content-Type": "application/x-www-form-urlencoded",
        "Idempotency-Key": "exe_test:n",
        "X-One": "1",
        Authorization: "Bearer t",
      },
    });
  });

  it.each([
    ['{"a":"{{x}}"}', 'say "hi"\n', '{"a":"say \\"hi\\"\\n"}'],
    ['{"a":{{x}}}', { b: [1] }, '{"a":{"b":[1]}}'],
    ['{"a":{{x}}}', "text", '{"a":"text"}'],
    ['{"a":"{{x}}"}', '","admin":true,"b":"', '{"a":"\\",\\"admin\\":true,\\"b\\":\\""}'],
    ['{"a":{{x}}}', '1,"admin":true', '{"a":"1,\\"admin\\":true"}'],
    ["{{x}}", '{"whole":1}', '{"whole":1}'],
    ['{"a\\"":"{{x}}","b":"{{unknown}}"}', 1, '{"a\\"":"1","b":"{{unknown}}"}'],
  ])("puts values into the JSON %s", async (template, value, expected) => {
    const { seen, over } = recorder();
    await outputOf(http({ method: "POST", body: { type: "json", template } }), { in: value }, over);
    expect(seen[0]?.body).toBe(expected);
  });

  it("sends raw text, and files as they are read", async () => {
    const raw = recorder();
    await outputOf(http({ method: "PUT", body: { type: "raw", template: "<{{x}}>" } }), { in: 5 }, raw.over);
    expect(raw.seen[0]).toMatchObject({ body: "<5>", headers: { "Content-Type": "text/plain" } });
    const binary = recorder(answer(200, "BYTES", { "content-type": "image/png" }));
    await outputOf(
      http({ method: "POST", body: { type: "binary", file: { input: "x" } } }),
      { in: "http://f.test/a.png" },
      binary.over,
    );
    expect(binary.seen.map(({ method, url }) => `${method} ${url}`)).toEqual([
      "GET http://f.test/a.png",
      "POST http://api.test/p",
    ]);
    expect(new TextDecoder().decode(binary.seen[1]?.body as Uint8Array)).toBe("BYTES");
    const gone = recorder(answer(404));
    const failure = await failureOf(
      http({ method: "POST", body: { type: "binary", file: { input: "x" } } }),
      { in: "http://f.test" },
      gone.over,
    );
    expect(failure.error.code).toBe("file_unavailable");
  });

  it("fails for an answer of 400 and above, naming its status", async () => {
    const { over } = recorder(answer(418, "teapot"));
    expect((await failureOf(http({}), {}, over)).error).toEqual({
      code: "http_error",
      message: "HTTP 418: teapot",
      details: { statusCode: 418 },
    });
  });

  it("is tried again as its policy says, after what may pass", async () => {
    const policy = { retries: 3, delayMs: 0 };
    const passing = recorder(
      answer(503),
      new Error("reset"),
      answer(429, "", { "retry-after": "0" }),
      answer(200, "yes"),
    );
    expect(await outputOf(http({}, policy), {}, passing.over)).toEqual({ body: "yes", statusCode: 200 });
    expect(passing.seen).toHaveLength(4);
    expect(new Set(passing.seen.map(({ headers }) => headers["Idempotency-Key"]))).toEqual(new Set(["exe_test:n"]));
    const final = recorder(answer(404));
    await failureOf(http({}, policy), {}, final.over);
    expect(final.seen).toHaveLength(1);
    const transport = recorder(new Error("reset"), answer(503));
    await failureOf(http({ retryOn: "transport" }, policy), {}, transport.over);
    expect(transport.seen).toHaveLength(2);
  });

  it("refuses what is no address or header before anything is sent", async () => {
    const { seen, over } = recorder();
    const codes: string[] = [];
    for (const config of [
      { url: "{{x}}" },
      { headers: [{ name: "X", input: "x" }] },
      { auth: { type: "custom", addTo: "header", key: { input: "x" }, value: { value: "v" } } },
      { method: "POST", body: { type: "json", template: '{"a":' } },
    ]) {
      codes.push((await failureOf(http(config), { in: "file:///etc\r\nX-Evil: 1" }, over)).error.code);
    }
    expect(codes).toEqual(["invalid_url", "invalid_header", "invalid_header", "invalid_body"]);
    expect(seen).toEqual([]);
    expect((await failureOf(http({}))).error.code).toBe("unavailable");
  });

  it("passes on what egress refuses", async () => {
    const { over } = recorder(new NodeError("egress_refused", "a private address", { retryable: false }));
    expect((await failureOf(http({}), {}, over)).error.code).toBe("egress_refused");
  });
});

describe("output_message", () => {
  it("tells whoever follows", async () => {
    const node = {
      type: "output_message",
      data: { config: { content: "hi {{x}}" }, inputs: [{ name: "x", ref: "start.in" }] },
    };
    const { run } = await runCanvas(around(node), { in: [1] });
    expect(run.events.find((event) => event.type === "message")).toMatchObject({ nodeId: "n", content: "hi [1]" });
  });
});
