import type { JwtRules, JwtVerifier } from "@weft/core/trigger/webhook.auth";
import type { HttpRequest, HttpResponse } from "@weft/engine/node";
import { AppError, messageOf } from "@weft/kernel/errors";
import {
  createLocalJWKSet,
  errors,
  importSPKI,
  type JSONWebKeySet,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
  jwtVerify,
} from "jose";

/** Keys of an issuer are taken to be its keys for this long. */
const KEYS_MS = 10 * 60_000;
/** A token with a key that nobody knows makes the issuer be asked again, but not more often than this. */
const COOLDOWN_MS = 30_000;
const FETCH_TIMEOUT_MS = 5_000;
const MAX_KEYS_BYTES = 512 * 1024;
const MAX_ISSUERS = 200;
const MAX_TOKEN = 16_384;

interface Keys {
  get: JWTVerifyGetKey;
  at: number;
}

export interface JwtDeps {
  http: { request(request: HttpRequest): Promise<HttpResponse> };
}

/** Checks tokens with jose. Algorithms are those of the rules alone, never what a token asks for. */
export function jwtVerifier({ http }: JwtDeps): JwtVerifier {
  const issuers = new Map<string, Keys>();

  const keysOf = async (url: string, now: number, maxAgeMs: number): Promise<Keys> => {
    const known = issuers.get(url);
    if (known && now - known.at < maxAgeMs) return known;
    const keys = { get: createLocalJWKSet(await fetchKeys(http, url)), at: now };
    issuers.delete(url);
    issuers.set(url, keys);
    for (const oldest of issuers.keys()) {
      if (issuers.size <= MAX_ISSUERS) break;
      issuers.delete(oldest);
    }
    return keys;
  };

  return {
    async verify(token, rules) {
      if (token.length > MAX_TOKEN) return { refused: "the token is too long" };
      const options = optionsOf(rules);
      const { keys, now } = rules;
      try {
        if ("secrets" in keys) return await bySecret(token, keys.secrets, options);
        if ("pem" in keys) {
          const { payload } = await jwtVerify(token, ({ alg = "" }) => importSPKI(keys.pem, alg), options);
          return { claims: payload };
        }
        const known = await keysOf(keys.jwksUrl, now, KEYS_MS);
        try {
          return { claims: (await jwtVerify(token, known.get, options)).payload };
        } catch (thrown) {
          // The issuer may have changed its keys since.
          if (!(thrown instanceof errors.JWKSNoMatchingKey) || now - known.at < COOLDOWN_MS) throw thrown;
          const fresh = await keysOf(keys.jwksUrl, now, COOLDOWN_MS);
          return { claims: (await jwtVerify(token, fresh.get, options)).payload };
        }
      } catch (thrown) {
        if (thrown instanceof AppError) throw thrown;
        return { refused: messageOf(thrown) };
      }
    },
  };
}

async function bySecret(token: string, secrets: readonly string[], options: JWTVerifyOptions) {
  let refused = "there is no secret";
  for (const secret of secrets) {
    try {
      return { claims: (await jwtVerify(token, new TextEncoder().encode(secret), options)).payload };
    } catch (thrown) {
      refused = messageOf(thrown);
    }
  }
  return { refused };
}

function optionsOf(rules: JwtRules): JWTVerifyOptions {
  return {
    algorithms: [...rules.algorithms],
    clockTolerance: rules.leewaySeconds,
    currentDate: new Date(rules.now),
    ...(rules.issuer === undefined ? {} : { issuer: rules.issuer }),
    ...(rules.audience === undefined ? {} : { audience: rules.audience }),
    ...(rules.requiresExpiry ? { requiredClaims: ["exp"] } : {}),
  };
}

async function fetchKeys(http: JwtDeps["http"], url: string): Promise<JSONWebKeySet> {
  const signal = AbortSignal.timeout(FETCH_TIMEOUT_MS);
  const request = { method: "GET", url, headers: { accept: "application/json" }, timeoutMs: FETCH_TIMEOUT_MS, signal };
  try {
    const { status, body } = await http.request({ ...request, maxBytes: MAX_KEYS_BYTES });
    if (status !== 200) throw new Error(`answered ${status}`);
    const set = JSON.parse(Buffer.from(body).toString("utf8")) as JSONWebKeySet;
    // A shared secret has no place among published keys.
    return { keys: set.keys.filter(({ kty }) => kty !== "oct") };
  } catch (cause) {
    throw new AppError("unavailable", "the issuer's keys cannot be had now", { cause, retryable: true });
  }
}
