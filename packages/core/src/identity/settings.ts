/** `scope` of everything that belongs to the platform and not to a space. */
export const PLATFORM = "platform";

/** A session that was not used for this long is over, unless `WEFT_SESSION_IDLE_MINUTES` says otherwise. */
const DEFAULT_IDLE_MINUTES = 15;
/** However much it is used, a session ends after this. */
export const SESSION_MS = 30 * 24 * 60 * 60 * 1000;
/**
 * How exactly the last use of a session or key is known. The authorizer's answer is cached this long, so uses within it
 * are not seen; a session therefore idles out up to this much late, and never early.
 */
export const TOUCH_MS = 60_000;
/** How long what was read of a user, role, space or membership is believed on reads. */
export const ACCESS_CACHE_MS = 60_000;
export const ACCESS_CACHE_ENTRIES = 10_000;

export const VERIFY_MS = 24 * 60 * 60 * 1000;
export const RESET_MS = 60 * 60 * 1000;
export const INVITATION_MS = 7 * 24 * 60 * 60 * 1000;
/** How long a revoked or ended key is still shown. */
export const KEY_HISTORY_MS = 30 * 24 * 60 * 60 * 1000;

/** Bounds on what one person can pile up. */
export const MAX_KEYS = 50;
export const MAX_SESSIONS = 200;
export const MAX_INVITATIONS = 200;

const MINUTE = 60_000;
/** Sliding windows. Wrong passwords count per account; calls that send mail or hash count per address too. */
export const RATES = {
  loginAccount: { name: "login:account", limit: 10, windowMs: 15 * MINUTE },
  loginAddress: { name: "login:address", limit: 100, windowMs: 15 * MINUTE },
  registerAddress: { name: "register:address", limit: 60, windowMs: 60 * MINUTE },
  mailAccount: { name: "mail:account", limit: 5, windowMs: 60 * MINUTE },
  mailAddress: { name: "mail:address", limit: 60, windowMs: 60 * MINUTE },
  tokenAddress: { name: "token:address", limit: 100, windowMs: 15 * MINUTE },
  inviteUser: { name: "invite:user", limit: 100, windowMs: 60 * MINUTE },
} as const;

/** How long a session may idle. */
export function idleMs(source: Record<string, string | undefined> = process.env): number {
  const minutes = Number(source.WEFT_SESSION_IDLE_MINUTES);
  return (Number.isFinite(minutes) && minutes > 0 ? minutes : DEFAULT_IDLE_MINUTES) * MINUTE;
}
