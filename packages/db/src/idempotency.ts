import { createHash, randomUUID } from "node:crypto";
import { actorId, type Ctx } from "@weft/kernel/ctx";
import { conflict, invalidField } from "@weft/kernel/errors";
import type { StoredValue } from "@weft/kernel/stored";
import { Entity } from "electrodb";
import { expiresIn, isExpired, modelOf, storedAttribute, ttlAttributes } from "./base.ts";
import { ELECTRO } from "./table.ts";
import { read, tryWrite } from "./write.ts";

/** How long a key is remembered. */
export const IDEMPOTENCY_MS = 24 * 60 * 60 * 1000;
/** How long work may go unheard of before a repeat takes it over: Lambda's longest run. */
export const IN_PROGRESS_MS = 15 * 60 * 1000;
export const MAX_KEY_LENGTH = 255;
const RETRY_AFTER_SECONDS = 1;
const ATTEMPTS = 5;

/**
 * One row per idempotency key.
 *
 * | pattern | index | question |
 * |---|---|---|
 * | primary | table | what became of this key of this actor and operation, in this space? |
 */
export const Idempotency = new Entity(
  {
    model: modelOf("idempotency"),
    attributes: {
      scope: { type: "string", required: true },
      hash: { type: "string", required: true },
      bodyHash: { type: "string", required: true },
      status: { type: ["in_progress", "completed"] as const, required: true },
      token: { type: "string", required: true },
      leaseUntil: { type: "number", required: true },
      result: storedAttribute,
      ...ttlAttributes,
    },
    indexes: {
      primary: { pk: { field: "pk", composite: ["scope", "hash"] }, sk: { field: "sk", composite: [] } },
    },
  },
  ELECTRO,
);

/** The right to do the work of a key, and to say how it ended. */
export interface IdempotencyClaim {
  scope: string;
  hash: string;
  token: string;
}

export type IdempotencyState =
  | { state: "fresh"; claim: IdempotencyClaim }
  | { state: "in_progress"; retryAfterSeconds: number }
  | { state: "completed"; result: StoredValue | undefined };

export interface IdempotencyRequest {
  operation: string;
  key: string;
  /** {@link bodyHash} of the request. */
  bodyHash: string;
}

/** A hash of a request by which a repeat is told from another request under the same key. */
export function bodyHash(body: unknown): string {
  return createHash("sha256")
    .update(JSON.stringify(sorted(body)) ?? "")
    .digest("hex");
}

/**
 * Claims a key for this actor, operation and space. `fresh` must end in {@link complete} or {@link fail}. Throws
 * `conflict` where the key was used with another body.
 */
export async function begin(ctx: Ctx, request: IdempotencyRequest): Promise<IdempotencyState> {
  if (request.key.length === 0 || request.key.length > MAX_KEY_LENGTH) {
    throw invalidField("Idempotency-Key", `must have 1 to ${MAX_KEY_LENGTH} characters`);
  }
  const key = keyOf(ctx, request);
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const claim = { ...key, token: randomUUID() };
    if (await tryClaim(ctx, claim, request.bodyHash)) return { state: "fresh", claim };
    const { data: row } = await read(() => Idempotency.get(key).go({ consistent: true }));
    // Freed, or run out, between the two requests.
    if (!row || isExpired(row, ctx.clock.now())) continue;
    if (row.bodyHash !== request.bodyHash) throw conflict("this Idempotency-Key was used with another request");
    if (row.status === "completed") return { state: "completed", result: row.result };
    return { state: "in_progress", retryAfterSeconds: RETRY_AFTER_SECONDS };
  }
  return { state: "in_progress", retryAfterSeconds: RETRY_AFTER_SECONDS };
}

/** Stores the answer that repeats get. Returns false where the work was taken over by a repeat meanwhile. */
export async function complete(ctx: Ctx, claim: IdempotencyClaim, result?: StoredValue): Promise<boolean> {
  const expiresAt = expiresIn(IDEMPOTENCY_MS, ctx.clock.now());
  const { token, ...key } = claim;
  const written = await tryWrite(() =>
    Idempotency.patch(key)
      .set({ status: "completed", expiresAt, ...(result ? { result } : {}) })
      .where((attr, op) => `${op.eq(attr.token, token)} AND ${op.eq(attr.status, "in_progress")}`)
      .go(),
  );
  return written !== null;
}

/** Frees the key, so that a repeat does the work again. Returns false where it was taken over meanwhile. */
export async function fail(claim: IdempotencyClaim): Promise<boolean> {
  const { token, ...key } = claim;
  const written = await tryWrite(() =>
    Idempotency.delete(key)
      .where((attr, op) => `${op.eq(attr.token, token)} AND ${op.eq(attr.status, "in_progress")}`)
      .go(),
  );
  return written !== null;
}

async function tryClaim(ctx: Ctx, claim: IdempotencyClaim, hash: string): Promise<boolean> {
  const now = ctx.clock.now();
  const row = { ...claim, bodyHash: hash, leaseUntil: now + IN_PROGRESS_MS, expiresAt: expiresIn(IDEMPOTENCY_MS, now) };
  const written = await tryWrite(() =>
    Idempotency.put({ ...row, status: "in_progress" })
      .where((attr, op) => {
        const isFree = op.notExists(attr.token);
        const isPast = op.lte(attr.expiresAt, Math.floor(now / 1000));
        const isSame = `${op.eq(attr.status, "in_progress")} AND ${op.eq(attr.bodyHash, hash)}`;
        return `${isFree} OR ${isPast} OR (${isSame} AND ${op.lte(attr.leaseUntil, now)})`;
      })
      .go(),
  );
  return written !== null;
}

function keyOf(ctx: Ctx, { operation, key }: IdempotencyRequest) {
  const hash = createHash("sha256").update(JSON.stringify([actorId(ctx), operation, key]));
  return { scope: ctx.spaceId ?? "platform", hash: hash.digest("hex") };
}

/** The same object whatever the order of its fields. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, entry]) => [name, sorted(entry)]));
}
