import { newId } from "@weft/kernel/ids";
import type { DynamoServer } from "@weft/local/dynamo/server";
import type { ObjectsServer } from "@weft/local/objects/server";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { handler } from "../../functions/workflow/index.ts";
import { startFiles } from "../support/objects.ts";
import { makePerson, makeSpace } from "../support/people.ts";
import { allRows } from "../support/rows.ts";
import { startTable } from "../support/table.ts";
import { callingCanvas, echoCanvas, type WorkflowApi, workflowApi } from "../support/workflows.ts";

let table: DynamoServer;
let files: ObjectsServer;
let api: WorkflowApi;
let elsewhere: WorkflowApi;

beforeAll(async () => {
  [table, files] = await Promise.all([startTable(), startFiles()]);
  const ann = await makePerson();
  api = workflowApi(handler, await makeSpace([{ person: ann, role: "owner" }]), ann);
  elsewhere = workflowApi(handler, await makeSpace([{ person: ann, role: "owner" }]), ann);
});
afterAll(async () => {
  await table.close();
  await files.close();
});

const n8n = {
  name: "From n8n",
  nodes: [
    { name: "Start", type: "n8n-nodes-base.manualTrigger", parameters: {} },
    {
      name: "Ask",
      type: "@n8n/n8n-nodes-langchain.agent",
      parameters: { text: "={{ $json.q }}" },
      credentials: { x: "secret-canary" },
    },
    { name: "Sub", type: "n8n-nodes-base.executeWorkflow", parameters: { workflowId: "theirs" } },
  ],
  connections: {
    Start: { main: [[{ node: "Sub", type: "main", index: 0 }]] },
    Sub: { main: [[{ node: "Ask", type: "main", index: 0 }]] },
  },
};
const dify = `
app: {name: From Dify, mode: workflow}
kind: app
workflow:
  graph:
    nodes:
      - {id: "1", data: {type: start, title: S, variables: [{variable: q, type: text-input, required: true}]}}
      - {id: "2", data: {type: template-transform, title: T, template: "Hi {{ x }}", variables: [{variable: x, value_selector: ["1", q]}]}}
      - {id: "3", data: {type: end, title: E, outputs: [{variable: out, value_selector: ["2", output]}]}}
    edges:
      - {source: "1", target: "2", sourceHandle: source}
      - {source: "2", target: "3", sourceHandle: source}
`;

describe("happy", () => {
  it("takes a workflow of n8n, found out by itself, with a report; placeholders block publishing", async () => {
    const made = await api("POST", "/import", { canvas: n8n });
    expect(made.status, JSON.stringify(made.json)).toBe(201);
    expect(made.json.name).toBe("From n8n");
    expect(made.json.report).toMatchObject({ format: "n8n", counts: { exact: 1, placeholder: 2 } });
    const sub = made.json.report.nodes.find((node: { name: string }) => node.name === "Sub");
    expect(sub).toMatchObject({ fidelity: "placeholder", notes: [expect.stringContaining('"theirs"')] });
    const published = await api("POST", `/${made.json.id}/publish`, { force: true });
    expect(published.status).toBe(422);
    expect(JSON.stringify(published.json)).toContain("placeholder");
    expect(JSON.stringify(await allRows())).not.toContain("secret-canary");
  });

  it("binds what the file calls", async () => {
    const called = (await api("POST", "", { name: "Called", canvas: echoCanvas() })).json.id;
    const made = await api("POST", "/import", {
      canvas: n8n,
      format: "n8n",
      bindings: { workflows: { theirs: called } },
    });
    const sub = made.json.report.nodes.find((node: { name: string }) => node.name === "Sub");
    expect(sub).toMatchObject({ fidelity: "exact", to: "sub_workflow" });
  });

  it("takes YAML of Dify, which can be published", async () => {
    const made = await api("POST", "/import", { canvas: dify });
    expect(made.json.report).toMatchObject({ format: "dify", counts: { exact: 3, changed: 0, placeholder: 0 } });
    expect((await api("POST", `/${made.json.id}/publish`, { force: true })).status).toBe(201);
  });

  it.each(["json", "yaml"])("gives a package in %s with what it calls, and takes it elsewhere", async (as) => {
    const called = (await api("POST", "", { name: "Called", canvas: echoCanvas() })).json.id;
    const canvas = callingCanvas({ workflowId: called, version: "draft" });
    const main = (await api("POST", "", { name: "Main", canvas })).json.id;
    const first = (await api("GET", `/${main}/package?as=${as}`)).json;
    const made = await elsewhere("POST", "/import", { canvas: first.package });
    expect(made.status, JSON.stringify(made.json)).toBe(201);
    expect(made.json.name).toBe("Main");
    expect(made.json.workflows.map((one: { externalId: string }) => one.externalId)).toEqual([called, main]);
    const again = (await elsewhere("GET", `/${made.json.id}/package?as=json`)).json.package;
    const back = await api("POST", "/import", { canvas: again });
    const third = (await api("GET", `/${back.json.id}/package?as=json`)).json.package;
    const shape = (content: { workflows: object[] }) =>
      JSON.stringify(content).replaceAll(/wfl?_[0-9a-z]+|[a-z]+_[0-9a-hjkmnp-tv-z]{26}/g, "id");
    expect(shape(third)).toBe(shape(again));
  });

  it("leaves secrets out of a package", async () => {
    const canvas = {
      nodes: [
        { id: "start", type: "start", data: {} },
        {
          id: "call",
          type: "http_request",
          data: {
            config: {
              url: "https://example.com",
              auth: { type: "bearer", token: { value: "canary-token" } },
              headers: [
                { name: "X-Api-Key", value: "canary-key" },
                { name: "Accept", value: "text/plain" },
              ],
            },
          },
        },
        { id: "end", type: "end", data: {} },
      ],
      edges: [
        { source: "start", target: "call" },
        { source: "call", target: "end" },
      ],
    };
    const { id } = (await api("POST", "", { name: "Keys", canvas })).json;
    const { package: content } = (await api("GET", `/${id}/package?as=yaml`)).json;
    expect(content).not.toContain("canary");
    expect(content).toContain("text/plain");
  });
});

