import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { AwsServer } from "@weft/local/aws/server";
import type { DynamoServer } from "@weft/local/dynamo/server";
import type { ObjectsServer } from "@weft/local/objects/server";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { callApi } from "../support/call.ts";
import { startKms } from "../support/kms.ts";
import { startFiles } from "../support/objects.ts";
import { makePerson, makeSpace, type Person } from "../support/people.ts";
import { allRows } from "../support/rows.ts";
import { startTable } from "../support/table.ts";

process.env.WEFT_EGRESS_LOOPBACK = "allow";
process.env.RUN_WORKFLOW_ARN = "arn:aws:states:us-east-1:000000000000:stateMachine:RunWorkflow";
const { handler: variables } = await import("../../functions/variable/index.ts");
const { handler: workflows } = await import("../../functions/workflow/index.ts");

let table: DynamoServer;
let files: ObjectsServer;
let kms: AwsServer;
let ann: Person;
let eve: Person;
let spaceId = "";
let outside: Server;
let url = "";

beforeAll(async () => {
  [table, files, kms] = await Promise.all([startTable(), startFiles(), startKms()]);
  [ann, eve] = [await makePerson("ann"), await makePerson("eve")];
  spaceId = await makeSpace([{ person: ann, role: "member" }]);
  outside = createServer((request, response) => response.end(`heard ${request.headers["x-said"]}`));
  await new Promise<void>((resolve) => outside.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(outside.address() as AddressInfo).port}`;
});
afterAll(async () => {
  await Promise.all([table.close(), files.close(), kms.close(), new Promise((resolve) => outside.close(resolve))]);
});

const call = (method: string, path: string, body?: unknown, person: Person = ann, handler: unknown = variables) =>
  callApi(handler as never, {
    method,
    path: `/api/spaces/${spaceId}${path}`,
    ...(body === undefined ? {} : { body }),
    authorizer: person.authorizer,
  });

let made = 0;
async function make(over: object = {}) {
  const { status, json } = await call("POST", "/variables", {
    name: `v${++made}`,
    type: "string",
    value: "x",
    ...over,
  });
  expect([status, json.error]).toEqual([201, undefined]);
  return json;
}

/** Runs a canvas of these nodes, one after the other; gives the execution. */
async function run(nodes: { id: string; type: string; data: object }[], workflowId?: string) {
  const all = [{ id: "start", type: "start", data: {} }, ...nodes];
  const edges = all.slice(1).map(({ id }, index) => ({ source: all[index]!.id, target: id }));
  const canvas = { nodes: all, edges };
  const id = workflowId ?? (await workflow());
  const { revision } = (await call("GET", `/workflows/${id}/draft`, undefined, ann, workflows)).json;
  const saved = await call("PUT", `/workflows/${id}/draft`, { expectedRevision: revision, canvas }, ann, workflows);
  expect([saved.status, saved.json.issues]).toEqual([200, []]);
  return (await call("POST", `/workflows/${id}/run`, { mode: "sync", version: "draft" }, ann, workflows)).json;
}
async function workflow(): Promise<string> {
  return (await call("POST", "/workflows", { name: `w${++made}` }, ann, workflows)).json.id;
}
const end = (...inputs: object[]) => ({ id: "end", type: "end", data: { inputs } });
const assign = (variable: string, value: unknown) => ({
  id: "assign",
  type: "variable_assign",
  data: { config: { assignments: [{ variable, input: "value" }] }, inputs: [{ name: "value", value }] },
});

describe("variables", () => {
  it.each([
    ["string", "text"],
    ["number", 1.5],
    ["boolean", false],
    ["json", { list: [1, null, { deep: true }] }],
  ])("of type %s keep their value", async (type, value) => {
    const view = await make({ type, value });
    expect(view).toMatchObject({ type, value, scope: "global", workflowId: null, revision: 1 });
    expect((await call("GET", `/variables/${view.id}`)).json).toEqual(view);
  });

  it("are listed by scope, workflow and words", async () => {
    const workflowId = await workflow();
    const own = await make({ scope: "workflow", workflowId, name: "own", description: "zebra crossing" });
    const ids = async (query: string) =>
      (await call("GET", `/variables?${query}`)).json.items.map(({ id }: { id: string }) => id);
    expect(await ids(`workflowId=${workflowId}`)).toEqual([own.id]);
    expect(await ids("q=zebra&scope=workflow")).toEqual([own.id]);
    expect(await ids("q=zebra&scope=global")).toEqual([]);
  });

  it("have names of their own in their space or workflow, whatever the case", async () => {
    const workflowId = await workflow();
    await make({ name: "Shared" });
    await make({ name: "shared", scope: "workflow", workflowId });
    const again = { name: "SHARED", type: "string", value: "x" };
    expect((await call("POST", "/variables", again)).status).toBe(409);
    expect((await call("POST", "/variables", { ...again, scope: "workflow", workflowId })).status).toBe(409);
    const other = await make();
    expect((await call("PATCH", `/variables/${other.id}`, { name: "shared" })).status).toBe(409);
  });

  it("change by revision, with a history of who set what, and go with their name", async () => {
    const { id, name } = await make({ type: "number", value: 1 });
    const changed = await call("PATCH", `/variables/${id}`, { expectedRevision: 1, value: 2 });
    expect(changed.json).toMatchObject({ value: 2, revision: 2 });
    expect((await call("PATCH", `/variables/${id}`, { expectedRevision: 1, value: 3 })).status).toBe(409);
    const items = (await call("GET", `/variables/${id}/history`)).json.items;
    expect(items).toMatchObject([
      { by: ann.userId, executionId: null, before: 1, after: 2 },
      { before: null, after: 1 },
    ]);
    expect((await call("DELETE", `/variables/${id}`)).status).toBe(204);
    expect((await call("GET", `/variables/${id}`)).status).toBe(404);
    await make({ name });
  });

  it("that are secret are sealed and never given back", async () => {
    const { id, value } = await make({ type: "secret", value: "canary-variable-one" });
    expect(value).toBeNull();
    const changed = await call("PATCH", `/variables/${id}`, { value: "canary-variable-two" });
    expect(changed.json).toMatchObject({ value: null, revision: 2 });
    expect((await call("GET", `/variables/${id}/history`)).json.items).toMatchObject([
      { before: null, after: null },
      { before: null, after: null },
    ]);
    expect(JSON.stringify(await allRows())).not.toContain("canary-variable");
  });

  it("of the platform are listed, and nobody makes one", async () => {
    const { items } = (await call("GET", "/variables/system")).json;
    expect(items.map(({ name }: { name: string }) => name)).toContain("sys_execution_id");
    expect((await call("POST", "/variables", { name: "SYS_mine", type: "string", value: "x" })).status).toBe(400);
  });

  it.each([
    ["a value of another type", { type: "number", value: "1" }, "value"],
    ["no value", { type: "json", value: undefined }, "value"],
    ["an empty secret", { type: "secret", value: "" }, "value"],
    ["a value that is too long", { value: "x".repeat(50_001) }, "value"],
    ["a name that no path can say", { name: "a.b" }, "name"],
    ["a workflow's without a workflow", { scope: "workflow" }, "workflowId"],
    ["a space's with a workflow", { workflowId: "wfl_01jd0000000000000000000000" }, "workflowId"],
  ])("refuse %s", async (_, over, path) => {
    const answer = await call("POST", "/variables", { name: `r${++made}`, type: "string", value: "x", ...over });
    expect([answer.status, answer.json.error?.details.issues[0].path]).toEqual([400, path]);
  });

  it("keep spaces apart", async () => {
    const { id } = await make();
    const other = await makeSpace([{ person: eve, role: "owner" }]);
    for (const [method, path] of [
      ["GET", `/variables/${id}`],
      ["DELETE", `/variables/${id}`],
      ["GET", `/variables/${id}/history`],
    ] as const) {
      const at = (space: string) =>
        callApi(variables as never, { method, path: `/api/spaces/${space}${path}`, authorizer: eve.authorizer });
      expect([(await at(other)).status, (await at(spaceId)).status]).toEqual([404, 404]);
    }
  });
});

describe("in a run", () => {
  it("nodes read variables of the space and of their workflow, and the platform's", async () => {
    const workflowId = await workflow();
    const { name } = await make({ type: "json", value: { list: ["a", "b"] } });
    await make({ name, scope: "workflow", workflowId, value: "own" });
    const inputs = [
      { name: "shared", variable: `global.${name}.list[1]` },
      { name: "own", variable: `workflow.${name}` },
      { name: "none", variable: "global.nothing_of_this_name" },
      { name: "id", variable: "system.sys_execution_id" },
      { name: "sum", expression: { text: "v & '!'", inputs: [{ name: "v", variable: `workflow.${name}` }] } },
    ];
    const done = await run([end(...inputs)], workflowId);
    expect(done.output).toEqual({ shared: "b", own: "own", none: null, id: done.id, sum: "own!" });
  });

  it("nodes set them, and the history says which execution did", async () => {
    const { id, name } = await make({ type: "json", value: { a: 1 } });
    const done = await run([assign(`global.${name}.b`, 2), end({ name: "v", variable: `global.${name}` })]);
    expect(done.output).toEqual({ v: { a: 1, b: 2 } });
    const [last] = (await call("GET", `/variables/${id}/history`)).json.items;
    expect(last).toMatchObject({ executionId: done.id, by: ann.userId, before: { a: 1 }, after: { a: 1, b: 2 } });
  });

  it("a write that has no place fails the node and changes nothing", async () => {
    const typed = await make({ type: "number", value: 1 });
    const secret = await make({ type: "secret", value: "canary-not-set" });
    const failures = await Promise.all([
      run([assign(`global.${typed.name}`, "text"), end()]),
      run([assign(`global.${secret.name}`, "text"), end()]),
      run([assign("global.nobody_made_this", "text"), end()]),
    ]);
    expect(failures.map(({ error }) => error.code)).toEqual([
      "invalid_input",
      "secret_not_allowed",
      "unknown_variable",
    ]);
    expect((await call("GET", `/variables/${typed.id}`)).json.value).toBe(1);
  });

  it("a secret goes out with a request, and is nowhere in what is kept of the run", async () => {
    const { name } = await make({ type: "secret", value: "canary-said-aloud" });
    const ask = {
      id: "ask",
      type: "http_request",
      data: {
        config: { url, headers: [{ name: "X-Said", value: "{{said}}" }] },
        inputs: [{ name: "said", variable: `global.${name}` }],
      },
    };
    const done = await run([ask, end({ name: "body", ref: "ask.body" })]);
    expect(done.output.body).toBe("heard [redacted]");
    const nodes = (await call("GET", `/executions/${done.id}/nodes`, undefined, ann, workflows)).json.items;
    expect(nodes.find(({ nodeId }: { nodeId: string }) => nodeId === "ask").input).toEqual({ said: "[redacted]" });
    expect(JSON.stringify([nodes, await allRows()])).not.toContain("canary-said-aloud");
  });

  it.each([
    ["end", (variable: string) => [end({ name: "v", variable })]],
    [
      "text",
      (variable: string) => [
        {
          id: "t",
          type: "text",
          data: { config: { method: "concat", template: "{{v}}" }, inputs: [{ name: "v", variable }] },
        },
        end(),
      ],
    ],
    [
      "variable_assign",
      (variable: string) => [
        {
          id: "t",
          type: "variable_assign",
          data: { config: { assignments: [{ variable: "user.copy", input: "v" }] }, inputs: [{ name: "v", variable }] },
        },
        end(),
      ],
    ],
  ])("a secret does not go on through a node of type %s", async (_, nodes) => {
    const { name } = await make({ type: "secret", value: "canary-stays" });
    const failed = await run(nodes(`global.${name}`));
    expect(failed.error.code).toBe("secret_not_allowed");
    expect(JSON.stringify(await allRows())).not.toContain("canary-stays");
  });

  it("user variables are kept between runs, by user", async () => {
    const first = await run([assign("user.colour", { name: "red" }), end()]);
    expect(first.status).toBe("succeeded");
    const second = await run([end({ name: "v", variable: "user.colour.name" }, { name: "n", variable: "user.none" })]);
    expect(second.output).toEqual({ v: "red", n: null });
    const value = await call("GET", "/variable-instances/value?name=colour");
    expect(value.json).toMatchObject({
      userId: ann.userId,
      connectorId: "1024",
      ownerKind: "space",
      value: { name: "red" },
    });
    const [change] = (await call("GET", "/variable-instances/history?name=colour")).json.items;
    expect(change).toMatchObject({ executionId: first.id, before: null, after: { name: "red" } });
  });
});

describe("what apps and agents declare", () => {
  const declare = (ownerId: string, list: object[], ownerKind = "app") =>
    call("POST", "/variable-metas", { ownerKind, ownerId, variables: list });
  const instance = (method: string, body: object, path = "value") => {
    const query = method === "GET" || method === "DELETE" ? `?${new URLSearchParams(body as never)}` : "";
    return call(method, `/variable-instances/${path}${query}`, query === "" ? body : undefined);
  };

  it("is one declaration an owner, read, replaced and removed", async () => {
    const { json, status } = await declare("app_1", [{ name: "tone", type: "string", default: "kind" }]);
    expect([status, json.variables]).toEqual([
      201,
      [{ name: "tone", description: "", kind: "kv", type: "string", default: "kind", isReadOnly: false }],
    ]);
    expect((await declare("app_1", [])).status).toBe(409);
    expect((await declare("app_1", [], "agent")).status).toBe(201);
    const found = (await call("GET", "/variable-metas?ownerKind=app&ownerId=app_1")).json.items;
    expect(found).toEqual([json]);
    const changed = await call("PATCH", `/variable-metas/${json.id}`, { expectedRevision: 1, variables: [] });
    expect(changed.json).toMatchObject({ variables: [], revision: 2 });
    expect((await call("DELETE", `/variable-metas/${json.id}`)).status).toBe(204);
    expect((await call("GET", `/variable-metas/${json.id}`)).status).toBe(404);
    const wrong = await declare("app_1", [{ name: "n", type: "number", default: "x" }]);
    expect(wrong.json.error.details.issues[0].path).toBe("variables.0.default");
  });

  it("gives users defaults and types, and keeps users and connectors apart", async () => {
    await declare("app_2", [
      { name: "tone", type: "string", default: "kind" },
      { name: "plan", type: "string", default: "free", isReadOnly: true },
    ]);
    const at = { ownerKind: "app", ownerId: "app_2", userId: "end user/1", name: "tone" };
    expect((await instance("GET", at)).json).toMatchObject({ value: "kind", isDefault: true });
    expect((await instance("PUT", { ...at, value: 1 })).status).toBe(400);
    expect((await instance("PUT", { ...at, name: "plan", value: "paid" })).json.error.code).toBe("forbidden");
    expect((await instance("PUT", { ...at, value: "curt" })).json).toMatchObject({ value: "curt", isDefault: false });
    expect((await instance("GET", { ...at, userId: "other" })).json.value).toBe("kind");
    expect((await instance("GET", { ...at, connectorId: "999" })).json.value).toBe("kind");
    const { name: _name, ...holder } = at;
    const list = await call("GET", `/variable-instances?${new URLSearchParams(holder)}`);
    expect(list.json.items).toMatchObject([{ name: "tone", value: "curt" }]);
    expect((await instance("DELETE", at)).status).toBe(204);
    expect((await instance("GET", at)).json).toMatchObject({ value: "kind", isDefault: true });
    expect((await instance("DELETE", at)).status).toBe(404);
    expect((await instance("GET", { ...at, name: "unknown" })).status).toBe(404);
  });

  it("has lists, whose entries are all kept, also of writers at once", async () => {
    await declare("app_3", [{ name: "seen", kind: "list", type: "number" }]);
    const at = { ownerKind: "app", ownerId: "app_3", userId: "u", name: "seen" };
    expect((await instance("GET", at)).json.value).toEqual([]);
    const numbers = [1, 2, 3, 4, 5];
    await Promise.all(numbers.map((value) => instance("POST", { ...at, value }, "value/append")));
    expect((await instance("GET", at)).json.value.sort()).toEqual(numbers);
    expect((await instance("POST", { ...at, value: "x" }, "value/append")).status).toBe(400);
    expect((await instance("PUT", { ...at, value: 1 })).status).toBe(400);
    expect((await instance("PUT", { ...at, value: [7] })).json.value).toEqual([7]);
  });

  it("needs an owner for apps and agents, and no other space", async () => {
    expect((await instance("GET", { ownerKind: "app", name: "x" })).status).toBe(400);
    expect((await instance("GET", { ownerId: "spc_x", name: "x" })).status).toBe(400);
  });
});
