import { credentialTypes } from "@weft/core/credential/types/index";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CredentialWorld, type Heard, requestCanvas, startCredentialWorld } from "../support/credentials.ts";
import { makePerson, makeSpace } from "../support/people.ts";
import { allRows } from "../support/rows.ts";
import { callingCanvas } from "../support/workflows.ts";

let world: CredentialWorld;
beforeAll(async () => {
  world = await startCredentialWorld();
});
afterAll(() => world.close());
const { call, make, publish, run } = {
  call: (...given: Parameters<CredentialWorld["call"]>) => world.call(...given),
  make: (over?: object) => world.make(over),
  publish: (id: string, config?: object) => world.publish(id, config),
  run: (id: string, body?: object) => world.run(id, body),
};

const EXAMPLES: Record<string, { data: object; sent: (call: Heard) => unknown; is: unknown }> = {
  api_key: {
    data: { name: "X-Key", key: "canary-api-key-1", prefix: "Token " },
    sent: ({ headers }) => headers["x-key"],
    is: "Token canary-api-key-1",
  },
  basic: {
    data: { username: "ada", password: "canary-pässword" },
    sent: ({ headers }) => headers.authorization,
    is: `Basic ${Buffer.from("ada:canary-pässword").toString("base64")}`,
  },
  bearer: {
    data: { token: "canary-token-1" },
    sent: ({ headers }) => headers.authorization,
    is: "Bearer canary-token-1",
  },
  custom: {
    data: { headers: { "X-A": "canary-head" }, query: { q: "canary query" }, body: { b: "canary-body" } },
    sent: ({ headers, path, body }) => [headers["x-a"], path, JSON.parse(body)],
    is: ["canary-head", "/ok?q=canary+query", { given: 1, b: "canary-body" }],
  },
  aws: {
    data: {
      accessKeyId: "AKIAIOSFODNN7EXAMPLE",
      secretAccessKey: "canary-aws-key",
      service: "sqs",
      region: "eu-west-1",
    },
    sent: ({ headers }) => String(headers.authorization).slice(0, 43),
    is: "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EX",
  },
};

describe("types", () => {
  it("are listed with the JSON Schema of their fields, secret ones write-only", async () => {
    const { items } = (await call("GET", "/credentials/types", undefined, world.bob)).json;
    expect(items.map(({ type }: { type: string }) => type)).toEqual([...credentialTypes.keys()]);
    for (const { schema, secrets } of items) {
      for (const name of secrets) expect([name, schema.properties[name].writeOnly]).toEqual([name, true]);
      expect(schema.additionalProperties).toBe(false);
    }
    expect(items.find(({ type }: { type: string }) => type === "database")).toMatchObject({ isForHttp: false });
  });

  it.each(Object.keys(EXAMPLES))(
    "%s goes with the request of a workflow, and no echo of it comes back",
    async (type) => {
      const { data, sent, is } = EXAMPLES[type]!;
      const { id } = await make({ type, data });
      const body = { type: "json", template: '{"given":1}' };
      world.seen.length = 0;
      const done = await run(await publish(id, { method: "POST", body }));
      expect([done.status, done.error]).toEqual(["succeeded", null]);
      expect(sent(world.seen[0]!)).toEqual(is);
      expect(JSON.stringify(done)).not.toContain("canary");
      const nodes = await call("GET", `/executions/${done.id}/nodes`, undefined, world.bob);
      expect(nodes.text).not.toContain("canary");
      expect(nodes.text).not.toContain(Buffer.from("ada:canary-pässword").toString("base64"));
      expect(JSON.stringify(await allRows())).not.toContain("canary");
    },
  );

  it("takes a secret out of an error whose text is cut inside it", async () => {
    const { id } = await make();
    const failed = await run(await publish(id, { url: `${world.url}/fail` }));
    expect(failed.error.code).toBe("http_error");
    expect(failed.error.message).not.toContain("canary");
  });

  it.each([
    [
      "database",
      { engine: "postgres", host: "db.example.com", port: 5432, database: "d", username: "u", password: "p" },
    ],
    ["smtp", { host: "mail.example.com", username: "u", password: "p" }],
  ])("%s is kept, and neither sent by HTTP nor tried", async (type, data) => {
    const { id } = await make({ type, data, allowedHosts: undefined });
    expect((await run(await publish(id))).error.code).toBe("credential_unsuitable");
    expect((await call("POST", `/credentials/${id}/test`)).json.status).toBe("unsupported");
  });
});

