import { createHash, randomBytes } from "node:crypto";
import { expiresIn, isExpired } from "@weft/db/base";
import { getLive } from "@weft/db/change";
import { tryWrite, write } from "@weft/db/write";
import { NodeError } from "@weft/engine/node";
import { isoTime } from "@weft/kernel/clock";
import { type Ctx, requireSpace, requireUser, systemCtx } from "@weft/kernel/ctx";
import { AppError, invalidField } from "@weft/kernel/errors";
import { type Id, newId } from "@weft/kernel/ids";
import { authorize as mayStill } from "../identity/authorize.service.ts";
import { newSecret, readToken, sameHash } from "../identity/secret.ts";
import type { CredentialDeps } from "./credential.deps.ts";
import { OAuthStateEntity } from "./credential.entity.ts";
import { open } from "./credential.open.ts";
import type { Authorization, CredentialId } from "./credential.schema.ts";
import { target } from "./credential.service.ts";
import { storeTokens } from "./credential.tokens.ts";
import { askForTokens } from "./oauth-endpoint.ts";
import type { OAuthData } from "./types/oauth2.ts";

/** How long a person may take to agree. */
const STATE_MS = 10 * 60_000;
const VERIFIER_BYTES = 32;

interface ConsentData extends OAuthData {
  authorizationUrl: string;
  issuer?: string;
  parameters: Record<string, string>;
}

/**
 * Where a person has to go to agree. The state in it is good once, for this person, credential and version; its secret is
 * kept as a hash, and PKCE's verifier sealed.
 */
export async function authorize(
  ctx: Ctx,
  deps: CredentialDeps,
  { credentialId, redirectUri }: { credentialId: CredentialId; redirectUri: string },
): Promise<Authorization> {
  const spaceId = requireSpace(ctx);
  const userId = requireUser(ctx);
  const row = await getLive(ctx, target(ctx, credentialId));
  const { type, version, data } = await openOrRefuse(ctx, deps, row);
  if (type.grant !== "authorization_code") {
    throw new AppError("unprocessable", `a credential of type ${type.type} needs nobody's consent`);
  }
  const { authorizationUrl, clientId, scopes, audience, parameters } = data as unknown as ConsentData;
  const now = ctx.clock.now();
  const oauthStateId = newId("oauthState", now);
  const { token: state, hash } = newSecret("oauthState", oauthStateId, [spaceId]);
  const verifier = randomBytes(VERIFIER_BYTES).toString("base64url");
  const sealed = await deps.sealer.seal({ spaceId, credentialId, version: oauthStateId }, verifier);
  const expiresAt = expiresIn(STATE_MS, now);
  const kept = { spaceId, oauthStateId, credentialId, userId, version, secretHash: hash, redirectUri };
  await write(() => OAuthStateEntity.create({ ...kept, verifier: sealed, expiresAt }).go());
  const url = new URL(authorizationUrl);
  const query = {
    ...parameters,
    response_type: "code",
    client_id: clientId,
    redirect_uri: redirectUri,
    state,
    code_challenge: createHash("sha256").update(verifier).digest("base64url"),
    code_challenge_method: "S256",
    ...(scopes.length > 0 ? { scope: scopes.join(" ") } : {}),
    ...(audience === undefined ? {} : { audience }),
  };
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  return { url: url.href, expiresAt: isoTime(expiresAt * 1000) };
}

/** What an authorization server sends a person's browser back with. */
export interface Callback {
  state: string;
  code?: string | undefined;
  error?: string | undefined;
  iss?: string | undefined;
}

/**
 * Takes a person's consent: uses the state up, and exchanges the code for tokens. Throws `invalid_input` for a state that
 * is not good or not any longer, `forbidden` where its person may no longer do this, `upstream` where the server refuses.
 */
export async function complete(ctx: Ctx, deps: CredentialDeps, callback: Callback): Promise<void> {
  const used = await spend(ctx, callback.state);
  const spaceId = used.spaceId as Id<"space">;
  const inSpace: Ctx = { ...systemCtx("oauth", { spaceId, clock: ctx.clock, requestId: ctx.requestId }) };
  await requireStillAllowed(ctx, spaceId, used.userId as Id<"user">);
  if (callback.code === undefined) throw new AppError("upstream", "the authorization server gave no consent");
  const credentialId = used.credentialId as CredentialId;
  const opened = await openOrRefuse(inSpace, deps, await getLive(inSpace, target(inSpace, credentialId)));
  const data = opened.data as unknown as ConsentData;
  if (opened.version !== used.version) throw stateRefused();
  // The answer of another server than the one that was asked (RFC 9207).
  if (callback.iss !== undefined && data.issuer !== undefined && callback.iss !== data.issuer) throw stateRefused();
  const verifier = await deps.sealer.open({ spaceId, credentialId, version: used.oauthStateId }, used.verifier);
  const { code } = callback;
  const grant = {
    grant_type: "authorization_code",
    code,
    redirect_uri: used.redirectUri,
    code_verifier: verifier,
  } as const;
  const tokens = await asAppError(() => askForTokens(inSpace, deps, data, grant));
  if ("error" in tokens) throw new AppError("upstream", `the authorization server refused the code: ${tokens.error}`);
  await storeTokens(inSpace, deps, { credentialId, version: used.version }, tokens);
}

/** Finds a state and uses it up: of two callbacks with the same one, one fails. */
async function spend(ctx: Ctx, state: string) {
  const found = readToken("oauthState", state);
  const [oauthStateId = "", spaceId = ""] = found?.ids ?? [];
  if (!found) throw stateRefused();
  const deleted = await tryWrite(() =>
    OAuthStateEntity.delete({ spaceId, oauthStateId })
      .where((attr, op) => op.eq(attr.secretHash, found.hash))
      .go({ response: "all_old" }),
  );
  const row = deleted?.data;
  if (!row?.secretHash || !sameHash(row.secretHash, found.hash) || isExpired(row, ctx.clock.now()))
    throw stateRefused();
  return row;
}

/** The browser that comes back carries no session: whoever began is asked about as they are now. */
async function requireStillAllowed(ctx: Ctx, spaceId: Id<"space">, userId: Id<"user">): Promise<void> {
  const person: Ctx = { ...ctx, actor: { type: "user", userId, sessionId: newId("session", ctx.clock.now()) } };
  await mayStill(person, { permission: "credential:write", spaceId, mutating: false });
}

function stateRefused(): AppError {
  return invalidField("state", "not valid, or not any longer");
}

const openOrRefuse = (...given: Parameters<typeof open>) => asAppError(() => open(...given));

async function asAppError<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    if (!(thrown instanceof NodeError)) throw thrown;
    const code = thrown.code.startsWith("credential_") && !thrown.retryable ? "unprocessable" : "upstream";
    throw new AppError(code, thrown.message, { cause: thrown });
  }
}
