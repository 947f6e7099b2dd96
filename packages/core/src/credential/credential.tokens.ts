import { acquire, type HeldLock, stillHeld, unlock } from "@weft/db/lock";
import { guarded, transact, tryWrite, tx } from "@weft/db/write";
import { NodeError } from "@weft/engine/node";
import { isoTime } from "@weft/kernel/clock";
import { type Ctx, requireSpace } from "@weft/kernel/ctx";
import { conflict } from "@weft/kernel/errors";
import * as z from "zod";
import { openSecret, putSecretOp } from "../platform/vault.ts";
import type { CredentialDeps } from "./credential.deps.ts";
import { CredentialEntity } from "./credential.entity.ts";
import { askForTokens, type Grant } from "./oauth-endpoint.ts";
import type { OAuthData } from "./types/oauth2.ts";

/** A token is not used any more this long before it ends: it has to last for the request that carries it. */
const EARLY_MS = 60_000;
/** How long one worker may take at the token URL; longer than the request's own limit. */
const LOCK_MS = 30_000;
/** How often, and how long apart, the others look whether the one who has the lock is done: for as long as the lock. */
const LOOKS = 120;
const LOOK_MS = 250;

/** Tokens as they are sealed. */
export const Tokens = z.object({
  accessToken: z.string(),
  refreshToken: z.string().optional(),
  /** Milliseconds since the epoch; absent where the server does not say. */
  expiresAt: z.number().optional(),
  scopes: z.array(z.string()),
});
export type Tokens = z.output<typeof Tokens>;

/** An OAuth 2 credential's version, opened. */
export interface OAuthClient {
  credentialId: string;
  version: number;
  grant: "authorization_code" | "client_credentials";
  data: OAuthData;
}

/** Where the tokens of a version are in the vault. */
export function tokensVersion(version: number): string {
  return `${version}.tokens`;
}

/**
 * An access token that is good now. Of workers that need a new one at once, one asks for it under a lock; the others wait
 * and read what it got. `refusedToken` is one that the other side does not take, whatever its time. Throws NodeError
 * `credential_expired` where a person has to connect again.
 */
export function accessToken(
  ctx: Ctx,
  deps: CredentialDeps,
  client: OAuthClient,
  refusedToken?: string,
): Promise<string> {
  const name = JSON.stringify([requireSpace(ctx), client.credentialId, client.version, refusedToken ?? null]);
  const running = asked.get(name);
  if (running) return running;
  const fresh = goodToken(ctx, deps, client, refusedToken).finally(() => asked.delete(name));
  asked.set(name, fresh);
  return fresh;
}

/** Callers of this process who ask for the same at once share one answer. */
const asked = new Map<string, Promise<string>>();

async function goodToken(
  ctx: Ctx,
  deps: CredentialDeps,
  client: OAuthClient,
  refusedToken: string | undefined,
): Promise<string> {
  const isGood = (tokens: Tokens | undefined): tokens is Tokens =>
    tokens !== undefined &&
    tokens.accessToken !== refusedToken &&
    (tokens.expiresAt === undefined || tokens.expiresAt - EARLY_MS > ctx.clock.now());
  for (let look = 0; look < LOOKS; look += 1) {
    const tokens = await readTokens(ctx, deps, client);
    if (isGood(tokens)) return tokens.accessToken;
    const name = `credential-tokens:${client.credentialId}`;
    const held = await acquire(ctx.clock, { scope: requireSpace(ctx), name }, { ttlMs: LOCK_MS });
    if (held) {
      try {
        // Somebody may have been done between the look and the lock.
        const latest = await readTokens(ctx, deps, client);
        return isGood(latest) ? latest.accessToken : await renew(ctx, deps, client, latest, held);
      } finally {
        await unlock(held);
      }
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS * (0.5 + Math.random())));
  }
  throw new NodeError("credential_busy", "the credential's token is being renewed and did not come in time");
}

async function readTokens(ctx: Ctx, deps: CredentialDeps, client: OAuthClient): Promise<Tokens | undefined> {
  const version = tokensVersion(client.version);
  const value = await openSecret(ctx, deps.sealer, { ownerId: client.credentialId, version });
  return value === undefined ? undefined : Tokens.parse(value);
}

async function renew(
  ctx: Ctx,
  deps: CredentialDeps,
  client: OAuthClient,
  before: Tokens | undefined,
  held: HeldLock,
): Promise<string> {
  const grant = grantOf(client, before);
  if (!grant) throw reconnect(client);
  const answer = await askForTokens(ctx, deps, client.data, grant);
  if ("error" in answer) {
    // Anything else may be a fault of the moment, which a person need not mend.
    if (answer.error !== "invalid_grant" || client.grant !== "authorization_code") {
      throw new NodeError("credential_refused", `the token URL refused the credential: ${answer.error}`, {
        retryable: false,
      });
    }
    await markRefused(ctx, client);
    throw reconnect(client);
  }
  // A server that does not rotate refresh tokens sends none.
  const tokens = { ...(before?.refreshToken ? { refreshToken: before.refreshToken } : {}), ...answer };
  await storeTokens(ctx, deps, client, tokens, held);
  return tokens.accessToken;
}

function grantOf(client: OAuthClient, before: Tokens | undefined): Grant | undefined {
  if (client.grant === "client_credentials") return { grant_type: "client_credentials" };
  if (before?.refreshToken === undefined) return undefined;
  return { grant_type: "refresh_token", refresh_token: before.refreshToken };
}

/** Keeps tokens of a version, if it is still the credential's current one, and shows that it is connected. */
export async function storeTokens(
  ctx: Ctx,
  deps: CredentialDeps,
  client: Pick<OAuthClient, "credentialId" | "version">,
  tokens: Tokens,
  held?: HeldLock,
): Promise<void> {
  const { credentialId, version } = client;
  const connection = {
    connectedAt: isoTime(ctx.clock.now()),
    expiresAt: tokens.expiresAt === undefined ? null : isoTime(tokens.expiresAt),
    scopes: tokens.scopes,
  };
  // Not a change of the credential: its revision stays.
  const shown = tx(CredentialEntity)
    .patch({ spaceId: requireSpace(ctx), credentialId })
    .set({ connection })
    .remove(["needsReconnect"])
    .where((attr, op) => op.eq(attr.currentVersion, version))
    .commit();
  await transact([
    guarded(shown, () => conflict("the credential was changed meanwhile")),
    await putSecretOp(ctx, deps.sealer, { ownerId: credentialId, version: tokensVersion(version) }, tokens),
    ...(held ? [stillHeld(held)] : []),
  ]);
}

async function markRefused(ctx: Ctx, { credentialId, version }: OAuthClient): Promise<void> {
  await tryWrite(() =>
    CredentialEntity.patch({ spaceId: requireSpace(ctx), credentialId })
      .set({ needsReconnect: true })
      .where((attr, op) => op.eq(attr.currentVersion, version))
      .go(),
  );
}

function reconnect({ credentialId }: OAuthClient): NodeError {
  const message = `credential ${credentialId} has no access any more: it has to be connected again`;
  return new NodeError("credential_expired", message, { retryable: false, details: { credentialId, reconnect: true } });
}
