import { type HttpResponse, NodeError } from "@weft/engine/node";
import { isoTime } from "@weft/kernel/clock";
import type { Ctx } from "@weft/kernel/ctx";
import { messageOf } from "@weft/kernel/errors";
import { SecretMask } from "@weft/kernel/mask";
import { redactText } from "@weft/kernel/redact";
import type { SendDeps } from "./subscription.deps.ts";
import type { SubscriptionRow } from "./subscription.entity.ts";
import type { Attempt } from "./subscription.schema.ts";
import { liveSecrets, openSealed } from "./subscription.secret.ts";
import { signedHeaders } from "./subscription.signature.ts";

/** The specification asks for 15 to 30 seconds. */
const TIMEOUT_MS = 20_000;
const MAX_ANSWER_BYTES = 256 * 1024;
const MAX_EXCERPT = 500;
const MAX_ERROR = 500;
const USER_AGENT = "Weft-Events/1";

/** An event as a receiver gets it. */
export interface Message {
  id: string;
  type: string;
  time: string;
  data: unknown;
}

export interface Sent {
  attempt: Attempt;
  /** What the receiver asked for on 429 and 503. */
  retryAfter?: string;
  /** No other try can end otherwise: an address that is refused, a URL that is none. */
  isFinal: boolean;
}

/** Posts an event to a subscription's URL, signed. What goes wrong is part of the outcome. */
export async function send(ctx: Ctx, deps: SendDeps, row: SubscriptionRow, message: Message): Promise<Sent> {
  const { id, type, time, data } = message;
  const sealed = await openSealed(ctx, deps.sealer, row.subscriptionId);
  const mask = new SecretMask();
  mask.add([sealed.secret, sealed.previous?.secret, sealed.headers]);
  const atMs = ctx.clock.now();
  const body = JSON.stringify({ id, type, timestamp: time, data });
  const signed = signedHeaders(liveSecrets(sealed, atMs), { id, atMs, body });
  const headers = { ...sealed.headers, "content-type": "application/json", "user-agent": USER_AGENT, ...signed };
  const at = isoTime(atMs);
  try {
    const answer = await deps.http.request({
      ...{ method: "POST", url: row.url, headers, body, timeoutMs: TIMEOUT_MS, maxBytes: MAX_ANSWER_BYTES },
      // Whoever answers with another address has not taken the event.
      redirect: "manual",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const durationMs = ctx.clock.now() - atMs;
    const error = isSuccess(answer.status) ? null : `answered ${answer.status}`;
    const attempt = { at, durationMs, status: answer.status, error, excerpt: excerptOf(answer, mask) };
    const retryAfter = answer.headers["retry-after"];
    return { attempt, isFinal: false, ...(retryAfter === undefined ? {} : { retryAfter }) };
  } catch (thrown) {
    const error = redactText(mask.mask(messageOf(thrown))).slice(0, MAX_ERROR);
    const attempt = { at, durationMs: ctx.clock.now() - atMs, status: null, error, excerpt: "" };
    return { attempt, isFinal: thrown instanceof NodeError && REFUSALS.has(thrown.code) };
  }
}

const REFUSALS: ReadonlySet<string> = new Set(["invalid_url", "address_refused", "host_not_allowed"]);

/** Whether the receiver took the event. */
export function isDelivered({ status }: Attempt): boolean {
  return status !== null && isSuccess(status);
}

function isSuccess(status: number): boolean {
  return status >= 200 && status < 300;
}

/** Masked before it is cut, so that no secret lies across the cut. */
function excerptOf({ body }: HttpResponse, mask: SecretMask): string {
  const masked = mask.mask(new TextDecoder().decode(body));
  return redactText(masked.slice(0, 8 * MAX_EXCERPT)).slice(0, MAX_EXCERPT);
}
