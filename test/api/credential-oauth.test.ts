import { accessToken, storeTokens, Tokens, tokensVersion } from "@weft/core/credential/credential.tokens";
import { openSecret } from "@weft/core/platform/vault";
import { type Ctx, systemCtx } from "@weft/kernel/ctx";
import type { AwsServer } from "@weft/local/aws/server";
import type { DynamoServer } from "@weft/local/dynamo/server";
import type { ObjectsServer } from "@weft/local/objects/server";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type AuthorizationServer,
  CLIENT,
  REDIRECT_URI,
  startAuthorizationServer,
} from "../support/authorization-server.ts";
import { callApi } from "../support/call.ts";
import { startKms } from "../support/kms.ts";
import { startFiles } from "../support/objects.ts";
import { makePerson, makeSpace, type Person } from "../support/people.ts";
import { allRows } from "../support/rows.ts";
import { startTable } from "../support/table.ts";

process.env.WEFT_EGRESS_LOOPBACK = "allow";
process.env.RUN_WORKFLOW_ARN = "arn:aws:states:us-east-1:000000000000:stateMachine:RunWorkflow";
const { handler: credentials } = await import("../../functions/credential/index.ts");
const { handler: workflows } = await import("../../functions/workflow/index.ts");
const { credentialDeps, sealer } = await import("../../functions/outbound.ts");

let table: DynamoServer;
let files: ObjectsServer;
let kms: AwsServer;
let server: AuthorizationServer;
let ann: Person;
let spaceId = "";
let ctx: Ctx;

beforeAll(async () => {
  [table, files, kms, server] = await Promise.all([startTable(), startFiles(), startKms(), startAuthorizationServer()]);
  ann = await makePerson();
  spaceId = await makeSpace([{ person: ann, role: "owner" }]);
  ctx = { ...systemCtx("test"), spaceId: spaceId as never };
});
afterAll(async () => {
  await Promise.all([table.close(), files.close(), kms.close(), server.close()]);
});

const call = (method: string, path: string, body?: unknown, handler: unknown = credentials) =>
  callApi(handler as never, {
    method,
    path: `/api/spaces/${spaceId}${path}`,
    ...(body === undefined ? {} : { body }),
    authorizer: ann.authorizer,
  });
const callback = (url: URL | string) =>
  callApi(credentials as never, { path: `/oauth/callback${new URL(url).search}` });

let made = 0;
async function make(type: string, data: object = {}) {
  const own =
    type === "oauth2_authorization_code"
      ? { authorizationUrl: `${server.url}/auth`, issuer: server.url, parameters: { prompt: "consent" } }
      : {};
  const { status, json } = await call("POST", "/credentials", {
    name: `oauth ${++made}`,
    type,
    data: {
      tokenUrl: `${server.url}/token`,
      clientId: CLIENT.id,
      clientSecret: CLIENT.secret,
      scopes: type === "oauth2_authorization_code" ? ["openid", "offline_access"] : [],
      ...own,
      ...data,
    },
    allowedHosts: [server.url],
    testUrl: `${server.url}/api`,
  });
  expect([status, json.error]).toEqual([201, undefined]);
  return json;
}
const authorize = (id: string) => call("POST", `/credentials/${id}/authorize`, { redirectUri: REDIRECT_URI });

async function connected() {
  const { id } = await make("oauth2_authorization_code");
  const { json } = await authorize(id);
  expect((await callback(await server.agree(json.url))).status).toBe(200);
  return id as string;
}

async function tokensOf(credentialId: string): Promise<Tokens> {
  return Tokens.parse(await openSecret(ctx, sealer, { ownerId: credentialId, version: tokensVersion(1) }));
}

/** What time would do: the access token is over. */
async function expire(credentialId: string): Promise<void> {
  const tokens = await tokensOf(credentialId);
  await storeTokens(ctx, credentialDeps, { credentialId, version: 1 }, { ...tokens, expiresAt: Date.now() - 1_000 });
}

