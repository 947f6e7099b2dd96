import { type HttpRequest, type HttpResponse, NodeError } from "@weft/engine/node";
import type { Ctx } from "@weft/kernel/ctx";
import { messageOf } from "@weft/kernel/errors";
import type { SecretMask } from "@weft/kernel/mask";
import type { CredentialDeps } from "./credential.deps.ts";
import type { OpenCredential } from "./credential.open.ts";
import { accessToken, type OAuthClient } from "./credential.tokens.ts";
import type { OAuthData } from "./types/oauth2.ts";
import type { ApplyTools } from "./types/type.ts";

const TIMEOUT_MS = 10_000;
const MAX_BYTES = 256 * 1024;
const UNAUTHORIZED = 401;

/**
 * Sends a request with a credential, to its hosts alone. The secrets that it used are taken out of the answer and made
 * known to `mask`. A token that is refused before its time is renewed, once.
 */
export async function sendWith(
  ctx: Ctx,
  deps: CredentialDeps,
  credential: OpenCredential,
  given: HttpRequest,
  mask: SecretMask,
): Promise<HttpResponse> {
  let token: string | undefined;
  const once = async (refusedToken?: string): Promise<HttpResponse> => {
    const getToken = async () => {
      token = await tokenOf(ctx, deps, credential, refusedToken);
      return token;
    };
    return masked(deps, await applied(ctx, deps, credential, given, mask, getToken), mask);
  };
  const answer = await once();
  return answer.status === UNAUTHORIZED && token !== undefined ? once(token) : answer;
}

/**
 * The request with the credential on it, limited to the credential's hosts; its secrets are made known to `mask`. Throws
 * NodeError `credential_unsuitable` for a type that no HTTP request carries.
 */
export async function applied(
  ctx: Ctx,
  deps: CredentialDeps,
  credential: OpenCredential,
  given: HttpRequest,
  mask: SecretMask,
  getToken: () => Promise<string> = () => tokenOf(ctx, deps, credential, undefined),
): Promise<HttpRequest> {
  const { type } = credential;
  const apply = type.apply;
  if (!apply) {
    const message = `a credential of type ${type.type} cannot be sent with an HTTP request`;
    throw new NodeError("credential_unsuitable", message, { retryable: false });
  }
  mask.add(credential.secrets);
  const { request, secrets = [] } = await apply(given, credential.data, toolsOf(ctx, deps, given.signal, getToken));
  mask.add(secrets);
  return { ...request, allowedHosts: credential.allowedHosts };
}

async function masked(deps: CredentialDeps, request: HttpRequest, mask: SecretMask): Promise<HttpResponse> {
  let answer: HttpResponse;
  try {
    answer = await deps.http.request(request);
  } catch (thrown) {
    // The cause may hold the request.
    if (!(thrown instanceof NodeError)) throw request.signal.aborted ? thrown : new Error(mask.mask(messageOf(thrown)));
    const { code, message, retryable, details } = thrown;
    throw new NodeError(code, mask.mask(message), { retryable, details: mask.mask(details) });
  }
  const { status, headers, body } = answer;
  return { status, headers: mask.mask(headers), body: mask.maskBytes(body) };
}

function toolsOf(ctx: Ctx, deps: CredentialDeps, signal: AbortSignal, token: () => Promise<string>): ApplyTools {
  return {
    now: () => ctx.clock.now(),
    accessToken: token,
    signAws: deps.signAws,
    send: async (request, allowedHosts) => {
      const limits = { timeoutMs: TIMEOUT_MS, maxBytes: MAX_BYTES, signal };
      const { status, body } = await deps.http.request({ ...request, ...limits, allowedHosts });
      return { status, text: new TextDecoder().decode(body) };
    },
  };
}

function tokenOf(
  ctx: Ctx,
  deps: CredentialDeps,
  { credentialId, version, type, data }: OpenCredential,
  refusedToken: string | undefined,
): Promise<string> {
  if (!type.grant) throw new Error(`${type.type} has no tokens`);
  const client: OAuthClient = { credentialId, version, grant: type.grant, data: data as unknown as OAuthData };
  return accessToken(ctx, deps, client, refusedToken);
}
