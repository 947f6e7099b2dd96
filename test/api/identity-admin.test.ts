import { listLogins, listPlatformOperations } from "@weft/core/audit/audit.service";
import { clearAccess } from "@weft/core/identity/access";
import { systemCtx } from "@weft/kernel/ctx";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { ADMIN_EMAIL, PASSWORD, type Person, startIdentity, type World } from "../support/identity.ts";

let world: World;
let admin: Person;
let person: Person;

beforeAll(async () => {
  vi.stubEnv("WEFT_ADMIN_EMAIL", ADMIN_EMAIL);
  world = await startIdentity();
  admin = await world.signUpAdmin();
  person = await world.signUp("zoë");
});
afterAll(() => world.close());

const call = (who: Person, method: string, path: string, body?: unknown) =>
  world.as(who.token, { method, path, ...(body === undefined ? {} : { body }) });

describe("happy", () => {
  it("finds users by the beginnings of words, without accents", async () => {
    const { items } = (await call(admin, "GET", "/api/users?q=ZOE")).json;
    expect(items.map((item: { id: string }) => item.id)).toEqual([person.id]);
    expect((await call(admin, "GET", "/api/users?q=nobodysuch")).json.items).toEqual([]);
  });

  it("disables a user, whose sessions and keys end, and enables again", async () => {
    const target = await world.signUp();
    const { key } = (await call(target, "POST", "/api/me/api-keys", { name: "k" })).json;
    const disabled = await call(admin, "PATCH", `/api/users/${target.id}`, { isDisabled: true });
    expect(disabled.json.isDisabled).toBe(true);
    expect((await call(target, "GET", "/api/me")).status).toBe(401);
    expect((await world.as(key, { path: "/api/me" })).status).toBe(401);
    expect((await world.logIn(target.email)).status).toBe(401);
    const listed = (await call(admin, "GET", "/api/users?status=disabled")).json.items;
    expect(listed.map((item: { id: string }) => item.id)).toEqual([target.id]);
    await call(admin, "PATCH", `/api/users/${target.id}`, { isDisabled: false });
    expect((await call(target, "GET", "/api/me")).status).toBe(401);
    expect((await world.logIn(target.email)).status).toBe(200);
  });

  it("deletes a user, frees the names, and restores unless they were taken", async () => {
    const target = await world.signUp("leaver");
    expect((await call(admin, "DELETE", `/api/users/${target.id}`)).status).toBe(204);
    expect((await call(target, "GET", "/api/me")).status).toBe(401);
    expect((await world.logIn(target.email)).status).toBe(401);
    expect((await call(admin, "GET", `/api/users/${target.id}`)).json.isDeleted).toBe(true);
    expect((await call(admin, "POST", `/api/users/${target.id}/restore`)).json.isDeleted).toBe(false);
    expect((await world.logIn(target.email)).status).toBe(200);
    await call(admin, "DELETE", `/api/users/${target.id}`);
    await world.signUp("leaver");
    const refused = await call(admin, "POST", `/api/users/${target.id}/restore`);
    expect([refused.status, refused.json.error.details.field]).toEqual([409, "user_email"]);
  });

  it("gives roles, whose permissions hold where the user is a member", async () => {
    const target = await world.signUp();
    expect((await call(target, "GET", "/api/roles")).status).toBe(403);
    const role = (await call(admin, "POST", "/api/roles", { name: "Reader", permissions: ["role:read"] })).json;
    await call(admin, "PUT", `/api/users/${target.id}/roles`, { roles: [role.id, "viewer"] });
    expect((await call(target, "GET", "/api/roles")).status).toBe(200);
    expect((await call(target, "GET", `/api/spaces/${person.spaceId}`)).status).toBe(404);
    await call(admin, "PATCH", `/api/roles/${role.id}`, { permissions: ["user:read"] });
    expect((await call(target, "GET", "/api/roles")).status).toBe(403);
    expect((await call(target, "GET", "/api/users")).status).toBe(200);
    await call(admin, "DELETE", `/api/roles/${role.id}`);
    expect((await call(target, "GET", "/api/users")).status).toBe(403);
    clearAccess();
    expect((await call(target, "GET", "/api/users")).status).toBe(403);
  });

  it("lets an administrator into every space", async () => {
    expect((await call(admin, "GET", `/api/spaces/${person.spaceId}`)).json).toMatchObject({ role: null });
  });

  it("writes a row per login try and per change, without secrets", async () => {
    const target = await world.signUp("audited");
    await world.logIn(target.email, "wrong password");
    await world.logIn("nobody@example.com", PASSWORD);
    const logins = await listLogins(systemCtx("test"), { limit: 3 });
    expect(logins.items.map((row) => row.outcome)).toEqual(["unknown_account", "wrong_password", "succeeded"]);
    const { key } = (await call(target, "POST", "/api/me/api-keys", { name: "audited key" })).json;
    const body = { currentPassword: PASSWORD, newPassword: "another one entirely" };
    await call(target, "POST", "/api/me/password", body);
    const rows = (await listPlatformOperations(systemCtx("test"), { limit: 100, actorId: target.id })).items;
    expect(rows.map((row) => [row.operation, row.status])).toEqual([
      ["changePassword", 204],
      ["createApiKey", 201],
    ]);
    for (const secret of [PASSWORD, body.newPassword, key]) expect(JSON.stringify(rows)).not.toContain(secret);
  });
});

