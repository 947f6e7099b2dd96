import { type Mail, oneLine } from "../identity/mailer.ts";
import type { ApprovalRow, Ask } from "./approval.store.ts";

/** Characters of the question in a mail; the page behind the link shows all of it. */
const MAX_EXCERPT = 2_000;

/** Asks somebody for an approval. */
export function approvalMail(to: string, row: ApprovalRow, ask: Ask, url: string | undefined): Mail {
  const title = oneLine(ask.title) || "A decision is needed";
  const excerpt = ask.message.length > MAX_EXCERPT ? `${ask.message.slice(0, MAX_EXCERPT)}…` : ask.message;
  const quoted = excerpt.split(/\r?\n/).map((line) => `> ${line}`);
  const way =
    url === undefined
      ? `Sign in and answer the approval ${row.approvalId}.`
      : `Read it and answer here. The link is yours alone, and good for one answer:\n\n${url}`;
  const until = row.timeoutAt === undefined ? [] : ["", `It is decided without you after ${row.timeoutAt}.`];
  const lines = [
    "A workflow of your space asks for your approval:",
    "",
    `> ${title}`,
    ...(excerpt ? [">", ...quoted] : []),
  ];
  return { to, subject: `Approval: ${title}`, text: `${[...lines, "", way, ...until].join("\n")}\n` };
}
