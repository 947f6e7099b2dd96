import { createSandbox } from "@weft/adapters/sandbox/index";
import { sandboxParts } from "@weft/adapters/sandbox/parts";
import { readDifyApp } from "@weft/engine/dify/read";
import type { HttpRequest } from "@weft/engine/node";
import { afterAll, describe, expect, it } from "vitest";
import { runCanvas } from "./support.ts";

const sandbox = createSandbox(sandboxParts(import.meta.url));
afterAll(() => sandbox.close());

interface Given {
  id: string;
  type: string;
  parent?: string;
  [more: string]: unknown;
}
const app = (nodes: Given[], edges: string[][], more: object = {}) => ({
  kind: "app",
  app: { name: "a", mode: "workflow" },
  workflow: {
    graph: {
      nodes: nodes.map(({ id, parent, ...data }) => ({ id, data, ...(parent ? { parentId: parent } : {}) })),
      edges: edges.map(([source, target, sourceHandle = "source"]) => ({ source, target, sourceHandle })),
    },
    ...more,
  },
});
const start = (...variables: string[]): Given => ({
  ...{ id: "s", type: "start", title: "S" },
  variables: variables.map((variable) => ({ variable, type: "any" })),
});
const end = (...outputs: [name: string, ...selector: string[]][]): Given => ({
  ...{ id: "e", type: "end", title: "E" },
  outputs: outputs.map(([variable, ...selector]) => ({ variable, value_selector: selector })),
});

async function run(raw: object, input: Record<string, unknown> = {}, deps: object = {}) {
  const { canvas, report } = readDifyApp(raw as Record<string, unknown>);
  expect(report.nodes.filter(({ fidelity }) => fidelity === "placeholder")).toEqual([]);
  const outcome = await runCanvas(canvas, input, { deps: { code: sandbox, ...deps } });
  if (outcome.status !== "done") throw new Error("it waits");
  return { output: outcome.output, report, records: outcome.run.records };
}

