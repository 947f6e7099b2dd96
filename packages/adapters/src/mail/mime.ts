import type { ParsedMail } from "@weft/core/trigger/mail.receive";
import PostalMime, { type Address } from "postal-mime";

/** A mail that nests deeper, or heads longer, is no mail of a person. */
const MAX_NESTING = 20;
const MAX_HEADERS_BYTES = 256 * 1024;

/** Takes a mail apart as MIME says. Throws where it cannot be. */
export async function parseMail(raw: Uint8Array): Promise<ParsedMail> {
  const mail = await PostalMime.parse(raw, {
    maxNestingDepth: MAX_NESTING,
    maxHeadersSize: MAX_HEADERS_BYTES,
    forceRfc822Attachments: true,
    attachmentEncoding: "arraybuffer",
  });
  return {
    messageId: mail.messageId ?? null,
    inReplyTo: mail.inReplyTo ?? null,
    from: addresses(mail.from ? [mail.from] : [])[0] ?? null,
    to: addresses(mail.to),
    cc: addresses(mail.cc),
    replyTo: addresses(mail.replyTo),
    subject: mail.subject ?? "",
    date: mail.date ?? null,
    text: mail.text ?? "",
    html: mail.html ?? "",
    attachments: mail.attachments.map(({ filename, mimeType, content }) => ({
      name: filename ?? "",
      contentType: mimeType,
      bytes: typeof content === "string" ? new TextEncoder().encode(content) : new Uint8Array(content),
    })),
  };
}

function addresses(list: readonly Address[] | undefined): string[] {
  return (list ?? [])
    .flatMap((entry) => (entry.group ? addresses(entry.group) : [entry.address ?? ""]))
    .filter(Boolean);
}
