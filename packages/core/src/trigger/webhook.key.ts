import { createHash } from "node:crypto";
import { expiresIn, isExpired } from "@weft/db/base";
import { read, tryWrite } from "@weft/db/write";
import { isRecord } from "@weft/engine/values/json";
import type { Ctx } from "@weft/kernel/ctx";
import { AppError, conflict, invalidField } from "@weft/kernel/errors";
import { type Id, newId } from "@weft/kernel/ids";
import { type ExecutionRow, findExecution } from "../execution/store.ts";
import type { Proof } from "./webhook.auth.ts";
import { WebhookKeyEntity, type WebhookRow } from "./webhook.entity.ts";
import type { SignedRequest } from "./webhook.signature.ts";

const KEY_MS = 24 * 60 * 60 * 1000;
const GIVEN_KEY = /^[\x21-\x7e]{1,255}$/;
/** Tries at a key that others free or take at the same time. */
const ATTEMPTS = 10;

/** What a delivery is known by, and what its repeats have in common beside. */
export interface DeliveryKey {
  key: string;
  mark: string;
}

/**
 * What this delivery is known by; undefined where it is not known by anything. Where a provider signs neither time nor id,
 * the signature itself is the key and the id the mark: what was recorded and comes back under another id is refused.
 */
export function deliveryKey(
  row: WebhookRow,
  request: SignedRequest,
  body: unknown,
  { signature = "" }: Proof,
): DeliveryKey | undefined {
  const { headers } = request;
  const bySignature = (id: string | undefined) => ({ key: `signature:${signature}`, mark: id ?? "" });
  const byId = (id: unknown) => (typeof id === "string" && id !== "" ? { key: `id:${id}`, mark: "" } : undefined);
  const member = (name: string) => (isRecord(body) ? body[name] : undefined);
  if (row.idempotency === "off") return undefined;
  if (row.idempotency === "provider") {
    const { auth } = row;
    switch (auth.type) {
      case "github":
        return bySignature(headers["x-github-delivery"]);
      case "shopify":
        return bySignature(headers["x-shopify-webhook-id"]);
      case "stripe":
        return byId(member("id")) ?? bySignature(undefined);
      case "slack":
        return byId(member("event_id")) ?? bySignature(undefined);
      case "twilio": {
        // Twilio means it where it sends the same twice, unless its token says otherwise.
        const token = headers["i-twilio-idempotency-token"];
        return token === undefined ? undefined : { key: `twilio:${signature}:${token}`, mark: "" };
      }
      case "hmac": {
        const id = auth.idHeader === undefined ? undefined : headers[auth.idHeader.toLowerCase()];
        return (auth.template.includes("{id}") ? byId(id) : undefined) ?? bySignature(id);
      }
    }
  }
  const given = headers["idempotency-key"];
  if (given === undefined) return undefined;
  if (!GIVEN_KEY.test(given)) throw invalidField("idempotency-key", "expected 1 to 255 visible ASCII characters");
  const mark = createHash("sha256")
    .update(JSON.stringify([request.method, request.path, request.query]))
    .update(request.rawBody);
  return { key: `given:${given}`, mark: mark.digest("base64url") };
}

/** The run that a delivery is for. */
export interface Claim {
  executionId: Id<"execution">;
  isRepeat: boolean;
  /** Of a repeat whose run is there. */
  run?: ExecutionRow;
  hash?: string;
}

/**
 * Finds the run of a delivery, or gives it one: of repeats, at once or later, all have the same. A run that failed frees
 * its key; one that succeeded or was cancelled keeps it. Throws `conflict` for another request under the same key.
 */
export async function claimRun(ctx: Ctx, row: WebhookRow, delivery: DeliveryKey | undefined): Promise<Claim> {
  const now = ctx.clock.now();
  const { spaceId, webhookId } = row;
  if (!delivery) return { executionId: newId("execution", now), isRepeat: false };
  const hash = createHash("sha256")
    .update(JSON.stringify([webhookId, delivery.key]))
    .digest("hex");
  const take = async (before: string | undefined): Promise<Claim | undefined> => {
    const executionId = newId("execution", now);
    const written = await tryWrite(() =>
      WebhookKeyEntity.put({ spaceId, hash, executionId, mark: delivery.mark, expiresAt: expiresIn(KEY_MS, now) })
        .where((attr, op) =>
          before === undefined
            ? `${op.notExists(attr.executionId)} OR ${op.lte(attr.expiresAt, Math.floor(now / 1000))}`
            : op.eq(attr.executionId, before),
        )
        .go(),
    );
    return written ? { executionId, isRepeat: false, hash } : undefined;
  };
  let claim = await take(undefined);
  for (let attempt = 0; !claim && attempt < ATTEMPTS; attempt += 1) {
    const { data } = await read(() => WebhookKeyEntity.get({ spaceId, hash }).go({ consistent: true }));
    if (!data || isExpired(data, now)) {
      claim = await take(undefined);
      continue;
    }
    if (data.mark !== delivery.mark) throw conflict("this delivery's key was used with another request");
    const executionId = data.executionId as Id<"execution">;
    const run = await findExecution({ spaceId, executionId });
    if (run?.status === "failed" || run?.status === "timed_out") claim = await take(executionId);
    else return { executionId, isRepeat: true, hash, ...(run ? { run } : {}) };
  }
  if (!claim) throw new AppError("unavailable", "too many repeats at once, try again", { retryable: true });
  return claim;
}

/** Frees the key of a delivery that started nothing. */
export async function releaseRun(row: WebhookRow, { hash, executionId }: Claim): Promise<void> {
  if (hash === undefined) return;
  await tryWrite(() =>
    WebhookKeyEntity.delete({ spaceId: row.spaceId, hash })
      .where((attr, op) => op.eq(attr.executionId, executionId as string))
      .go(),
  );
}
