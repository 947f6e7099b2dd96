import { createHash } from "node:crypto";
import { UNBOUND_CREDENTIAL } from "../limits.ts";

/** The word for a credential that is not bound: publishing asks for it by its type and id there. */
export function unbound(type: string, externalId: string): string {
  const plain = (word: string): string => word.replaceAll(/[^A-Za-z0-9_-]/g, "_");
  const id = plain(externalId);
  // Long names keep apart by what they hash to.
  const short =
    id.length <= 24 ? id : `${id.slice(0, 15)}_${createHash("sha256").update(externalId).digest("hex").slice(0, 8)}`;
  return `${UNBOUND_CREDENTIAL}${plain(type).slice(0, 30)}:${short}`;
}
