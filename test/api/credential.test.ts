import { OperationLogs } from "@weft/core/audit/audit.entity";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CredentialWorld, startCredentialWorld } from "../support/credentials.ts";
import { allRows } from "../support/rows.ts";

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
let count = 0;

describe("a credential", () => {
  it("is shown without its secrets: what is set, and a hint", async () => {
    const view = await make({ data: { token: "canary-bearer-token-12345" }, description: "d" });
    expect(view).toMatchObject({
      status: "ready",
      version: 1,
      data: {},
      secrets: [{ field: "token", hint: "••••2345" }],
      allowedHosts: [world.url],
      workflowIds: null,
      allowsDrafts: true,
      lastUsedAt: null,
      revision: 1,
    });
    expect((await call("GET", `/credentials/${view.id}`)).json).toEqual(view);
    const short = await make({ data: { token: "elevenchars" } });
    expect(short.secrets).toEqual([{ field: "token", hint: "••••" }]);
    const list = (await call("GET", "/credentials?type=bearer&limit=2")).json;
    expect(list.items.map(({ id }: { id: string }) => id)).toEqual([short.id, view.id]);
    expect((await call("GET", `/credentials?q=${view.name}`)).json.items).toHaveLength(1);
  });

  it("leaves nothing of its body in the operation log", async () => {
    const { id } = await make({ type: "custom", data: { headers: { "X-Name": "canary-operation-log" } } });
    await call("POST", `/credentials/${id}/rotate`, { data: { headers: { "X-Name": "canary-operation-log-2" } } });
    await call("POST", "/credentials", { name: "bad", type: "bearer", data: { tokn: "canary-operation-log-3" } });
    const { data } = await OperationLogs.query.byTarget({ scope: world.spaceId, targetId: id }).go();
    expect(data.map(({ operation }) => operation).sort()).toEqual(["createCredential", "rotateCredential"]);
    const { data: logs } = await OperationLogs.query.byActor({ actorId: world.ann.userId }).go({ pages: "all" });
    expect(logs.some(({ operation, status }) => operation === "createCredential" && status === 400)).toBe(true);
    expect(JSON.stringify(logs)).not.toContain("canary");
  });

  it("changes its name, sharing and times, and never where it is sent", async () => {
    const { id, revision } = await make();
    const name = `renamed ${id}`;
    const changed = await call("PATCH", `/credentials/${id}`, {
      expectedRevision: revision,
      name,
      allowsDrafts: false,
    });
    expect(changed.json).toMatchObject({ name, allowsDrafts: false, revision: 2 });
    expect((await call("PATCH", `/credentials/${id}`, { expectedRevision: 1, name: "x" })).status).toBe(409);
    const moved = await call("PATCH", `/credentials/${id}`, { allowedHosts: ["evil.example"] });
    expect([moved.status, moved.json.error.code]).toEqual([400, "invalid_input"]);
    const other = await make();
    expect((await call("PATCH", `/credentials/${other.id}`, { name: name.toUpperCase() })).status).toBe(409);
  });

  it("is refused once its time is over", async () => {
    const { id } = await make({ expiresAt: "2020-01-01T00:00:00.000Z" });
    expect((await call("GET", `/credentials/${id}`)).json.status).toBe("expired");
    expect((await run(await publish(id))).error.code).toBe("credential_expired");
    await call("PATCH", `/credentials/${id}`, { expiresAt: null });
    expect((await call("GET", `/credentials/${id}`)).json.status).toBe("ready");
  });

  it("is tried by its test URL, and what was answered stays there", async () => {
    const { id } = await make({ testUrl: `${world.url}/ok` });
    expect((await call("POST", `/credentials/${id}/test`)).json).toEqual({
      status: "succeeded",
      code: null,
      message: "the credential was accepted",
      statusCode: 200,
    });
    await call("PATCH", `/credentials/${id}`, { testUrl: `${world.url}/fail` });
    expect((await call("POST", `/credentials/${id}/test`)).json).toMatchObject({ status: "failed", statusCode: 500 });
    await call("PATCH", `/credentials/${id}`, { testUrl: "https://elsewhere.example" });
    expect((await call("POST", `/credentials/${id}/test`)).json.code).toBe("host_not_allowed");
    await call("PATCH", `/credentials/${id}`, { testUrl: null });
    expect((await call("POST", `/credentials/${id}/test`)).json.status).toBe("unsupported");
  });

  it("is destroyed for good, and not while published workflows use it unless forced", async () => {
    const { id, name } = await make();
    const workflowId = await publish(id);
    const refused = await call("DELETE", `/credentials/${id}`);
    expect([refused.status, refused.json.error.details]).toEqual([409, { workflows: [workflowId] }]);
    expect((await call("DELETE", `/credentials/${id}?force=true`)).status).toBe(204);
    expect((await call("GET", `/credentials/${id}`)).status).toBe(404);
    expect(JSON.stringify((await allRows()).filter(({ pk }) => String(pk).includes(id)))).toBe("[]");
    expect((await run(workflowId)).error.code).toBe("credential_not_found");
    expect((await make({ name })).name).toBe(name);
  });
});

