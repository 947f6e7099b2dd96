import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ModelWorld, startModelWorld } from "../support/model-world.ts";
import { makePerson, makeSpace } from "../support/people.ts";
import { allRows } from "../support/rows.ts";

const SECRET = "canary-model-key-0123456789";
let world: ModelWorld;
beforeAll(async () => {
  world = await startModelWorld();
});
afterAll(() => world.close());
const call: ModelWorld["call"] = (...given) => world.call(...given);

const anthropic = (over: object = {}) => ({
  name: `claude ${Math.random()}`,
  provider: "anthropic",
  model: "claude-haiku-4-5",
  connection: { apiKey: SECRET },
  ...over,
});

describe("models of a space", () => {
  it("are made of a line of the catalogue, and show that a key is set and no more", async () => {
    const { json: catalogue } = await call("GET", "/api/model-catalogue?q=haiku&provider=anthropic");
    const [meta] = catalogue.items;
    const { status, json } = await call(
      "POST",
      "/models",
      anthropic({ metaId: meta.id, quota: { requestsPerMinute: 9 } }),
    );
    expect(status).toBe(201);
    expect(json).toMatchObject({
      spaceId: world.spaceId,
      visibility: "space",
      type: "llm",
      connection: { baseUrl: "https://api.anthropic.com/v1" },
      secrets: [{ field: "apiKey", hint: "••••6789" }],
      capability: meta.capability,
      prices: { currency: "USD", input: 1, output: 5 },
      quota: { requestsPerMinute: 9, tokensPerMinute: null },
      status: "active",
      revision: 1,
    });
    expect((await call("GET", `/models/${json.id}`)).json).toEqual(json);
    const { json: list } = await call("GET", "/models?provider=anthropic&q=claude");
    expect(list.items).toContainEqual(json);
    expect(JSON.stringify(await allRows())).not.toContain(SECRET);
  });

  it("change by revision, and a connection changes with its secret alone", async () => {
    const { json: made } = await call("POST", "/models", anthropic());
    const changed = await call("PATCH", `/models/${made.id}`, {
      expectedRevision: 1,
      name: `${made.name} b`,
      status: "disabled",
    });
    expect(changed.json).toMatchObject({
      name: `${made.name} b`,
      status: "disabled",
      revision: 2,
      secrets: made.secrets,
    });
    expect((await call("PATCH", `/models/${made.id}`, { expectedRevision: 1, name: "x" })).status).toBe(409);
    const moved = await call("PATCH", `/models/${made.id}`, { connection: { baseUrl: "https://evil.example/v1" } });
    expect([moved.status, moved.json.error.details.issues]).toEqual([
      400,
      [{ path: "connection.apiKey", message: "is required" }],
    ]);
    const whole = { baseUrl: "https://proxy.example/v1", apiKey: "another-key-abcdef" };
    const { json } = await call("PATCH", `/models/${made.id}`, { connection: whole });
    expect(json).toMatchObject({ connection: { baseUrl: whole.baseUrl }, secrets: [{ hint: "••••cdef" }] });
    expect((await call("POST", "/models", anthropic({ name: `${made.name} B` }))).status).toBe(409);
  });

  it("are deleted with their secrets, and their name is free again", async () => {
    const { json } = await call("POST", "/models", anthropic());
    expect((await call("DELETE", `/models/${json.id}`)).status).toBe(204);
    expect((await call("GET", `/models/${json.id}`)).status).toBe(404);
    const rows = (await allRows()) as { ownerId?: string; __edb_e__?: string }[];
    expect(rows.some((row) => row.__edb_e__ === "vault" && row.ownerId === json.id)).toBe(false);
    expect((await call("POST", "/models", anthropic({ name: json.name }))).status).toBe(201);
  });

  it("say what is wrong, by its field", async () => {
    const wrong = async (body: object) => {
      const { status, json } = await call("POST", "/models", body);
      return [status, json.error?.details?.issues?.[0]?.path];
    };
    expect(await wrong(anthropic({ connection: {} }))).toEqual([400, "connection.apiKey"]);
    expect(await wrong(anthropic({ connection: { apiKey: "k", other: 1 } }))).toEqual([400, "connection.other"]);
    expect(await wrong(anthropic({ connection: { apiKey: "k", baseUrl: "ftp://x" } }))).toEqual([
      400,
      "connection.baseUrl",
    ]);
    const parameters = [{ name: "temperature", min: 0, max: 1 }];
    expect(await wrong(anthropic({ parameters, defaults: { temperature: 1.5 } }))).toEqual([
      400,
      "defaults.temperature",
    ]);
    expect(await wrong(anthropic({ provider: "nobody" }))).toEqual([400, "provider"]);
    const bedrock = { name: "b", provider: "bedrock", model: "amazon.nova-lite-v1:0" };
    expect(await wrong({ ...bedrock, connection: { region: "us-east-1" } })).toEqual([400, "connection.accessKeyId"]);
    expect(await wrong({ ...bedrock, connection: { region: "us-east-1", auth: "role" } })).toEqual([
      400,
      "connection.auth",
    ]);
  });

  it("are tried by a tiny call that is counted", async () => {
    const { id } = await world.make([{ reply: { text: "OK", usage: { inputTokens: 7, outputTokens: 2 } } }]);
    const { json } = await call("POST", `/models/${id}/test`);
    expect(json).toMatchObject({ status: "succeeded", code: null, usage: { inputTokens: 7, outputTokens: 2 } });
    const { id: broken } = await world.make([{ reply: { error: { status: 401, message: "no such key" } } }]);
    expect((await call("POST", `/models/${broken}/test`)).json).toMatchObject({
      status: "failed",
      code: "model_failed",
      message: "the model's provider answered 401: no such key",
    });
    const requests = (await call("GET", `/model-requests?modelId=${broken}`)).json.items;
    expect(requests).toMatchObject([
      { status: "failed", errorCode: "model_failed", scene: "api", userId: world.ann.userId },
    ]);
    const vectors = await world.make([], { type: "embedding" });
    expect((await call("POST", `/models/${vectors.id}/test`)).json.message).toBe("the model gave 64 dimensions");
    const order = await world.make([], { type: "rerank" });
    expect((await call("POST", `/models/${order.id}/test`)).json.status).toBe("succeeded");
    const image = await world.make([], { type: "image" });
    expect((await call("POST", `/models/${image.id}/test`)).json.status).toBe("unsupported");
  });
});

