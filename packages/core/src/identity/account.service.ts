import type { LoginOutcome } from "@weft/core/audit/audit.schema";
import { recordLogin } from "@weft/core/audit/audit.service";
import { getAny, getLive, updateOp } from "@weft/db/change";
import { clearRate, requireRate } from "@weft/db/rate-limit";
import { canonical } from "@weft/db/unique";
import { transact } from "@weft/db/write";
import { isoTime } from "@weft/kernel/clock";
import { type Ctx, requireUser } from "@weft/kernel/ctx";
import { AppError, conflict, invalidField } from "@weft/kernel/errors";
import { storedUser } from "./access.ts";
import { revokeKeysOf } from "./api-key.service.ts";
import { requireSession } from "./authorize.service.ts";
import { issueMailToken, type MailToken, readMailToken, spend, tokenRefused } from "./mail-token.service.ts";
import { type IdentityDeps, mails } from "./mailer.ts";
import { hashPassword, verifyPassword } from "./password.ts";
import { CHECK_YOUR_MAIL } from "./registration.service.ts";
import { carryOver, create as createSession, dropSessionsOf } from "./session.service.ts";
import { PLATFORM, RATES } from "./settings.ts";
import type { LoggedIn, Login } from "./user.schema.ts";
import { lookUp, noteLogin, toUser, type UserRow, userTarget } from "./user.service.ts";

type Rate = (typeof RATES)[keyof typeof RATES];

const rate = (rule: Rate, subject: string) => ({ ...rule, scope: PLATFORM, subject });

/**
 * Logs in by e-mail address or user name. An unknown account, a wrong password and a disabled user get the same answer
 * after the same work. Throws `unauthenticated` and `rate_limited`.
 */
export async function logIn(ctx: Ctx, input: Login): Promise<LoggedIn> {
  const account = input.email ?? input.userName ?? "";
  const perAccount = rate(RATES.loginAccount, canonical(account));
  await throttle(ctx, account, [perAccount, rate(RATES.loginAddress, ctx.ip ?? "")]);
  const user = await lookUp(input.email === undefined ? "user_name" : "user_email", account);
  const isRight = await verifyPassword(input.password, user?.passwordHash);
  if (!user || !isRight || user.disabledAt || user.deletedAt) {
    const outcome: LoginOutcome = !user ? "unknown_account" : isRight ? "disabled" : "wrong_password";
    await recordLogin(ctx, { account, userId: user?.userId, outcome });
    throw new AppError("unauthenticated", "wrong account or password");
  }
  await clearRate(perAccount);
  const after = await noteLogin(ctx, user);
  const session = await createSession(ctx, after);
  await recordLogin(ctx, { account, userId: user.userId, outcome: "succeeded" });
  return { ...session, user: toUser(after) };
}

async function throttle(ctx: Ctx, account: string, rules: readonly ReturnType<typeof rate>[]): Promise<void> {
  try {
    for (const rule of rules) await requireRate(ctx.clock, rule);
  } catch (thrown) {
    if (thrown instanceof AppError && thrown.code === "rate_limited") {
      await recordLogin(ctx, { account, outcome: "rate_limited" });
    }
    throw thrown;
  }
}

/** Confirms the address that the token was sent to. */
export async function verifyEmail(ctx: Ctx, deps: IdentityDeps, token: string): Promise<{ email: string }> {
  await requireRate(ctx.clock, rate(RATES.tokenAddress, ctx.ip ?? ""));
  const found = await readMailToken(ctx, "verify_email", token);
  const user = found ? await getAny(userTarget(found.userId)) : null;
  if (!found || !user || !isUsable(user) || canonical(user.email) !== canonical(found.email)) throw tokenRefused();
  const set = proven(ctx, deps, user);
  await transact([spend(found), updateOp(ctx, userTarget(user.userId), { set, expectedRevision: user.revision })]);
  await refresh(ctx, user.userId);
  return { email: user.email };
}

/** What changes when a user proves to own the address; the one named as administrator becomes one. */
function proven(ctx: Ctx, deps: IdentityDeps, user: UserRow): { emailVerifiedAt: string; roles?: string[] } {
  const emailVerifiedAt = user.emailVerifiedAt ?? isoTime(ctx.clock.now());
  const isAdmin = deps.adminEmail !== undefined && canonical(deps.adminEmail) === canonical(user.email);
  return isAdmin && !user.roles.includes("admin")
    ? { emailVerifiedAt, roles: [...user.roles, "admin"] }
    : { emailVerifiedAt };
}