describe("error", () => {
  it("keeps administrators from locking themselves out", async () => {
    const path = `/api/users/${admin.id}`;
    expect((await call(admin, "PATCH", path, { isDisabled: true })).status).toBe(409);
    expect((await call(admin, "DELETE", path)).status).toBe(409);
    expect((await call(admin, "PUT", `${path}/roles`, { roles: [] })).status).toBe(409);
  });

  it("names roles and permissions that are none", async () => {
    const roles = await call(admin, "PUT", `/api/users/${person.id}/roles`, { roles: ["nothing"] });
    expect(roles.json.error.details.issues[0].path).toBe("roles.0");
    const role = await call(admin, "POST", "/api/roles", { name: "x", permissions: ["nothing:do"] });
    expect(role.json.error.details.issues[0].path).toBe("permissions.0");
    expect((await call(admin, "POST", "/api/roles", { name: "Administrator", permissions: [] })).status).toBe(409);
    expect((await call(admin, "PATCH", "/api/roles/admin", { permissions: [] })).status).toBe(400);
  });

  it("does not find users that are not there", async () => {
    const path = "/api/users/usr_01jd0000000000000000000000";
    for (const [method, suffix] of [
      ["GET", ""],
      ["DELETE", ""],
      ["POST", "/restore"],
    ] as const) {
      expect((await call(admin, method, `${path}${suffix}`)).status).toBe(404);
    }
  });
});

describe("security", () => {
  it("is for administrators alone", async () => {
    const asks: [string, string, unknown?][] = [
      ["GET", "/api/users"],
      ["GET", `/api/users/${admin.id}`],
      ["PATCH", `/api/users/${admin.id}`, { isDisabled: true }],
      ["PUT", `/api/users/${person.id}/roles`, { roles: ["admin"] }],
      ["DELETE", `/api/users/${admin.id}`],
      ["POST", `/api/users/${admin.id}/restore`],
      ["GET", "/api/roles"],
      ["POST", "/api/roles", { name: "x", permissions: [] }],
    ];
    for (const [method, path, body] of asks) {
      const answer = await call(person, method, path, body);
      expect([method, path, answer.status]).toEqual([method, path, 403]);
    }
  });

  it("never answers with a hash or a secret", async () => {
    const answers = await Promise.all([
      call(admin, "GET", "/api/users"),
      call(admin, "GET", "/api/me"),
      call(admin, "GET", "/api/me/sessions"),
      call(admin, "GET", "/api/me/api-keys"),
    ]);
    for (const { text } of answers) expect(text).not.toMatch(/argon2id|[Hh]ash|secret/);
  });
});
