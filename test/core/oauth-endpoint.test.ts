import { askForTokens, type Grant } from "@weft/core/credential/oauth-endpoint";
import { type HttpRequest, type HttpResponse, NodeError } from "@weft/engine/node";
import { systemCtx } from "@weft/kernel/ctx";
import { describe, expect, it } from "vitest";

const DATA = {
  tokenUrl: "https://id.example.com/token",
  clientId: "client",
  clientSecret: "secret",
  clientAuthentication: "header" as const,
  scopes: [],
};
const GRANTS: Grant[] = [
  { grant_type: "client_credentials" },
  { grant_type: "refresh_token", refresh_token: "r" },
  { grant_type: "authorization_code", code: "c", redirect_uri: "https://x.example.com/", code_verifier: "v" },
];
const token = { access_token: "t", token_type: "Bearer" };

function ask(grant: Grant, ...script: (number | Error)[]) {
  const seen: HttpRequest[] = [];
  const request = async (item: HttpRequest): Promise<HttpResponse> => {
    const next = script[seen.push(item) - 1] ?? 200;
    if (next instanceof Error) throw next;
    const body = Buffer.from(JSON.stringify(next === 200 ? token : { error: "temporarily_unavailable" }));
    return { status: next, headers: {}, body };
  };
  return { seen, tokens: askForTokens(systemCtx("test"), { http: { request } }, DATA as never, grant) };
}
const unreachable = (phase: string) => new NodeError("unreachable", phase, { details: { phase } });

describe("a token URL", () => {
  it.each(GRANTS)("is asked again by $grant_type where nothing of the request had left", async (grant) => {
    const { seen, tokens } = ask(grant, unreachable("connect"), unreachable("resolve"));
    expect(await tokens).toMatchObject({ accessToken: "t" });
    expect(seen.map(({ body }) => body)).toEqual(Array(3).fill(seen[0]?.body));
    expect(seen[0]?.allowedHosts).toEqual(["id.example.com"]);
  });

  it.each([503, 429, 500])("is asked again after %i only for what is not used up by asking", async (status) => {
    const [own, ...once] = GRANTS as [Grant, ...Grant[]];
    const again = ask(own, status);
    expect(await again.tokens).toMatchObject({ accessToken: "t" });
    expect(again.seen).toHaveLength(2);
    for (const grant of once) {
      const { seen, tokens } = ask(grant, status);
      // A later run may try; nobody has to connect again for it.
      await expect(tokens).rejects.toMatchObject({ code: "credential_unreachable", retryable: true });
      expect(seen).toHaveLength(1);
    }
  });

  it("is not asked again after a failure on the way for what may be used up", async () => {
    for (const grant of GRANTS.slice(1)) {
      const { seen, tokens } = ask(grant, unreachable("exchange"));
      await expect(tokens).rejects.toMatchObject({ code: "unreachable" });
      expect(seen).toHaveLength(1);
    }
  });

  it("that refuses is not asked again", async () => {
    for (const grant of GRANTS) {
      const { seen, tokens } = ask(grant, 400);
      expect(await tokens).toEqual({ error: "temporarily_unavailable" });
      expect(seen).toHaveLength(1);
    }
  });
});
