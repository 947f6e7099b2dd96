import { Readable } from "node:stream";
import { audit } from "./audit.ts";
import { log } from "./log.ts";
import { Reply } from "./reply.ts";
import {
  type Dialect,
  errorLog,
  jsonAnswer,
  type LambdaAnswer,
  streamAnswer,
  textAnswer,
  toAppError,
} from "./respond.ts";
import type { Route } from "./route.ts";
import type { HttpServices, StoredAnswer } from "./services.ts";
import { openSse, type SseRun } from "./sse.ts";
import type { Call, RequestState } from "./state.ts";
import { streamingOf } from "./stream.ts";

/** What the pipeline knows when the handler is called. */
export interface Stage {
  route: Route;
  services: HttpServices;
  dialect: Dialect;
  state: RequestState;
  call: Call;
  /** The idempotency record to complete, if the caller gave a key. */
  record?: unknown;
}

/** Calls the handler and renders what it returned. */
export async function respond(stage: Stage): Promise<LambdaAnswer> {
  const { route, state, call } = stage;
  const { ctx, headers } = state;
  const { params, query, body, request } = call;
  const result = await route.handler({ params, query, body, ctx, headers, request, stream: streamingOf(route) });
  const reply = result instanceof Reply ? result : new Reply({ kind: "json", value: result });
  const status = reply.status ?? route.status;
  const { body: out } = reply;
  if (reply.after) state.pending = settled(reply.after, ctx.requestId);
  if (out.kind === "json") {
    const value = route.response === null ? undefined : route.response.parse(out.value);
    await settle(stage, value === undefined ? { status } : { status, body: value });
    return jsonAnswer(status, value, ctx.requestId, reply.headers);
  }
  if (out.kind === "sse") {
    const stream = openStream(stage, out.run, status);
    return streamAnswer(status, stream, "text/event-stream; charset=utf-8", ctx.requestId, reply.headers);
  }
  await settle(stage, { status, streamed: true });
  if (out.kind === "text") return textAnswer(status, out.text, out.contentType, ctx.requestId, reply.headers);
  const bytes = Readable.from(out.source, { objectMode: false });
  return streamAnswer(status, bytes, out.contentType, ctx.requestId, reply.headers);
}

/** What goes on behind an answer has nobody left to tell of its failure but the log. */
async function settled(work: Promise<unknown>, requestId: string): Promise<void> {
  await work.catch((thrown: unknown) =>
    log.error("work behind an answer failed", { requestId, error: errorLog(thrown) }),
  );
}

function openStream(stage: Stage, run: SseRun, status: number): Readable {
  const { route, state, dialect } = stage;
  const { requestId } = state.ctx;
  const { stream, done } = openSse(run, {
    onError: (thrown) => {
      const error = toAppError(thrown);
      if (error.status >= 500) {
        log.error("stream failed", { requestId, operation: route.operationId, error: errorLog(thrown) });
      }
      return dialect.errorEvent(error, requestId);
    },
  });
  state.pending = done.then(() => settle(stage, { status, streamed: true }));
  return stream;
}

async function settle(stage: Stage, stored: StoredAnswer): Promise<void> {
  const { route, services, state, call, record } = stage;
  if (record !== undefined) await complete(services, state, record, stored);
  await audit(route, services, state, call, { status: stored.status, value: stored.body });
}

/** The call has happened: a record that cannot be completed stays in progress, so a repeat cannot do it twice. */
async function complete(
  services: HttpServices,
  state: RequestState,
  record: unknown,
  stored: StoredAnswer,
): Promise<void> {
  try {
    await services.idempotency.complete(state.ctx, record, stored);
  } catch (thrown) {
    log.error("idempotency record not completed", { requestId: state.ctx.requestId, error: errorLog(thrown) });
  }
}
