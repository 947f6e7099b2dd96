import type { Clock } from "@weft/kernel/clock";
import type { LambdaPool } from "../lambda/pool.ts";
import { type ApiRequest, baseEvent, headerOf, methodArn } from "./event.ts";
import type { ApiAuthorizer, RestApi } from "./model.ts";
import { GatewayFailure } from "./responses.ts";
import type { Match } from "./router.ts";

interface Statement {
  Effect: string;
  Action: string | string[];
  Resource: string | string[];
}

interface Decision {
  principalId: string;
  statements: Statement[];
  context: Record<string, string>;
}

interface Cached {
  until: number;
  decision: Promise<Decision>;
}

/** Most cached decisions; the oldest goes first. */
const CACHE_ENTRIES = 10_000;

/** Runs Lambda authorizers and keeps their decisions for the time the template says, keyed by the identity source. */
export class Authorizers {
  readonly #api: RestApi;
  readonly #pool: LambdaPool;
  readonly #clock: Clock;
  readonly #cache = new Map<string, Cached>();

  constructor(api: RestApi, pool: LambdaPool, clock: Clock) {
    this.#api = api;
    this.#pool = pool;
    this.#clock = clock;
  }

  /** The authorizer's context for the event; throws the gateway failure when the request may not pass. */
  async authorize(authorizer: ApiAuthorizer, request: ApiRequest, match: Match): Promise<Record<string, unknown>> {
    const started = this.#clock.now();
    const identity = identityOf(authorizer, request);
    const caches = authorizer.ttlSeconds > 0 && authorizer.sources.length > 0;
    const missing = identity.some((value) => value === undefined || value === "");
    if (missing && (caches || authorizer.type === "TOKEN")) throw new GatewayFailure("UNAUTHORIZED");
    if (authorizer.validation && !authorizer.validation.test(identity[0] ?? ""))
      throw new GatewayFailure("UNAUTHORIZED");
    const decision = await this.#decide(authorizer, request, match, caches ? identity : undefined);
    const verdict = judge(decision.statements, methodArn(this.#api, request));
    if (verdict !== "allowed")
      throw new GatewayFailure("ACCESS_DENIED", verdict === "denied" ? EXPLICIT_DENY : undefined);
    const integrationLatency = this.#clock.now() - started;
    return { ...decision.context, principalId: decision.principalId, integrationLatency };
  }

  #decide(
    authorizer: ApiAuthorizer,
    request: ApiRequest,
    match: Match,
    identity: (string | undefined)[] | undefined,
  ): Promise<Decision> {
    if (!identity) return this.#invoke(authorizer, request, match);
    const key = JSON.stringify([authorizer.id, identity]);
    const cached = this.#cache.get(key);
    if (cached && cached.until > this.#clock.now()) return cached.decision;
    const decision = this.#invoke(authorizer, request, match);
    const entry = { until: this.#clock.now() + authorizer.ttlSeconds * 1000, decision };
    this.#cache.delete(key);
    this.#cache.set(key, entry);
    const [oldest] = this.#cache.keys();
    if (this.#cache.size > CACHE_ENTRIES && oldest !== undefined) this.#cache.delete(oldest);
    decision.catch(() => this.#cache.get(key) === entry && this.#cache.delete(key));
    return decision;
  }

  async #invoke(authorizer: ApiAuthorizer, request: ApiRequest, match: Match): Promise<Decision> {
    const arn = methodArn(this.#api, request);
    const event =
      authorizer.type === "TOKEN"
        ? { type: "TOKEN", methodArn: arn, authorizationToken: identityOf(authorizer, request)[0] }
        : { type: "REQUEST", methodArn: arn, ...baseEvent(this.#api, request, match) };
    const result = await this.#pool.invoke(authorizer.functionArn, JSON.stringify(event)).catch(() => undefined);
    if (!result) throw new GatewayFailure("AUTHORIZER_FAILURE");
    const payload: unknown = JSON.parse(result.payload);
    if (result.functionError) {
      const message = (payload as { errorMessage?: string }).errorMessage;
      throw new GatewayFailure(message === "Unauthorized" ? "UNAUTHORIZED" : "AUTHORIZER_FAILURE");
    }
    return readDecision(payload);
  }
}

const EXPLICIT_DENY = "User is not authorized to access this resource with an explicit deny";

function identityOf(authorizer: ApiAuthorizer, request: ApiRequest): (string | undefined)[] {
  return authorizer.sources.map((source) =>
    source.from === "header" ? headerOf(request, source.name) : request.query[source.name]?.at(-1),
  );
}

function readDecision(payload: unknown): Decision {
  const answer = payload as {
    principalId?: unknown;
    policyDocument?: { Statement?: unknown };
    context?: unknown;
  } | null;
  const statements = [answer?.policyDocument?.Statement ?? []].flat() as Statement[];
  const usable = typeof answer?.principalId === "string" && statements.length > 0;
  const context: Record<string, string> = {};
  for (const [name, value] of Object.entries((answer?.context as Record<string, unknown> | null) ?? {})) {
    if (typeof value === "object" && value !== null) throw new GatewayFailure("AUTHORIZER_CONFIGURATION_ERROR");
    if (value !== null && value !== undefined) context[name] = String(value);
  }
  if (!usable) throw new GatewayFailure("AUTHORIZER_CONFIGURATION_ERROR");
  return { principalId: String(answer?.principalId), statements, context };
}

function judge(statements: readonly Statement[], arn: string): "allowed" | "denied" | "silent" {
  const applying = statements.filter((statement) => {
    const actions = [statement.Action].flat();
    const resources = [statement.Resource].flat();
    return (
      actions.some((action) => matches(action, "execute-api:Invoke")) && resources.some((one) => matches(one, arn))
    );
  });
  if (applying.some((statement) => statement.Effect === "Deny")) return "denied";
  return applying.some((statement) => statement.Effect === "Allow") ? "allowed" : "silent";
}

/** IAM's wildcards: `*` for any run of characters, `?` for one. */
function matches(pattern: string, text: string): boolean {
  const source = pattern
    .replaceAll(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${source}$`, "i").test(text);
}
