import { existsSync, readdirSync, readFileSync } from "node:fs";
import type { DynamoServer } from "@weft/local/dynamo/server";
import type { ObjectsServer } from "@weft/local/objects/server";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { handler } from "../../functions/workflow/index.ts";
import { startFiles } from "../support/objects.ts";
import { makePerson, makeSpace } from "../support/people.ts";
import { startTable } from "../support/table.ts";
import { callingCanvas, echoCanvas, type WorkflowApi, workflowApi } from "../support/workflows.ts";

const folder = new URL("../../../shared/fixtures/coze-canvases/", import.meta.url);

let table: DynamoServer;
let files: ObjectsServer;
let api: WorkflowApi;

beforeAll(async () => {
  [table, files] = await Promise.all([startTable(), startFiles()]);
  const ann = await makePerson();
  api = workflowApi(handler, await makeSpace([{ person: ann, role: "owner" }]), ann);
});
afterAll(async () => {
  await table.close();
  await files.close();
});

/** Made to be found faulty. */
const BROKEN = new Set([
  "validate/invalid_input_parameter.json",
  "validate/workflow_has_loop.json",
  "validate/workflow_ref_variable.json",
]);

const make = async (name: string, extra: object = {}) => (await api("POST", "", { name, ...extra })).json;

describe("happy", () => {
  it("creates a workflow that is a draft with an empty canvas that is valid", async () => {
    const { status, json } = await api("POST", "", { name: "  First  ", tags: ["a"] });
    expect(status).toBe(201);
    expect(json).toMatchObject({
      name: "First",
      description: "",
      status: "draft",
      mode: "workflow",
      tags: ["a"],
      currentVersion: null,
      revision: 1,
      draftRevision: 1,
      settings: { timeoutSeconds: 86_400, sliceSeconds: 0, durable: false },
      issues: [],
    });
    expect((await api("GET", `/${json.id}`)).json).toMatchObject({ id: json.id, name: "First" });
    const draft = (await api("GET", `/${json.id}/draft`)).json;
    expect(draft).toMatchObject({ revision: 1, isValid: true, isTested: false, isModified: true, form: "weft" });
    expect(draft.canvas.nodes.map((node: { type: string }) => node.type)).toEqual(["start", "end"]);
  });

  it("lists newest first, page by page, and filters", async () => {
    const person = await makePerson();
    const list = workflowApi(handler, await makeSpace([{ person, role: "member" }]), person);
    const names = ["Résumé reader", "invoice reader", "Main flow"];
    const ids: string[] = [];
    for (const name of names) ids.push((await list("POST", "", { name, tags: [name.slice(0, 4)] })).json.id);
    const first = (await list("GET", "?limit=2")).json;
    expect(first.items.map((item: { id: string }) => item.id)).toEqual([ids[2], ids[1]]);
    const second = (await list("GET", `?limit=2&cursor=${encodeURIComponent(first.nextCursor)}`)).json;
    expect(second.items.map((item: { id: string }) => item.id)).toEqual([ids[0]]);
    expect(second.nextCursor).toBeNull();
    const found = async (query: string) =>
      (await list("GET", query)).json.items.map((item: { name: string }) => item.name);
    expect(await found("?q=resume")).toEqual(["Résumé reader"]);
    expect(await found("?q=READ")).toEqual(["invoice reader", "Résumé reader"]);
    expect(await found("?q=in")).toEqual(["invoice reader"]);
    expect(await found("?tag=Main")).toEqual(["Main flow"]);
    expect(await found("?mode=chatflow")).toEqual([]);
    expect(await found("?state=published")).toEqual([]);
    expect(await found("?state=unpublished")).toHaveLength(3);
    await list("POST", `/${ids[0]}/publish`, { force: true });
    expect(await found("?state=published")).toEqual(["Résumé reader"]);
    await list("DELETE", `/${ids[2]}`);
    expect(await found("")).toEqual(["invoice reader", "Résumé reader"]);
    expect(await found("?state=deleted")).toEqual(["Main flow"]);
    const foreign = await list("GET", `?limit=2&q=other&cursor=${encodeURIComponent(first.nextCursor)}`);
    expect([foreign.status, foreign.json.error.code]).toEqual([400, "invalid_cursor"]);
  });

  it("changes what its revision names, and finds it by its new words", async () => {
    const { id } = await make("Before", { icon: "https://example.com/i.png" });
    const body = { expectedRevision: 1, name: "Afterwards", icon: null, settings: { sliceSeconds: 20 } };
    const changed = (await api("PATCH", `/${id}`, body)).json;
    expect(changed).toMatchObject({ name: "Afterwards", revision: 2, settings: { sliceSeconds: 20, durable: false } });
    expect(changed.icon).toBeUndefined();
    const again = (await api("PATCH", `/${id}`, { expectedRevision: 2, settings: { durable: true } })).json;
    expect(again.settings).toMatchObject({ timeoutSeconds: 86_400, sliceSeconds: 20, durable: true });
    const search = async (q: string) => (await api("GET", `?q=${q}`)).json.items.length;
    expect([await search("before"), await search("afterw")]).toEqual([0, 1]);
  });

  it("deletes and restores", async () => {
    const { id } = await make("Gone");
    expect((await api("DELETE", `/${id}`)).status).toBe(204);
    for (const path of [`/${id}`, `/${id}/draft`, `/${id}/versions`, `/${id}/export`, `/${id}/references`]) {
      expect((await api("GET", path)).status).toBe(404);
    }
    const save = { expectedRevision: 1, canvas: echoCanvas() };
    expect((await api("PUT", `/${id}/draft`, save)).status).toBe(404);
    expect((await api("POST", `/${id}/restore`)).json).toMatchObject({ id, name: "Gone" });
    expect((await api("PUT", `/${id}/draft`, save)).status).toBe(200);
    expect((await api("POST", `/${id}/restore`)).json.error.code).toBe("conflict");
  });

  it("keeps large canvases apart from rows and gives them back whole", async () => {
    const { id } = await make("Large");
    const canvas = echoCanvas("x".repeat(190));
    const filler = Array.from({ length: 900 }, (_, n) => ({
      id: `note${n}`,
      type: "comment",
      data: { label: `${n} ${"note ".repeat(30)}` },
    }));
    const large = { ...canvas, nodes: [...canvas.nodes, ...filler] };
    const saved = await api("PUT", `/${id}/draft`, { expectedRevision: 1, canvas: large });
    expect(saved.status).toBe(200);
    expect((await api("GET", `/${id}/draft`)).json.canvas.nodes).toHaveLength(902);
    expect((await api("POST", `/${id}/publish`, { force: true })).status).toBe(201);
    expect((await api("GET", `/${id}/versions/v1.0.0`)).json.canvas.nodes).toHaveLength(902);
  });

  it("duplicates the draft with its calls, not the versions", async () => {
    const called = await make("Called");
    const source = await make("Source", { canvas: callingCanvas({ workflowId: called.id }), description: "d" });
    const copy = (await api("POST", `/${source.id}/duplicate`, {})).json;
    expect(copy).toMatchObject({ name: "Source (copy)", description: "d", currentVersion: null });
    expect((await api("POST", `/${source.id}/duplicate`, { name: "Mine" })).json.name).toBe("Mine");
    const calls = (await api("GET", `/${copy.id}/references?direction=calls`)).json.items;
    expect(calls).toEqual([
      { workflowId: called.id, name: "Called", source: "draft", calls: [{ nodeIds: ["call0"] }] },
    ]);
  });

  it("answers a repeated create with the same workflow", async () => {
    const headers = { "idempotency-key": "create-1" };
    const [first, again] = [
      await api("POST", "", { name: "Once" }, headers),
      await api("POST", "", { name: "Once" }, headers),
    ];
    expect(again.json).toEqual(first.json);
    expect((await api("POST", "", { name: "Twice" }, headers)).json.error.code).toBe("conflict");
  });

  it("tells the node types and their settings' schema", async () => {
    const { items, categories } = (await api("GET", "/node-types")).json;
    expect(categories[0]).toMatchObject({ key: "input_output", title: "Input and output", order: 0 });
    expect(items.find((item: { type: string }) => item.type === "selector")).toMatchObject({
      portForms: [{ name: "true" }, { name: "true_{n}" }, { name: "false" }, { name: "branch_error" }],
      n8n: ["n8n-nodes-base.if"],
    });
    const types = items.map((item: { type: string }) => item.type);
    expect(types).toEqual(expect.arrayContaining(["start", "end", "selector", "loop", "http_request", "sub_workflow"]));
    expect(items.find((item: { type: string }) => item.type === "sub_workflow").configSchema).toMatchObject({
      type: "object",
      properties: { workflowId: { type: "string" } },
    });
  });
});

