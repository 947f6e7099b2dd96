import type { Clock } from "@weft/kernel/clock";
import { type Ctx, systemCtx } from "@weft/kernel/ctx";
import { AppError } from "@weft/kernel/errors";
import { type Id, idAt } from "@weft/kernel/ids";
import { getObject } from "@weft/storage/object";
import type { EventBus } from "../event/event.bus.ts";
import { onBus } from "../event/event.emit.ts";
import { hint } from "../event/event.noted.ts";
import { keyedEvent, store } from "../event/event.service.ts";
import { EVENT_TYPES, type EventData } from "../event/event.types.ts";
import { createFile } from "../file/file.content.ts";
import { findByAddress, MAIL_TYPE } from "./event-trigger.address.ts";
import type { EventTriggerRow } from "./event-trigger.entity.ts";

/** Where SES puts mails down, in the bucket of files (infra/constructs/grants.ts). */
export const INBOUND_PREFIX = "inbound/";
/** Larger mails are not read. SES itself takes 40 MB. */
export const MAX_MAIL_BYTES = 30 * 1024 * 1024;
const MAX_ATTACHMENTS = 50;
/** Of text and HTML each. */
const MAX_TEXT_CHARS = 200_000;
const MAX_LINE = 2_000;
const MAX_ADDRESSES = 100;
const UNTYPED = "application/octet-stream";
/** Where events come from that mails are. */
const SOURCE = "weft";

/** A mail, taken apart. */
export interface ParsedMail {
  messageId: string | null;
  inReplyTo: string | null;
  from: string | null;
  to: string[];
  cc: string[];
  replyTo: string[];
  subject: string;
  date: string | null;
  text: string;
  html: string;
  attachments: { name: string; contentType: string; bytes: Uint8Array }[];
}

/** What the mail service says of a mail: where it lies, to whom the envelope went, what it thinks of it. */
export interface Receipt {
  /** The name of its object below {@link INBOUND_PREFIX}. */
  objectName: string;
  recipients: readonly string[];
  receivedAtMs: number;
  verdicts: EventData<"email.received">["verdicts"];
}

export interface MailDeps {
  parse(raw: Uint8Array): Promise<ParsedMail>;
  /** Where mails come in. */
  domain: string;
  bus: EventBus | undefined;
  clock: Clock;
  log(message: string, data: Record<string, unknown>): void;
}

/**
 * Tells each trigger whose address is among the recipients of a mail. A repeat, of the receipt or of the same message by
 * its sender within a day, tells nothing. A mail that nobody can read or wants is noted in the log.
 */
export async function receiveMail(deps: MailDeps, receipt: Receipt): Promise<number> {
  const { objectName, recipients } = receipt;
  const triggers = await triggersOf(recipients, deps.domain);
  if (triggers.length === 0) return 0;
  const note = (why: string): number => {
    deps.log("a mail was not taken", { objectName, why });
    return 0;
  };
  const raw = await getObject(INBOUND_PREFIX + objectName, MAX_MAIL_BYTES).catch((thrown: unknown) => {
    if (thrown instanceof AppError && thrown.code === "too_large") return undefined;
    throw thrown;
  });
  if (raw === undefined) return note(`it is larger than ${MAX_MAIL_BYTES} bytes`);
  if (raw === null) return note("it is not there");
  let mail: ParsedMail;
  try {
    mail = await deps.parse(raw.bytes);
  } catch (thrown) {
    return note(`it cannot be read: ${String(thrown)}`);
  }
  let told = 0;
  for (const trigger of triggers) {
    const ctx = systemCtx("mail", { spaceId: trigger.spaceId as Id<"space">, clock: deps.clock });
    if (await tellTrigger(ctx, deps, trigger, receipt, mail)) told += 1;
  }
  return told;
}

