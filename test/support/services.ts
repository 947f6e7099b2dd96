import type { AuditRow, AuthorizeRequest, HttpServices, IdempotencyState, StoredAnswer } from "@weft/http/services";
import type { Clock } from "@weft/kernel/clock";
import type { Ctx } from "@weft/kernel/ctx";
import { conflict } from "@weft/kernel/errors";

/** Services in memory that record what the pipeline asked of them. */
export interface MemoryServices extends HttpServices {
  asked: AuthorizeRequest[];
  rows: (AuditRow & { spaceId?: string })[];
  /** Replaces the decision; allows everything by default. */
  decide: (ctx: Ctx, request: AuthorizeRequest) => void;
  limit: { allowed: boolean; retryAfterSeconds: number };
}

interface Entry {
  bodyHash: string;
  result?: StoredAnswer;
}

function memoryIdempotency(): HttpServices["idempotency"] {
  const entries = new Map<string, Entry>();
  return {
    begin: async (ctx, { operation, key, bodyHash }): Promise<IdempotencyState> => {
      const record = `${ctx.spaceId}|${operation}|${key}`;
      const entry = entries.get(record);
      if (!entry) {
        entries.set(record, { bodyHash });
        return { state: "fresh", record };
      }
      if (entry.bodyHash !== bodyHash) throw conflict("the idempotency key was used with another body");
      return entry.result ? { state: "completed", result: entry.result } : { state: "in_progress" };
    },
    complete: async (_ctx, record, result) => {
      const entry = entries.get(record as string);
      if (entry) entry.result = result;
    },
    fail: async (_ctx, record) => {
      entries.delete(record as string);
    },
  };
}

export function memoryServices(clock?: Clock): MemoryServices {
  const services: MemoryServices = {
    asked: [],
    rows: [],
    decide: () => undefined,
    limit: { allowed: true, retryAfterSeconds: 0 },
    authorize: async (ctx, request) => {
      services.asked.push(request);
      services.decide(ctx, request);
    },
    audit: async (ctx, row) => {
      services.rows.push({ ...row, ...(ctx.spaceId ? { spaceId: ctx.spaceId } : {}) });
    },
    rateLimit: async () => services.limit,
    idempotency: memoryIdempotency(),
    ...(clock ? { clock } : {}),
  };
  return services;
}
