import middy from "@middy/core";
import { executionModeStreamifyResponse } from "@middy/core/StreamifyResponse";
import httpRouter from "@middy/http-router";
import { systemClock } from "@weft/kernel/clock";
import type { Ctx } from "@weft/kernel/ctx";
import { AppError } from "@weft/kernel/errors";
import { newId } from "@weft/kernel/ids";
import type { APIGatewayProxyEvent, StreamifyHandler } from "aws-lambda";
import { actorOf } from "./authenticate.ts";
import { log } from "./log.ts";
import { GREEDY } from "./raw.ts";
import { headersOf } from "./request.ts";
import {
  type Dialect,
  errorAnswer,
  errorLog,
  jsonAnswer,
  type LambdaAnswer,
  nativeDialect,
  toAppError,
} from "./respond.ts";
import type { Method, Route } from "./route.ts";
import { serve } from "./serve.ts";
import type { HttpServices } from "./services.ts";
import type { RequestState } from "./state.ts";

/** Time kept back to answer `timeout` before Lambda ends the function without an answer. */
const TIMEOUT_RESERVE_MS = 500;

/** What differs between one API and another. */
export interface ApiOptions {
  /** How failures are worded. The native API's envelope by default. */
  dialect?: Dialect;
}

type StateOf = WeakMap<object, RequestState>;

/** Static segments before parameters: the router takes the first route that matches. */
function bySpecificity(a: Route, b: Route): number {
  const key = (route: Route): string => route.path.replace(/\{[^}]*\}/g, "~");
  return key(a) < key(b) ? -1 : 1;
}

function checkDuplicates(routes: readonly Route[]): void {
  const seen = new Set<string>();
  for (const { method, path, operationId } of routes) {
    for (const key of [`${method} ${path.replace(/\{[^}]*\}/g, "{}")}`, operationId]) {
      if (seen.has(key)) throw new Error(`two routes for ${key}`);
      seen.add(key);
    }
  }
}

function pathMatcher(path: string): RegExp {
  const source = path
    .split("/")
    .map((part) =>
      part === GREEDY ? ".*" : part.startsWith("{") ? "[^/]+" : part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"),
    )
    .join("/");
  // A greedy parameter may be nothing at all, its slash included.
  return new RegExp(`^${source.replace(/\/\.\*$/, "(?:/.*)?")}/?$`);
}

/** Tells, for a request that no route takes, which methods its path has; OPTIONS is answered with them. */
function refusal(routes: readonly Route[]): (method: string, path: string) => string[] {
  const matchers = routes.map(({ method, path, stream }) => ({ method, stream, matcher: pathMatcher(path) }));
  return (method, path) => {
    const methods = matchers.filter(({ matcher }) => matcher.test(path));
    if (methods.length === 0) throw new AppError("not_found", "no such route");
    const allow = new Set<Method | "HEAD" | "OPTIONS">(methods.map((found) => found.method));
    if (methods.some((found) => found.method === "GET" && !found.stream)) allow.add("HEAD");
    allow.add("OPTIONS");
    const list = [...allow].sort();
    if (method === "OPTIONS") return list;
    throw new AppError("method_not_allowed", `this path takes ${list.join(", ")}`, { details: { allow: list } });
  };
}

function stateFor(event: APIGatewayProxyEvent, services: HttpServices): RequestState {
  const clock = services.clock ?? systemClock;
  const headers = headersOf(event);
  const identity = event.requestContext?.identity;
  const ctx: Ctx = {
    actor: actorOf(event.requestContext?.authorizer),
    requestId: event.requestContext?.requestId ?? newId("request", clock.now()),
    clock,
    ...(identity?.sourceIp ? { ip: identity.sourceIp } : {}),
    ...(headers["user-agent"] ? { userAgent: headers["user-agent"] } : {}),
  };
  return { ctx, headers, pending: undefined, operation: undefined, startedAt: clock.now() };
}

function logRequest(state: RequestState, event: APIGatewayProxyEvent, status: number): void {
  log.info("request", {
    requestId: state.ctx.requestId,
    operation: state.operation,
    method: event.httpMethod,
    status,
    durationMs: state.ctx.clock.now() - state.startedAt,
  });
}

