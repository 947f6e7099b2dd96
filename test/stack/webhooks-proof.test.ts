import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, exportSPKI, generateKeyPair, SignJWT, UnsecuredJWT } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { echo, githubSignature, type HookWorld, row, startHookWorld } from "../support/webhooks.ts";
import { until } from "../support/world.ts";

let world: HookWorld;
let echoing: string;
let issuer: Server;
let keys: unknown[] = [];
let asked = 0;
beforeAll(async () => {
  world = await startHookWorld();
  echoing = await world.publish(echo);
  issuer = createServer((_request, response) => {
    asked += 1;
    response.end(JSON.stringify({ keys }));
  });
  await new Promise<void>((resolve) => issuer.listen(0, "127.0.0.1", resolve));
}, 180_000);
afterAll(async () => {
  issuer.close();
  await world.close();
});

const call: HookWorld["call"] = (...given) => world.call(...given);
const must: HookWorld["must"] = (...given) => world.must(...given);
const lastNode = { response: { mode: "last_node" } };
const hook = (over: object, workflowId = echoing) => world.hook(workflowId, over);
const deliveries = async (id: string) => (await must(200, "GET", `/webhooks/${id}/deliveries`)).items;
const executions = async (workflowId: string) =>
  (await must(200, "GET", `/executions?workflowId=${workflowId}&limit=100`)).items;
const basic = (text: string) => `Basic ${Buffer.from(text).toString("base64")}`;

describe("callers", () => {
  const SECRET = "canary-secret-of-a-hook";
  const cases: Record<string, { auth: object; good: Record<string, string>; bad: Record<string, string>[] }> = {
    basic: {
      auth: { type: "basic", username: "ada" },
      good: { authorization: basic(`ada:${SECRET}`) },
      bad: [
        { authorization: basic(`ada:${SECRET}x`) },
        { authorization: basic(`eve:${SECRET}`) },
        { authorization: `Bearer ${SECRET}` },
      ],
    },
    bearer: {
      auth: { type: "bearer" },
      good: { authorization: `bearer ${SECRET}` },
      bad: [{ authorization: SECRET }, { authorization: "Bearer " }],
    },
    header: {
      auth: { type: "header", name: "X-Proof" },
      good: { "x-proof": SECRET },
      bad: [{ "x-proof": "" }, { authorization: SECRET }],
    },
    api_key: { auth: { type: "api_key" }, good: { "X-API-KEY": SECRET }, bad: [{ "x-api-key": SECRET.toUpperCase() }] },
  };

  it.each(Object.keys(cases))("prove themselves by %s, and what they prove it by is nowhere", async (name) => {
    const { auth, good, bad } = cases[name]!;
    const made = await hook({ ...lastNode, auth: { ...auth, secret: SECRET } });
    expect(made).toMatchObject({ secret: null, secrets: [{ hint: "••••hook", endsAt: null }] });
    expect((await call("POST", made.path, { a: 1 }, good)).json.body).toEqual({ a: 1 });
    for (const headers of [...bad, {}]) {
      const answer = await call("POST", made.path, { a: 1 }, headers);
      expect([answer.status, answer.json.error.message]).toEqual([401, "the call could not be authenticated"]);
    }
    const noted = await deliveries(made.id);
    expect(noted).toHaveLength(bad.length + 2);
    expect(noted[0]).toMatchObject({ outcome: "refused", error: { code: "unauthenticated" }, arrived: { body: null } });
    expect(JSON.stringify([noted, made, await executions(echoing)])).not.toContain("canary");
  });

  it("are given a secret where none was set, once, and two are good while one is changed", async () => {
    const made = await hook({ ...lastNode, auth: { type: "bearer" } });
    const status = async (secret: string) =>
      (await call("POST", made.path, {}, { authorization: `Bearer ${secret}` })).status;
    expect(made.secret).toMatch(/^whs_[\w-]{43}$/);
    expect(JSON.stringify(await must(200, "GET", `/webhooks/${made.id}`))).not.toContain(made.secret);
    expect(await status(made.secret)).toBe(200);
    const rotated = await must(200, "POST", `/webhooks/${made.id}/rotate`, {});
    expect(rotated.secrets).toMatchObject([{ endsAt: null }, { endsAt: expect.any(String) }]);
    await until(
      () => status(rotated.secret),
      (code) => code === 200,
    );
    expect(await status(made.secret)).toBe(200);
    const again = await must(200, "POST", `/webhooks/${made.id}/rotate`, {
      secret: "given by hand",
      keepOldSeconds: 0,
    });
    expect([again.secret, again.secrets.length]).toEqual([null, 1]);
    await until(
      () => status("given by hand"),
      (code) => code === 200,
    );
    expect([await status(made.secret), await status(rotated.secret)]).toEqual([401, 401]);
    const renamed = await must(200, "PATCH", `/webhooks/${made.id}`, { auth: { type: "bearer" }, name: "x" });
    expect([renamed.secret, renamed.secrets[0].createdAt]).toEqual([null, again.secrets[0].createdAt]);
    const other = await must(200, "PATCH", `/webhooks/${made.id}`, { auth: { type: "basic", username: "u" } });
    expect(other.secret).toMatch(/^whs_/);
    await must(409, "POST", `/webhooks/${(await hook({})).id}/rotate`, {});
  });

  it("come from the addresses that are let in, whatever they claim", async () => {
    const { path } = await hook({ ipAllow: ["10.0.0.0/8", "2001:db8::/32"] });
    const claimed = { "x-forwarded-for": "10.0.0.1", "x-real-ip": "10.0.0.1", forwarded: "for=10.0.0.1" };
    expect((await call("POST", path, {}, claimed)).status).toBe(403);
    const here = await hook({ ipAllow: ["127.0.0.0/8", "::1"] });
    expect((await call("POST", here.path, {})).status).toBe(202);
  });
});

