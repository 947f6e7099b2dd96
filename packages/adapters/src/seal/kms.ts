import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import type { KMSClient } from "@aws-sdk/client-kms";
import type { SealContext, Sealed, Sealer } from "@weft/core/platform/sealer";
import { readEnv } from "@weft/kernel/env";
import { AppError } from "@weft/kernel/errors";
import * as z from "zod";

const CIPHER = "aes-256-gcm";
const IV_BYTES = 12;
const REQUEST_TIMEOUT_MS = 5_000;
/** Opened data keys that stay in this process's memory, so that a busy credential costs no KMS call each time. */
const MAX_KEYS = 500;
const KEY_LIFE_MS = 5 * 60_000;
const VARIABLES = { DATA_KEY_ARN: z.string().min(1) };

interface OpenKey {
  /** On its way while KMS is asked, so that callers at once ask once. */
  bytes: Promise<Uint8Array>;
  until: number;
}

/**
 * Seals by a KMS data key of its own for each secret, and AES-256-GCM. The context is KMS's encryption context and the
 * cipher's additional data at once. The master key is that of DATA_KEY_ARN.
 */
export function kmsSealer(): Sealer {
  let client: KMSClient | undefined;
  const keys = new Map<string, OpenKey>();
  const kms = async () => {
    // Few calls touch a secret: the others start without this client.
    const sdk = await import("@aws-sdk/client-kms");
    client ??= new sdk.KMSClient({ requestHandler: { requestTimeout: REQUEST_TIMEOUT_MS } });
    return { sdk, client };
  };
  const openKey = (context: SealContext, key: string): Promise<Uint8Array> => {
    const name = `${key} ${textOf(context)}`;
    const known = keys.get(name);
    if (known && known.until > performance.now()) return known.bytes;
    const bytes = decryptKey(context, key);
    keys.delete(name);
    keys.set(name, { bytes, until: performance.now() + KEY_LIFE_MS });
    bytes.catch(() => keys.delete(name));
    for (const oldest of keys.keys()) {
      if (keys.size <= MAX_KEYS) break;
      keys.delete(oldest);
    }
    return bytes;
  };
  const decryptKey = async (context: SealContext, key: string): Promise<Uint8Array> => {
    const { sdk, client } = await kms();
    const { DATA_KEY_ARN: KeyId } = readEnv(VARIABLES);
    const command = new sdk.DecryptCommand({
      KeyId,
      CiphertextBlob: Buffer.from(key, "base64"),
      EncryptionContext: { ...context },
    });
    const { Plaintext } = await client.send(command);
    if (!Plaintext) throw new Error("KMS gave no key");
    return Plaintext;
  };
  return {
    seal: (context, plaintext) =>
      asAppError(async () => {
        const { sdk, client } = await kms();
        const { DATA_KEY_ARN: KeyId } = readEnv(VARIABLES);
        const command = new sdk.GenerateDataKeyCommand({
          KeyId,
          KeySpec: "AES_256",
          EncryptionContext: { ...context },
        });
        const { Plaintext, CiphertextBlob } = await client.send(command);
        if (!Plaintext || !CiphertextBlob) throw new Error("KMS gave no key");
        return encrypt(Plaintext, Buffer.from(CiphertextBlob).toString("base64"), context, plaintext);
      }),
    open: (context, sealed) => asAppError(async () => decrypt(await openKey(context, sealed.key), context, sealed)),
  };
}

function encrypt(dataKey: Uint8Array, key: string, context: SealContext, plaintext: string): Sealed {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(CIPHER, dataKey, iv).setAAD(Buffer.from(textOf(context)));
  const text = Buffer.concat([cipher.update(plaintext, "utf8"), cipher.final()]);
  return { key, iv: iv.toString("base64"), tag: cipher.getAuthTag().toString("base64"), text: text.toString("base64") };
}

function decrypt(dataKey: Uint8Array, context: SealContext, { iv, tag, text }: Sealed): string {
  const cipher = createDecipheriv(CIPHER, dataKey, Buffer.from(iv, "base64"), { authTagLength: 16 })
    .setAAD(Buffer.from(textOf(context)))
    .setAuthTag(Buffer.from(tag, "base64"));
  return Buffer.concat([cipher.update(Buffer.from(text, "base64")), cipher.final()]).toString("utf8");
}

function textOf({ spaceId, credentialId, version }: SealContext): string {
  return JSON.stringify([spaceId, credentialId, version]);
}

/** What KMS refuses for good is ours to look into; what it refuses now may work in a moment. */
async function asAppError<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (isPassing(cause)) {
      throw new AppError("unavailable", "secrets cannot be opened now, try again", { cause, retryable: true });
    }
    throw new AppError("internal", "a secret cannot be sealed or opened", { cause });
  }
}

function isPassing(cause: unknown): boolean {
  const { name, code, $retryable, $fault } = cause as Record<string, unknown>;
  const isNetwork = typeof code === "string" && /^E(?!RR_)[A-Z_]+$/.test(code);
  return isNetwork || $retryable !== undefined || $fault === "server" || name === "TimeoutError";
}
