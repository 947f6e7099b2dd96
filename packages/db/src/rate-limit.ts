import { createHash } from "node:crypto";
import type { Clock } from "@weft/kernel/clock";
import { AppError } from "@weft/kernel/errors";
import { Entity } from "electrodb";
import { expiresIn, modelOf, ttlAttributes } from "./base.ts";
import { ELECTRO } from "./table.ts";
import { read, tryWrite } from "./write.ts";

/** Tries at opening a new window while others open it too. */
const ATTEMPTS = 8;

/**
 * One row per limited subject.
 *
 * | pattern | index | question |
 * |---|---|---|
 * | primary | table | how many calls in this window of the subject and in the one before? |
 */
export const RateLimit = new Entity(
  {
    model: modelOf("ratelimit"),
    attributes: {
      scope: { type: "string", required: true },
      hash: { type: "string", required: true },
      /** Number of the window since the epoch. */
      window: { type: "number", required: true },
      current: { type: "number", required: true },
      previous: { type: "number", required: true },
      ...ttlAttributes,
    },
    indexes: {
      primary: { pk: { field: "pk", composite: ["scope", "hash"] }, sk: { field: "sk", composite: [] } },
    },
  },
  ELECTRO,
);

export interface RateRule {
  /** `platform` or a space. */
  scope: string;
  /** What is limited, such as `login:account`. */
  name: string;
  /** Whose calls are counted: an id, an address, an account name. Stored as a hash. */
  subject: string;
  limit: number;
  windowMs: number;
}

export interface RateAnswer {
  allowed: boolean;
  /** Calls still allowed now. */
  remaining: number;
  /** When the next call can be allowed at the earliest; 0 where it is allowed now. */
  retryAfterSeconds: number;
}

interface Counts {
  window: number;
  current: number;
  previous: number;
}

/**
 * Counts one call against a sliding window: the calls of this window and those of the one before, the latter weighted
 * by how much of it the sliding window still covers. One update per allowed call; a refused call is taken back by a
 * second, so that asking again and again does not keep a caller out. Of calls at once never more than `limit` pass.
 */
export async function takeRate(clock: Clock, rule: RateRule): Promise<RateAnswer> {
  const now = clock.now();
  const counts = await count(rule, now);
  const used = weighted(counts, now, rule.windowMs);
  if (used <= rule.limit) return { allowed: true, remaining: Math.floor(rule.limit - used), retryAfterSeconds: 0 };
  await takeBack(rule, counts.window);
  const before = { ...counts, current: counts.current - 1 };
  return { allowed: false, remaining: 0, retryAfterSeconds: Math.ceil(waitMs(before, now, rule) / 1000) };
}

/** {@link takeRate} that throws `rate_limited` with `details.retryAfterSeconds`. */
export async function requireRate(clock: Clock, rule: RateRule): Promise<void> {
  const answer = await takeRate(clock, rule);
  if (answer.allowed) return;
  const details = { retryAfterSeconds: answer.retryAfterSeconds };
  throw new AppError("rate_limited", `too many calls, try again in ${answer.retryAfterSeconds} s`, { details });
}

/** Forgets the calls of a subject: a right password clears the count of the wrong ones. */
export async function clearRate(rule: Pick<RateRule, "scope" | "name" | "subject">): Promise<void> {
  await tryWrite(() => RateLimit.delete(keyOf(rule)).go());
}

async function count(rule: RateRule, now: number): Promise<Counts> {
  const window = Math.floor(now / rule.windowMs);
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const added = await tryWrite(() =>
      RateLimit.patch(keyOf(rule))
        .add({ current: 1 })
        .where((attr, op) => op.eq(attr.window, window))
        .go({ response: "all_new" }),
    );
    if (added) return added.data as Counts;
    const opened = await open(rule, window, now);
    if (opened) return opened;
  }
  throw new AppError("unavailable", "too many calls at once, try again", { retryable: true });
}

/** Starts the window with this call as its first; null where another call did so first. */
async function open(rule: RateRule, window: number, now: number): Promise<Counts | null> {
  const key = keyOf(rule);
  const { data: old } = await read(() => RateLimit.get(key).go({ consistent: true }));
  // A clock behind the one that opened the window counts in the window that is open.
  if (old && old.window > window) return join(rule, old.window);
  const previous = old?.window === window - 1 ? old.current : 0;
  const counts = { window, current: 1, previous };
  const written = await tryWrite(() =>
    RateLimit.put({ ...key, ...counts, expiresAt: expiresIn(2 * rule.windowMs, now) })
      .where((attr, op) =>
        old ? `${op.eq(attr.window, old.window)} AND ${op.eq(attr.current, old.current)}` : op.notExists(attr.window),
      )
      .go(),
  );
  return written ? counts : null;
}

async function join(rule: RateRule, window: number): Promise<Counts | null> {
  const added = await tryWrite(() =>
    RateLimit.patch(keyOf(rule))
      .add({ current: 1 })
      .where((attr, op) => op.eq(attr.window, window))
      .go({ response: "all_new" }),
  );
  return added ? (added.data as Counts) : null;
}

async function takeBack(rule: RateRule, window: number): Promise<void> {
  await tryWrite(() =>
    RateLimit.patch(keyOf(rule))
      .add({ current: -1 })
      .where((attr, op) => op.eq(attr.window, window))
      .go(),
  );
}

function weighted({ window, current, previous }: Counts, now: number, windowMs: number): number {
  const passed = Math.min(Math.max((now - window * windowMs) / windowMs, 0), 1);
  return current + previous * (1 - passed);
}

/** How long until one more call fits, if no other call comes. */
function waitMs(counts: Counts, now: number, { limit, windowMs }: RateRule): number {
  const end = (counts.window + 1) * windowMs;
  const inThis = end - windowMs * shareThatFits(counts.previous, limit - counts.current - 1);
  const until = counts.current + 1 <= limit ? inThis : end + windowMs * (1 - shareThatFits(counts.current, limit - 1));
  return Math.max(until - now, 1);
}

/** The greatest weight at which `calls` of the window before leave room. */
function shareThatFits(calls: number, room: number): number {
  return calls === 0 ? 1 : Math.min(Math.max(room / calls, 0), 1);
}

function keyOf({ scope, name, subject }: Pick<RateRule, "scope" | "name" | "subject">) {
  const hash = createHash("sha256").update(JSON.stringify([name, subject]));
  return { scope, hash: hash.digest("hex") };
}
