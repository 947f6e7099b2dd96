import { recordOperation } from "@weft/core/audit/audit.service";
import { authorize } from "@weft/core/identity/authorize.service";
import { begin, complete, fail, type IdempotencyClaim } from "@weft/db/idempotency";
import type { HttpServices, IdempotencyStore, StoredAnswer } from "@weft/http/services";
import { tellNoted } from "./bus.ts";

/** Longest answer that is kept for repeats: what is larger is answered once, as a stream is. */
const MAX_STORED_CHARS = 100_000;

const ERRORS_FROM = 400;

const idempotency: IdempotencyStore = {
  begin: async (ctx, request) => {
    const found = await begin(ctx, request);
    if (found.state === "fresh") return { state: "fresh", record: found.claim };
    if (found.state === "in_progress") return { state: "in_progress" };
    const stored = found.result && "json" in found.result ? found.result.json : undefined;
    const result =
      stored === undefined ? { status: 200, streamed: true as const } : (JSON.parse(stored) as StoredAnswer);
    return { state: "completed", result };
  },
  complete: async (ctx, record, result) => {
    const text = JSON.stringify(result);
    const isShort = text.length <= MAX_STORED_CHARS;
    const json = isShort ? text : JSON.stringify({ status: result.status, streamed: true });
    await complete(ctx, record as IdempotencyClaim, { json });
  },
  fail: async (_ctx, record) => {
    await fail(record as IdempotencyClaim);
  },
};

/** What every API function's pipeline needs of the domains. */
export const services: HttpServices = {
  authorize,
  audit: async (ctx, row) => {
    const { operation, targetId, status, errorCode, durationMs, arguments: args } = row;
    // Lambda names the trace of the call that it is running here.
    const traceId = /Root=([\w-]{1,100})/.exec(process.env._X_AMZN_TRACE_ID ?? "")?.[1];
    const told = status < ERRORS_FROM ? tellNoted(ctx) : undefined;
    await recordOperation(ctx, { operation, targetId, status, errorCode, durationMs, traceId, args });
    await told;
  },
  idempotency,
};
