import { createHmac } from "node:crypto";
import type { WebhookRow } from "./webhook.entity.ts";
import { isSame } from "./webhook.signature.ts";

/** Enough to be beyond guessing. */
const TOKEN_LENGTH = 32;

/** A word that only who was given it knows, for one run or one upload of one webhook. */
export function linkToken(row: WebhookRow, kind: "run" | "upload", id: string): string {
  return createHmac("sha256", row.linkKey).update(`${kind}:${id}`).digest("base64url").slice(0, TOKEN_LENGTH);
}

export function isLinkToken(row: WebhookRow, kind: "run" | "upload", id: string, token: string): boolean {
  return isSame(linkToken(row, kind, id), token);
}

/** Where a run of the webhook can be asked for without an account, under the API's address. */
export function runLink(row: WebhookRow, executionId: string): string {
  return `/hooks/${row.webhookId}/-/runs/${executionId}?token=${linkToken(row, "run", executionId)}`;
}
