import { created } from "@weft/db/base";
import { requireRate } from "@weft/db/rate-limit";
import { claim } from "@weft/db/unique";
import { transact, tx } from "@weft/db/write";
import type { Ctx } from "@weft/kernel/ctx";
import { AppError } from "@weft/kernel/errors";
import { newId } from "@weft/kernel/ids";
import { storedMember, storedSpace, storedUser } from "./access.ts";
import { issueMailToken } from "./mail-token.service.ts";
import { type IdentityDeps, mails } from "./mailer.ts";
import { hashPassword } from "./password.ts";
import { PLATFORM, RATES } from "./settings.ts";
import { MemberEntity, SpaceEntity } from "./space.entity.ts";
import { UserEntity } from "./user.entity.ts";
import type { Register } from "./user.schema.ts";
import { emailOf, userNameOf, userSearch } from "./user.service.ts";

/** Tries at a user name that is free. */
const NAME_TRIES = 5;
const MAX_NAME = 32;

/** The one answer of calls whose outcome is told by mail alone. */
export const CHECK_YOUR_MAIL = { status: "check_your_mail" } as const;

interface NewUser {
  email: string;
  userName: string;
  displayName: string;
  passwordHash: string;
}

/**
 * Makes an account with its personal space. The answer is the same whether or not the address has an account: only the
 * mail says. A user name that is taken gets a number, for the same reason.
 */
export async function register(ctx: Ctx, deps: IdentityDeps, input: Register): Promise<typeof CHECK_YOUR_MAIL> {
  await requireRate(ctx.clock, { ...RATES.registerAddress, scope: PLATFORM, subject: ctx.ip ?? "" });
  const passwordHash = await hashPassword(input.password);
  const wanted = input.userName ?? nameFrom(input.email);
  const displayName = input.displayName ?? wanted;
  const base = { email: input.email, displayName, passwordHash };
  const row = await createUser(ctx, base, wanted);
  const mail = row
    ? mails.verify(row.email, await issueMailToken(ctx, "verify_email", row))
    : mails.alreadyRegistered(input.email);
  await deps.mailer.send(mail);
  return CHECK_YOUR_MAIL;
}

/** A user name made of an address, for who gives none. */
function nameFrom(email: string): string {
  const local =
    email
      .split("@")[0]
      ?.replace(/[^\p{L}\p{N}._-]/gu, "")
      .slice(0, MAX_NAME) ?? "";
  return local.length >= 3 ? local : `user-${local}`;
}

/** The new user's row, or null where the address has an account. */
async function createUser(ctx: Ctx, base: Omit<NewUser, "userName">, wanted: string) {
  for (let attempt = 0; attempt < NAME_TRIES; attempt++) {
    const suffix = attempt === 0 ? "" : `-${newId("user").slice(-4 - attempt)}`;
    const userName = `${wanted.slice(0, MAX_NAME - suffix.length)}${suffix}`;
    try {
      return await insert(ctx, { ...base, userName });
    } catch (thrown) {
      const field = thrown instanceof AppError ? (thrown.details as { field?: string } | undefined)?.field : undefined;
      if (field === "user_email") return null;
      if (field !== "user_name") throw thrown;
    }
  }
  throw new AppError("unavailable", "no free user name was found, try again", { retryable: true });
}

async function insert(ctx: Ctx, input: NewUser) {
  const now = ctx.clock.now();
  const userId = newId("user", now);
  const spaceId = newId("space", now);
  const base = { ...created(ctx), createdBy: userId };
  const user = {
    ...input,
    scope: PLATFORM,
    userId,
    passwordVersion: 1,
    sessionEpoch: 1,
    isSingleLogin: false,
    roles: [] as string[],
    personalSpaceId: spaceId,
    searchText: userSearch(input),
    ...base,
  };
  const space = { spaceId, kind: "personal" as const, name: "Personal", description: "", ownerId: userId, ...base };
  await transact([
    claim(ctx, emailOf(userId, input.email)),
    claim(ctx, userNameOf(userId, input.userName)),
    tx(UserEntity).create(user).commit(),
    tx(SpaceEntity).create(space).commit(),
    tx(MemberEntity).create({ spaceId, userId, role: "owner", createdAt: base.createdAt }).commit(),
  ]);
  storedUser(userId, user);
  storedSpace(spaceId, false);
  storedMember(spaceId, userId, "owner");
  return user;
}
