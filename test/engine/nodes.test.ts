import { existsSync, readdirSync } from "node:fs";
import { catalogue, catalogueText, categories } from "@weft/engine/catalogue";
import { COZE_TYPES } from "@weft/engine/coze/types";
import { nodes, nodeTypes } from "@weft/engine/nodes/index";
import { describe, expect, it } from "vitest";
import { around, failureOf, outputOf } from "./single.ts";
import { planOf, runCanvas } from "./support.ts";

const FOLDER = new URL("../../packages/engine/src/nodes/", import.meta.url);

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

describe("the catalogue", () => {
  const entries = new Map(catalogue().map((entry) => [entry.type, entry]));

  it("knows every port that a configuration can give", () => {
    const rule = { conditions: [{ left: "a", operator: "empty" }] };
    const configs: Record<string, object[]> = {
      selector: [{ branches: [rule, rule, rule] }],
      switch: [
        { mode: "rules", rules: [rule, rule] },
        { mode: "index", input: "a", ports: 3, fallback: false },
      ],
      question: [
        { question: "?" },
        { question: "?", answerType: "option", options: ["a", "b"] },
        { question: "?", answerType: "option", optionsInput: "o" },
      ],
      intent_detector: [{ intents: [{ name: "a" }, { name: "b" }] }],
      question_classifier: [{ classes: [{ name: "a" }, { name: "b" }] }],
      check_parameters: [{ rules: [{ input: "a" }] }, { rules: [{ input: "a" }], onInvalid: "branch" }],
      approval: [{}, { timeoutMs: 1 }],
      stop_with_error: [{ message: "x" }],
      placeholder: [{ system: "n8n", type: "x", reason: "", ports: ["out0"] }],
    };
    for (const { type, ports, config } of nodeTypes.values()) {
      const forms = (entries.get(type)?.portForms ?? []).map(
        ({ name }) => new RegExp(`^${name.replaceAll("{n}", "\\d+").replaceAll("{name}", ".+")}$`),
      );
      const samples = configs[type] ?? [{}];
      if (ports && config.safeParse({}).success === false) expect(configs, type).toHaveProperty(type);
      for (const sample of samples) {
        const parsed = config.safeParse(sample);
        const names = ports ? (parsed.success ? ports(parsed.data) : []) : ["default"];
        if (type === "comment") continue;
        for (const name of [...names, "branch_error"]) {
          expect(
            forms.some((form) => form.test(name)),
            `${type}: ${name}`,
          ).toBe(true);
        }
      }
    }
  });

  it("groups every type, and names each type of another system once, unless parameters decide", () => {
    const keys = categories().map(({ key }) => key);
    expect(new Set(keys).size).toBe(keys.length);
    expect(new Set([...entries.values()].map(({ category }) => category))).toEqual(new Set(keys));
    const text = catalogueText();
    for (const [type, { title, description }] of entries) {
      expect(text).toContain(`- \`${type}\` (${title}): ${description}`);
    }
    const names = [...entries.values()].flatMap(({ n8n }) => n8n);
    expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([]);
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