describe("nodes of Dify", () => {
  it("a loop ends by its conditions or its count, and gives its variables", async () => {
    const loop = (loop_count: number) =>
      app(
        [
          start("x"),
          {
            ...{ id: "l", type: "loop", title: "L", loop_count, logical_operator: "and" },
            loop_variables: [{ label: "n", var_type: "number", value_type: "constant", value: 1 }],
            break_conditions: [
              { variable_selector: ["d", "twice"], comparison_operator: "≥", value: "8", varType: "number" },
            ],
          },
          { id: "ls", type: "loop-start", parent: "l", title: "" },
          {
            ...{ id: "d", type: "code", parent: "l", title: "D", code_language: "javascript" },
            code: "function main({ n }) {\n  return { twice: n * 2 };\n}",
            variables: [{ variable: "n", value_selector: ["l", "n"] }],
            outputs: { twice: { type: "number" } },
          },
          {
            ...{ id: "a", type: "assigner", parent: "l", title: "A", version: "2" },
            items: [
              { operation: "over-write", input_type: "variable", variable_selector: ["l", "n"], value: ["d", "twice"] },
            ],
          },
          end(["n", "l", "n"]),
        ],
        [
          ["s", "l"],
          ["ls", "d"],
          ["d", "a"],
          ["l", "e"],
        ],
      );
    expect((await run(loop(10))).output).toEqual({ n: 8 });
    expect((await run(loop(2))).output).toEqual({ n: 4 });
  });

  it("an iteration leaves out what failed, and puts its lists together", async () => {
    const raw = app(
      [
        start("list"),
        {
          ...{
            id: "i",
            type: "iteration",
            title: "I",
            error_handle_mode: "remove-abnormal-output",
            start_node_id: "is",
          },
          ...{ iterator_selector: ["s", "list"], output_selector: ["c", "out"] },
        },
        { id: "is", type: "iteration-start", parent: "i", title: "" },
        {
          ...{ id: "c", type: "code", parent: "i", title: "C", code_language: "javascript" },
          code: "function main({ x }) { if (x < 0) throw new Error('no'); return { out: [x, x] }; }",
          variables: [{ variable: "x", value_selector: ["i", "item"] }],
          outputs: { out: { type: "array[number]" } },
        },
        end(["all", "i", "output"]),
      ],
      [
        ["s", "i"],
        ["is", "c"],
        ["i", "e"],
      ],
    );
    expect((await run(raw, { list: [1, -1, 2] })).output).toEqual({ all: [1, 1, 2, 2] });
  });

  it("lists are filtered, ordered and cut; files by what they are", async () => {
    const operator = (more: object): Given => ({
      id: "o",
      type: "list-operator",
      title: "O",
      variable: ["s", "list"],
      ...more,
    });
    const out = end(["all", "o", "result"], ["first", "o", "first_record"], ["last", "o", "last_record"]);
    const links = [
      ["s", "o"],
      ["o", "e"],
    ];
    const names = operator({
      filter_by: { enabled: true, conditions: [{ comparison_operator: "contains", value: "a" }] },
      order_by: { enabled: true, value: "desc" },
      limit: { enabled: true, size: 2 },
    });
    expect((await run(app([start("list"), names, out], links), { list: ["bar", "x", "a", "cat"] })).output).toEqual({
      ...{ all: ["cat", "bar"], first: "cat", last: "bar" },
    });
    const images = operator({
      filter_by: { enabled: true, conditions: [{ key: "type", comparison_operator: "in", value: ["image"] }] },
    });
    const file = (name: string, contentType: string) => ({ id: name, name, contentType, size: 1 });
    const files = [file("a.png", "image/png"), file("b.pdf", "application/pdf")];
    expect((await run(app([start("list"), images, out], links), { list: files })).output).toMatchObject({
      all: [files[0]],
    });
  });

  it("a conversation variable has its first value, and one that was set its own", async () => {
    const raw = app(
      [
        start("x"),
        {
          id: "t",
          type: "template-transform",
          title: "T",
          template: "{{ v }}",
          variables: [{ variable: "v", value_selector: ["conversation", "mood"] }],
        },
        {
          id: "a",
          type: "assigner",
          title: "A",
          version: "2",
          items: [
            { operation: "set", input_type: "constant", variable_selector: ["conversation", "mood"], value: "glad" },
          ],
        },
        {
          id: "u",
          type: "template-transform",
          title: "U",
          template: "{{ v }}",
          variables: [{ variable: "v", value_selector: ["conversation", "mood"] }],
        },
        end(["before", "t", "output"], ["after", "u", "output"]),
      ],
      [
        ["s", "t"],
        ["t", "a"],
        ["a", "u"],
        ["u", "e"],
      ],
      { conversation_variables: [{ name: "mood", value: "calm", value_type: "string" }] },
    );
    expect((await run(raw)).output).toEqual({ before: "calm", after: "glad" });
  });

  it("a request: its status is a value, unless something follows from it", async () => {
    const sent: HttpRequest[] = [];
    const http = {
      request: async (request: HttpRequest) => {
        sent.push(request);
        return {
          status: 404,
          headers: { "content-type": "application/json", "x-a": "1" },
          body: new TextEncoder().encode("{}"),
        };
      },
    };
    const request = (more: object): Given => ({
      ...{
        id: "h",
        type: "http-request",
        title: "H",
        method: "get",
        url: "https://example.com",
        params: "q:{{#s.q#}}",
        headers: "",
      },
      ...{
        authorization: { type: "api-key", config: { type: "bearer", api_key: "{{#env.key#}}" } },
        body: { type: "none" },
      },
      ...more,
    });
    const environment = { environment_variables: [{ name: "key", value: "open", value_type: "string" }] };
    const out = end(["status", "h", "status_code"], ["a", "h", "headers", "x-a"]);
    const plain = app(
      [start("q"), request({}), out],
      [
        ["s", "h"],
        ["h", "e"],
      ],
      environment,
    );
    expect((await run(plain, { q: "z" }, { http })).output).toEqual({ status: 404, a: "1" });
    expect([sent[0]?.url, sent[0]?.headers.Authorization]).toEqual(["https://example.com/?q=z", "Bearer open"]);
    const failing = app(
      [start("q"), request({ error_strategy: "fail-branch" }), { ...end(["why", "h", "error_message"]), id: "f" }, out],
      [
        ["s", "h"],
        ["h", "e"],
        ["h", "f", "fail-branch"],
      ],
      environment,
    );
    expect((await run(failing, { q: "z" }, { http })).output).toMatchObject({ why: "HTTP 404: {}" });
  });

  it("a key that is written out is left out, and asked for as a credential", () => {
    const node: Given = {
      ...{
        id: "h",
        type: "http-request",
        title: "H",
        method: "get",
        url: "https://example.com",
        params: "",
        headers: "",
        body: {},
      },
      authorization: { type: "api-key", config: { type: "custom", header: "X-Key", api_key: "canary-dify" } },
    };
    const raw = app(
      [start("q"), node, end()],
      [
        ["s", "h"],
        ["h", "e"],
      ],
    );
    const { canvas, report } = readDifyApp(raw);
    expect(report.credentials).toEqual([{ nodeId: "h", externalId: "h", type: "dify_custom" }]);
    expect(JSON.stringify(canvas)).not.toContain("canary-dify");
    expect(JSON.stringify(readDifyApp(raw, { credentials: { h: "crd_1" } }).canvas)).toContain(
      '"credentialId":"crd_1"',
    );
  });

  it("Python that imports what is not here is kept, and told", () => {
    const code: Given = {
      id: "c",
      type: "code",
      title: "C",
      code_language: "python3",
      code: "import json, numpy as np\nfrom sympy.core import x\ndef main(): pass",
      outputs: {},
    };
    const { report } = readDifyApp(
      app(
        [start(), code, end()],
        [
          ["s", "c"],
          ["c", "e"],
        ],
      ),
    );
    expect(report.nodes.find(({ name }) => name === "C")).toMatchObject({
      fidelity: "placeholder",
      notes: ["its code imports numpy, sympy, which Python does not have here"],
    });
  });
});
