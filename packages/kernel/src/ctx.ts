import { type Clock, systemClock } from "./clock.ts";
import { forbidden, notFound } from "./errors.ts";
import type { Id } from "./ids.ts";

/** Who acts: a person with a session, a person's API key, nobody, or the platform itself, which may act for a person. */
export type Actor =
  | { type: "user"; userId: Id<"user">; sessionId: Id<"session"> }
  | {
      type: "apiKey";
      userId: Id<"user">;
      apiKeyId: Id<"apiKey">;
      scopes: readonly string[];
      spaceIds?: readonly string[];
    }
  | { type: "public" }
  | { type: "system"; reason: string; onBehalfOf?: Id<"user"> };

/**
 * What a service needs to know of its caller. It is passed explicitly, never ambient, so that a tenancy check that is
 * missing is visible in the code.
 */
export interface Ctx {
  actor: Actor;
  requestId: string;
  clock: Clock;
  /** The space that the request was authorised for; set by the pipeline after the membership check. */
  spaceId?: Id<"space">;
  /** Caller's network address and agent, for the login and operation logs. */
  ip?: string;
  userAgent?: string;
}

/** The space of the request. Throws `not_found` where none was authorised. */
export function requireSpace(ctx: Ctx): Id<"space"> {
  if (!ctx.spaceId) throw notFound("space");
  return ctx.spaceId;
}

/** The user who acts, in person or by key. Throws `forbidden` for public and system actors. */
export function requireUser(ctx: Ctx): Id<"user"> {
  if (ctx.actor.type === "user" || ctx.actor.type === "apiKey") return ctx.actor.userId;
  throw forbidden("a user is required");
}

/**
 * A context for work that the platform starts itself. `reason` goes to logs and, where nobody stands behind the work, to
 * `createdBy`.
 */
export function systemCtx(
  reason: string,
  options: { spaceId?: Id<"space">; clock?: Clock; requestId?: string; onBehalfOf?: Id<"user"> } = {},
): Ctx {
  return {
    actor: { type: "system", reason, ...(options.onBehalfOf ? { onBehalfOf: options.onBehalfOf } : {}) },
    requestId: options.requestId ?? `sys-${reason}`,
    clock: options.clock ?? systemClock,
    ...(options.spaceId ? { spaceId: options.spaceId } : {}),
  };
}

/** The actor as one string for `createdBy`, audit rows and logs. */
export function actorId(ctx: Ctx): string {
  const { actor } = ctx;
  if (actor.type === "user" || actor.type === "apiKey") return actor.userId;
  return actor.type === "system" ? (actor.onBehalfOf ?? `system:${actor.reason}`) : "public";
}
