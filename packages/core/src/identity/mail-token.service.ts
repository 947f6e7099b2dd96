import { expiresIn, isExpired } from "@weft/db/base";
import { guarded, read, tx, type WriteOp, write } from "@weft/db/write";
import type { Ctx } from "@weft/kernel/ctx";
import { invalidField } from "@weft/kernel/errors";
import { newId } from "@weft/kernel/ids";
import type { EntityItem } from "electrodb";
import { MailTokenEntity } from "./mail-token.entity.ts";
import { newSecret, readToken, sameHash, soleId } from "./secret.ts";
import { PLATFORM, RESET_MS, VERIFY_MS } from "./settings.ts";

export type MailPurpose = "verify_email" | "reset_password";

const LIFE_MS: Record<MailPurpose, number> = { verify_email: VERIFY_MS, reset_password: RESET_MS };

interface Addressee {
  userId: string;
  email: string;
  passwordVersion: number;
}

/** Makes a token that proves to have read a mail to this user's address. It is kept as a hash. */
export async function issueMailToken(ctx: Ctx, purpose: MailPurpose, user: Addressee): Promise<string> {
  const mailTokenId = newId("mailToken", ctx.clock.now());
  const { token, hash } = newSecret("mailToken", mailTokenId);
  const { userId, email, passwordVersion } = user;
  const expiresAt = expiresIn(LIFE_MS[purpose], ctx.clock.now());
  const row = { scope: PLATFORM, mailTokenId, purpose, userId, email, passwordVersion, secretHash: hash, expiresAt };
  await write(() => MailTokenEntity.create(row).go());
  return token;
}

export type MailToken = EntityItem<typeof MailTokenEntity>;

/** What a token that was used, is over, or never was, is answered with. */
export const tokenRefused = () => invalidField("token", "not valid, or not any longer");

/** Reads a token that was sent for this purpose; null where it is not good. */
export async function readMailToken(ctx: Ctx, purpose: MailPurpose, token: string): Promise<MailToken | null> {
  const found = readToken("mailToken", token);
  if (!found) return null;
  const key = { scope: PLATFORM, mailTokenId: soleId<"mailToken">(found) };
  const { data: row } = await read(() => MailTokenEntity.get(key).go({ consistent: true }));
  if (!row || row.purpose !== purpose || isExpired(row, ctx.clock.now())) return null;
  return sameHash(row.secretHash, found.hash) ? row : null;
}

/** Uses a token up, once: of two at the same time one fails. */
export function spend(row: MailToken): WriteOp {
  const op = tx(MailTokenEntity)
    .delete({ scope: PLATFORM, mailTokenId: row.mailTokenId })
    .where((attr, is) => is.exists(attr.userId))
    .commit();
  return guarded(op, tokenRefused);
}
