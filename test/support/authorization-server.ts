import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import Provider from "oidc-provider";

export const CLIENT = { id: "weft", secret: "canary-client-secret-4711" };
export const REDIRECT_URI = "https://weft.example.com/prod/oauth/callback";

/** A real authorization server of this test file alone, with one person, who agrees to everything, and an API behind it. */
export interface AuthorizationServer {
  url: string;
  /** Grants that it gave, in their order. */
  grants: string[];
  /** Tokens with which its API was called, and whether each was good. */
  calls: { token: string; isGood: boolean }[];
  /** Opens an address as the person's browser does, and gives the one that it is sent back to. */
  agree(url: string): Promise<URL>;
  close(): Promise<void>;
}

export async function startAuthorizationServer(): Promise<AuthorizationServer> {
  const grants: string[] = [];
  const calls: AuthorizationServer["calls"] = [];
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const provider = new Provider(url, {
    clients: [
      {
        client_id: CLIENT.id,
        client_secret: CLIENT.secret,
        redirect_uris: [REDIRECT_URI],
        grant_types: ["authorization_code", "refresh_token", "client_credentials"],
      },
    ],
    scopes: ["openid", "offline_access", "api"],
    pkce: { required: () => true },
    rotateRefreshToken: true,
    issueRefreshToken: () => true,
    features: { devInteractions: { enabled: false }, clientCredentials: { enabled: true } },
    interactions: { url: (_ctx: unknown, { uid }: { uid: string }) => `/agree/${uid}` },
    findAccount: (_ctx: unknown, id: string) => ({ accountId: id, claims: () => ({ sub: id }) }),
    cookies: { keys: ["a key of this test"] },
    ttl: { AccessToken: 3_600, ClientCredentials: 3_600, Interaction: 600, Grant: 7_200, Session: 7_200 },
  });
  provider.on("grant.success", (ctx) => void grants.push(ctx.oidc.params.grant_type));
  const answer = provider.callback();
  server.on("request", async (request, response) => {
    if (request.url?.startsWith("/api")) {
      const token = String(request.headers.authorization ?? "").replace(/^Bearer /, "");
      const found = (await provider.AccessToken.find(token)) ?? (await provider.ClientCredentials.find(token));
      const isGood = found?.isValid === true;
      calls.push({ token, isGood });
      response.writeHead(isGood ? 200 : 401).end(`token ${token} of ${found?.accountId ?? "nobody"}`);
      return;
    }
    if (!request.url?.startsWith("/agree/")) return answer(request, response);
    const { params } = await provider.interactionDetails(request, response);
    const grant = new provider.Grant({ accountId: "ada", clientId: params.client_id });
    grant.addOIDCScope(params.scope ?? "");
    const consent = { grantId: await grant.save() };
    await provider.interactionFinished(request, response, { login: { accountId: "ada" }, consent });
  });
  return {
    url,
    grants,
    calls,
    agree: async (from) => {
      const cookies = new Map<string, string>();
      let at = new URL(from);
      for (let hop = 0; hop < 10; hop += 1) {
        const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
        const response = await fetch(at, { redirect: "manual", headers: { cookie } });
        for (const set of response.headers.getSetCookie()) {
          const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(set) ?? [];
          cookies.set(name, value);
        }
        const location = response.headers.get("location");
        if (location === null) throw new Error(`${at.pathname} answered ${response.status}: ${await response.text()}`);
        at = new URL(location, at);
        if (at.href.startsWith(REDIRECT_URI)) return at;
      }
      throw new Error("the authorization server sent the browser round and round");
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