function routerOf(routes: readonly Route[], services: HttpServices, dialect: Dialect, states: StateOf) {
  const allowed = refusal(routes);
  const raws = routes.filter(({ raw }) => raw).map((route) => ({ route, matcher: pathMatcher(route.path) }));
  const table = [...routes].sort(bySpecificity).map((route) => ({
    method: route.method,
    path: route.path,
    handler: (event: APIGatewayProxyEvent) => serve(route, services, dialect, event, mustHave(states, event)),
  }));
  const router = httpRouter<APIGatewayProxyEvent, never>({
    routes: table as never,
    // The router throws where it can; what it hands here matches no route of this method.
    notFoundResponse: ({ method, path }) => allowed(method, path),
  });
  return async (event: APIGatewayProxyEvent, context: never): Promise<LambdaAnswer> => {
    const state = mustHave(states, event);
    const raw = rawFor(event, routes, raws);
    if (raw) return serve(raw, services, dialect, event, state);
    const isHead = event.httpMethod === "HEAD";
    // A stream would run for a caller who wants none of it.
    if (isHead && !allowed("OPTIONS", event.path).includes("HEAD")) allowed("HEAD", event.path);
    if (isHead) event.httpMethod = "GET";
    const result: unknown = await router(event, context, undefined as never);
    if (Array.isArray(result)) return jsonAnswer(204, undefined, state.ctx.requestId, { allow: result.join(", ") });
    const answer = result as LambdaAnswer;
    return isHead ? { ...answer, body: "" } : answer;
  };
}

/** The raw route that a HEAD or an OPTIONS goes to: nobody but its handler knows what there is. */
function rawFor(
  event: APIGatewayProxyEvent,
  routes: readonly Route[],
  raws: readonly { route: Route; matcher: RegExp }[],
): Route | undefined {
  if (raws.length === 0 || (event.httpMethod !== "HEAD" && event.httpMethod !== "OPTIONS")) return undefined;
  const isOther = routes.some(({ raw, path }) => !raw && pathMatcher(path).test(event.path));
  const found = isOther ? undefined : raws.find(({ matcher }) => matcher.test(event.path));
  if (!found) return undefined;
  const values = event.path.split("/");
  const names = found.route.path.split("/");
  const params = names.map((name, at): [string, string] => {
    const isRest = name === GREEDY;
    return [name.replace(/^\{|\+?\}$/g, ""), isRest ? values.slice(at).join("/") : (values[at] ?? "")];
  });
  event.pathParameters = Object.fromEntries(params.filter((_, at) => names[at]?.startsWith("{")));
  return found.route;
}

function mustHave(states: StateOf, event: object): RequestState {
  const state = states.get(event);
  if (!state) throw new Error("the pipeline lost its request");
  return state;
}

/**
 * Makes the Lambda handler of a list of routes. It must run while the module loads: Lambda recognises a streaming handler
 * by the mark that `awslambda.streamifyResponse` puts on it.
 */
export function defineApi(
  routes: readonly Route[],
  services: HttpServices,
  options: ApiOptions = {},
): StreamifyHandler<APIGatewayProxyEvent, void> {
  checkDuplicates(routes);
  const dialect = options.dialect ?? nativeDialect;
  const states: StateOf = new WeakMap();
  const api = middy<APIGatewayProxyEvent, LambdaAnswer>({
    executionMode: executionModeStreamifyResponse,
    timeoutEarlyInMillis: TIMEOUT_RESERVE_MS,
    requestEnd: (request: { event: object }) => states.get(request.event)?.pending,
  } as never);
  api.before((request) => {
    // The router reads the path's own parameters; those that API Gateway matched hold `proxy` and are decoded or not.
    request.event = { ...request.event, path: request.event.path || "/", pathParameters: null };
    states.set(request.event, stateFor(request.event, services));
  });
  api.after((request) => {
    logRequest(mustHave(states, request.event), request.event, request.response?.statusCode ?? 0);
  });
  api.onError((request) => {
    const state = states.get(request.event) ?? stateFor(request.event, services);
    const error = toAppError(request.error);
    if (error.status >= 500) {
      const { requestId } = state.ctx;
      log.error("request failed", { requestId, operation: state.operation, error: errorLog(request.error) });
    }
    request.response = errorAnswer(error, state.ctx.requestId, dialect);
    logRequest(state, request.event, request.response.statusCode);
  });
  api.handler(routerOf(routes, services, dialect, states) as never);
  return api as unknown as StreamifyHandler<APIGatewayProxyEvent, void>;
}