describe("consent", () => {
  it("connects a credential by code and PKCE, and the token is refreshed and rotated when it is over", async () => {
    const { id, status } = await make("oauth2_authorization_code");
    expect(status).toBe("unconnected");
    expect((await call("POST", `/credentials/${id}/test`)).json).toMatchObject({
      status: "failed",
      code: "credential_expired",
    });
    const { json } = await authorize(id);
    const query = new URL(json.url).searchParams;
    expect(Object.fromEntries(query)).toMatchObject({
      response_type: "code",
      client_id: CLIENT.id,
      redirect_uri: REDIRECT_URI,
      scope: "openid offline_access",
      prompt: "consent",
      code_challenge_method: "S256",
    });
    const back = await server.agree(json.url);
    const page = await callback(back);
    expect([page.status, page.headers["content-type"]]).toEqual([200, "text/html; charset=utf-8"]);
    expect(page.text).toContain("Connected");
    const view = (await call("GET", `/credentials/${id}`)).json;
    expect(view).toMatchObject({ status: "ready", connection: { scopes: ["openid", "offline_access"] } });
    expect((await call("POST", `/credentials/${id}/test`)).json).toMatchObject({
      status: "succeeded",
      statusCode: 200,
    });

    const before = await tokensOf(id);
    await expire(id);
    expect((await call("POST", `/credentials/${id}/test`)).json).toMatchObject({ status: "succeeded" });
    const after = await tokensOf(id);
    expect(after.accessToken).not.toBe(before.accessToken);
    expect(after.refreshToken).not.toBe(before.refreshToken);
    // The refresh token that came with it is the one that works next.
    await expire(id);
    expect((await call("POST", `/credentials/${id}/test`)).json).toMatchObject({ status: "succeeded" });
    const rows = JSON.stringify(await allRows());
    for (const secret of [before.accessToken, after.refreshToken, CLIENT.secret, query.get("state")]) {
      expect(rows).not.toContain(secret);
    }
  });

  it("takes a state once", async () => {
    const { id } = await make("oauth2_authorization_code");
    const { json } = await authorize(id);
    const back = await server.agree(json.url);
    const answers = await Promise.all([callback(back), callback(back)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 400]);
    expect((await callback(back)).status).toBe(400);
  });

  it("takes no state that is forged, of another server's answer, of an old version, or of one who may not any more", async () => {
    const { id } = await make("oauth2_authorization_code");
    const stateOf = async () => new URL((await authorize(id)).json.url).searchParams.get("state") ?? "";
    const state = await stateOf();
    const forged = `${state.slice(0, -1)}${state.endsWith("A") ? "B" : "A"}`;
    const at = (query: Record<string, string>) => callback(`https://x/?${new URLSearchParams(query)}`);
    for (const wrong of ["", "x", forged]) expect((await at({ state: wrong, code: "c" })).status).toBe(400);
    expect((await at({ state, code: "c", iss: "https://evil.example" })).status).toBe(400);
    // Used up by the one before.
    expect((await at({ state, code: "c" })).status).toBe(400);
    expect((await at({ state: await stateOf(), error: "access_denied" })).status).toBe(502);
    expect((await at({ state: await stateOf(), code: "not-a-code" })).status).toBe(502);
    const old = await stateOf();
    const data = { tokenUrl: `${server.url}/token`, authorizationUrl: `${server.url}/auth`, clientId: CLIENT.id };
    expect((await call("POST", `/credentials/${id}/rotate`, { data })).status).toBe(200);
    expect((await at({ state: old, code: "c" })).status).toBe(400);
    expect((await call("GET", `/credentials/${id}`)).json.status).toBe("unconnected");
  });

  it("forgets the tokens where a version is taken again", async () => {
    const id = await connected();
    const { data } = (await call("GET", `/credentials/${id}`)).json;
    await call("POST", `/credentials/${id}/rotate`, { data: { ...data, clientSecret: "another" } });
    const back = await call("POST", `/credentials/${id}/rollback`, { version: 1 });
    expect(back.json).toMatchObject({ version: 1, status: "unconnected" });
    expect((await call("POST", `/credentials/${id}/test`)).json.code).toBe("credential_expired");
  });

  it("is not asked for where none is needed", async () => {
    const { id } = await make("oauth2_client_credentials");
    expect((await authorize(id)).json.error.code).toBe("unprocessable");
  });
});

