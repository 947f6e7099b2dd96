import { authorize } from "@weft/core/identity/authorize.service";
import * as User from "@weft/core/identity/user.service";
import { type Ctx, requireUser } from "@weft/kernel/ctx";
import { invalidField } from "@weft/kernel/errors";
import { type Id, isId } from "@weft/kernel/ids";

/** Names the space of a call whose dialect has no place for one. */
export const SPACE_HEADER = "x-weft-space";

/**
 * The space of a call that names none: that of the header, else the only one that the key is limited to, else the
 * caller's personal one. Says nothing of whether the caller may enter it.
 */
export async function defaultSpace(
  ctx: Ctx,
  headers: Readonly<Record<string, string | undefined>>,
): Promise<Id<"space">> {
  const named = headers[SPACE_HEADER];
  if (named !== undefined) {
    if (isId("space", named)) return named;
    throw invalidField(SPACE_HEADER, "must be the id of a space");
  }
  const allowed = ctx.actor.type === "apiKey" ? (ctx.actor.spaceIds ?? []) : [];
  if (allowed.length === 1) return allowed[0] as Id<"space">;
  const { personalSpaceId } = await User.get(ctx, requireUser(ctx));
  return personalSpaceId;
}

/** Goes on in a space, where the caller may do this there. Throws what a path with the space would answer. */
export async function enter(
  ctx: Ctx,
  spaceId: Id<"space">,
  { permission, mutating }: { permission: string; mutating: boolean },
): Promise<void> {
  await authorize(ctx, { permission, spaceId, mutating });
  ctx.spaceId = spaceId;
}
