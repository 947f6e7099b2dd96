import { hostPatternOf } from "@weft/engine/http/hosts";
import { type HttpRetry, requestWithRetries, TRANSIENT_STATUSES } from "@weft/engine/http/retry";
import { type HttpRequest, NodeError } from "@weft/engine/node";
import type { Ctx } from "@weft/kernel/ctx";
import * as z from "zod";
import type { CredentialDeps } from "./credential.deps.ts";
import type { Tokens } from "./credential.tokens.ts";
import type { OAuthData } from "./types/oauth2.ts";

const TIMEOUT_MS = 10_000;
const MAX_BYTES = 256 * 1024;
/** Longest time to live that is believed: beyond it a number is nonsense. */
const MAX_SECONDS = 10 * 365 * 24 * 60 * 60;
const HTTP_OK = 200;
const HTTP_SERVER_ERROR = 500;
/** A code and a rotating refresh token are good once: asking again could take away what the first request got. */
const RETRY: HttpRetry = {
  attempts: 3,
  backoff: { delayMs: 250, backoffRate: 2, maxDelayMs: 2_000, jitter: true },
  statuses: TRANSIENT_STATUSES,
  respectRetryAfter: true,
};

/** The fields of one of OAuth 2's grants. */
export type Grant =
  | { grant_type: "client_credentials" }
  | { grant_type: "refresh_token"; refresh_token: string }
  | { grant_type: "authorization_code"; code: string; redirect_uri: string; code_verifier: string };

const Answer = z.object({
  access_token: z.string().min(1).max(20_000),
  token_type: z.string().regex(/^bearer$/i),
  refresh_token: z.string().min(1).max(20_000).optional(),
  // Some servers send a text.
  expires_in: z.coerce.number().min(0).max(MAX_SECONDS).optional(),
  scope: z.string().max(20_000).optional(),
});
const Refusal = z.object({ error: z.string().regex(/^[\x20-\x7e]{1,100}$/) });

/**
 * Asks a token URL (RFC 6749). What the server refuses is its error code; NodeError `credential_unreachable` where it gives
 * no answer that can be read. No text of the answer is passed on but the code.
 */
export async function askForTokens(
  ctx: Ctx,
  { http }: Pick<CredentialDeps, "http">,
  data: OAuthData,
  grant: Grant,
): Promise<Tokens | { error: string }> {
  const url = new URL(data.tokenUrl);
  const form = new URLSearchParams({ ...grant });
  const headers: Record<string, string> = {
    "content-type": "application/x-www-form-urlencoded",
    accept: "application/json",
  };
  if (grant.grant_type === "client_credentials") {
    if (data.scopes.length > 0) form.set("scope", data.scopes.join(" "));
    if (data.audience !== undefined) form.set("audience", data.audience);
  }
  if (data.clientSecret !== undefined && data.clientAuthentication === "header") {
    const pair = `${formEncoded(data.clientId)}:${formEncoded(data.clientSecret)}`;
    headers.authorization = `Basic ${Buffer.from(pair).toString("base64")}`;
  } else {
    form.set("client_id", data.clientId);
    if (data.clientSecret !== undefined) form.set("client_secret", data.clientSecret);
  }
  const request: HttpRequest = {
    method: "POST",
    url: url.href,
    headers,
    body: form.toString(),
    timeoutMs: TIMEOUT_MS,
    maxBytes: MAX_BYTES,
    signal: new AbortController().signal,
    allowedHosts: [hostPatternOf(url)],
  };
  const repeatable = grant.grant_type === "client_credentials";
  const world = { http, now: () => ctx.clock.now() };
  const { status, body } = await requestWithRetries(world, request, { ...RETRY, repeatable });
  const value = parse(body);
  const refusal = Refusal.safeParse(value);
  if (status >= HTTP_SERVER_ERROR || TRANSIENT_STATUSES.has(status))
    throw unreachable(`the token URL answered ${status}`);
  if (status !== HTTP_OK) return { error: refusal.success ? refusal.data.error : `HTTP ${status}` };
  const answer = Answer.safeParse(value);
  // GitHub answers 200 to what it refuses.
  if (!answer.success && refusal.success) return refusal.data;
  if (!answer.success) throw unreachable("the token URL gave no token");
  const { access_token, refresh_token, expires_in, scope } = answer.data;
  return {
    accessToken: access_token,
    ...(refresh_token === undefined ? {} : { refreshToken: refresh_token }),
    ...(expires_in === undefined ? {} : { expiresAt: ctx.clock.now() + expires_in * 1000 }),
    scopes: scope === undefined ? data.scopes : scope.split(" ").filter((one) => one !== ""),
  };
}

/** RFC 6749 §2.3.1: id and secret are form-encoded before they are joined. */
function formEncoded(text: string): string {
  return new URLSearchParams({ v: text }).toString().slice("v=".length);
}

function parse(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body));
  } catch {
    return undefined;
  }
}

function unreachable(message: string): NodeError {
  return new NodeError("credential_unreachable", message);
}
