import { createHash } from "node:crypto";
import type { Ctx } from "@weft/kernel/ctx";
import { AppError, conflict, invalidField, unauthenticated } from "@weft/kernel/errors";
import type { APIGatewayProxyEvent } from "aws-lambda";
import * as z from "zod";
import { respond, type Stage } from "./answer.ts";
import { audit } from "./audit.ts";
import { log } from "./log.ts";
import { parseWith, queryObject } from "./parse.ts";
import { rawRequest } from "./raw.ts";
import { decodeParams, queryOf, readBody } from "./request.ts";
import { type Dialect, errorLog, jsonAnswer, type LambdaAnswer, toAppError } from "./respond.ts";
import type { Route } from "./route.ts";
import type { HttpServices, StoredAnswer } from "./services.ts";
import type { Call, RequestState } from "./state.ts";

/** When to ask again about a call that is still going on. */
const IN_PROGRESS_RETRY_SECONDS = 1;
const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,255}$/;

/** Serves one request by its route: identity, permission, input, the handler, audit, the answer. */
export async function serve(
  route: Route,
  services: HttpServices,
  dialect: Dialect,
  event: APIGatewayProxyEvent,
  state: RequestState,
): Promise<LambdaAnswer> {
  state.operation = route.operationId;
  const call: Call = { params: {}, query: {}, body: undefined, bodyHash: "" };
  try {
    await admit(route, services, event, state, call);
    if (route.raw) call.request = rawRequest(event);
    else await readInput(route, event, state, call);
    return await answer({ route, services, dialect, state, call });
  } catch (thrown) {
    const error = toAppError(thrown);
    await audit(route, services, state, call, { status: error.status, error });
    throw thrown;
  }
}

/**
 * Who may not go on is refused here, before anything but the space is looked at: to a stranger nothing in a space is
 * well or badly formed.
 */
async function admit(
  route: Route,
  services: HttpServices,
  event: APIGatewayProxyEvent,
  state: RequestState,
  call: Call,
): Promise<void> {
  const { ctx } = state;
  if (route.permission !== "public" && ctx.actor.type === "public") throw unauthenticated();
  const raw = event.pathParameters ?? {};
  const spaceId = spaceOf(route, raw);
  if (route.permission !== "public") {
    await services.authorize(ctx, {
      permission: route.permission,
      mutating: route.mutating,
      ...(spaceId ? { spaceId } : {}),
    });
    if (spaceId) ctx.spaceId = spaceId;
  }
  call.params = parseWith(route.params, decodeParams(raw), "path");
  const decision = await services.rateLimit?.(ctx, { operation: route.operationId });
  if (decision && !decision.allowed) {
    throw new AppError("rate_limited", "too many requests", {
      details: { retryAfterSeconds: decision.retryAfterSeconds },
    });
  }
}

const spaceSchemas = new WeakMap<Route, z.ZodType<Record<string, unknown>>>();

/** Made once a route: making a schema costs far more than using it. */
function spaceSchema(route: Route): z.ZodType<Record<string, unknown>> {
  const schema = spaceSchemas.get(route) ?? z.object({ spaceId: route.params.shape.spaceId as z.ZodType });
  spaceSchemas.set(route, schema);
  return schema;
}

function spaceOf(route: Route, raw: Readonly<Record<string, string | undefined>>): Ctx["spaceId"] {
  if (!route.paramNames.includes("spaceId")) return undefined;
  const { spaceId } = decodeParams({ spaceId: raw.spaceId });
  return parseWith(spaceSchema(route), { spaceId }, "path").spaceId as Ctx["spaceId"];
}

async function readInput(route: Route, event: APIGatewayProxyEvent, state: RequestState, call: Call): Promise<void> {
  call.query = parseWith(
    route.query as z.ZodType<Record<string, unknown>>,
    queryObject(route.query, queryOf(event)),
    "query",
  );
  const { value, raw } = await readBody(route, event, state.headers);
  if (!route.body) {
    const isEmpty =
      value === undefined || (typeof value === "object" && value !== null && Object.keys(value).length === 0);
    if (!isEmpty && route.unknownFields !== "strip") throw invalidField("body", "this call takes no body");
    return;
  }
  call.body = parseWith(route.body, value, "body");
  call.bodyHash = createHash("sha256").update(raw).digest("base64url");
}

async function answer(stage: Stage): Promise<LambdaAnswer> {
  const { route, services, state, call } = stage;
  const key = state.headers["idempotency-key"];
  if (!route.idempotent || key === undefined) return respond(stage);
  if (!IDEMPOTENCY_KEY.test(key)) throw invalidField("idempotency-key", "expected 1 to 255 visible ASCII characters");
  const bodyHash = createHash("sha256")
    .update(JSON.stringify([call.params, call.query, call.bodyHash]))
    .digest("base64url");
  const found = await services.idempotency.begin(state.ctx, { operation: route.operationId, key, bodyHash });
  if (found.state === "completed") return replay(found.result, state);
  if (found.state === "in_progress") {
    const details = { retryAfterSeconds: IN_PROGRESS_RETRY_SECONDS };
    throw conflict("a call with this idempotency key is in progress", { retryable: true, details });
  }
  try {
    return await respond({ ...stage, record: found.record });
  } catch (thrown) {
    await services.idempotency.fail(state.ctx, found.record).catch((cause: unknown) => {
      log.error("idempotency record not freed", { requestId: state.ctx.requestId, error: errorLog(cause) });
    });
    throw thrown;
  }
}

function replay(result: StoredAnswer, state: RequestState): LambdaAnswer {
  if (result.streamed) throw conflict("this call was already answered, as a stream");
  return jsonAnswer(result.status, result.body, state.ctx.requestId, { "idempotency-replayed": "true" });
}