describe("versions", () => {
  const sentNow = async (workflowId: string) => {
    world.seen.length = 0;
    await run(workflowId);
    return world.seen[0]?.headers.authorization;
  };

  it("are taken at once, taken back, and revoked", async () => {
    const { id } = await make({ data: { token: "first-token" } });
    const workflowId = await publish(id);
    const rotated = await call("POST", `/credentials/${id}/rotate`, { data: { token: "second-token" } });
    expect(rotated.json).toMatchObject({ version: 2, allowedHosts: [world.url] });
    expect(await sentNow(workflowId)).toBe("Bearer second-token");
    expect((await call("POST", `/credentials/${id}/rollback`, { version: 1 })).json.version).toBe(1);
    expect(await sentNow(workflowId)).toBe("Bearer first-token");
    expect((await call("POST", `/credentials/${id}/versions/1/revoke`)).status).toBe(409);
    expect((await call("POST", `/credentials/${id}/versions/2/revoke`)).json).toMatchObject({ status: "revoked" });
    expect((await call("POST", `/credentials/${id}/rollback`, { version: 2 })).status).toBe(409);
    await call("POST", `/credentials/${id}/rotate`, { data: { token: "third-token" } });
    const list = (await call("GET", `/credentials/${id}/versions`)).json.items;
    expect(
      list.map((one: { version: number; status: string; isCurrent: boolean }) => [
        one.version,
        one.status,
        one.isCurrent,
      ]),
    ).toEqual([
      [3, "active", true],
      [2, "revoked", false],
      [1, "active", false],
    ]);
    expect((await call("POST", `/credentials/${id}/versions/9/revoke`)).status).toBe(404);
  });

  it("of rotations at once, one is made", async () => {
    const { id } = await make();
    const tries = [1, 2, 3, 4].map((n) => call("POST", `/credentials/${id}/rotate`, { data: { token: `token-${n}` } }));
    const statuses = (await Promise.all(tries)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 200).length).toBeGreaterThan(0);
    expect(statuses.filter((status) => status !== 200 && status !== 409)).toEqual([]);
    const made = statuses.filter((status) => status === 200).length;
    expect((await call("GET", `/credentials/${id}/versions`)).json.items).toHaveLength(made + 1);
  });
});

describe("refused", () => {
  it.each([
    ["an unknown type", { type: "magic" }, "type", 404],
    ["a missing secret", { data: {} }, "data.token"],
    ["an unknown field", { data: { token: "t", extra: 1 } }, "data.extra"],
    ["a secret with a line end", { data: { token: "a\r\nX-Evil: 1" } }, "data.token"],
    ["no hosts", { allowedHosts: undefined }, "allowedHosts"],
    ["hosts that are none", { allowedHosts: ["https://a.example/path"] }, "allowedHosts.0"],
    ["an empty custom credential", { type: "custom", data: {} }, "data.headers"],
    ["a header name that is none", { type: "custom", data: { headers: { "a b": "c" } } }, "data.headers.a b"],
    ["a URL of another scheme", { testUrl: "file:///etc/passwd" }, "testUrl"],
  ])("%s", async (_, over, path, status = 400) => {
    const body = {
      name: `r${++count}`,
      type: "bearer",
      data: { token: "some-token" },
      allowedHosts: [world.url],
      ...over,
    };
    const answer = await call("POST", "/credentials", body);
    expect(answer.status).toBe(status);
    if (status === 400) expect(answer.json.error.details.issues[0].path).toBe(path);
  });

  it("members: they may use and see, and neither make, change nor try", async () => {
    const { id } = await make();
    expect((await call("GET", `/credentials/${id}`, undefined, world.bob)).status).toBe(200);
    for (const [method, path, body] of [
      ["POST", "", { name: "x", type: "bearer", data: { token: "t" }, allowedHosts: [world.url] }],
      ["PATCH", `/${id}`, { name: "x" }],
      ["DELETE", `/${id}`, undefined],
      ["POST", `/${id}/rotate`, { data: { token: "t" } }],
      ["POST", `/${id}/test`, undefined],
    ] as const) {
      expect((await call(method, `/credentials${path}`, body, world.bob)).json.error.code).toBe("forbidden");
    }
  });
});