describe("packages", () => {
  const member = (externalId: string, canvas: object, more: object = {}) => ({
    externalId,
    name: externalId,
    canvas,
    ...more,
  });
  const packed = (workflows: object[]) => ({ format: "weft-package", version: 1, workflows });

  it("that call each other in a circle come in together, and are told of it", async () => {
    const calls = (workflowId: string) => callingCanvas({ workflowId, version: "draft" });
    const made = await api("POST", "/import", { canvas: packed([member("a", calls("b")), member("b", calls("a"))]) });
    expect(made.status, JSON.stringify(made.json)).toBe(201);
    expect(made.json.issues).toContainEqual(expect.objectContaining({ code: "workflow_cycle" }));
  });

  it("of more rows than one transaction takes are seen whole", async () => {
    const ids = Array.from({ length: 60 }, (_none, at) => newId("workflow", at));
    const many = ids.map((id) => member(id, echoCanvas(), { settings: { errorWorkflowId: ids[0] } }));
    const made = await api("POST", "/import", { canvas: packed(many) });
    expect(made.status, JSON.stringify(made.json).slice(0, 500)).toBe(201);
    expect(made.json.workflows).toHaveLength(60);
    const first = await api("GET", `/${made.json.workflows[0].id}`);
    const last = await api("GET", `/${made.json.id}`);
    expect([first.status, last.status]).toEqual([200, 200]);
    expect(last.json.settings.errorWorkflowId).toBe(made.json.workflows[0].id);
  });

  it("with one member that cannot be read, or two of one id, leave nothing", async () => {
    const before = await allRows();
    const broken = { nodes: [{ id: "x", type: "no such type", data: {} }], edges: [] };
    for (const workflows of [
      [member("a", echoCanvas()), member("b", broken)],
      [member("a", echoCanvas()), member("a", echoCanvas())],
    ]) {
      expect((await api("POST", "/import", { canvas: packed(workflows) })).status).toBe(400);
    }
    expect(await allRows()).toEqual(before);
  });
});

describe("error", () => {
  it.each([
    ["two documents", '{"nodes": []}\n{"nodes": []}', /line 2, column 1/],
    ["YAML that does not end", "a: [1", /YAML.*line/],
    ["a cycle", { ...n8n, connections: { ...n8n.connections, Ask: { main: [[{ node: "Sub" }]] } } }, /cycle/],
    ["a broken package", { format: "weft-package", version: 1, workflows: [{ name: "x" }] }, /canvas\.workflows\.0/],
    ["a package without workflows", { format: "weft-package", version: 1, workflows: [] }, /workflows/],
  ])("%s is refused and nothing is written", async (_name, canvas, named) => {
    const before = await allRows();
    const { status, json } = await api("POST", "/import", { canvas, name: "Bad" });
    expect(status).toBe(400);
    expect(JSON.stringify(json.error)).toMatch(named);
    expect(await allRows()).toEqual(before);
  });

  it("a file of another system than was said", async () => {
    expect((await api("POST", "/import", { canvas: n8n, format: "dify" })).status).toBe(400);
    expect((await api("POST", "/import", { canvas: dify, format: "n8n" })).status).toBe(400);
  });
});