function isUsable(user: UserRow): boolean {
  return user.disabledAt === undefined && user.deletedAt === undefined;
}

/** Sends the caller another token for the own address. */
export async function resendVerification(ctx: Ctx, deps: IdentityDeps): Promise<typeof CHECK_YOUR_MAIL> {
  const user = await getLive(ctx, userTarget(requireUser(ctx)));
  if (user.emailVerifiedAt) throw conflict("the address is confirmed already");
  await requireRate(ctx.clock, rate(RATES.mailAccount, canonical(user.email)));
  await deps.mailer.send(mails.verify(user.email, await issueMailToken(ctx, "verify_email", user)));
  return CHECK_YOUR_MAIL;
}

/** Sends a token to set a new password with, if the address has an account; the answer does not say. */
export async function forgotPassword(ctx: Ctx, deps: IdentityDeps, email: string): Promise<typeof CHECK_YOUR_MAIL> {
  await requireRate(ctx.clock, rate(RATES.mailAddress, ctx.ip ?? ""));
  await requireRate(ctx.clock, rate(RATES.mailAccount, canonical(email)));
  const user = await lookUp("user_email", email);
  if (user && isUsable(user)) {
    await deps.mailer.send(mails.reset(user.email, await issueMailToken(ctx, "reset_password", user)));
  }
  return CHECK_YOUR_MAIL;
}

/**
 * Sets a new password by a token from a mail, once. Every session ends. Keys that were made before the address was ever
 * confirmed end too: whoever made them had not proved to own it.
 */
export async function resetPassword(
  ctx: Ctx,
  deps: IdentityDeps,
  input: { token: string; password: string },
): Promise<void> {
  await requireRate(ctx.clock, rate(RATES.tokenAddress, ctx.ip ?? ""));
  const passwordHash = await hashPassword(input.password);
  const found = await readMailToken(ctx, "reset_password", input.token);
  const user = found ? await getAny(userTarget(found.userId)) : null;
  if (!found || !user || !isUsable(user) || !isFor(found, user)) throw tokenRefused();
  const set = { ...newPassword(user, passwordHash), ...proven(ctx, deps, user) };
  await transact([spend(found), updateOp(ctx, userTarget(user.userId), { set, expectedRevision: user.revision })]);
  await refresh(ctx, user.userId);
  await dropSessionsOf(user.userId);
  if (user.emailVerifiedAt === undefined) await revokeKeysOf(ctx, user.userId);
  await clearRate(rate(RATES.loginAccount, canonical(user.email)));
  await deps.mailer.send(mails.passwordChanged(user.email));
}

function isFor(found: MailToken, user: UserRow): boolean {
  return found.passwordVersion === user.passwordVersion && canonical(found.email) === canonical(user.email);
}

function newPassword(user: UserRow, passwordHash: string) {
  return { passwordHash, passwordVersion: user.passwordVersion + 1, sessionEpoch: user.sessionEpoch + 1 };
}

/** Changes the caller's password. The session that asks goes on, every other ends. */
export async function changePassword(
  ctx: Ctx,
  deps: IdentityDeps,
  input: { currentPassword: string; newPassword: string },
): Promise<void> {
  const { userId, sessionId } = requireSession(ctx);
  await requireRate(ctx.clock, rate(RATES.loginAccount, userId));
  const user = await getLive(ctx, userTarget(userId));
  if (!(await verifyPassword(input.currentPassword, user.passwordHash))) {
    throw invalidField("currentPassword", "not the password of this account");
  }
  const set = newPassword(user, await hashPassword(input.newPassword));
  await transact([updateOp(ctx, userTarget(userId), { set, expectedRevision: user.revision })]);
  await refresh(ctx, userId);
  await carryOver(sessionId, set.sessionEpoch);
  await dropSessionsOf(userId, sessionId);
  await clearRate(rate(RATES.loginAccount, userId));
  await deps.mailer.send(mails.passwordChanged(user.email));
}

async function refresh(ctx: Ctx, userId: string): Promise<void> {
  storedUser(userId, await getLive(ctx, userTarget(userId)));
}