describe("tokens", () => {
  const now = () => Math.floor(Date.now() / 1000);
  const claims = { sub: "ada", iss: "https://issuer.example", aud: "weft" };
  const rules = { issuer: claims.iss, audience: claims.aud };
  const signed = (key: Parameters<SignJWT["sign"]>[0], alg: string, over: object = {}, kid?: string) =>
    new SignJWT({ ...claims, exp: now() + 60, ...over }).setProtectedHeader({ alg, ...(kid ? { kid } : {}) }).sign(key);
  const statusOf = async (path: string, token: string) =>
    (await call("POST", path, {}, { authorization: `Bearer ${token}` })).status;

  it("with a shared secret are taken in their time, for their audience, and by their algorithm", async () => {
    const secret = "a shared secret of thirty-two bytes";
    const key = new TextEncoder().encode(secret);
    const { path } = await hook({ ...lastNode, auth: { type: "jwt", algorithms: ["HS256"], secret, ...rules } });
    expect(await statusOf(path, await signed(key, "HS256"))).toBe(200);
    const refused = [
      await signed(key, "HS512"),
      await signed(key, "HS256", { exp: now() - 120 }),
      await signed(key, "HS256", { nbf: now() + 120 }),
      await signed(key, "HS256", { exp: undefined }),
      await signed(key, "HS256", { aud: "other" }),
      await signed(key, "HS256", { iss: "other" }),
      await signed(new TextEncoder().encode(`${secret}x`), "HS256"),
      new UnsecuredJWT({ ...claims, exp: now() + 60 }).encode(),
      "rubbish",
    ];
    for (const token of refused) expect([token, await statusOf(path, token)]).toEqual([token, 401]);
    expect(await statusOf(path, await signed(key, "HS256", { exp: now() - 30 }))).toBe(200);
  });

  it("with a public key are not taken when that key is made a shared secret of", async () => {
    const { publicKey, privateKey } = await generateKeyPair("RS256", { extractable: true });
    const pem = await exportSPKI(publicKey);
    const { path } = await hook({
      ...lastNode,
      auth: { type: "jwt", algorithms: ["RS256", "PS256"], publicKey: pem, ...rules },
    });
    expect(await statusOf(path, await signed(privateKey, "RS256"))).toBe(200);
    for (const text of [pem, pem.trim(), pem.replaceAll("\n", "")]) {
      expect(await statusOf(path, await signed(new TextEncoder().encode(text), "HS256"))).toBe(401);
    }
    expect(await statusOf(path, new UnsecuredJWT({ ...claims, exp: now() + 60 }).encode())).toBe(401);
  });

  it("are checked against the keys that the issuer publishes, fetched once and again for a new one", async () => {
    const first = await generateKeyPair("ES256", { extractable: true });
    const other = await generateKeyPair("ES256", { extractable: true });
    keys = [
      { ...(await exportJWK(first.publicKey)), kid: "1" },
      { kty: "oct", k: Buffer.from("oct").toString("base64url"), kid: "o" },
    ];
    const jwksUrl = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}/jwks`;
    const { path } = await hook({
      ...lastNode,
      input: '{ "body": claims.sub }',
      auth: { type: "jwt", algorithms: ["ES256"], jwksUrl, ...rules },
    });
    const answer = await call(
      "POST",
      path,
      {},
      { authorization: `Bearer ${await signed(first.privateKey, "ES256", {}, "1")}` },
    );
    expect(answer.json.body).toBe("ada");
    const before = asked;
    expect(await statusOf(path, await signed(other.privateKey, "ES256", {}, "1"))).toBe(401);
    expect(await statusOf(path, await signed(other.privateKey, "ES256", {}, "2"))).toBe(401);
    expect(await statusOf(path, await signed(new TextEncoder().encode("oct"), "HS256", {}, "o"))).toBe(401);
    expect(asked - before).toBeLessThanOrEqual(2);
    await must(200, "GET", "/webhooks");
    const gone = await hook({ auth: { type: "jwt", algorithms: ["ES256"], jwksUrl: "http://127.0.0.1:1/jwks" } });
    expect(await statusOf(gone.path, await signed(first.privateKey, "ES256", {}, "1"))).toBe(503);
  });
});

describe("repeats", () => {
  const deliver = (path: string, secret: string, body: string, id: string, over: object = {}) =>
    call("POST", path, body, {
      "content-type": "application/json",
      "x-github-delivery": id,
      "x-hub-signature-256": githubSignature(secret, body),
      ...over,
    });

  it("of a signed delivery get its run, and what was recorded comes back under no other id", async () => {
    const secret = "It's a Secret to Everybody";
    const workflowId = await world.publish(echo);
    const { path } = await hook({ auth: { type: "github", secret } }, workflowId);
    const first = await deliver(path, secret, '{"a":1}', "d-1");
    expect(first.status).toBe(202);
    expect((await deliver(path, secret, '{"a":1}', "d-1")).json).toEqual(first.json);
    const replayed = await deliver(path, secret, '{"a":1}', "d-2");
    expect([replayed.status, replayed.json.error.code]).toEqual([409, "conflict"]);
    expect(
      (await deliver(path, secret, '{"a": 1}', "d-1", { "x-hub-signature-256": githubSignature(secret, '{"a":1}') }))
        .status,
    ).toBe(401);
    expect((await deliver(path, secret, '{"a":2}', "d-3")).json.executionId).not.toBe(first.json.executionId);
    expect(await executions(workflowId)).toHaveLength(2);
  });

  it("with one key, many at once, are one run; another body under it is refused", async () => {
    const workflowId = await world.publish(echo);
    const { path, id } = await hook(lastNode, workflowId);
    const key = { "idempotency-key": "order-1" };
    const answers = await Promise.all(Array.from({ length: 20 }, () => call("POST", path, { a: 1 }, key)));
    expect(
      new Set(answers.map(({ status, text }) => `${status} ${text.replace(/"headers":\{[^}]*\}/, "")}`)).size,
    ).toBe(1);
    expect(await executions(workflowId)).toHaveLength(1);
    expect((await call("POST", path, { a: 2 }, key)).status).toBe(409);
    expect((await call("POST", path, { a: 1 }, { "idempotency-key": "a b" })).status).toBe(400);
    const outcomes = (await must(200, "GET", `/webhooks/${id}/deliveries?limit=100`)).items.map(
      ({ outcome }: { outcome: string }) => outcome,
    );
    expect(outcomes.filter((one: string) => one === "started").length).toBeLessThanOrEqual(1);
    const off = await hook({ ...lastNode, idempotency: "off" }, workflowId);
    await call("POST", off.path, { a: 1 }, key);
    await call("POST", off.path, { a: 1 }, key);
    expect(await executions(workflowId)).toHaveLength(3);
  });

  it("of a run that failed start anew, of one that was cancelled do not", async () => {
    const ask = { id: "ask", type: "question", data: { config: { question: "Well?" } } };
    const between = (node: { id: string; type: string; data: object }) =>
      world.publish(row({ id: "start", type: "start", data: {} }, node, { id: "end", type: "end", data: {} }));
    const key = { "idempotency-key": "k" };
    const stop = { id: "stop", type: "stop_with_error", data: { config: { message: "no" } } };
    const ends = [
      { id: "start", type: "start", data: {} },
      { id: "end", type: "end", data: {} },
    ];
    const broken = await world.publish({
      nodes: [...ends, stop],
      edges: ["stop", "end"].map((target) => ({ source: "start", target })),
    });
    const { path } = await hook(lastNode, broken);
    const [one, two] = [await call("POST", path, {}, key), await call("POST", path, {}, key)];
    expect([one.status, two.status]).toEqual([500, 500]);
    expect(await executions(broken)).toHaveLength(2);
    const asking = await hook({}, await between(ask));
    const first = (await call("POST", asking.path, {}, key)).json;
    const waiting = () => must(200, "GET", `/executions/${first.executionId}`);
    await until(waiting, ({ status }) => status === "waiting");
    await must(202, "POST", `/executions/${first.executionId}/cancel`);
    expect((await call("POST", asking.path, {}, key)).json.executionId).toBe(first.executionId);
  });
});

describe("two spaces with webhooks of the same path", () => {
  it("never cross, whatever part of the address is changed", async () => {
    const other = await world.world.signUp();
    const theirs = await world.publish(
      row({ id: "start", type: "start", data: {} }, { id: "end", type: "end", data: {} }),
      other,
    );
    const routes = [{ methods: ["POST"], path: "/orders/{id}" }];
    const mine = await hook({ ...lastNode, routes });
    const made = await world.hook(theirs, { ...lastNode, routes }, other);
    expect((await call("POST", `${mine.path}/orders/1`, {})).json.path).toBe("/orders/1");
    expect((await call("POST", `${made.path}/orders/1`, {})).json).toEqual({});
    const last = mine.id.at(-1) === "0" ? "1" : "0";
    for (const path of [
      `/hooks/${mine.id.slice(0, -1)}${last}/orders/1`,
      "/hooks/orders/1",
      `/hooks/${mine.id.toUpperCase()}/orders/1`,
    ]) {
      expect((await call("POST", path, {})).status).toBeGreaterThanOrEqual(400);
    }
    const started = (await call("POST", `${made.path}/orders/1`, {}, { "idempotency-key": "same" })).status;
    expect([started, (await call("POST", `${mine.path}/orders/1`, {}, { "idempotency-key": "same" })).status]).toEqual([
      200, 200,
    ]);
    const immediate = await world.hook(theirs, { routes }, other);
    const { statusUrl } = (await call("POST", `${immediate.path}/orders/1`, {})).json;
    expect((await call("GET", statusUrl)).status).toBe(200);
    expect((await call("GET", statusUrl.replace(immediate.id, mine.id))).status).toBe(404);
    const stolen = { token: other.token, body: { name: "x", workflowId: echoing } };
    expect((await world.world.call("POST", `/api/spaces/${other.spaceId}/webhooks`, stolen)).status).toBe(404);
    const moved = { token: other.token, body: { workflowId: echoing } };
    expect((await world.world.call("PATCH", `/api/spaces/${other.spaceId}/webhooks/${made.id}`, moved)).status).toBe(
      404,
    );
  });
});
