import { createHash, randomBytes } from "node:crypto";
import { matchesType } from "../event/event.types.ts";
import { EventTriggerEntity, type EventTriggerRow } from "./event-trigger.entity.ts";

/** 160 bits: an address is not found by trying. */
const TOKEN_BYTES = 20;
/** The type that comes by mail alone. */
export const MAIL_TYPE = "email.received";

/** Whether somebody who wants these has an address. */
export function wantsMail(types: readonly string[]): boolean {
  return types.some((type) => type !== "*" && matchesType(type, MAIL_TYPE));
}

/** An address that nobody had. */
export function newAddress(): { mailToken: string; mailHash: string } {
  const mailToken = randomBytes(TOKEN_BYTES).toString("hex");
  return { mailToken, mailHash: hashOf(mailToken) };
}

function hashOf(localPart: string): string {
  return createHash("sha256").update(localPart.toLowerCase()).digest("hex");
}

/** The trigger to whose address a mail came; undefined where it is nobody's. Whoever asks checks whether it is on. */
export async function findByAddress(localPart: string): Promise<EventTriggerRow | undefined> {
  const { data } = await EventTriggerEntity.query.byMail({ mailHash: hashOf(localPart) }).go({ limit: 1 });
  return data[0];
}
