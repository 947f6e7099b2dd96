import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Clock, isoTime } from "@weft/kernel/clock";
import { AwsError, type AwsRequest, type AwsService, answerJson, type Json, parseBody, REST_JSON } from "./wire.ts";

const SEND_PATH = "/v2/email/outbound-emails";

/** A mail that would have been sent. */
export interface Mail {
  messageId: string;
  sentAt: string;
  from: string;
  to: string[];
  cc: string[];
  bcc: string[];
  replyTo: string[];
  subject: string;
  text?: string;
  html?: string;
  /** The whole message where it was given whole. */
  raw?: string;
}

export interface MailOptions {
  /** Each mail becomes a JSON file and an .eml file here; without it mails are in memory. */
  folder?: string | undefined;
  clock: Clock;
}

/** SESv2's SendEmail, into files. */
export class MailService implements AwsService {
  readonly #options: MailOptions;
  readonly #mails: Mail[];

  constructor(options: MailOptions) {
    this.#options = options;
    const { folder } = options;
    if (folder !== undefined) mkdirSync(folder, { recursive: true });
    const names = folder === undefined ? [] : readdirSync(folder).filter((name) => name.endsWith(".json"));
    this.#mails = names.sort().map((name) => JSON.parse(readFileSync(join(folder as string, name), "utf8")) as Mail);
  }

  /** Every mail, oldest first. */
  list(): readonly Mail[] {
    return this.#mails;
  }

  async handle({ method, path, body }: AwsRequest) {
    const pathname = path.split("?")[0];
    if (!pathname?.startsWith("/v2/email/")) return;
    return answerJson(() => {
      if (method !== "POST" || pathname !== SEND_PATH) {
        throw new AwsError("NotFoundException", `${method} ${pathname} is not part of the local SES`, 404);
      }
      return this.#send(parseBody(body));
    }, REST_JSON);
  }

  #send(input: Json): Json {
    const mail = readMail(input, isoTime(this.#options.clock.now()));
    const { folder } = this.#options;
    if (folder !== undefined) {
      const name = join(folder, `${mail.sentAt.replaceAll(":", "-")}-${mail.messageId}`);
      writeFileSync(`${name}.eml`, messageText(mail));
      writeFileSync(`${name}.json`, `${JSON.stringify(mail, null, 2)}\n`, { flush: true });
    }
    this.#mails.push(mail);
    return { MessageId: mail.messageId };
  }
}

interface Part {
  Data?: string;
}

interface Simple {
  Subject?: Part;
  Body?: { Text?: Part; Html?: Part };
}

function readMail(input: Json, sentAt: string): Mail {
  const {
    ToAddresses = [],
    CcAddresses = [],
    BccAddresses = [],
  } = (input.Destination ?? {}) as Record<string, string[]>;
  const content = (input.Content ?? {}) as { Simple?: Simple; Raw?: Part };
  const from = input.FromEmailAddress;
  if (!content.Simple && !content.Raw) throw new AwsError("BadRequestException", "Content must be Simple or Raw");
  if (content.Simple && typeof from !== "string")
    throw new AwsError("BadRequestException", "FromEmailAddress is required");
  const hasReceiver = ToAddresses.length + CcAddresses.length + BccAddresses.length > 0;
  if (content.Simple && !hasReceiver) throw new AwsError("BadRequestException", "Destination has no address");
  const text = content.Simple?.Body?.Text?.Data;
  const html = content.Simple?.Body?.Html?.Data;
  const raw = content.Raw && Buffer.from(content.Raw.Data ?? "", "base64").toString("utf8");
  return {
    messageId: randomBytes(16).toString("hex"),
    sentAt,
    from: typeof from === "string" ? from : "",
    to: ToAddresses,
    cc: CcAddresses,
    bcc: BccAddresses,
    replyTo: (input.ReplyToAddresses ?? []) as string[],
    subject: content.Simple?.Subject?.Data ?? "",
    ...(text !== undefined && { text }),
    ...(html !== undefined && { html }),
    ...(raw !== undefined && { raw }),
  };
}

/** For the eyes of a mail reader: headers on one line each, then the text, else the HTML. */
function messageText(mail: Mail): string {
  if (mail.raw !== undefined) return mail.raw;
  const line = (value: string) => value.replace(/[\r\n]+/g, " ");
  const headers = [
    ["Message-ID", `<${mail.messageId}@local>`],
    ["Date", new Date(mail.sentAt).toUTCString()],
    ["From", mail.from],
    ["To", mail.to.join(", ")],
    ["Cc", mail.cc.join(", ")],
    ["Reply-To", mail.replyTo.join(", ")],
    ["Subject", mail.subject],
    ["MIME-Version", "1.0"],
    ["Content-Type", `text/${mail.text === undefined ? "html" : "plain"}; charset=utf-8`],
  ].filter(([, value]) => value !== "");
  const head = headers.map(([name = "", value = ""]) => `${name}: ${line(value)}`).join("\r\n");
  return `${head}\r\n\r\n${mail.text ?? mail.html ?? ""}\r\n`;
}
