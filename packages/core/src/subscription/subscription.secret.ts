import type { WriteOp } from "@weft/db/write";
import type { Ctx } from "@weft/kernel/ctx";
import { AppError } from "@weft/kernel/errors";
import type { Sealer } from "../platform/sealer.ts";
import { openSecret, putSecretOp } from "../platform/vault.ts";

/** A subscription has one version in the vault, which holds all its live secrets. */
const VERSION = "1";

/** What of a subscription is kept sealed. */
export interface Sealed {
  secret: string;
  /** Signs too, for a while after a rotation. */
  previous?: { secret: string; untilMs: number };
  headers: Record<string, string>;
}

export function sealOp(ctx: Ctx, sealer: Sealer, subscriptionId: string, sealed: Sealed): Promise<WriteOp> {
  return putSecretOp(ctx, sealer, { ownerId: subscriptionId, version: VERSION }, sealed);
}

export async function openSealed(ctx: Ctx, sealer: Sealer, subscriptionId: string): Promise<Sealed> {
  const sealed = await openSecret(ctx, sealer, { ownerId: subscriptionId, version: VERSION });
  if (sealed === undefined) throw new AppError("internal", "the subscription's secret is not there");
  return sealed as Sealed;
}

/** The secrets that sign now, newest first. */
export function liveSecrets({ secret, previous }: Sealed, nowMs: number): string[] {
  return previous && previous.untilMs > nowMs ? [secret, previous.secret] : [secret];
}