describe("models of the platform", () => {
  it("are seen and used by every space, and what they are reached by is not shown there", async () => {
    const body = { ...anthropic(), name: "shared" };
    const { json: made, status } = await call("POST", "/api/platform/models", body, world.root);
    expect([status, made.visibility, made.spaceId]).toEqual([201, "platform", null]);
    const seen = (await call("GET", `/models/${made.id}`, undefined, world.bob)).json;
    expect(seen).toMatchObject({ id: made.id, connection: null, secrets: [] });
    expect((await call("GET", "/models?q=shared", undefined, world.bob)).json.items).toEqual([seen]);
    expect((await call("PATCH", `/models/${made.id}`, { name: "mine" })).status).toBe(404);
    expect((await call("DELETE", `/models/${made.id}`)).status).toBe(404);
    expect((await call("POST", `/models/${made.id}/test`)).status).toBe(404);
    const off = await call("PATCH", `/api/platform/models/${made.id}`, { status: "disabled" }, world.root);
    expect(off.json.status).toBe("disabled");
    expect((await call("GET", "/models?q=shared", undefined, world.bob)).json.items).toEqual([]);
    expect((await call("DELETE", `/api/platform/models/${made.id}`, undefined, world.root)).status).toBe(204);
  });

  it("are the administrators' alone, and may use the platform's role", async () => {
    for (const [method, path] of [
      ["GET", "/api/platform/models"],
      ["POST", "/api/platform/models"],
      ["POST", "/api/model-catalogue"],
    ] as const) {
      const body = method === "GET" ? undefined : {};
      expect((await call(method, path, body, world.ann)).status).toBe(403);
    }
    const connection = { region: "us-east-1", auth: "role" };
    const role = { name: "role", provider: "bedrock", model: "amazon.nova-lite-v1:0", connection };
    expect((await call("POST", "/api/platform/models", role, world.root)).status).toBe(201);
  });
});

