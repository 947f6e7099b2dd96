import type { SESv2Client } from "@aws-sdk/client-sesv2";
import type { Mail, Mailer } from "@weft/core/identity/mailer";
import { readEnv } from "@weft/kernel/env";
import { AppError } from "@weft/kernel/errors";
import * as z from "zod";

/** SES answers in well under a second; a call that hangs must not hold up a registration. */
const REQUEST_TIMEOUT_MS = 10_000;

/** Sends mail with Amazon SES, from the address in MAIL_FROM. */
export function sesMailer(): Mailer {
  let client: SESv2Client | undefined;
  const send = async ({ to, subject, text }: Mail): Promise<void> => {
    // Few calls send mail: the others start without this client.
    const ses = await import("@aws-sdk/client-sesv2");
    client ??= new ses.SESv2Client({ requestHandler: { requestTimeout: REQUEST_TIMEOUT_MS } });
    const { MAIL_FROM } = readEnv({ MAIL_FROM: z.string().min(1) });
    const body = { Text: { Data: text, Charset: "UTF-8" } };
    const command = new ses.SendEmailCommand({
      FromEmailAddress: MAIL_FROM,
      Destination: { ToAddresses: [to] },
      Content: { Simple: { Subject: { Data: subject, Charset: "UTF-8" }, Body: body } },
    });
    try {
      await client.send(command);
    } catch (cause) {
      throw new AppError("unavailable", "mail cannot be sent now, try again", { cause, retryable: true });
    }
  };
  return { send };
}