describe("tokens", () => {
  const canvas = (credentialId: string) => ({
    nodes: [
      { id: "start", type: "start", data: {} },
      { id: "ask", type: "http_request", data: { config: { url: `${server.url}/api`, credentialId } } },
      { id: "end", type: "end", data: { inputs: [{ name: "body", ref: "ask.body" }] } },
    ],
    edges: [
      { id: "a", source: "start", target: "ask" },
      { id: "b", source: "ask", target: "end" },
    ],
  });

  async function publish(credentialId: string): Promise<string> {
    const body = { name: `asks ${credentialId}`, canvas: canvas(credentialId) };
    const { json } = await call("POST", "/workflows", body, workflows);
    const published = await call("POST", `/workflows/${json.id}/publish`, { force: true }, workflows);
    expect([published.status, published.json.error]).toEqual([201, undefined]);
    return json.id;
  }
  const run = (workflowId: string) => call("POST", `/workflows/${workflowId}/run`, { mode: "sync" }, workflows);

  it("are refreshed once for 50 runs at once, and the answer's echo of the token is masked", async () => {
    const id = await connected();
    const workflowId = await publish(id);
    await expire(id);
    server.grants.length = 0;
    server.calls.length = 0;
    const runs = await Promise.all(Array.from({ length: 50 }, () => run(workflowId)));
    expect(runs.map(({ json }) => json.status)).toEqual(runs.map(() => "succeeded"));
    expect(server.grants).toEqual(["refresh_token"]);
    expect(server.calls).toHaveLength(50);
    expect(new Set(server.calls.map(({ token }) => token)).size).toBe(1);
    expect(server.calls.every(({ isGood }) => isGood)).toBe(true);
    for (const { json } of runs) expect(json.output.body).toBe("token [redacted] of ada");
  });

  it("are refreshed once for workers that share no memory", async () => {
    const id = await connected();
    await expire(id);
    server.grants.length = 0;
    const { data } = (await call("GET", `/credentials/${id}`)).json;
    const client = { credentialId: id, version: 1, grant: "authorization_code" as const };
    // Callers with the same question share an answer; these each have a question of their own.
    const ask = (refused: string) =>
      accessToken(ctx, credentialDeps, { ...client, data: { ...data, clientSecret: CLIENT.secret } }, refused);
    const tokens = await Promise.all(Array.from({ length: 20 }, (_, index) => ask(`refused-${index}`)));
    expect(new Set(tokens).size).toBe(1);
    expect(server.grants).toEqual(["refresh_token"]);
  });

  it("that the other side refuses before their time are renewed, once", async () => {
    const id = await connected();
    const tokens = await tokensOf(id);
    await storeTokens(
      ctx,
      credentialDeps,
      { credentialId: id, version: 1 },
      { ...tokens, accessToken: "revoked-token" },
    );
    server.calls.length = 0;
    expect((await call("POST", `/credentials/${id}/test`)).json).toMatchObject({ status: "succeeded" });
    expect(server.calls.map(({ isGood }) => isGood)).toEqual([false, true]);
  });

  it("that cannot be refreshed say so, typed, and the credential shows it until somebody connects it again", async () => {
    const id = await connected();
    const tokens = await tokensOf(id);
    const broken = { ...tokens, refreshToken: "used-up", expiresAt: Date.now() - 1_000 };
    await storeTokens(ctx, credentialDeps, { credentialId: id, version: 1 }, broken);
    const failed = (await run(await publish(id))).json;
    expect(failed).toMatchObject({ status: "failed", error: { code: "credential_expired", nodeId: "ask" } });
    expect((await call("GET", `/credentials/${id}`)).json.status).toBe("reconnect");
    const { json } = await authorize(id);
    await callback(await server.agree(json.url));
    expect((await call("GET", `/credentials/${id}`)).json.status).toBe("ready");
  });

  it("of a program are fetched when they are needed, and kept", async () => {
    for (const clientAuthentication of ["header", "body"] as const) {
      const { id } = await make("oauth2_client_credentials", { clientAuthentication });
      server.grants.length = 0;
      const tests = await Promise.all([1, 2, 3].map(() => call("POST", `/credentials/${id}/test`)));
      expect(tests.map(({ json }) => json.status)).toEqual(tests.map(() => "succeeded"));
      expect(server.grants).toEqual(["client_credentials"]);
    }
    const { id } = await make("oauth2_client_credentials", { clientSecret: "wrong" });
    expect((await call("POST", `/credentials/${id}/test`)).json).toMatchObject({
      status: "failed",
      code: "credential_refused",
      message: expect.stringContaining("invalid_client"),
    });
  });
});
