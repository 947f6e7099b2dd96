import crypto from "node:crypto";
import { clearAccess } from "@weft/core/identity/access";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { ADMIN_EMAIL, authorize, PASSWORD, startIdentity, type World } from "../support/identity.ts";

let world: World;

beforeAll(async () => {
  vi.stubEnv("WEFT_ADMIN_EMAIL", ADMIN_EMAIL);
  world = await startIdentity();
});
afterAll(() => world.close());
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

let calls = 0;
const post = (path: string, body: unknown, token?: string) =>
  world.as(token, { method: "POST", path, body, ip: `203.0.113.${++calls % 250}` });
const me = (token: string) => world.as(token, { path: "/api/me" });
/** Moves only what `Date` says: sockets and their timers go on. */
const later = (ms: number) => vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + ms });
/** An error without the id of its request. */
const wording = (answer: { status: number; json: { error?: { requestId?: string } } }) => {
  const { error, ...rest } = answer.json;
  return { status: answer.status, ...rest, error: error && { ...error, requestId: "" } };
};

describe("happy", () => {
  it("signs up with a personal space, logs in, and confirms the address", async () => {
    const ada = await world.signUp("ada");
    const before = await me(ada.token);
    expect(before.json).toMatchObject({ id: ada.id, userName: "ada", isEmailVerified: false, permissions: [] });
    expect(before.json).not.toHaveProperty("passwordHash");
    const verified = await post("/api/auth/verify-email", { token: world.mailToken(ada.email) });
    expect(verified.json).toEqual({ email: ada.email });
    expect((await me(ada.token)).json.isEmailVerified).toBe(true);
    const spaces = await world.as(ada.token, { path: "/api/spaces" });
    expect(spaces.json.items).toMatchObject([{ id: ada.spaceId, kind: "personal", role: "owner" }]);
  });

  it("logs in by address or user name, whatever their case", async () => {
    const bob = await world.signUp("bob");
    expect((await post("/api/auth/login", { email: "BOB@Example.com", password: PASSWORD })).json.user.id).toBe(bob.id);
    expect((await post("/api/auth/login", { userName: "BoB", password: PASSWORD })).json.user.id).toBe(bob.id);
  });

  it("logs out", async () => {
    const { token } = await world.signUp();
    expect((await post("/api/auth/logout", undefined, token)).status).toBe(204);
    expect((await me(token)).status).toBe(401);
  });

  it("lists sessions, ends one and ends the others", async () => {
    const person = await world.signUp();
    const second = (await world.logIn(person.email)).json.token;
    const third = (await world.logIn(person.email)).json.token;
    const list = (await world.as(person.token, { path: "/api/me/sessions" })).json.items;
    expect(list).toHaveLength(3);
    expect(list.filter((session: { isCurrent: boolean }) => session.isCurrent)).toHaveLength(1);
    const newest = list[0].id;
    expect((await world.as(person.token, { method: "DELETE", path: `/api/me/sessions/${newest}` })).status).toBe(204);
    expect((await me(third)).status).toBe(401);
    await world.as(person.token, { method: "DELETE", path: "/api/me/sessions?keepCurrent=true" });
    expect((await me(second)).status).toBe(401);
    expect((await me(person.token)).status).toBe(200);
    await world.as(person.token, { method: "DELETE", path: "/api/me/sessions" });
    expect((await me(person.token)).status).toBe(401);
  });

  it("allows one login at a time to who wants that", async () => {
    const person = await world.signUp();
    await world.as(person.token, { method: "PATCH", path: "/api/me", body: { isSingleLogin: true } });
    const next = (await world.logIn(person.email)).json.token;
    expect((await me(person.token)).status).toBe(401);
    expect((await me(next)).status).toBe(200);
  });

  it("resets a password by mail, once; every session ends", async () => {
    const person = await world.signUp();
    await post("/api/auth/forgot-password", { email: person.email.toUpperCase() });
    const token = world.mailToken(person.email);
    expect((await post("/api/auth/reset-password", { token, password: "another one entirely" })).status).toBe(204);
    expect((await me(person.token)).status).toBe(401);
    expect((await world.logIn(person.email)).status).toBe(401);
    const again = await world.logIn(person.email, "another one entirely");
    expect(again.json.user.isEmailVerified).toBe(true);
    expect((await post("/api/auth/reset-password", { token, password: "third password" })).status).toBe(400);
  });

  it("changes a password and ends the other sessions", async () => {
    const person = await world.signUp();
    const other = (await world.logIn(person.email)).json.token;
    const body = { currentPassword: PASSWORD, newPassword: "another one entirely" };
    expect((await post("/api/me/password", body, person.token)).status).toBe(204);
    expect((await me(other)).status).toBe(401);
    expect((await me(person.token)).status).toBe(200);
    // Another process, which knows only what is stored.
    clearAccess();
    expect((await me(person.token)).status).toBe(200);
    expect((await world.logIn(person.email, body.newPassword)).status).toBe(200);
  });

  it("slides a session's end with use, with at most one write a minute", async () => {
    const { token } = await world.signUp();
    later(14 * 60_000);
    expect((await me(token)).status).toBe(200);
    later(14 * 60_000);
    expect((await me(token)).status).toBe(200);
    later(17 * 60_000);
    expect((await me(token)).status).toBe(401);
  });

  it("makes the address that the platform names an administrator once it is confirmed", async () => {
    const admin = await world.signUpAdmin();
    const { json } = await me(admin.token);
    expect(json.roles).toEqual(["admin"]);
    expect(json.permissions).toContain("user:write");
  });

  it("renames, and frees the old name", async () => {
    const one = await world.signUp("oldname");
    const two = await world.signUp("twoname");
    const rename = (token: string, userName: string) =>
      world.as(token, { method: "PATCH", path: "/api/me", body: { userName } });
    expect((await rename(two.token, "OLDNAME")).json.error.code).toBe("conflict");
    expect((await rename(one.token, "newname")).json.userName).toBe("newname");
    expect((await rename(two.token, "OLDNAME")).json.userName).toBe("OLDNAME");
  });
});