describe("use", () => {
  it("is written down once for each execution, and the workflows that name it are listed", async () => {
    const { id } = await make();
    const workflowId = await publish(id);
    const [first, second] = [await run(workflowId), await run(workflowId)];
    const uses = (await call("GET", `/credentials/${id}/uses`, undefined, world.bob)).json.items;
    expect(uses).toMatchObject([
      { executionId: second.id, workflowId, isDraft: false, version: 1, path: "ask", usedBy: world.bob.userId },
      { executionId: first.id },
    ]);
    expect(Date.parse((await call("GET", `/credentials/${id}`)).json.lastUsedAt)).toBeGreaterThan(0);
    const users = (await call("GET", `/credentials/${id}/workflows`)).json.items;
    expect(users).toEqual([
      { workflowId, source: "draft", nodeIds: ["ask"] },
      { workflowId, source: "published", nodeIds: ["ask"] },
    ]);
    const { revision } = (await call("GET", `/workflows/${workflowId}/draft`, undefined)).json;
    const canvas = callingCanvas();
    await call("PUT", `/workflows/${workflowId}/draft`, { expectedRevision: revision, canvas });
    expect((await call("GET", `/credentials/${id}/workflows`)).json.items).toMatchObject([{ source: "published" }]);
  });

  it("is limited to the allowed hosts", async () => {
    const { id } = await make({ allowedHosts: ["api.example.com"] });
    world.seen.length = 0;
    expect((await run(await publish(id))).error.code).toBe("host_not_allowed");
    expect(world.seen).toEqual([]);
  });

  it("is limited to the workflows that it is shared with, called ones by themselves", async () => {
    const { id } = await make();
    const [inner, outer] = [await publish(id), await publish(id)];
    const sharedWith = (workflowIds: string[] | null) => call("PATCH", `/credentials/${id}`, { workflowIds });
    const canvas = callingCanvas({ workflowId: inner });
    const { json: caller } = await call("POST", "/workflows", { name: `caller ${id}`, canvas });
    await call("POST", `/workflows/${caller.id}/publish`, { force: true });

    await sharedWith([inner]);
    expect((await run(inner)).status).toBe("succeeded");
    expect((await run(outer)).error.code).toBe("credential_not_shared");
    // The called workflow may, whoever calls it.
    expect((await run(caller.id)).status).toBe("succeeded");
    // Being called by one that may is not enough.
    await sharedWith([caller.id]);
    expect((await run(caller.id)).error.code).toBe("credential_not_shared");
    const again = await call("POST", `/workflows/${outer}/publish`, { force: true });
    expect(again.json.error.details.issues).toMatchObject([{ code: "credential_not_shared", nodeId: "ask" }]);
  });

  it("by drafts can be ruled out", async () => {
    const { id } = await make();
    const workflowId = await publish(id);
    expect((await run(workflowId, { version: "draft" })).status).toBe("succeeded");
    await call("PATCH", `/credentials/${id}`, { allowsDrafts: false });
    expect((await run(workflowId, { version: "draft" })).error.code).toBe("credential_not_shared");
    expect((await run(workflowId)).status).toBe("succeeded");
  });

  it("of another space's is impossible: in a draft, a version and a run", async () => {
    const { id } = await make();
    const eve = await makePerson("eve");
    const other = await makeSpace([{ person: eve, role: "owner" }]);
    const at = (method: string, path: string, body?: unknown) => world.call(method, path, body, eve, other);
    const canvas = requestCanvas({ url: world.url, credentialId: id });
    const { json } = await at("POST", "/workflows", { name: "thief", canvas });
    expect(json.issues).toMatchObject([{ code: "unknown_credential", severity: "error" }]);
    expect((await at("POST", `/workflows/${json.id}/publish`, { force: true })).json.error.code).toBe("unprocessable");
    world.seen.length = 0;
    const draft = await at("POST", `/workflows/${json.id}/run`, { mode: "sync", version: "draft" });
    expect(draft.json.error.code).toBe("credential_not_found");
    expect(world.seen).toEqual([]);
    for (const [method, path] of [
      ["GET", ""],
      ["DELETE", ""],
      ["POST", "/test"],
      ["GET", "/uses"],
      ["GET", "/versions"],
    ]) {
      const answer = await at(String(method), `/credentials/${id}${path}`);
      expect([path, answer.status]).toEqual([path, 404]);
    }
  });
});
