import { startWeft, type WeftStack } from "@weft/local/stack";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

let stack: WeftStack;
let token = "";
let space = "";

async function call(method: string, path: string, body?: object) {
  const response = await fetch(stack.url + path, {
    method,
    headers: { "content-type": "application/json", ...(token ? { authorization: `Bearer ${token}` } : {}) },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  // biome-ignore lint/suspicious/noExplicitAny: answers of many routes
  return { status: response.status, body: (await response.json()) as any };
}

beforeAll(async () => {
  stack = await startWeft();
  const person = { email: "ada@example.com", userName: "ada", password: "a long enough pass phrase 7" };
  await call("POST", "/api/auth/register", person);
  const code = /mt_[\w-]+/.exec(stack.aws.mail.list().at(-1)?.text ?? "")?.[0];
  await call("POST", "/api/auth/verify-email", { token: code });
  token = (await call("POST", "/api/auth/login", { userName: "ada", password: person.password })).body.token;
  space = `/api/spaces/${(await call("GET", "/api/me")).body.personalSpaceId}`;
});
afterAll(() => stack.close());

type Node = { id: string; type: string; data: object };

/** A published workflow of these nodes in a chain from start to end. */
async function publish(name: string, nodes: Node[], outputs: object[], edges?: object[]): Promise<string> {
  const start = { id: "start", type: "start", data: { outputs: [{ name: "in", type: "any" }] } };
  const all = [start, ...nodes, { id: "end", type: "end", data: { inputs: outputs } }];
  const canvas = {
    nodes: all.map((node) => ({ ...node, position: { x: 0, y: 0 } })),
    edges: edges ?? all.slice(1).map((node, at) => ({ id: `e${at}`, source: all[at]?.id, target: node.id })),
  };
  const created = await call("POST", `${space}/workflows`, { name, canvas });
  expect(created).toMatchObject({ status: 201, body: { issues: [] } });
  expect((await call("POST", `${space}/workflows/${created.body.id}/publish`, { force: true })).status).toBe(201);
  return created.body.id;
}

async function run(id: string, mode: "sync" | "async", input: unknown) {
  const started = await call("POST", `${space}/workflows/${id}/run`, { mode, input: { in: input } });
  if (mode === "sync") return started.body;
  await stack.idle();
  return (await call("GET", `${space}/executions/${started.body.id}`)).body;
}

const data = (config: object, inputs: object = {}) => ({
  config,
  inputs: Object.entries(inputs).map(([name, ref]) => ({ name, ref })),
});

describe("nodes on the local cloud", () => {
  it("write tables to files of the space and read them again, the same in every way to run", async () => {
    const nodes: Node[] = [
      { id: "sorted", type: "sort", data: data({ by: "fields", fields: [{ path: "n" }] }, { items: "start.in" }) },
      {
        id: "book",
        type: "spreadsheet",
        data: data({ mode: "write", to: { as: "file", key: "out/table.xlsx" } }, { items: "sorted.items" }),
      },
      { id: "read", type: "spreadsheet", data: data({ mode: "read" }, { data: "book.output" }) },
      { id: "csv", type: "csv", data: data({ mode: "write", newline: "\n" }, { items: "read.items" }) },
      { id: "keep", type: "file_write", data: data({ key: "out/table.csv" }, { content: "csv.output" }) },
      { id: "again", type: "file_read", data: data({ key: "{{key}}" }, { key: "keep.key" }) },
    ];
    const id = await publish("Files", nodes, [{ name: "text", ref: "again.content" }]);
    const items = [
      { n: 2, s: "b" },
      { n: 1, s: "a" },
    ];
    for (const mode of ["sync", "async"] as const) {
      expect(await run(id, mode, items)).toMatchObject({ status: "succeeded", output: { text: "n,s\n1,a\n2,b\n" } });
    }
  });

  it("pass over failing items in durable runs", async () => {
    const rules = [{ input: "v", max: 10, message: "too big" }];
    const batch = {
      id: "batch",
      type: "batch",
      data: {
        ...data({ collect: [{ name: "out", ref: "id.output" }], onItemError: "remove" }, { list: "start.in" }),
        body: {
          nodes: [
            { id: "check", type: "check_parameters", data: data({ rules }, { v: "batch.list" }) },
            { id: "id", type: "crypto", data: data({ operation: "uuid" }) },
          ],
          edges: [{ source: "check", target: "id" }],
        },
      },
    };
    const outputs = [
      { name: "out", ref: "batch.out" },
      { name: "errors", ref: "batch.errors" },
    ];
    const id = await publish("Batch", [batch], outputs);
    for (const mode of ["sync", "async"] as const) {
      const { status, output } = await run(id, mode, [1, 20, 3]);
      expect([status, output.out.length]).toEqual(["succeeded", 2]);
      expect(output.errors).toEqual([{ index: 1, code: "invalid_parameters", message: "too big" }]);
    }
  });

  it("start a workflow that nobody waits for, once, and say which run it is", async () => {
    const called = await publish("Called", [], [{ name: "out", ref: "start.in" }]);
    const start: Node = {
      id: "go",
      type: "sub_workflow",
      data: data({ workflowId: called, wait: false }, { in: "start.in" }),
    };
    const id = await publish("Caller", [start], [{ name: "run", ref: "go.executionId" }]);
    for (const mode of ["sync", "async"] as const) {
      const { status, output } = await run(id, mode, mode);
      expect(status).toBe("succeeded");
      await stack.idle();
      const started = (await call("GET", `${space}/executions/${output.run}`)).body;
      expect(started).toMatchObject({ status: "succeeded", workflowId: called, output: { out: mode } });
    }
    const listed = (await call("GET", `${space}/executions?workflowId=${called}`)).body.items;
    expect(listed).toHaveLength(2);
  });

  it("merge only what came over live edges, also where branches are lanes of their own", async () => {
    const nodes: Node[] = [
      { id: "sw", type: "switch", data: data({ mode: "index", input: "x", ports: 2 }, { x: "start.in" }) },
      { id: "a", type: "crypto", data: data({ operation: "random_text", length: 1, alphabet: "digits" }) },
      { id: "b", type: "crypto", data: data({ operation: "random_text", length: 2, alphabet: "digits" }) },
      { id: "m", type: "merge", data: data({ mode: "append" }, { a: "a.output", b: "b.output", x: "start.in" }) },
    ];
    const edge = (source: string, target: string, sourceHandle?: string, targetHandle?: string) => ({
      id: `${source}:${sourceHandle}:${target}:${targetHandle}`,
      source,
      target,
      ...(sourceHandle ? { sourceHandle } : {}),
      ...(targetHandle ? { targetHandle } : {}),
    });
    const edges = [
      edge("start", "sw"),
      edge("sw", "a", "case_0"),
      edge("sw", "b", "case_1"),
      edge("sw", "b", "case_0"),
      edge("sw", "m", "default", "x"),
      edge("a", "m", undefined, "a"),
      edge("b", "m", undefined, "b"),
      edge("m", "end"),
    ];
    const id = await publish("Merge", nodes, [{ name: "came", ref: "m.came" }], edges);
    for (const mode of ["sync", "async"] as const) {
      for (const [input, came] of [
        [0, ["a", "b"]],
        [1, ["b"]],
        [7, ["x"]],
      ] as const) {
        expect(await run(id, mode, input)).toMatchObject({ status: "succeeded", output: { came } });
      }
    }
  });

  it("let no workflow be published that would start itself for ever", async () => {
    const self = await publish("Self", [], []);
    const again: Node = { id: "go", type: "sub_workflow", data: data({ workflowId: self, wait: false }) };
    const other = await publish("Other", [again], []);
    const draft = (await call("GET", `${space}/workflows/${self}/draft`)).body;
    const back = {
      id: "go",
      type: "sub_workflow",
      position: { x: 0, y: 0 },
      data: data({ workflowId: other, wait: false }),
    };
    const [start, end] = draft.canvas.nodes;
    const edges = [
      { source: "start", target: "go" },
      { source: "go", target: "end" },
    ];
    const saved = await call("PUT", `${space}/workflows/${self}/draft`, {
      canvas: { nodes: [start, back, end], edges },
      expectedRevision: draft.revision,
    });
    expect(saved.body.isValid).toBe(false);
    expect((await call("POST", `${space}/workflows/${self}/publish`, { force: true })).status).toBe(422);
  });
});