describe("error", () => {
  it.each([
    [{ email: "nonsense", password: PASSWORD }, "email"],
    [{ email: "a@example.com", password: "short" }, "password"],
    [{ email: "a@example.com", password: "x".repeat(129) }, "password"],
    [{ email: "a@example.com", password: PASSWORD, userName: "a b" }, "userName"],
    [{ email: "a@example.com", password: PASSWORD, roles: ["admin"] }, "roles"],
    [{ password: PASSWORD }, "email"],
  ])("names what is wrong with %j", async (body, path) => {
    const answer = await post("/api/auth/register", body);
    expect([answer.status, answer.json.error.details.issues[0].path]).toEqual([400, path]);
  });

  it("refuses a login by both names or neither", async () => {
    for (const extra of [{}, { email: "a@example.com", userName: "a" }]) {
      expect((await post("/api/auth/login", { password: PASSWORD, ...extra })).status).toBe(400);
    }
  });

  it("refuses tokens of mails that are rubbish, of another purpose, or over", async () => {
    const person = await world.signUp();
    const verify = world.mailToken(person.email);
    for (const token of ["rubbish", "mt_", verify.replace(/.$/, (last) => (last === "A" ? "B" : "A"))]) {
      expect((await post("/api/auth/verify-email", { token })).json.error.details.issues[0].path).toBe("token");
    }
    expect((await post("/api/auth/reset-password", { token: verify, password: "another one entirely" })).status).toBe(
      400,
    );
    later(25 * 60 * 60_000);
    expect((await post("/api/auth/verify-email", { token: verify })).status).toBe(400);
  });

  it("refuses a change of password without the right one", async () => {
    const { token } = await world.signUp();
    const answer = await post(
      "/api/me/password",
      { currentPassword: "wrong", newPassword: "another one entirely" },
      token,
    );
    expect(answer.json.error.details.issues[0].path).toBe("currentPassword");
  });

  it("keeps a change that was made from an older revision out", async () => {
    const { token } = await world.signUp();
    const answer = await world.as(token, {
      method: "PATCH",
      path: "/api/me",
      body: { displayName: "x", expectedRevision: 99 },
    });
    expect([answer.status, answer.json.error.code]).toEqual([409, "conflict"]);
  });
});

