import type { AppError } from "@weft/kernel/errors";
import { log } from "./log.ts";
import { errorLog } from "./respond.ts";
import type { Route } from "./route.ts";
import type { HttpServices } from "./services.ts";
import type { Call, RequestState } from "./state.ts";

function targetOf(route: Route, call: Call, value: unknown): string | undefined {
  const own = route.paramNames.filter((name) => name !== "spaceId").at(-1);
  if (own !== undefined) return call.params[own] === undefined ? undefined : String(call.params[own]);
  const id = typeof value === "object" && value !== null ? (value as { id?: unknown }).id : undefined;
  if (typeof id === "string") return id;
  return typeof call.params.spaceId === "string" ? call.params.spaceId : undefined;
}

/** One row per call that changes something. The call has happened whether or not its row can be written. */
export async function audit(
  route: Route,
  services: HttpServices,
  state: RequestState,
  call: Call,
  outcome: { status: number; error?: AppError; value?: unknown },
): Promise<void> {
  const { ctx } = state;
  if (!route.audit || ctx.actor.type === "public") return;
  const targetId = targetOf(route, call, outcome.value);
  try {
    await services.audit(ctx, {
      operation: route.operationId,
      method: route.method,
      path: route.path,
      status: outcome.status,
      durationMs: ctx.clock.now() - state.startedAt,
      arguments: { params: call.params, query: call.query, ...(route.confidential ? {} : { body: call.body }) },
      ...(targetId === undefined ? {} : { targetId }),
      ...(outcome.error ? { errorCode: outcome.error.code } : {}),
    });
  } catch (thrown) {
    log.error("operation log row not written", {
      requestId: ctx.requestId,
      operation: route.operationId,
      error: errorLog(thrown),
    });
  }
}
