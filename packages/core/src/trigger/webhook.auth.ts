import type { Ctx } from "@weft/kernel/ctx";
import { AppError } from "@weft/kernel/errors";
import type { Sealer } from "../platform/sealer.ts";
import type { JwtAlgorithm, WebhookAuth } from "./webhook.auth.schema.ts";
import type { WebhookRow } from "./webhook.entity.ts";
import { goodSecrets } from "./webhook.secret.ts";
import { isSame, type SignedRequest, verifySignature } from "./webhook.signature.ts";

/** What a token is checked against. */
export interface JwtRules {
  algorithms: readonly JwtAlgorithm[];
  /** Where the key is: shared secrets, a public key in PEM, or where the issuer publishes its own. */
  keys: { secrets: readonly string[] } | { pem: string } | { jwksUrl: string };
  issuer?: string | undefined;
  audience?: string | undefined;
  leewaySeconds: number;
  requiresExpiry: boolean;
  now: number;
}

/** Reads tokens; implemented outside of the domains. Throws `unavailable` where the issuer's keys cannot be had. */
export interface JwtVerifier {
  verify(token: string, rules: JwtRules): Promise<{ claims: Record<string, unknown> } | { refused: string }>;
}

export interface ProofDeps {
  sealer: Sealer;
  jwt: JwtVerifier;
}

/** What a caller's proof tells. */
export interface Proof {
  claims?: Record<string, unknown>;
  signature?: string;
}

/** Headers that hold what a caller proves itself by: no workflow sees them. */
const PROOF_HEADERS = [
  ...["authorization", "proxy-authorization", "cookie", "x-api-key", "x-hub-signature", "x-hub-signature-256"],
  ...["stripe-signature", "x-slack-signature", "x-shopify-hmac-sha256", "x-twilio-signature", "x-weft-upload"],
];

/**
 * Lets a caller in who proves itself as the webhook asks for. Throws `unauthenticated`, with words that are the same
 * whatever is wrong; the reason is its cause.
 */
export async function prove(ctx: Ctx, deps: ProofDeps, row: WebhookRow, request: SignedRequest): Promise<Proof> {
  const { auth } = row;
  if (auth.type === "none") return {};
  const secrets = await goodSecrets(ctx, deps.sealer, row);
  const now = ctx.clock.now();
  switch (auth.type) {
    case "basic":
      return compare(
        basicOf(request.headers.authorization),
        secrets.map((secret) => `${auth.username}:${secret}`),
      );
    case "bearer":
      return compare(bearerOf(request.headers.authorization), secrets);
    case "header":
      return compare(request.headers[auth.name.toLowerCase()], secrets);
    case "api_key":
      return compare(
        auth.in === "query" ? request.query[auth.name]?.[0] : request.headers[auth.name.toLowerCase()],
        secrets,
      );
    case "jwt": {
      const given = request.headers[auth.header.toLowerCase()];
      const token = auth.header.toLowerCase() === "authorization" ? bearerOf(given) : given;
      if (token === undefined) throw refused("the token is missing");
      const result = await deps.jwt.verify(token, { ...auth, keys: keysOf(auth, secrets), now });
      if ("refused" in result) throw refused(result.refused);
      return result;
    }
    default: {
      const verdict = verifySignature(auth, secrets, request, now);
      if ("refused" in verdict) throw refused(verdict.refused);
      return verdict;
    }
  }
}

/** Names of headers and of query parameters that carry a webhook's proof, in lower case and as they are. */
export function proofNames(auth: WebhookAuth): { headers: ReadonlySet<string>; query: ReadonlySet<string> } {
  const own = auth.type === "header" || (auth.type === "api_key" && auth.in === "header") ? [auth.name] : [];
  const further = auth.type === "jwt" || auth.type === "hmac" ? [auth.header] : [];
  return {
    headers: new Set([...PROOF_HEADERS, ...[...own, ...further].map((name) => name.toLowerCase())]),
    query: new Set(auth.type === "api_key" && auth.in === "query" ? [auth.name] : []),
  };
}

/** How a refused caller is asked to prove itself. */
export function challengeOf({ type }: WebhookAuth): string | undefined {
  if (type === "basic") return 'Basic realm="webhook", charset="UTF-8"';
  return type === "bearer" || type === "jwt" ? "Bearer" : undefined;
}

function keysOf(auth: Extract<WebhookAuth, { type: "jwt" }>, secrets: readonly string[]): JwtRules["keys"] {
  if (auth.jwksUrl !== undefined) return { jwksUrl: auth.jwksUrl };
  return auth.publicKey === undefined ? { secrets } : { pem: auth.publicKey };
}

function compare(given: string | undefined, expected: readonly string[]): Proof {
  if (given === undefined) throw refused("the proof is missing");
  // All of them, so that the time does not tell which one it is.
  const isRight = expected.map((right) => isSame(given, right)).includes(true);
  if (!isRight) throw refused("the proof is wrong");
  return {};
}

function basicOf(header: string | undefined): string | undefined {
  const encoded = /^basic +([A-Za-z0-9+/=_-]+)$/i.exec(header ?? "")?.[1];
  return encoded === undefined ? undefined : Buffer.from(encoded, "base64").toString("utf8");
}

function bearerOf(header: string | undefined): string | undefined {
  return /^bearer +(.+)$/i.exec(header ?? "")?.[1];
}

function refused(reason: string): AppError {
  return new AppError("unauthenticated", "the call could not be authenticated", { cause: new Error(reason) });
}
