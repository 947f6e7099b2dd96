import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { type Id, type IdKind, isId } from "@weft/kernel/ids";

/** 256 bits: nothing of a secret can be guessed, so a plain hash of it is enough to keep. */
const SECRET_BYTES = 32;

/**
 * What callers hold. The id in it finds the row by its key, so that no index over hashes is needed and every look-up is
 * strongly consistent; the rest proves the holder.
 */
export interface Secret {
  token: string;
  hash: string;
}

/** First characters of each kind of token. */
export const TOKEN_PREFIX = {
  session: "ss",
  apiKey: "sk",
  mailToken: "mt",
  invitation: "iv",
  oauthState: "os",
  approvalLink: "al",
} as const;
export type TokenKind = keyof typeof TOKEN_PREFIX & IdKind;

const ulidOf = (id: string): string => id.slice(id.indexOf("_") + 1);
const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

/** A new token for the row with this id. Only its hash is to be kept. `extra` ids are part of the token, not of the proof. */
export function newSecret(kind: TokenKind, id: string, extra: readonly string[] = []): Secret {
  const secret = randomBytes(SECRET_BYTES).toString("base64url");
  const parts = [ulidOf(id), ...extra.map(ulidOf), secret];
  return { token: `${TOKEN_PREFIX[kind]}_${parts.join("_")}`, hash: sha256(secret) };
}

const FORMS: Record<TokenKind, { pattern: RegExp; ids: readonly IdKind[] }> = {
  session: { pattern: form("ss", 1), ids: ["session"] },
  apiKey: { pattern: form("sk", 1), ids: ["apiKey"] },
  mailToken: { pattern: form("mt", 1), ids: ["mailToken"] },
  invitation: { pattern: form("iv", 2), ids: ["invitation", "space"] },
  oauthState: { pattern: form("os", 2), ids: ["oauthState", "space"] },
  approvalLink: { pattern: form("al", 2), ids: ["approvalLink", "space"] },
};

function form(prefix: string, ids: number): RegExp {
  return new RegExp(`^${prefix}_${"([0-9a-hjkmnp-tv-z]{26})_".repeat(ids)}([A-Za-z0-9_-]{43})$`);
}

const ID_HEAD = {
  session: "ses_",
  apiKey: "key_",
  mailToken: "mtk_",
  invitation: "inv_",
  oauthState: "oas_",
  approvalLink: "apl_",
  space: "spc_",
} as const;

/** Reads a token: its ids, in order, and the hash of its secret. Null for anything else. */
export function readToken(kind: TokenKind, token: string): { ids: string[]; hash: string } | null {
  const { pattern, ids } = FORMS[kind];
  const match = pattern.exec(token);
  if (!match) return null;
  const found = ids.map((idKind, index) => `${ID_HEAD[idKind as keyof typeof ID_HEAD]}${match[index + 1]}`);
  if (!found.every((id, index) => isId(ids[index] as IdKind, id))) return null;
  return { ids: found, hash: sha256(match[ids.length + 1] ?? "") };
}

/** Compares two hashes in the time that equal ones take. */
export function sameHash(a: string, b: string): boolean {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.byteLength === right.byteLength && timingSafeEqual(left, right);
}

/** What of a key is shown in lists, so that its owner knows which it is. */
export function shownPrefix(token: string): string {
  return token.slice(0, 12);
}

/** The one id of a token kind that carries one. */
export function soleId<K extends IdKind>(found: { ids: string[] }): Id<K> {
  return found.ids[0] as Id<K>;
}