describe("the catalogue", () => {
  it("can be added to and changed by administrators, and is kept whole", async () => {
    const { json: before } = await call("GET", "/api/model-catalogue", undefined, world.bob);
    expect(before.items.length).toBeGreaterThan(20);
    const [first] = before.items;
    const changed = await call(
      "PATCH",
      `/api/model-catalogue/${first.id}`,
      { status: "disabled", prices: null },
      world.root,
    );
    expect(changed.json).toMatchObject({ id: first.id, status: "disabled", prices: null, isBuiltIn: true });
    const again = await call("PATCH", `/api/model-catalogue/${first.id}`, { status: "active" }, world.root);
    expect(again.json).toMatchObject({ status: "active", prices: null });
    expect((await call("DELETE", `/api/model-catalogue/${first.id}`, undefined, world.root)).status).toBe(409);
    const own = { name: "Ours", provider: "openai_compatible", model: "ours-1", baseUrl: "https://llm.example/v1" };
    const { json: added } = await call("POST", "/api/model-catalogue", own, world.root);
    expect(added).toMatchObject({ ...own, isBuiltIn: false, revision: 1 });
    const { json: after } = await call("GET", "/api/model-catalogue");
    expect(after.items).toHaveLength(before.items.length + 1);
    expect((await call("DELETE", `/api/model-catalogue/${added.id}`, undefined, world.root)).status).toBe(204);
    expect((await call("GET", `/api/model-catalogue/${added.id}`)).status).toBe(404);
  });
});

describe("named defaults", () => {
  it("stand for a model of the space or of the platform", async () => {
    const model = await world.make([]);
    const body = { name: "Fast", modelId: model.id, scenario: "workflow", params: { temperature: 0.2 } };
    const { json, status } = await call("POST", "/model-entities", body);
    expect([status, json]).toEqual([201, expect.objectContaining({ ...body, fallbackModelIds: [], status: "active" })]);
    const { json: changed } = await call("PATCH", `/model-entities/${json.id}`, {
      scenario: null,
      expectedRevision: 1,
    });
    expect(changed).toMatchObject({ scenario: null, revision: 2 });
    expect((await call("GET", "/model-entities?scenario=workflow")).json.items).toEqual([]);
    expect((await call("GET", "/model-entities")).json.items).toEqual([changed]);
    expect((await call("DELETE", `/model-entities/${json.id}`)).status).toBe(204);
    expect((await call("GET", `/model-entities/${json.id}`)).status).toBe(404);
  });

  it("take no model of another space", async () => {
    const eve = await makePerson("eve");
    const hers = await makeSpace([{ person: eve, role: "owner" }]);
    const other = { name: "theirs", provider: "scripted", model: "s", connection: {} };
    const { json } = await call("POST", `/api/spaces/${hers}/models`, other, eve);
    expect((await call("POST", "/model-entities", { name: "n", modelId: json.id })).status).toBe(404);
    const own = await world.make([]);
    const fallbacks = { name: "n", modelId: own.id, fallbackModelIds: [json.id] };
    expect((await call("POST", "/model-entities", fallbacks)).status).toBe(404);
    for (const path of [`/models/${json.id}`, `/models/${json.id}/test`]) {
      const method = path.endsWith("test") ? "POST" : "GET";
      expect((await call(method, path)).status).toBe(404);
    }
  });

  it("and models are changed by administrators of the space alone", async () => {
    const model = await world.make([]);
    expect((await call("PATCH", `/models/${model.id}`, { name: "b" }, world.bob)).status).toBe(403);
    expect((await call("POST", `/models/${model.id}/test`, undefined, world.bob)).status).toBe(403);
    expect((await call("POST", "/model-entities", { name: "x", modelId: model.id }, world.bob)).status).toBe(403);
    expect((await call("GET", "/model-requests", undefined, world.bob)).status).toBe(403);
    expect((await call("GET", `/models/${model.id}`, undefined, world.bob)).status).toBe(200);
  });
});
