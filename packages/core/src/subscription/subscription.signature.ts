import { createHmac, randomBytes } from "node:crypto";

/** What a secret of the Standard Webhooks specification begins with; base64 follows. */
export const SECRET_PREFIX = "whsec_";
/** The specification's bounds of a key. */
const MIN_KEY_BYTES = 24;
const MAX_KEY_BYTES = 64;
const NEW_KEY_BYTES = 32;

/** A new signing secret. */
export function newSecret(): string {
  return SECRET_PREFIX + randomBytes(NEW_KEY_BYTES).toString("base64");
}

/** Whether a text is a secret that every library of Standard Webhooks takes. */
export function isSecret(text: string): boolean {
  if (!text.startsWith(SECRET_PREFIX)) return false;
  const encoded = text.slice(SECRET_PREFIX.length);
  const { length } = keyOf(text);
  return /^[A-Za-z0-9+/]+={0,2}$/.test(encoded) && length >= MIN_KEY_BYTES && length <= MAX_KEY_BYTES;
}

/**
 * The headers by which a receiver knows a message for ours (Standard Webhooks, symmetric signatures): one signature for
 * each live secret, so that receivers can change theirs at any time of a rotation.
 */
export function signedHeaders(
  secrets: readonly string[],
  message: { id: string; atMs: number; body: string },
): Record<string, string> {
  const timestamp = String(Math.floor(message.atMs / 1000));
  const signatures = secrets.map((secret) => {
    const signed = createHmac("sha256", keyOf(secret)).update(`${message.id}.${timestamp}.${message.body}`);
    return `v1,${signed.digest("base64")}`;
  });
  return { "webhook-id": message.id, "webhook-timestamp": timestamp, "webhook-signature": signatures.join(" ") };
}

function keyOf(secret: string): Buffer {
  return Buffer.from(secret.slice(SECRET_PREFIX.length), "base64");
}