/** Live triggers that are on, each once. `token+anything@domain` is the token's. */
async function triggersOf(recipients: readonly string[], domain: string): Promise<EventTriggerRow[]> {
  const locals = recipients.flatMap((address) => {
    const at = address.lastIndexOf("@");
    const isOurs = at > 0 && address.slice(at + 1).toLowerCase() === domain.toLowerCase();
    return isOurs ? [(address.slice(0, at).split("+")[0] ?? "").toLowerCase()] : [];
  });
  const found = await Promise.all([...new Set(locals)].slice(0, MAX_ADDRESSES).map(findByAddress));
  return found.filter((row) => row !== undefined && !row.deletedAt && row.isEnabled) as EventTriggerRow[];
}

async function tellTrigger(
  ctx: Ctx,
  deps: MailDeps,
  { eventTriggerId }: EventTriggerRow,
  receipt: Receipt,
  mail: ParsedMail,
): Promise<boolean> {
  const messageId = cut(mail.messageId ?? receipt.objectName);
  const key = JSON.stringify([MAIL_TYPE, eventTriggerId, messageId]);
  if ((await keyedEvent(ctx, key)) !== undefined) return false;
  const { attachments, dropped } = await keepAttachments(ctx, receipt, eventTriggerId, mail);
  const [text, html] = [mail.text, mail.html].map((body) => body.slice(0, MAX_TEXT_CHARS).toWellFormed());
  const data: EventData<"email.received"> = {
    triggerId: eventTriggerId,
    messageId,
    from: mail.from === null ? null : cut(mail.from),
    to: mail.to.slice(0, MAX_ADDRESSES).map(cut),
    cc: mail.cc.slice(0, MAX_ADDRESSES).map(cut),
    replyTo: mail.replyTo.slice(0, MAX_ADDRESSES).map(cut),
    subject: cut(mail.subject),
    date: mail.date === null ? null : cut(mail.date),
    inReplyTo: mail.inReplyTo === null ? null : cut(mail.inReplyTo),
    text: text ?? "",
    html: html ?? "",
    isCut: mail.text.length > MAX_TEXT_CHARS || mail.html.length > MAX_TEXT_CHARS,
    ...{ attachments, dropped, verdicts: receipt.verdicts },
  };
  const stored = await store(
    ctx,
    { type: MAIL_TYPE, source: SOURCE, data: EVENT_TYPES[MAIL_TYPE].data.parse(data) },
    key,
  );
  if (stored.row && deps.bus) await hint(deps.bus, [onBus(stored.row)]);
  return !stored.isRepeat;
}

/** Attachments become files of the space, the same ones at a repeat. What carries a virus is not kept. */
async function keepAttachments(ctx: Ctx, receipt: Receipt, triggerId: string, { attachments }: ParsedMail) {
  const kept: EventData<"email.received">["attachments"] = [];
  const dropped: EventData<"email.received">["dropped"] = [];
  for (const [index, { name, contentType, bytes }] of attachments.entries()) {
    const shown = cut(name);
    if (receipt.verdicts.virus === "FAIL") dropped.push({ name: shown, reason: "the mail carries a virus" });
    else if (index >= MAX_ATTACHMENTS)
      dropped.push({ name: shown, reason: `more than ${MAX_ATTACHMENTS} attachments` });
    else {
      const fileId = idAt("file", receipt.receivedAtMs, `${receipt.objectName}:${triggerId}:${index}`);
      const file = { name, bytes, source: "email" as const, sourceId: triggerId, fileId };
      const made = await createFile(ctx, { ...file, contentType }).catch((thrown: unknown) => {
        // Of another type than its sender says: bytes, which nothing opens as what they are not.
        if (!(thrown instanceof AppError) || thrown.code !== "unsupported_media_type") throw thrown;
        return createFile(ctx, { ...file, contentType: UNTYPED });
      });
      kept.push({ fileId: made.id, name: made.name, contentType: made.contentType, size: made.size });
    }
  }
  return { attachments: kept, dropped };
}

function cut(text: string): string {
  return text.slice(0, MAX_LINE).toWellFormed();
}