describe("import and export", () => {
  it("gives out what it takes in", async () => {
    const source = await make("Round", { canvas: echoCanvas(), tags: ["x"], metadata: { team: "a" } });
    const exported = (await api("GET", `/${source.id}/export`)).json;
    expect(exported).toMatchObject({ version: "draft", form: "weft", calls: [] });
    const imported = await api("POST", "/import", exported.workflow);
    expect(imported.status).toBe(201);
    expect(imported.json).toMatchObject({ name: "Round", tags: ["x"], externalId: source.id, metadata: { team: "a" } });
    const again = (await api("GET", `/${imported.json.id}/export`)).json;
    expect(again.workflow).toEqual(exported.workflow);
    await api("POST", `/${source.id}/publish`, { force: true });
    await api("PUT", `/${source.id}/draft`, { expectedRevision: 1, canvas: echoCanvas("Later") });
    const version = (await api("GET", `/${source.id}/export?version=v1.0.0`)).json;
    expect(version).toMatchObject({ version: "v1.0.0", workflow: exported.workflow });
    expect((await api("GET", `/${source.id}/export?version=v2.0.0`)).status).toBe(404);
  });

  it("binds the workflows that a canvas calls, also in copies and after a rollback", async () => {
    const called = await make("Bound");
    await api("POST", `/${called.id}/publish`, { force: true });
    const canvas = callingCanvas({ workflowId: "7498321598097768457" });
    const unbound = (await api("POST", "/import", { name: "Unbound", canvas })).json;
    expect(unbound.issues).toMatchObject([{ nodeId: "call0", severity: "error" }]);
    const bindings = { workflows: { "7498321598097768457": called.id } };
    const bound = (await api("POST", "/import", { name: "Bound", canvas, bindings })).json;
    expect(bound.issues).toEqual([]);
    const copy = (await api("POST", `/${bound.id}/duplicate`, {})).json;
    expect(copy.issues).toEqual([]);
    expect((await api("POST", `/${bound.id}/publish`, { force: true })).status).toBe(201);
    const back = await api("POST", `/${bound.id}/versions/v1.0.0/rollback`, { expectedRevision: 1 });
    expect(back.json).toMatchObject({ revision: 2, issues: [] });
  });

  it("refuses a form that the canvas did not come in", async () => {
    const { id } = await make("Ours");
    const answer = await api("GET", `/${id}/export?form=coze`);
    expect([answer.status, answer.json.error.code]).toEqual([422, "unprocessable"]);
  });

  it.runIf(existsSync(folder))("refuses faulty Coze canvases, naming the node, unless told to keep them", async () => {
    for (const name of BROKEN) {
      const answer = await api("POST", "/import", { name, canvas: readFileSync(new URL(name, folder), "utf8") });
      expect([name, answer.status, answer.json.error.code]).toEqual([name, 400, "invalid_input"]);
      expect(answer.json.error.details.issues[0].path).toMatch(/^(nodes|edges)\./);
    }
  });

  it.runIf(existsSync(folder))("takes every Coze canvas, and gives each back as it came", async () => {
    const canvases = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) =>
      name.endsWith(".json"),
    );
    expect(canvases.length).toBeGreaterThanOrEqual(50);
    for (const name of canvases) {
      const text = readFileSync(new URL(name, folder), "utf8");
      const made = await api("POST", "/import", { name, canvas: text, allowErrors: BROKEN.has(name) });
      expect([name, made.status, made.json.error]).toEqual([name, 201, undefined]);
      const back = (await api("GET", `/${made.json.id}/export?form=coze`)).json;
      expect(back.workflow.canvas).toBe(text);
      const ours = (await api("GET", `/${made.json.id}/export`)).json;
      const again = await api("POST", "/import", { ...ours.workflow, allowErrors: BROKEN.has(name) });
      expect([name, again.status, again.json.error]).toEqual([name, 201, undefined]);
      expect(again.json.issues).toEqual(made.json.issues);
    }
  });
});
