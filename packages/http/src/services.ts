import type { Clock } from "@weft/kernel/clock";
import type { Ctx } from "@weft/kernel/ctx";
import type { ErrorCode } from "@weft/kernel/errors";

/** What a route asks of its caller: nothing, an identity, or one permission `noun:verb`. */
export type Permission = "public" | "authenticated" | `${string}:${string}`;

/** One question to the authorisation service. `spaceId` is the path's, when it has one. */
export interface AuthorizeRequest {
  permission: Exclude<Permission, "public">;
  spaceId?: string;
  /** True for methods that change something: the session or key is then read afresh, so that revocation is immediate. */
  mutating: boolean;
}

/** One call for the operation log. `arguments` are as parsed; whoever stores them redacts them. */
export interface AuditRow {
  operation: string;
  method: string;
  path: string;
  targetId?: string;
  status: number;
  errorCode?: ErrorCode;
  durationMs: number;
  arguments: Record<string, unknown>;
}

/** What an idempotency record knew of the key. `record` is handed back to `complete` or `fail`. */
export type IdempotencyState =
  | { state: "fresh"; record: unknown }
  | { state: "in_progress" }
  | { state: "completed"; result: StoredAnswer };

/** An answer as kept for repeats. */
export interface StoredAnswer {
  status: number;
  /** The JSON body; undefined for an answer without one. */
  body?: unknown;
  /** The answer was a stream, which cannot be given again. */
  streamed?: true;
}

/** Idempotency records, scoped by the implementation to space, actor and operation. */
export interface IdempotencyStore {
  /** Throws `conflict` when the key was used with another body. */
  begin(ctx: Ctx, request: { operation: string; key: string; bodyHash: string }): Promise<IdempotencyState>;
  complete(ctx: Ctx, record: unknown, result: StoredAnswer): Promise<void>;
  /** Frees the key: a failed call may be repeated. */
  fail(ctx: Ctx, record: unknown): Promise<void>;
}

/** What the HTTP pipeline needs of the domains; `functions` fills it. */
export interface HttpServices {
  /**
   * Resolves when the caller may go on. Throws `not_found` for a space that the caller is no member of, `forbidden` for
   * a missing permission, `unauthenticated` for an identity that is no longer good.
   */
  authorize(ctx: Ctx, request: AuthorizeRequest): Promise<void>;
  audit(ctx: Ctx, row: AuditRow): Promise<void>;
  idempotency: IdempotencyStore;
  rateLimit?(ctx: Ctx, request: { operation: string }): Promise<{ allowed: boolean; retryAfterSeconds: number }>;
  /** Time of the pipeline and of every `ctx`; the system's by default. */
  clock?: Clock;
}
