import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { authorize, type Person, startIdentity, type World } from "../support/identity.ts";

let world: World;
let person: Person;

beforeAll(async () => {
  world = await startIdentity();
  person = await world.signUp("keeper");
});
afterAll(() => world.close());
afterEach(() => {
  vi.useRealTimers();
});

const call = (token: string, method: string, path: string, body?: unknown) =>
  world.as(token, { method, path, ...(body === undefined ? {} : { body }) });
const make = async (body: object) =>
  (await call(person.token, "POST", "/api/me/api-keys", { name: "k", ...body })).json;
const later = (ms: number) => vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + ms });

describe("happy", () => {
  it("shows a key once and lists it by its first characters", async () => {
    const made = await make({});
    expect(made.key).toMatch(/^sk_/);
    expect(made.key.startsWith(made.prefix)).toBe(true);
    const listed = (await call(person.token, "GET", "/api/me/api-keys")).json.items[0];
    expect(listed).toEqual({ ...made, key: undefined });
    expect(JSON.stringify(listed)).not.toContain(made.key.slice(20));
  });

  it("acts for its owner", async () => {
    const { key } = await make({ scopes: ["*"] });
    expect((await call(key, "GET", "/api/me")).json.id).toBe(person.id);
    expect((await call(key, "POST", "/api/spaces", { name: "By key" })).status).toBe(201);
  });

  it("notes its last use, at most once a minute", async () => {
    const { key, id } = await make({});
    const lastUsed = async () =>
      (await call(person.token, "GET", "/api/me/api-keys")).json.items.find((item: { id: string }) => item.id === id)
        .lastUsedAt;
    expect(await lastUsed()).toBeNull();
    await authorize(key);
    const first = await lastUsed();
    expect(first).not.toBeNull();
    await authorize(key);
    expect(await lastUsed()).toBe(first);
    later(61_000);
    await authorize(key);
    expect(await lastUsed()).not.toBe(first);
  });

  it("ends when revoked, and when its time is over", async () => {
    const revoked = await make({});
    expect((await call(person.token, "DELETE", `/api/me/api-keys/${revoked.id}`)).status).toBe(204);
    expect((await call(revoked.key, "GET", "/api/me")).status).toBe(401);
    expect((await call(person.token, "DELETE", `/api/me/api-keys/${revoked.id}`)).status).toBe(404);
    const short = await make({ expiresInDays: 1 });
    expect((await call(short.key, "GET", "/api/me")).status).toBe(200);
    later(24 * 60 * 60_000 + 1000);
    expect((await call(short.key, "GET", "/api/me")).status).toBe(401);
  });
});

describe("error", () => {
  it.each([
    [{ scopes: [] }, "scopes"],
    [{ scopes: ["nothing:do"] }, "scopes.0"],
    [{ scopes: ["nothing:*"] }, "scopes.0"],
    [{ expiresInDays: 0 }, "expiresInDays"],
    [{ spaceIds: ["x"] }, "spaceIds.0"],
    [{ spaceIds: ["spc_01jd0000000000000000000000"] }, "spaceIds.0"],
    [{ name: "" }, "name"],
    [{ userId: "x" }, "userId"],
  ])("names what is wrong with %j", async (body, path) => {
    const answer = await call(person.token, "POST", "/api/me/api-keys", { name: "k", ...body });
    expect([answer.status, answer.json.error.details.issues[0].path]).toEqual([400, path]);
  });
});

describe("security", () => {
  it("does no more than its scopes say", async () => {
    const { key } = await make({ scopes: ["space:read", "space:list"] });
    expect((await call(key, "GET", `/api/spaces/${person.spaceId}`)).status).toBe(200);
    const refused = await call(key, "PATCH", `/api/spaces/${person.spaceId}`, { name: "x" });
    expect([refused.status, refused.json.error.details.permission]).toEqual([403, "space:write"]);
    expect((await call(key, "POST", "/api/spaces", { name: "x" })).status).toBe(403);
    const wide = await make({ scopes: ["space:*"] });
    expect((await call(wide.key, "PATCH", `/api/spaces/${person.spaceId}`, { name: "x" })).status).toBe(200);
    expect((await call(wide.key, "GET", `/api/spaces/${person.spaceId}/members`)).status).toBe(403);
  });

  it("does not add to what its owner may do", async () => {
    const { key } = await make({ scopes: ["*"] });
    expect((await call(key, "GET", "/api/users")).status).toBe(403);
    const other = await world.signUp();
    expect((await call(key, "GET", `/api/spaces/${other.spaceId}`)).status).toBe(404);
  });

  it("knows only the spaces that it is limited to", async () => {
    const space = (await call(person.token, "POST", "/api/spaces", { name: "Only" })).json.id;
    const { key } = await make({ spaceIds: [space] });
    expect((await call(key, "GET", `/api/spaces/${space}`)).status).toBe(200);
    expect((await call(key, "GET", `/api/spaces/${person.spaceId}`)).status).toBe(404);
    const listed = (await call(key, "GET", "/api/spaces")).json.items;
    expect(listed.map((item: { id: string }) => item.id)).toEqual([space]);
    expect((await call(key, "POST", "/api/spaces", { name: "x" })).status).toBe(403);
  });

  it("cannot touch the account itself", async () => {
    const { key, id } = await make({ scopes: ["*"] });
    const asks: [string, string, unknown?][] = [
      ["POST", "/api/me/api-keys", { name: "child" }],
      ["GET", "/api/me/api-keys"],
      ["DELETE", `/api/me/api-keys/${id}`],
      ["GET", "/api/me/sessions"],
      ["DELETE", "/api/me/sessions"],
      ["POST", "/api/me/password", { currentPassword: "x", newPassword: "another one entirely" }],
      ["POST", "/api/auth/logout"],
    ];
    for (const [method, path, body] of asks) {
      const answer = await call(key, method, path, body);
      expect([method, path, answer.status]).toEqual([method, path, 403]);
    }
  });

  it("is another person's only to that person", async () => {
    const { id } = await make({});
    const other = await world.signUp();
    expect((await call(other.token, "DELETE", `/api/me/api-keys/${id}`)).status).toBe(404);
  });
});
