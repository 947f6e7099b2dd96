import type { Actor } from "@weft/kernel/ctx";
import { isId } from "@weft/kernel/ids";
import * as z from "zod";

/** What the Lambda authorizer puts into `requestContext.authorizer`; API Gateway turns every value into a string. */
const AuthorizerContext = z.object({
  actorType: z.enum(["user", "apiKey", "public"]),
  userId: z.string().optional(),
  sessionId: z.string().optional(),
  apiKeyId: z.string().optional(),
  /** Separated by spaces. */
  scopes: z.string().optional(),
  /** Separated by commas; absent or empty for every space of the user. */
  spaceIds: z.string().optional(),
});

const PUBLIC: Actor = { type: "public" };

function list(value: string | undefined, separator: string): string[] {
  return (value ?? "").split(separator).filter((part) => part !== "");
}

/** The authorizer's context as an actor. What is absent or malformed is nobody. */
export function actorOf(authorizer: unknown): Actor {
  const parsed = AuthorizerContext.safeParse(authorizer ?? {});
  if (!parsed.success) return PUBLIC;
  const { actorType, userId, sessionId, apiKeyId, scopes, spaceIds } = parsed.data;
  if (!isId("user", userId)) return PUBLIC;
  if (actorType === "user" && isId("session", sessionId)) return { type: "user", userId, sessionId };
  if (actorType !== "apiKey" || !isId("apiKey", apiKeyId)) return PUBLIC;
  const spaces = list(spaceIds, ",");
  return {
    type: "apiKey",
    userId,
    apiKeyId,
    scopes: list(scopes, " "),
    ...(spaces.length > 0 ? { spaceIds: spaces } : {}),
  };
}

/** An actor as the authorizer's context; the inverse of {@link actorOf}. */
export function authorizerContext(actor: Actor): Record<string, string> {
  if (actor.type === "user") return { actorType: "user", userId: actor.userId, sessionId: actor.sessionId };
  if (actor.type !== "apiKey") return { actorType: "public" };
  return {
    actorType: "apiKey",
    userId: actor.userId,
    apiKeyId: actor.apiKeyId,
    scopes: actor.scopes.join(" "),
    spaceIds: (actor.spaceIds ?? []).join(","),
  };
}