describe("security", () => {
  it("answers known and unknown accounts alike, and hashes once for both", async () => {
    const known = await world.signUp("known");
    const hash = vi.spyOn(crypto, "argon2");
    const hashes = async (
      call: Promise<{ status: number; text: string; json: { error?: { requestId?: string } } }>,
    ) => {
      const before = hash.mock.calls.length;
      const answer = await call;
      return [hash.mock.calls.length - before, wording(answer)];
    };
    const login = (email: string) => hashes(post("/api/auth/login", { email, password: "wrong password" }));
    expect(await login(known.email)).toEqual(await login("nobody@example.com"));
    expect((await login(known.email))[0]).toBe(1);
    const register = (email: string) =>
      hashes(post("/api/auth/register", { email, password: PASSWORD, userName: "known" }));
    const mails = world.mails.length;
    expect(await register(known.email)).toEqual(await register("newcomer@example.com"));
    expect((await register("another@example.com"))[0]).toBe(1);
    expect(world.mails.slice(mails).map(({ subject }) => subject)).toEqual([
      "You already have an account",
      "Confirm your e-mail address",
      "Confirm your e-mail address",
    ]);
    const forgot = (email: string) => hashes(post("/api/auth/forgot-password", { email }));
    expect(await forgot(known.email)).toEqual(await forgot("nobody@example.com"));
    const reset = (token: string) => hashes(post("/api/auth/reset-password", { token, password: "wrong password" }));
    await forgot(known.email);
    const spent = world.mailToken(known.email);
    await post("/api/auth/reset-password", { token: spent, password: PASSWORD });
    expect(await reset(spent)).toEqual(await reset("rubbish"));
    expect((await reset("rubbish"))[0]).toBe(1);
  });

  it("gives a taken user name a number instead of saying so", async () => {
    await world.signUp("popular");
    const email = "late@example.com";
    await post("/api/auth/register", { email, password: PASSWORD, userName: "Popular" });
    expect((await world.logIn(email)).json.user.userName).toMatch(/^Popular-[0-9a-z]+$/);
  });

  it("makes one account of several sign-ups at once", async () => {
    const email = "race@example.com";
    const tries = Array.from({ length: 4 }, (_, i) =>
      post("/api/auth/register", { email, password: `${PASSWORD}${i}`, userName: `race${i}` }),
    );
    expect((await Promise.all(tries)).map(({ status }) => status)).toEqual([202, 202, 202, 202]);
    const logins = await Promise.all([0, 1, 2, 3].map((i) => world.logIn(email, `${PASSWORD}${i}`)));
    expect(logins.filter(({ status }) => status === 200)).toHaveLength(1);
  });

  it("throttles by account, whoever asks, and a right password clears the count", async () => {
    const person = await world.signUp();
    const wrong = () => post("/api/auth/login", { email: person.email, password: "wrong password" });
    for (let i = 0; i < 9; i++) expect((await wrong()).status).toBe(401);
    expect((await world.logIn(person.email)).status).toBe(200);
    for (let i = 0; i < 10; i++) expect((await wrong()).status).toBe(401);
    const refused = await wrong();
    expect([refused.status, refused.json.error.code]).toEqual([429, "rate_limited"]);
    expect(Number(refused.headers["retry-after"])).toBeGreaterThan(0);
    expect((await world.logIn(person.email)).status).toBe(429);
    for (let i = 0; i < 11; i++) await post("/api/auth/login", { email: "nobody2@example.com", password: "x" });
    const unknown = await post("/api/auth/login", { email: "nobody2@example.com", password: "x" });
    expect(unknown.status).toBe(429);
  });

  it("throttles by address, whoever is asked for", async () => {
    const attempt = (i: number) =>
      world.as(undefined, {
        method: "POST",
        path: "/api/auth/forgot-password",
        body: { email: `someone${i}@example.com` },
        ip: "192.0.2.77",
      });
    const answers = await Promise.all(Array.from({ length: 65 }, (_, i) => attempt(i)));
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(5);
  });

  it("knows nobody by a token that is rubbish, altered or of another kind", async () => {
    const { token } = await world.signUp();
    const altered = token.replace(/.$/, (last) => (last === "A" ? "B" : "A"));
    for (const rubbish of ["", "x", altered, token.toUpperCase(), `${token} `.repeat(2), token.replace("ss_", "sk_")]) {
      const { context, policyDocument } = await authorize(rubbish);
      expect(context).toEqual({ actorType: "public" });
      expect(policyDocument.Statement[0]).toMatchObject({
        Effect: "Allow",
        Resource: "arn:aws:execute-api:us-east-1:123456789012:abcdef/prod/*",
      });
    }
  });

  it("refuses writes of a session that ended, even before the authorizer knows", async () => {
    const person = await world.signUp();
    const { context } = await authorize(person.token);
    await post("/api/auth/logout", undefined, person.token);
    const { callApi } = await import("../support/call.ts");
    const { handler } = await import("../../functions/identity/index.ts");
    const answer = await callApi(handler, {
      method: "PATCH",
      path: "/api/me",
      body: { displayName: "x" },
      authorizer: context as Record<string, string>,
    });
    expect(answer.status).toBe(401);
  });

  it("ends the keys of an account whose address was never confirmed when its owner resets the password", async () => {
    const squatter = await world.signUp();
    const { key } = (await post("/api/me/api-keys", { name: "k" }, squatter.token)).json;
    expect((await me(key)).status).toBe(200);
    await post("/api/auth/forgot-password", { email: squatter.email });
    await post("/api/auth/reset-password", { token: world.mailToken(squatter.email), password: "the owner's own" });
    expect((await me(key)).status).toBe(401);
  });
});
